"""How much memory this machine has for sandboxes."""

from __future__ import annotations

from pathlib import Path

# What all sandboxes together may claim of it.
SHARE = 0.75
CONTAINERS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def room() -> int | None:
    """The bytes that sandboxes may claim together, on this machine or in this container; None where none can tell."""
    known = [number for path in CONTAINERS if (number := _number(path)) is not None]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    known += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemTotal:")]
    return int(SHARE * min(known)) if known else None


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
