"""One sandbox at E2B: its commands and files go through our supervisor in it, its life through E2B's own interface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from math import ceil
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from agents.errors import DeusError
from agents.sandbox import MIB, Download, Ending, Limits, Network, Output, SandboxGone, State
from app.sandboxes import e2b_archive
from app.sandboxes.e2b_errors import in_words, is_gone
from app.sandboxes.e2b_interpreter import Cell, run_cell
from app.sandboxes.e2b_line import E2BLine
from app.sandboxes.link import Link
from app.sandboxes.supervised import SupervisedSandbox

if TYPE_CHECKING:
    from e2b_code_interpreter import AsyncSandbox

# E2B's own clock ends a sandbox so much after ours, for the case that nobody is here to do it.
GRACE_SECONDS = 60


class E2BSandbox(SupervisedSandbox):
    """One sandbox at E2B. `until` is on the monotonic clock; `life` is done when it is gone or was let go."""

    def __init__(
        self,
        sdk: AsyncSandbox,
        limits: Limits,
        network: Network,
        metadata: Mapping[str, str],
        line: E2BLine,
        link: Link,
        *,
        until: float,
    ) -> None:
        super().__init__(sdk.sandbox_id, limits, network, metadata, link)
        self.sdk, self._line, self._until = sdk, line, until
        self._let_go = False
        self._left_behind: DeusError | None = None
        self._clock = asyncio.get_running_loop().call_later(max(0.0, until - monotonic()), self._time_is_up)
        self.life = asyncio.create_task(self._live())

    async def run_cell(
        self, code: str, *, seconds: float | None = None, on_output: Callable[[Output], None] | None = None
    ) -> Cell:
        """Runs a notebook's cell in the template's code interpreter; what it defines is there in the next one.

        SandboxUnavailable if the template has none.
        """
        self._check()
        try:
            return await run_cell(self.sdk, code, self.limits, seconds=seconds, on_output=on_output)
        except SandboxGone:
            await self._over_with()
            raise SandboxGone(self._link.ending) from None

    async def upload(self, source: Path, path: str) -> None:
        self._check()
        if await asyncio.to_thread(source.is_dir):
            await e2b_archive.upload(self, source, path)
        else:
            await super().upload(source, path)

    async def download(self, path: str, target: Path, *, most: int = 100 * MIB) -> Download:
        self._check()
        return await e2b_archive.download(self, path, target, most)

    async def pause(self) -> None:
        self._check()
        self._awake.clear()
        if self._asking:
            await asyncio.wait(self._asking)
        self._line.hold()
        try:
            with in_words("pausing a sandbox"):
                await self.sdk.pause()
        except SandboxGone:
            await self._over_with()
            raise SandboxGone(self._link.ending) from None
        except BaseException:
            await self._wake()
            raise

    async def resume(self) -> None:
        if self.state is State.GONE:
            raise SandboxGone(self._link.ending)
        if self.state is State.RUNNING:
            return
        left = ceil(max(0.0, self._until - monotonic())) + GRACE_SECONDS
        try:
            with in_words("resuming a sandbox"):
                await self.sdk.connect(timeout=left)
                await self._wake()
        except SandboxGone:
            await self._over_with()
            raise SandboxGone(self._link.ending) from None

    async def _wake(self) -> None:
        await self._line.go_on()
        self._awake.set()

    async def kill(self) -> None:
        if not self._link.closed.is_set() and self._link.ending is Ending.LOST:
            self._link.ending = Ending.KILLED
        await self._over_with()
        if self._left_behind is not None and not self._let_go:
            await self._end_there()
            self._left_behind = None

    async def let_go(self) -> None:
        """Nothing more is done with it from here; it runs on until E2B's clock pauses or ends it."""
        self._let_go = True
        await self._over_with()

    async def _over_with(self) -> None:
        self._link.close()
        await asyncio.shield(self.life)

    def _time_is_up(self) -> None:
        self._link.ending = Ending.LIFETIME
        self._link.close()

    async def _live(self) -> None:
        """From the first request to the end of the line; whatever ends it, the sandbox does not run on."""
        await self._link.serve()
        self._awake.set()
        self._clock.cancel()
        await self._line.aclose()
        if self._let_go:
            return
        try:
            await self._end_there()
        except DeusError as error:
            self._left_behind = error

    async def _end_there(self) -> None:
        """Ends it at E2B. That it is there no more is fine."""
        with in_words("ending a sandbox"):
            try:
                await self.sdk.kill()
            except Exception as error:
                if not is_gone(error):
                    raise
