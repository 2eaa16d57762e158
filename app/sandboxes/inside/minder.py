"""One command inside a sandbox: run as a child, its orphans taken in, and all of that ended when it ends.

Like the supervisor, this runs inside under the system's own Python and loads as little as it can.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import ctypes
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

PR_SET_CHILD_SUBREAPER = 36
SIGKILL = 9
SWEEP_PASSES = 800
NICE = 5
libc = ctypes.CDLL(None, use_errno=True)


def descendants(root: int, spared: tuple[int, ...] = ()) -> list[int]:
    """The processes below `root`, without the spared ones and what is below those."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/" + name + "/stat", "rb") as file:
                    parent = int(file.read().rsplit(b")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    left = [root]
    while left:
        below = [pid for pid in children.get(left.pop(), ()) if pid not in spared]
        found += below
        left += below
    return found


def sweep(spared: tuple[int, ...] = ()) -> bool:
    """Ends everything below this process; False if something would not end."""
    pause = select.poll()
    for _ in range(SWEEP_PASSES):
        for pid in descendants(os.getpid(), spared):
            try:
                os.kill(pid, SIGKILL)
            except ProcessLookupError:
                continue
        while reaped(spared):
            pass
        if not descendants(os.getpid(), spared):
            return True
        pause.poll(2)
    return False


def reaped(spared: tuple[int, ...] = ()) -> bool:
    """Takes leave of one process that has ended; False if there is none."""
    if not spared:
        try:
            return os.waitpid(-1, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return False
    for pid in descendants(os.getpid(), spared):
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            pass
    return False


def execute(argv: list[bytes], environment: dict[bytes, bytes], folder: bytes, failed: int) -> NoReturn:
    """Becomes the command; on failure tells the error's number through `failed`."""
    try:
        os.setsid()
        _signal.signal(13, _signal.SIG_DFL)
        _signal.signal(25, _signal.SIG_DFL)
        os.nice(NICE)
        os.chdir(folder)
        os.closerange(3, failed)
        os.closerange(failed + 1, 65536 if failed < 65536 else failed + 2)
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        os.write(failed, b"%d" % (error.errno or 0))
    os._exit(127)


def mind(
    argv: list[bytes],
    environment: dict[bytes, bytes],
    folder: bytes,
    order: int,
    report: int,
    pipes: tuple[int, int, int],
) -> NoReturn:
    """Runs one command as its child, takes in whatever it orphans, and ends all of that when it ends or when told."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for target, pipe in enumerate(pipes):
        os.dup2(pipe, target)
    kept = sorted((order, report))
    os.closerange(3, kept[0])
    os.closerange(kept[0] + 1, kept[1])
    os.closerange(kept[1] + 1, 4096)
    told, failed = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.write(report, b"E%d" % (error.errno or 0))
        os._exit(0)
    if child == 0:
        execute(argv, environment, folder, failed)
    os.close(failed)
    for target in (0, 1, 2):
        os.close(target)
    number = os.read(told, 16)
    if number:
        sweep()
        os.write(report, b"E" + number)
        os._exit(0)
    os.write(report, b"S")
    pidfd = os.pidfd_open(child)
    poll = select.poll()
    poll.register(order, select.POLLIN)
    poll.register(pidfd, select.POLLIN)
    code = None
    while code is None:
        ready = [fd for fd, _ in poll.poll(200)]
        if order in ready:
            code = -SIGKILL
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                if pid == child:
                    code = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            code = -SIGKILL if code is None else code
    os.write(report, b"C%d %d" % (code, sweep()))
    os._exit(0)
