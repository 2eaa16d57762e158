"""The workrooms of a workspace: where steps that run code are done."""

from __future__ import annotations

from contextlib import AsyncExitStack

from agents.computing import ComputingRoom
from agents.errand import Workroom
from agents.ports import Clock
from agents.program_run import ProgramRuns
from agents.sandbox import Sandboxes
from app.sandboxes.local import LocalSandboxes
from app.settings import Settings
from app.stores.database import Database
from app.stores.files import StoredFiles


async def open_workrooms(
    settings: Settings, database: Database, clock: Clock, stack: AsyncExitStack
) -> tuple[Workroom, ...]:
    """Every workroom, over sandboxes that the stack closes; what a room lacks it says when it is asked."""
    sandboxes = LocalSandboxes()
    stack.push_async_callback(sandboxes.aclose)
    return workrooms(settings, database, sandboxes, clock)


def workrooms(settings: Settings, database: Database, sandboxes: Sandboxes, clock: Clock) -> tuple[Workroom, ...]:
    """Every workroom over some sandboxes."""
    runs = ProgramRuns(sandboxes)
    files = StoredFiles(database, clock, most_mib=settings.file_mb)
    return (ComputingRoom(runs, files, clock),)
