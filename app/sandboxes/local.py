"""Sandboxes on this machine: bubblewrap, a filter of system calls, limits, a watchdog and no network.

They share the kernel with the host. That holds against code that was talked into something and against careless code;
it does not hold against a fault of the kernel itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import platform
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from agents.sandbox import (
    MIB,
    Ending,
    FileRefused,
    Info,
    Limits,
    Mount,
    Network,
    NetworkRefused,
    SandboxBusy,
    SandboxGone,
    SandboxUnavailable,
)
from app.sandboxes import availability, leftovers, processes
from app.sandboxes.bubblewrap import PYTHON
from app.sandboxes.catalog import Means
from app.sandboxes.environment import CodeEnvironment
from app.sandboxes.gate import PLACE, Gatekeeper, begin_relay
from app.sandboxes.link import Link
from app.sandboxes.local_sandbox import LocalSandbox
from app.sandboxes.mounts import Bind, check
from app.sandboxes.room import room
from app.sandboxes.seccomp import filter_for
from app.sandboxes.spawning import Spawned, spare_user, spawn
from app.sandboxes.watchdog import Watchdog

SECONDS_TO_BE_READY = 30.0
MOST = 16
PROJECT = Path(__file__).parents[2]
# To try whether there can be one.
SMALLEST = Limits(memory=64 * MIB, disk=MIB, temporary=MIB, shared=MIB, lifetime_seconds=30.0)


class LocalSandboxes:
    """Makes sandboxes on this machine, `most` at once. Closing it, and the end of this process, ends them all.

    `environment` is what code works with; without one there are only the system's own programs. `gatekeeper` opens the
    way for sandboxes that may reach hosts.
    """

    title = "local (bubblewrap)"

    def __init__(
        self,
        *,
        most: int = MOST,
        bwrap: Path | None = None,
        environment: CodeEnvironment | None = None,
        gatekeeper: Gatekeeper | None = None,
    ) -> None:
        self.most, self._bwrap, self._environment, self._gatekeeper = most, bwrap, environment, gatekeeper
        self._sandboxes: dict[str, LocalSandbox] = {}
        self._starting = 0
        self._watchdog = Watchdog()
        # The kernel ends a sandbox with the thread that started it, so that thread lives as long as this does.
        self._spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-spawner")

    async def create(
        self,
        *,
        limits: Limits | None = None,
        network: Network | None = None,
        metadata: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
    ) -> LocalSandbox:
        limits, network, metadata = limits or Limits(), network or Network(), metadata or {}
        check(mounts)
        if not network.is_closed and self._gatekeeper is None:
            raise NetworkRefused(
                "The local sandbox reaches no host, so it was not made.", remedy="Ask for it without a network."
            )
        if len(self._sandboxes) + self._starting >= self.most:
            raise SandboxBusy(f"{self.most} sandboxes run already, which is as many as allowed here.")
        self._starting += 1
        try:
            sandbox = await self._with_gate(limits, network, metadata, mounts)
        finally:
            self._starting -= 1
        self._sandboxes[sandbox.id] = sandbox
        sandbox.life.add_done_callback(lambda _: self._sandboxes.pop(sandbox.id, None))
        return sandbox

    async def _with_gate(
        self, limits: Limits, network: Network, metadata: Mapping[str, str], mounts: Sequence[Mount]
    ) -> LocalSandbox:
        """The sandbox, with the way out that it may have. Nothing stays open for one that did not come to be."""
        bwrap, seccomp = self._means()
        binds, shortcuts = await self._environment.ready() if self._environment else ((), ())
        user = spare_user()
        gate = None
        if not network.is_closed and self._gatekeeper is not None:
            gate = await self._gatekeeper.open(network, user, metadata)
        binds = [*binds, *([Bind(gate.folder, PLACE)] if gate else [])]
        outfit = partial(spawn, bwrap, limits, seccomp, user, mounts, binds, shortcuts)
        try:
            spawned, link, first = await self._started(outfit, bwrap)
        except BaseException:
            if gate is not None:
                await gate.aclose()
            raise
        id = f"local-{secrets.token_hex(8)}"
        sandbox = LocalSandbox(id, limits, network, metadata, link, spawned, first, self._watchdog, gate)
        if gate is not None:
            try:
                await begin_relay(sandbox)
            except BaseException:
                await sandbox.kill()
                raise
        return sandbox

    async def _started(self, start: Callable[[], Spawned], bwrap: Path) -> tuple[Spawned, Link, int]:
        """A supervisor that is ready, the line to it, and the sandbox's first process."""
        loop = asyncio.get_running_loop()
        spawning = loop.run_in_executor(self._spawner, start)
        try:
            spawned = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            with contextlib.suppress(SandboxUnavailable, FileRefused):
                (await spawning).discard()
            raise
        link = None
        try:
            reader, writer = await asyncio.open_connection(sock=spawned.control)
            link = Link(reader, writer)
            try:
                async with asyncio.timeout(SECONDS_TO_BE_READY):
                    ready = await link.ready()
            except TimeoutError:
                ready = False
            if not ready:
                spawned.process.kill()
                raise availability.not_started(await asyncio.to_thread(spawned.said), bwrap)
            first = int(json.loads(spawned.about())["child-pid"])
            if processes.parent(first) != spawned.process.pid:
                raise availability.not_started("its first process was not found", bwrap)
            spawned.close_pipes()
        except BaseException:
            if link is not None:
                link.close()
            await asyncio.to_thread(spawned.discard)
            raise
        return spawned, link, first

    def _means(self) -> tuple[Path, bytes]:
        """bwrap and the filter. SandboxUnavailable where a part of the isolation is not there."""
        if platform.system() != "Linux":
            raise availability.not_linux(platform.system())
        bwrap = self._bwrap or availability.found("bwrap")
        if bwrap is None or not bwrap.exists():
            raise availability.missing_bubblewrap()
        seccomp = filter_for(platform.machine())
        if seccomp is None:
            raise availability.no_filter(platform.machine())
        if not Path(PYTHON).exists():
            raise availability.no_python()
        if not processes.can_be_watched():
            raise SandboxUnavailable("Code cannot run here: this kernel does not show what a sandbox uses.")
        return bwrap, seccomp

    async def list(self) -> tuple[Info, ...]:
        return tuple(Info(each.id, each.state, each.metadata) for each in self._sandboxes.values())

    async def connect(self, id: str) -> LocalSandbox:
        if id not in self._sandboxes:
            raise SandboxGone(Ending.LOST)
        return self._sandboxes[id]

    def room(self) -> int | None:
        return room()

    async def look(self) -> None:
        alone = LocalSandboxes(bwrap=self._bwrap)
        try:
            await alone.create(limits=SMALLEST)
        finally:
            await alone.aclose()

    def missing(self) -> str | None:
        there = self._environment is None or self._environment.state == "ready"
        return None if there else "What code works with (Python's libraries, Node) has not been made yet."

    async def prepare(self) -> None:
        if platform.system() != "Linux":
            raise availability.not_linux(platform.system())
        if self._environment is not None:
            await self._environment.ready()

    async def seen(self) -> tuple[Info, ...]:
        return await asyncio.to_thread(leftovers.seen)

    async def clear(self, is_left: Callable[[Info], bool]) -> int:
        return await asyncio.to_thread(leftovers.clear)

    async def aclose(self) -> None:
        async with asyncio.TaskGroup() as group:
            for sandbox in list(self._sandboxes.values()):
                group.create_task(sandbox.kill())
            if self._environment is not None:
                group.create_task(self._environment.aclose())
        await asyncio.to_thread(self._watchdog.close)
        await asyncio.to_thread(self._spawner.shutdown)


def open_sandboxes(means: Means) -> LocalSandboxes:
    """The provider, as the settings have it."""
    environment = CodeEnvironment(means.cache, PROJECT, tell=means.tell)
    return LocalSandboxes(most=means.most or MOST, environment=environment, gatekeeper=means.gatekeeper)
