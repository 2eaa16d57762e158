"""The workrooms of a workspace: where steps that run code are done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from agents.computing import ComputingRoom
from agents.describing import FilesRoom
from agents.errand import Workroom
from agents.ports import Clock
from agents.program_run import LIMITS, ProgramRuns
from agents.sandbox import Sandboxes
from app.code_room import code_room
from app.settings import Settings
from app.stores.database import Database
from app.stores.files import StoredFiles
from tools.kit.connector import Connector


def workrooms(
    settings: Settings,
    database: Database,
    sandboxes: Sandboxes,
    clock: Clock,
    connected: Mapping[str, Connector] = MappingProxyType({}),
) -> tuple[Workroom, ...]:
    """Every workroom over some sandboxes; the repositories are those of the connected code hosts."""
    most = settings.sandbox_limits()
    runs = ProgramRuns(sandboxes, limits=replace(LIMITS, memory=most.memory, command_seconds=most.command_seconds))
    files = StoredFiles(database, clock, most_mib=settings.file_mb)
    coding = code_room(settings, sandboxes, connected, clock)
    return (ComputingRoom(runs, files, clock), FilesRoom(runs, files, clock), coding)
