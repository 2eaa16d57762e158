"""Code for answers: a workroom in which a planner's own program reads what the run found, and people's files."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from agents.bringing import is_picture, read_table
from agents.errand import Brought, Errand
from agents.errors import ModelMayRetry, StepFailed
from agents.files import Files, StoredFile
from agents.handing import handed
from agents.ports import Clock
from agents.program_run import ProgramRuns, Ran
from agents.programs import program
from agents.record import Attachment
from agents.rights import OWN
from tools.kit.tool import Verb
from tools.nouns import Noun, Output, Table

MOST_PRINTED = 20_000
MOST_CODE = 40_000
PATIENCE = 100.0


class CodeRun(Verb):
    """Run a Python program where no other verb computes what is asked: a what-if, a join, a simulation, a question
    about a file. It runs in a sandbox without a network. `records` names the steps that it reads: the records of step
    s1 are in /evidence/s1.json and, flat, in /evidence/s1.csv; files are in /evidence/files/; /evidence/index.json says
    what each is. numpy, pandas and matplotlib are there. It prints what was found, each figure with its words
    ("customers over the limit: 37"), the assumptions too, and writes tables as CSV to /home/user/out; open figures are
    kept. Never write a figure into the program that it should compute."""

    name = "code.run"
    returns = Output
    derived = True
    code: str = Field(min_length=1, max_length=MOST_CODE, description="the program")
    records: list[Any] = Field(
        default_factory=list, max_length=20, exclude=True, description="the steps whose records it reads, as [$s1, $s2]"
    )
    files: tuple[str, ...] = Field(default=(), max_length=10, description="ids of files that came with the question")


class ComputingRoom:
    """Runs `code.run`. Its output counts as computed; it is as untrusted as what the program read."""

    service = OWN
    patience: float | None = PATIENCE

    def __init__(self, runs: ProgramRuns, files: Files, clock: Clock) -> None:
        self._runs = runs
        self._files = files
        self._clock = clock

    def verbs(self) -> Mapping[str, type[Verb]]:
        return {CodeRun.name: CodeRun}

    async def perform(self, errand: Errand) -> Brought:
        request = errand.request
        if not isinstance(request, CodeRun):
            raise ModelMayRetry(f"{request.name} is not done here.")
        show_code(errand, request.code)
        given = await self.given(errand, request.files)
        files = handed(errand.results, given, errand.turn.at)
        ran = await self._runs.run(errand, request.code.encode(), files, runner=program("notebook"))
        return await self._brought(errand, request, ran)

    async def given(self, errand: Errand, ids: Sequence[str]) -> list[tuple[Attachment, bytes]]:
        """The files that a step names, for a run that may read them."""
        return [
            (file.attachment, await self._files.content(file.id)) for file in await readable(self._files, errand, ids)
        ]

    async def _brought(self, errand: Errand, request: CodeRun, ran: Ran) -> Brought:
        now = self._clock.now()
        nouns: list[Noun] = [
            Output(
                service=OWN,
                ref=f"program of {errand.step}",
                url="",
                at=now,
                title=errand.title or "What the program printed",
                code=request.code,
                printed=cut(ran.printed, MOST_PRINTED),
                status=ran.result.code,
                seconds=round(ran.result.seconds, 3),
            )
        ]
        artifacts: list[dict[str, Any]] = []
        for number, (name, content) in enumerate(sorted(ran.made.items()), 1):
            if name.endswith(".alt"):
                continue
            artifact: dict[str, Any] = {"id": f"{errand.step}:{number}", "title": titled(name)}
            found = read_table(name, content)
            if found is not None:
                ref = f"{errand.step}: {name}"
                shown = Table(service=OWN, ref=ref, url="", at=now, title=titled(name), **vars(found))
                nouns.append(shown)
                data: dict[str, Any] = {"columns": list(found.columns), "rows": [list(row) for row in found.rows]}
                artifact |= {"kind": "table", "data": data, "alt": table_words(shown)}
            else:
                kept = await self._keep(errand, name, content)
                artifact |= picture(name, kept, ran.made) if is_picture(content) else as_file(kept)
            artifacts.append(artifact)
        if not ran.printed.strip() and not artifacts:
            raise ModelMayRetry("The program printed nothing and wrote no table, so there is nothing to answer from.")
        unchecked = {f"the file {name}": f"It was left inside: {why}." for name, why in ran.left.items()}
        return Brought(nouns, errand.title, artifacts, unchecked)

    async def _keep(self, errand: Errand, name: str, content: bytes) -> StoredFile:
        turn = errand.turn
        return await self._files.keep(
            content, name=name, actor=turn.actor, conversation=turn.conversation, run=errand.log.run
        )


async def readable(files: Files, errand: Errand, ids: Sequence[str]) -> list[StoredFile]:
    """The files of those ids: those of the turn and of its conversation, and no other. Raises ModelMayRetry."""
    asked = {one.id for one in errand.turn.files}
    found: list[StoredFile] = []
    for one in dict.fromkeys(ids):
        file = await files.get(one)
        if file is None or not (file.id in asked or file.conversation == errand.turn.conversation):
            raise ModelMayRetry(f"This conversation has no file {one!r}.")
        if file.size == 0:
            raise StepFailed(f"{file.name} is empty: it has 0 bytes.")
        found.append(file)
    return found


def show_code(errand: Errand, code: str) -> None:
    """Shows the program, whatever comes of it."""
    id = f"{errand.step}:code"
    if not errand.log.has("artifact.created", id):
        data = {"language": "python", "code": code}
        alt = f"A Python program of {code.count(chr(10)) + 1} lines"
        errand.log.note("artifact.created", id=id, kind="code", title="The program that was run", data=data, alt=alt)


def as_file(file: StoredFile) -> dict[str, Any]:
    """A kept file as an artifact."""
    data = {"name": file.name, "url": f"/api/files/{file.id}", "size": file.size, "type": file.media}
    return {"kind": "file", "data": data, "alt": f"The file {file.name}"}


def picture(name: str, kept: StoredFile, made: Mapping[str, bytes]) -> dict[str, Any]:
    """A picture as an artifact, by the words of its own figure where it has any."""
    said = " ".join(made.get(f"{name.rpartition('.')[0]}.alt", b"").decode(errors="replace").split())[:400]
    title = said.partition(". ")[0][:80] or titled(name)
    data = {"png": f"/api/files/{kept.id}"}
    return {"kind": "chart", "title": title, "data": data, "alt": said or f"A chart: {title}"}


def titled(name: str) -> str:
    """A file's name as a title."""
    stem = name.rpartition(".")[0] or name
    words = " ".join(stem.replace("_", " ").replace("-", " ").split())
    return html.unescape(words)[:80].capitalize() or "Result"


def table_words(table: Table) -> str:
    """A table in a sentence, for who cannot see it."""
    first = "; ".join(", ".join(f"{n} {v}" for n, v in zip(table.columns, row, strict=False)) for row in table.rows[:5])
    more = f"; and {table.rows_in_all - 5} more" if table.rows_in_all > 5 else ""
    return f"{table.title}, {table.rows_in_all} rows: {first}{more}"


def cut(text: str, most: int) -> str:
    """A text without its middle where it is too long."""
    return text if len(text) <= most else f"{text[: most // 2]}\n…\n{text[-most // 2 :]}"
