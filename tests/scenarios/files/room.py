"""The rooms for code and for files over real sandboxes and a real store, without a product around them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.budget import Budget, Limits
from agents.computing import CodeRun, ComputingRoom
from agents.describing import FilesDescribe, FilesRoom
from agents.errand import Brought, Errand
from agents.event import Event, Kind
from agents.evidence import Citations
from agents.files import StoredFile
from agents.ports import StepResult, Turn
from agents.program_run import ProgramRuns
from agents.record import Evidence
from agents.sandbox import Limits as SandboxLimits
from agents.sandbox import Sandboxes
from app.sandboxes.local import LocalSandboxes
from app.stores.files import StoredFiles
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite
from tests.sandboxes import SMALL
from tests.scenarios.engine.script import NOW, StillClock
from tools.kit.tool import Verb


@dataclass
class Log:
    """A run's log that keeps what it is told."""

    run: str = "run_1"
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    wrote: asyncio.Event = field(default_factory=asyncio.Event)

    async def emit(self, kind: Kind, /, **data: Any) -> Event:
        self.note(kind, **data)
        self.wrote.set()
        return Event(run=self.run, seq=len(self.told), at=NOW, kind=kind, data=data)

    def note(self, kind: Kind, /, **data: Any) -> None:
        self.told.append((kind, data))

    async def flush(self) -> None: ...

    def add_evidence(self, evidence: Evidence) -> None: ...

    async def evidence(self) -> list[Evidence]:
        return []

    def keep_result(self, key: str, result: StepResult) -> None: ...

    async def results(self) -> dict[str, StepResult]:
        return {}

    def has(self, kind: Kind, id: str | None = None) -> bool:
        return any(known == kind and (id is None or data.get("id") == id) for known, data in self.told)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What was told of a kind."""
        return [data for known, data in self.told if known == kind]


@dataclass
class Rooms:
    """Both rooms, the store, and one person's conversation."""

    files: StoredFiles
    runs: ProgramRuns
    log: Log = field(default_factory=Log)
    turn: Turn = field(default_factory=lambda: Turn("?", "ada", "web", "c1", NOW))

    async def code(self, code: str, *files: str, results: Mapping[str, StepResult] | None = None) -> Brought:
        """Runs a program."""
        room = ComputingRoom(self.runs, self.files, StillClock())
        return await room.perform(self.errand(CodeRun(code=code, files=files), results))

    async def describe(self, *files: str, question: str = "") -> Brought:
        """Looks into files."""
        room = FilesRoom(self.runs, self.files, StillClock())
        return await room.perform(self.errand(FilesDescribe(files=files, question=question)))

    def errand(self, request: Verb, results: Mapping[str, StepResult] | None = None) -> Errand:
        return Errand("s1", "A step", request, self.turn, self.log, Budget(Limits()), Citations("run_1"), results or {})

    async def keep(self, name: str, content: bytes, conversation: str | None = "c1") -> StoredFile:
        """A file of the conversation."""
        kept = await self.files.keep(content, name=name, actor="ada")
        if conversation is not None:
            await self.files.attach([kept.id], conversation, "run_0")
        return kept


@contextlib.asynccontextmanager
async def rooms(
    folder: Path, sandboxes: Sandboxes | None = None, limits: SandboxLimits = SMALL
) -> AsyncIterator[Rooms]:
    """The rooms over sandboxes of this machine, with small limits."""
    database = SQLite(folder / "deus.db")
    await migrate(database)
    opened = sandboxes or LocalSandboxes()
    try:
        yield Rooms(StoredFiles(database, StillClock(), most_mib=2), ProgramRuns(opened, limits=limits))
    finally:
        await opened.aclose()
        await database.close()
