"""A sandbox's processes as the host sees them: found from its first one down, measured, stopped and ended."""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

PASSES = 500
SECONDS_TO_DIE = 5.0
# Stopped, traced, ended and not yet taken leave of, gone.
STILL = ("T", "t", "Z", "")


class Unreadable(Exception):
    """The kernel does not show what must be watched."""


def tree(first: int) -> list[int]:
    """All processes of a sandbox: the first, and everything below it. Whatever loses its parent falls to the first."""
    found, left = [], [first]
    while left:
        pid = left.pop()
        found.append(pid)
        for task in _names(f"/proc/{pid}/task"):
            left += [int(child) for child in _text(f"/proc/{pid}/task/{task}/children").split()]
    return found


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, ProcessLookupError):
        return []


def _text(path: str) -> str:
    """What a file of /proc says; nothing where its process has ended."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _fields(path: str) -> dict[str, int]:
    pairs = (line.split(":", 1) for line in _text(path).splitlines() if ":" in line)
    found = {}
    for name, value in pairs:
        number = value.split()[:1]
        if number and number[0].isdigit():
            found[name] = int(number[0])
    return found


@dataclass(frozen=True)
class Use:
    """What a sandbox uses now. `memory` counts shared pages once for every process, so it is at least the truth."""

    memory: int
    threads: int
    descriptors: int
    pids: tuple[int, ...]


def use(first: int) -> Use:
    """Measures a sandbox cheaply, from above."""
    memory = threads = descriptors = 0
    pids = tree(first)
    for pid in pids:
        status = _fields(f"/proc/{pid}/status")
        memory += 1024 * sum(status.get(name, 0) for name in ("VmRSS", "VmSwap", "VmPTE"))
        threads += status.get("Threads", 0)
        descriptors += _open_descriptors(pid, status.get("FDSize", 0))
    return Use(memory, threads, descriptors, tuple(pids))


def _open_descriptors(pid: int, most: int) -> int:
    """How many files and sockets a process has open; `most` of them where it hides them from ordinary users."""
    try:
        # Linux 6.2 and newer tell their number as the folder's size.
        return os.stat(f"/proc/{pid}/fd").st_size or len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return most
    except (FileNotFoundError, ProcessLookupError):
        return 0


def memory(pids: tuple[int, ...]) -> int:
    """The bytes that processes hold, each shared page counted once, with what is swapped out and the page tables."""
    total = 0
    for pid in pids:
        rollup = _fields(f"/proc/{pid}/smaps_rollup")
        total += rollup.get("Pss", 0) + rollup.get("SwapPss", 0) + _fields(f"/proc/{pid}/status").get("VmPTE", 0)
    return 1024 * total


def files(first: int, paths: tuple[str, ...]) -> int:
    """How many files the sandbox's own file systems hold. They are asked for their count and not looked into."""
    total = 0
    for path in paths:
        try:
            told = os.statvfs(f"/proc/{first}/root{path}")
        except (FileNotFoundError, ProcessLookupError):
            return 0
        total += told.f_files - told.f_ffree
    return total


def parent(pid: int) -> int:
    """The parent's id; 0 where the process has ended."""
    told = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(told[1]) if told else 0


def end(pidfd: int) -> None:
    """Kills what the descriptor stands for; with a sandbox's first process all others go."""
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return


def stop(first: int) -> bool:
    """Stops every process, and looks again until none was started or woken in between; False if that never came.

    One that sleeps in the kernel (D) stops as it leaves it. So does a parent whose child was stopped right after vfork,
    which it cannot leave before.
    """
    told: set[int] = set()
    for _ in range(PASSES):
        states = {pid: state(pid) for pid in tree(first)}
        running = [pid for pid, now in states.items() if not (now in STILL or (now == "D" and pid in told))]
        if not running:
            return True
        for pid in running:
            _send(pid, signal.SIGSTOP)
            told.add(pid)
        time.sleep(0.001)
    return False


def go_on(first: int) -> None:
    """Wakes every process."""
    for pid in tree(first):
        _send(pid, signal.SIGCONT)


def end_below(pid: int, top: int) -> None:
    """Kills a process that is below another one, and waits for its end; one whose id is new by now is spared."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if pid != top and pid in tree(top):
            end(fd)
            select.select([fd], [], [], SECONDS_TO_DIE)
    finally:
        os.close(fd)


def state(pid: int) -> str:
    """What a process does, in the kernel's letter; nothing where it has ended."""
    told = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return told[0] if told else ""


def _send(pid: int, number: signal.Signals) -> None:
    """Signals a process below a sandbox's first one; one that has ended in between, and whose id is new, is spared."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor holds the process, so what is read now is about the one that will be signalled.
        if "\nNSpid:" in _text(f"/proc/{pid}/status") and len(_ids(pid)) > 1:
            signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return
    finally:
        os.close(fd)


def _ids(pid: int) -> list[str]:
    """The process's ids, from the host's namespace inwards."""
    lines = _text(f"/proc/{pid}/status").splitlines()
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])


def can_be_watched() -> bool:
    """The kernel lists a process's children and sums up its memory."""
    own = f"/proc/self/task/{os.getpid()}"
    return Path("/proc/self/smaps_rollup").exists() and (Path(own) / "children").exists()
