"""The local sandboxes of all processes, and what a killed one has left: a start that waits, a socket's folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import time
from pathlib import Path

from agents.sandbox import MIB, Info, State
from app.sandboxes import processes
from app.sandboxes.bubblewrap import INSIDE
from app.sandboxes.gate import FOLDER, SOCKET, parents

# A folder without a socket may be one that is being made.
SECONDS_OLD = 3600.0


def clear() -> int:
    """Takes away what nobody holds any more; how many things that were. Those of a Deus that runs are spared."""
    return _starts() + _gates()


def seen() -> tuple[Info, ...]:
    """The local sandboxes of all processes that we may look into, by the process id of their bwrap."""
    found = []
    for pid in _bwraps():
        parent = processes.parent(pid)
        # The sandbox's first process is a bwrap as well, below the one that Deus has started.
        if parent and not _is_ours(parent):
            stopped = {processes.state(each) for each in processes.tree(pid)[2:]} == {"T"}
            state = State.PAUSED if stopped else State.RUNNING
            found.append(Info(f"pid {pid}", state, {"made by": f"pid {parent}", "memory": f"{_mib(pid)} MiB"}))
    return tuple(found)


def _mib(pid: int) -> int:
    try:
        return processes.use(pid).memory // MIB
    except OSError:
        return 0


def _starts() -> int:
    """A sandbox ends with its Deus, but for one in the first milliseconds of its start: its bwrap waits for ever."""
    if os.getpid() == 1:
        # Whoever lost its parent would be ours, and there is nothing older than we are.
        return 0
    ended = 0
    for pid in _bwraps():
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            # The descriptor holds the process, so it is the one that is looked at once more.
            if _is_ours(pid) and processes.parent(pid) == 1:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                ended += 1
        except (PermissionError, ProcessLookupError):
            continue
        finally:
            os.close(fd)
    return ended


def _bwraps() -> list[int]:
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_ours(pid)]


def _is_ours(pid: int) -> bool:
    """Whether a process is a bwrap that was started for a sandbox of Deus."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    bwrap = Path(os.fsdecode(words[0])).name == "bwrap" and words[1:2] == [b"--args"]
    return bwrap and any(INSIDE.encode() in word for word in words)


def _gates() -> int:
    """Folders of sockets at which nobody answers."""
    gone = 0
    for folder in (each for parent in parents() for each in parent.glob(f"{FOLDER}*")):
        try:
            if stat.S_ISDIR(folder.lstat().st_mode) and not _is_answered(folder):
                shutil.rmtree(folder)
                gone += 1
        except OSError:
            continue
    return gone


def _is_answered(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(1)
        try:
            asking.connect(str(folder / SOCKET))
        except ConnectionRefusedError:
            return False
        except FileNotFoundError:
            return time.time() - folder.stat().st_mtime < SECONDS_OLD
    return True
