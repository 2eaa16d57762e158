"""The facts that a fix begins with: where the error comes from, what is suspected, how the tests stand. No model."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agents.code_agent import Material
from agents.code_telling import Telling
from agents.code_verbs import first, given
from agents.coder_tools import MOST_READ
from agents.errors import NothingFound, StepFailed, UserMustMend
from agents.ports import Clock
from agents.repositories import Past, Repositories
from agents.runner import runner
from agents.sandbox import SandboxBusy, SandboxGone, SandboxUnavailable
from agents.verification import Verification
from agents.whereabouts import Frame, failing, frames, snippet, suspected
from agents.work_tree import Base, read_base
from tools.nouns import Code, Commit, ErrorEvent, ErrorGroup, Issue, Noun, PullRequest, Workplace

NO_TESTS = "I do not know how its tests are run. DEUS_CODE_TESTS says it, as in acme/portal=npm test."
HISTORY = 5


@dataclass(frozen=True)
class Known:
    """What a fix is about, out of the records that the step was given."""

    records: Sequence[Noun]
    error: ErrorGroup | None
    event: ErrorEvent | None
    issue: Issue | None

    @classmethod
    def of(cls, records: Sequence[object], words: str = "") -> Known:
        """An issue that the words name goes before an error that they do not. NothingFound where there is neither
        an error nor an issue."""
        found = given(records)
        error, issue = first(found, ErrorGroup), first(found, Issue)
        if issue is not None and _names(words, issue) and not (error is not None and _names(words, error)):
            error = None
        if error is None and issue is None:
            raise NothingFound("I found no error and no issue that this could be about.")
        events = [one for one in found if isinstance(one, ErrorEvent) and error and one.group == error.ref]
        return cls(found, error, events[0] if events else None, issue)

    @property
    def about(self) -> Noun:
        """The record after which all is called."""
        subject = self.error or self.issue
        assert subject is not None
        return subject


@dataclass(frozen=True)
class Preparing:
    """Finds the facts. `tests` are the commands that the settings give, by repository."""

    repositories: Repositories
    verification: Verification
    clock: Clock
    tests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = "github"

    async def facts(self, telling: Telling, known: Known, repo: str) -> list[Noun]:
        """The workplace, then the last commits of its file. What cannot be found out is said in it."""
        if not repo:
            return [self._without(known, "", "No record says in which repository it is.")]
        try:
            async with self.opened(repo) as base:
                return await self._found(telling, known, base)
        except (StepFailed, UserMustMend) as reason:
            if isinstance(reason, SandboxGone):
                raise
            return [self._without(known, repo, str(reason))]

    @asynccontextmanager
    async def opened(self, repo: str, commit: str = "") -> AsyncIterator[Base]:
        """The repository at a commit, or at the head of its default branch, as an archive for the block."""
        commit = commit or (await self.repositories.fetch(repo)).commit
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="deus-base-")
        try:
            archive = Path(folder.name) / "base.tar"
            await self.repositories.archive(repo, commit, archive)
            yield await read_base(repo, commit, archive)
        finally:
            await asyncio.to_thread(folder.cleanup)

    def command(self, base: Base, near: str) -> tuple[str, ...] | None:
        """How the tests are run: as the settings say, else as the repository shows."""
        return self.tests.get(base.repo.lower()) or runner(base.files, base.text, near)

    async def _found(self, telling: Telling, known: Known, base: Base) -> list[Noun]:
        frame = failing(known.error, known.event, base.files)
        path = frame.path if frame is not None else ""
        text = await asyncio.to_thread(base.text, path, MOST_READ) if path else ""
        history = await self.repositories.history(base.repo, base.commit, path, HISTORY) if path else ()
        past = suspected(history, known.error.at if known.error is not None else None)
        place = Workplace(
            service=self.source,
            ref=f"{base.repo}@{base.commit[:12]}" + (f":{path}" if path else ""),
            url=_page(known.records, base.repo, path),
            at=self.clock.now(),
            title=f"Where {known.about.ref} comes from",
            repo=base.repo,
            base=base.commit,
            path=path,
            line=frame.line if frame is not None else None,
            frame=_named(frame),
            snippet=snippet(text, frame.line if frame is not None else None),
            suspect=past.commit if past is not None else "",
            error=known.about.ref,
        )
        commits = [self._commit(base.repo, one, known.records) for one in _with_first(history, past)]
        return [await self._with_tests(telling, place, base), *commits]

    async def _with_tests(self, telling: Telling, place: Workplace, base: Base) -> Workplace:
        command = await asyncio.to_thread(self.command, base, place.path)
        if command is None:
            return place.model_copy(update={"untested": NO_TESTS})
        try:
            run = await self.verification.as_is(telling, base, command)
        except (SandboxUnavailable, SandboxBusy, StepFailed) as reason:
            return place.model_copy(update={"untested": str(reason)})
        return place.model_copy(update={"tests": run})

    def _without(self, known: Known, repo: str, reason: str) -> Workplace:
        """The facts without the repository: what the error itself and the code that was read say."""
        code, error = first(known.records, Code), known.error
        stack = frames(known.event)
        frame = stack[-1] if stack else Frame(error.culprit, error.line, error.function or "") if error else None
        return Workplace(
            service=self.source,
            ref=f"{repo or 'unknown'}:{known.about.ref}",
            url=code.url if code is not None else "",
            at=self.clock.now(),
            title=f"Where {known.about.ref} comes from",
            repo=repo,
            base="",
            path=code.path if code is not None else "",
            line=frame.line if frame is not None else None,
            frame=_named(frame),
            snippet=snippet(code.content, error.line if error else None) if code is not None and code.line == 1 else "",
            error=known.about.ref,
            untested=reason,
        )

    def _commit(self, repo: str, past: Past, records: Sequence[Noun]) -> Commit:
        """A commit of the mirror; where the code host gave it, its own record, with its page."""
        for one in records:
            if isinstance(one, Commit) and one.ref == past.commit:
                return one
        return Commit(
            service=self.source, ref=past.commit, url="", at=past.at, title=past.title, repo=repo, author=past.author
        )


def materials(known: Known, place: Workplace, pasts: Sequence[Noun]) -> tuple[Material, ...]:
    """All that an agent is told of a bug, as untrusted text."""
    found: list[Material] = []
    if (error := known.error) is not None:
        facts = [f"culprit: {error.culprit}", f"people: {error.users}", f"release: {error.release or 'unknown'}"]
        stack = "\n".join(known.event.frames) if known.event is not None else ""
        said = known.event.message if known.event is not None else ""
        found.append(Material(f"The error {error.ref}", "\n".join([error.title, said, *facts, stack]), error.url))
    issues = [one for one in known.records if isinstance(one, Issue)]
    found += [Material(f"The issue {one.ref}", f"{one.title}\n{one.body}", one.url) for one in issues[:3]]
    changes = [one for one in known.records if isinstance(one, PullRequest)]
    found += [Material(f"A past change, {one.ref}", f"{one.title}\n{one.body}", one.url) for one in changes[:2]]
    if place.path:
        where = f"{place.path}:{place.line or '?'} {place.frame}\n{place.snippet}"
        found.append(Material("Where it seems to come from", where, place.url))
    commits = [f"{one.ref[:12]} {one.at:%Y-%m-%d} {one.title}" for one in pasts if isinstance(one, Commit)]
    if commits and place.path:
        found.append(Material("The last changes of that file", "\n".join(commits)))
    if place.tests is not None:
        how = "green" if place.tests.green else "not green"
        found.append(Material(f"The tests as they stand ({how})", place.tests.tail))
    return tuple(found)


def _names(words: str, noun: Noun) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(noun.ref)}(?![\w-])", words, re.IGNORECASE) is not None


def _named(frame: Frame | None) -> str:
    return str(frame) if frame is not None else ""


def _page(records: Sequence[Noun], repo: str, path: str) -> str:
    """The file's page at its host, where the code was read there."""
    pages = (one.url for one in records if isinstance(one, Code) and one.repo == repo and one.path == path)
    return next(pages, "")


def _with_first(history: Sequence[Past], past: Past | None) -> list[Past]:
    return [
        *([past] if past is not None else []),
        *(one for one in history if past is None or one.commit != past.commit),
    ]
