"""The workrooms of a workspace: where steps that run code are done."""

from __future__ import annotations

from agents.computing import ComputingRoom
from agents.describing import FilesRoom
from agents.errand import Workroom
from agents.ports import Clock
from agents.program_run import ProgramRuns
from agents.sandbox import Sandboxes
from app.settings import Settings
from app.stores.database import Database
from app.stores.files import StoredFiles


def workrooms(settings: Settings, database: Database, sandboxes: Sandboxes, clock: Clock) -> tuple[Workroom, ...]:
    """Every workroom over some sandboxes."""
    runs = ProgramRuns(sandboxes)
    files = StoredFiles(database, clock, most_mib=settings.file_mb)
    return (ComputingRoom(runs, files, clock), FilesRoom(runs, files, clock))
