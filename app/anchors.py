"""Anchors of the audit chain: its head, appended to a file that lies elsewhere, and read back to verify with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from pydantic import ValidationError

from agents.audit import Anchor
from app.stores.audit import AuditLog
from app.stores.live import Live
from tools.kit.errors import UserMustMend

log = logging.getLogger(__name__)


class AnchorFile:
    """A file of anchors, one line each, best on another machine's disk: whoever cuts the chain cannot cut it, too."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def add(self, audit: AuditLog) -> Anchor:
        """Appends the chain's head now. Raises UserMustMend where the file cannot be written."""
        head = await audit.head()
        await asyncio.to_thread(self._append, head)
        return head

    async def keep(self, audit: AuditLog) -> None:
        """Appends the chain's head; a failure is logged, for what it follows has happened already."""
        try:
            await self.add(audit)
        except UserMustMend as error:
            log.error("%s", error)

    def read(self) -> list[Anchor]:
        """All anchors of the file. Raises UserMustMend, naming the line that is none."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserMustMend(f"The anchor file {self._path} cannot be read.") from error
        found: list[Anchor] = []
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    found.append(Anchor.model_validate_json(line))
                except ValidationError as error:
                    raise UserMustMend(
                        f"Line {number} of {self._path} is no anchor.",
                        remedy="An anchor is a line that `deus audit anchor` prints.",
                    ) from error
        return found

    def _append(self, anchor: Anchor) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(anchor.model_dump_json() + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserMustMend(
                f"The anchor file {self._path} cannot be written ({error.strerror}).",
                remedy="Set DEUS_AUDIT_ANCHOR_FILE to a file that Deus may append to.",
            ) from error


@contextlib.asynccontextmanager
async def anchoring(file: AnchorFile, audit: AuditLog, live: Live) -> AsyncIterator[None]:
    """While the block runs, the chain's head is appended whenever runs have ended; runs do not wait for it."""
    ended = asyncio.Event()

    async def follow() -> None:
        while True:
            await ended.wait()
            ended.clear()
            await file.keep(audit)

    live.on_end = ended.set
    following = asyncio.create_task(follow(), name="anchor the audit log")
    try:
        yield
    finally:
        live.on_end = None
        following.cancel()
        await asyncio.wait([following])
        await file.keep(audit)
