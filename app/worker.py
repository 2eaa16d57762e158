"""This process among those that share a database: its name, and how another one sees that it has ended."""

from __future__ import annotations

import os
import platform
import secrets
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Worker:
    """One start of one process. `place` is where its process id counts; `born` tells it from a later one of that id."""

    id: str
    place: str
    pid: int
    born: str

    @classmethod
    def here(cls, name: str) -> Worker:
        """This process, under an id that no start had before."""
        pid = os.getpid()
        return cls(f"{name[:64]}.{pid}.{secrets.token_hex(6)}", place(), pid, born(pid))

    def has_ended(self) -> bool:
        """Whether it is certain, from here, that the process is gone; False of one at another place."""
        if self.place != place():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return born(self.pid) != self.born


def place() -> str:
    """What has to be equal for a process id to mean the same: the boot of the machine, and the space of process ids."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink(PROC / 'self/ns/pid')}"
    except OSError:
        return platform.node()


def born(pid: int) -> str:
    """When a process began, as the kernel counts; empty where it does not tell."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name of the program stands in brackets and may hold anything; the time is field 22.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
