"""The name under which a process works, so that no two on one SQLite file take each other's runs up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none; there every process counts as the only one.
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def claimed(worker: str, lock: Path) -> Iterator[str]:
    """The name to work under: `worker` for the first process that holds the lock, with its process id for the others.

    A process that starts takes up what was left under its own name: the first one what a dead predecessor left, the
    others nothing.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield f"{worker}.{os.getpid()}"
                return
        yield worker


def is_orphan(name: str, worker: str) -> bool:
    """Whether the name is one of the `worker`'s companions on this machine, and that process has ended."""
    number = name.removeprefix(f"{worker}.")
    if number == name or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
