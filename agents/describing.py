"""What is in a file that somebody gave: a fixed program looks at it in a sandbox, and its report becomes tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.bringing import MOST_COLUMNS, is_picture
from agents.computing import readable, table_words
from agents.errand import Brought, Errand
from agents.errors import ModelMayRetry, NothingFound, StepFailed
from agents.files import Files, StoredFile
from agents.handing import EVIDENCE, OUT, names
from agents.ports import Clock
from agents.program_run import ProgramRuns
from agents.programs import program
from agents.rights import OWN
from tools.kit.tool import Verb
from tools.nouns import Noun, Table

PROGRAMS = ("table_values", "table_file", "table_question", "describe")
MOST_NOTES = 12
Cell = str | int | float | bool | None


class FilesDescribe(Verb):
    """Look into files that came with the question: format, rows, columns with their types, missing values, smallest,
    largest, mean and sum, totals by group and over time, and what `question` asks of their columns ("sum of amount by
    country", "rows with seats over 50"). Look here first before a program is written for a file."""

    name = "files.describe"
    returns = Table
    derived = True
    files: tuple[str, ...] = Field(min_length=1, max_length=10, description="ids of files")
    question: str = Field(default="", max_length=2000, description="what is asked of their columns, by their names")


class Made(BaseModel):
    """A table of the report. What a sandbox says is read as from a stranger: a wrong form is no report."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(max_length=400)
    columns: list[str] = Field(max_length=MOST_COLUMNS)
    rows: list[list[Cell]] = Field(max_length=500)
    rows_in_all: int
    chart: bool = False
    points: list[tuple[str, float]] = Field(default=[], max_length=500)
    metric: str = Field(default="", max_length=200)
    grain: str = Field(default="", max_length=10)


class Report(BaseModel):
    """What the program says of one file."""

    model_config = ConfigDict(extra="forbid")
    problem: str = Field(default="", max_length=400)
    format: str = Field(default="", max_length=200)
    rows: int = 0
    columns: int = 0
    empty: int = 0
    notes: list[str] = Field(default=[], max_length=MOST_NOTES)
    fields: list[list[Cell]] = Field(default=[], max_length=500)
    asked: Made | None = None
    groups: list[Made] = Field(default=[], max_length=2)
    time: Made | None = None


FIELDS = ("column", "type", "filled", "empty", "different", "smallest", "largest", "mean", "median", "sum")


class FilesRoom:
    """Does `files.describe`. What it brings counts as computed, and as untrusted as the file."""

    service = OWN
    patience: float | None = 100.0

    def __init__(self, runs: ProgramRuns, files: Files, clock: Clock) -> None:
        self._runs = runs
        self._files = files
        self._clock = clock

    def verbs(self) -> Mapping[str, type[Verb]]:
        return {FilesDescribe.name: FilesDescribe}

    async def perform(self, errand: Errand) -> Brought:
        request = errand.request
        if not isinstance(request, FilesDescribe):
            raise ModelMayRetry(f"{request.name} is not done here.")
        given = await readable(self._files, errand, request.files)
        nouns: list[Noun] = []
        artifacts: list[dict[str, Any]] = []
        problems: list[str] = []
        for number, file in enumerate(given, 1):
            report, picture = await self._report(errand, file, request.question, number)
            if report.problem:
                problems.append(f"I cannot read {file.name} as a table: {report.problem}.")
                continue
            nouns += tables(report, file, self._clock.now())
            artifacts += await self._shown(errand, file, report, picture, number)
        if not nouns:
            raise NothingFound(" ".join(problems))
        title = ", ".join(file.name for file in given)
        return Brought(nouns, title, artifacts, {"files": " ".join(problems)} if problems else {})

    async def _report(
        self, errand: Errand, file: StoredFile, question: str, number: int
    ) -> tuple[Report, bytes | None]:
        name = names([file.name])[0]
        content = await self._files.content(file.id)
        programs = {f"agents/programs/{one}.py": program(one) for one in PROGRAMS}
        ran = await self._runs.run_module(
            errand,
            "agents.programs.describe",
            {**programs, "agents/__init__.py": b"", "agents/programs/__init__.py": b""},
            {f"files/{name}": content},
            arguments=(f"{EVIDENCE}/files/{name}", name, question, OUT),
            number=number,
        )
        return read_report(ran.made.get("report.json", b"")), ran.made.get("chart.png")

    async def _shown(
        self, errand: Errand, file: StoredFile, report: Report, picture: bytes | None, number: int
    ) -> list[dict[str, Any]]:
        """The charts and tables of a file, those that were asked for first."""
        shown: list[dict[str, Any]] = []
        made = [one for one in (report.asked, report.time if report.asked is None else None) if one is not None]
        for place, one in enumerate([*made, *(report.groups if report.asked is None else [])], 1):
            id = f"{errand.step}:{number}.{place}"
            words = table_words(table(one, file, self._clock.now(), "shown", place))
            if one.points:
                points = [[f"{at}T00:00:00+00:00", value] for at, value in one.points]
                data = {"series": [{"name": one.metric, "points": points}], "unit": "", "timezone": "UTC"}
                shown.append({"id": id, "kind": "chart", "title": one.title, "data": data, "alt": words})
            elif one.chart and picture is not None and is_picture(picture):
                turn = errand.turn
                kept = await self._files.keep(
                    picture, name="chart.png", actor=turn.actor, conversation=turn.conversation, run=errand.log.run
                )
                data = {"png": f"/api/files/{kept.id}"}
                shown.append({"id": id, "kind": "chart", "title": one.title, "data": data, "alt": words})
            if not one.points:
                rows = {"columns": one.columns, "rows": one.rows}
                shown.append({"id": f"{id}t", "kind": "table", "title": one.title, "data": rows, "alt": words})
        return shown


def read_report(content: bytes) -> Report:
    """The program's report. Raises StepFailed where it is none."""
    try:
        return Report.model_validate(json.loads(content.decode("utf-8")))
    except (ValueError, RecursionError, ValidationError) as error:
        raise StepFailed("The program that looks into files gave no report that can be read.") from error


def tables(report: Report, file: StoredFile, now: datetime) -> list[Table]:
    """A report as tables: its size, its columns, what was asked, totals by group and over time, what to know of it."""
    size = Made(
        title=file.name,
        columns=["what", "count"],
        rows=[["rows", report.rows], ["columns", report.columns], ["empty cells", report.empty]],
        rows_in_all=3,
    )
    fields = Made(
        title=f"Columns of {file.name}", columns=list(FIELDS), rows=report.fields, rows_in_all=len(report.fields)
    )
    told: list[tuple[str, Made | None]] = [("size", size), ("columns", fields), ("asked", report.asked)]
    told += [("group", one) for one in report.groups]
    told += [("time", report.time)]
    found = [table(one, file, now, part, place) for place, (part, one) in enumerate(told, 1) if one is not None]
    notes = [[f"It is {report.format}"] if report.format else [], *([note] for note in report.notes)]
    said = Made(title=f"How {file.name} was read", columns=["note"], rows=[one for one in notes if one], rows_in_all=0)
    return [*found, table(said, file, now, "notes", len(told) + 1)]


def table(made: Made, file: StoredFile, now: datetime, part: str, place: int) -> Table:
    """A table of the report as a noun."""
    width = len(made.columns)
    return Table(
        service=OWN,
        ref=f"{file.name}: {part} {place}",
        url="",
        at=now.astimezone(UTC),
        title=made.title,
        part=part,
        columns=tuple(made.columns),
        rows=tuple(_row(row, width) for row in made.rows),
        rows_in_all=made.rows_in_all or len(made.rows),
    )


def _row(row: Sequence[Cell], width: int) -> tuple[Cell, ...]:
    """A row's cells, as many as there are columns; whole numbers as such."""
    cells = [int(one) if isinstance(one, float) and one.is_integer() and abs(one) < 2**53 else one for one in row]
    return (*cells[:width], *[None] * (width - len(cells)))
