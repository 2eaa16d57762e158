"""Anchors of the audit chain: its head, sent to an address or appended to a file that lies elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pydantic import ValidationError

from agents.audit import Anchor
from app.stores.audit import AuditLog
from app.stores.live import Live
from tools.kit.errors import DeusError, UserMustMend
from tools.kit.wire import Wire, WireOptions

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)


class AnchorKeeper(Protocol):
    """Where anchors are kept, out of the reach of whoever runs the database."""

    async def add(self, head: Anchor) -> None:
        """Keeps an anchor. Raises DeusError where it could not."""
        ...


class AnchorFile:
    """A file of anchors, one line each, best on another machine's disk: whoever cuts the chain cannot cut it, too."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def add(self, head: Anchor) -> None:
        """Appends an anchor. Raises UserMustMend where the file cannot be written."""
        await asyncio.to_thread(self._append, head)

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


class AnchorPost:
    """An address that takes each anchor as the JSON body of a POST, such as a log service or a transparency log."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        parts = urlsplit(url)
        self._wire = Wire(client, "the anchors' address", WireOptions(f"{parts.scheme}://{parts.netloc}"))
        self._path = url.partition(parts.netloc)[2].lstrip("/")

    async def add(self, head: Anchor) -> None:
        """Sends an anchor. Raises DeusError where it was not taken; an anchor that came twice does no harm."""
        await self._wire.post(self._path, head.model_dump(mode="json"))


@contextlib.asynccontextmanager
async def anchoring(keepers: Sequence[AnchorKeeper], audit: AuditLog, live: Live) -> AsyncIterator[None]:
    """While the block runs, the chain's head is kept whenever runs have ended; runs do not wait for it.

    What fails is logged, for what it follows has happened already; the next head stands for all before it.
    """
    ended = asyncio.Event()

    async def keep() -> None:
        head = await audit.head()
        for keeper in keepers:
            try:
                await keeper.add(head)
            except DeusError as error:
                log.error("The audit log's head could not be sent out: %s", error)

    async def follow() -> None:
        while True:
            await ended.wait()
            ended.clear()
            await keep()

    live.on_end = ended.set
    following = asyncio.create_task(follow(), name="anchor the audit log")
    try:
        yield
    finally:
        live.on_end = None
        following.cancel()
        await asyncio.wait([following])
        await keep()


def keepers_of(file: Path | None, url: str | None, client: httpx.AsyncClient) -> list[AnchorKeeper]:
    """The keepers that are set."""
    kept: list[AnchorKeeper] = [AnchorFile(file)] if file is not None else []
    return [*kept, AnchorPost(client, url)] if url is not None else kept
