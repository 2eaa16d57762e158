"""The watchdog: ends a sandbox that uses more than it may, from a thread of its own, however busy the event loop is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from agents.sandbox import HOME, Ending, Limits
from app.sandboxes import processes

# A process that asks for memory as fast as it can gets some hundreds of MiB between two looks.
SECONDS_BETWEEN = 0.1
LOOKS_PER_COUNT_OF_FILES = 5
FILE_SYSTEMS = (HOME, "/tmp", "/dev/shm")
# Threads of the supervisor and of bwrap itself, and what had been started but not counted yet.
SPARE = 16


@dataclass
class Watched:
    """A sandbox under watch: its first process, and what is told when it has to end."""

    first: int
    pidfd: int
    limits: Limits
    until: float
    ended: Callable[[Ending], None]
    looks: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: bool = False

    def look(self) -> None:
        """Ends the sandbox if it is over a limit, or if that can no longer be told."""
        with self.lock:
            if self.over:
                return
            try:
                ending = self.found()
            except (OSError, ValueError):
                ending = Ending.UNWATCHED
            if ending is not None:
                self.over = True
                self.ended(ending)
                processes.end(self.pidfd)

    def found(self) -> Ending | None:
        """The limit that is passed, if one is."""
        used = processes.use(self.first)
        self.looks += 1
        if monotonic() > self.until:
            return Ending.LIFETIME
        if used.threads > self.limits.processes + SPARE:
            return Ending.PROCESSES
        if used.descriptors > self.limits.descriptors:
            return Ending.DESCRIPTORS
        # Forks share most of their pages, so a sum over the limit is counted again exactly before anything ends.
        if used.memory > self.limits.memory and processes.memory(used.pids) > self.limits.memory:
            return Ending.MEMORY
        counted = self.looks % LOOKS_PER_COUNT_OF_FILES == 0
        if counted and processes.files(self.first, FILE_SYSTEMS) > self.limits.files:
            return Ending.DISK
        return None

    def leave(self) -> None:
        """Nothing is looked at any more when this returns."""
        with self.lock:
            self.over = True


class Watchdog:
    """Looks at every sandbox ten times a second for as long as there is one."""

    def __init__(self) -> None:
        self._watched: dict[int, Watched] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, watched: Watched) -> None:
        """Takes a sandbox under watch."""
        with self._changed:
            self._watched[watched.pidfd] = watched
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="sandbox-watchdog", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def leave(self, watched: Watched) -> None:
        """Lets a sandbox out of sight, before its descriptor is closed."""
        with self._changed:
            self._watched.pop(watched.pidfd, None)
        watched.leave()

    def close(self) -> None:
        """Ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._watched))
                if self._closed:
                    return
                now = list(self._watched.values())
            for watched in now:
                watched.look()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=SECONDS_BETWEEN)
