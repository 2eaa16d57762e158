"""The program that serves one sandbox from within: runs commands, and reads and writes files as the code inside would.

It runs inside, as its own program under the system's Python, and so imports nothing of ours and little of the standard
library: each module that it loads delays every sandbox's start. Frames come and go over a socket that it is given. A
frame is its length in four bytes, then its fields, each with its own length in four bytes; numbers are decimal.

Nothing inside can reach its memory or descriptors (it cannot be dumped or traced, and tracing is filtered). The host
trusts it no more than other code in the sandbox all the same.
"""

from __future__ import annotations

import errno
import os
import resource
import select
import stat
import struct
import sys

from app.sandboxes.inside.minder import PR_SET_CHILD_SUBREAPER, SIGKILL, libc, mind, sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

CHUNK = 65536
PR_SET_DUMPABLE = 4
MOST_NAMES = 20_000


class Running:
    """A command under way: its minder, the pipes that it writes to, and what it is yet to be given."""

    def __init__(self, id: int, minder: int, order: int, report: int, given: bytes) -> None:
        self.id, self.minder, self.order, self.report, self.given = id, minder, order, report, given
        self.outputs: dict[int, bytes] = {}
        self.input = -1
        self.told = b""


control = -1


def send(*fields: bytes | int) -> None:
    parts = [field if isinstance(field, bytes) else str(field).encode() for field in fields]
    body = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    data = memoryview(struct.pack(">I", len(body)) + body)
    while data:
        data = data[os.write(control, data) :]


def receive(size: int) -> bytes:
    parts = []
    while size:
        part = os.read(control, min(size, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def frame() -> list[bytes]:
    body = receive(struct.unpack(">I", receive(4))[0])
    fields, at = [], 0
    while at < len(body):
        size = struct.unpack_from(">I", body, at)[0]
        fields.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    return fields


class Supervisor:
    """Serves requests one after the other, and the pipes of all running commands in between."""

    def __init__(self) -> None:
        self.running: dict[int, Running] = {}
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.owners: dict[int, Running] = {}

    def serve(self) -> NoReturn:
        send(b"ready")
        while True:
            for fd, _ in self.poll.poll():
                if fd == control:
                    self.answer(frame())
                elif fd in self.owners:
                    self.attend(fd)

    def answer(self, fields: list[bytes]) -> None:
        operation, id = fields[0], int(fields[1])
        try:
            getattr(self, "do_" + operation.decode())(id, *fields[2:])
        except (OSError, ValueError) as error:
            number = error.errno if isinstance(error, OSError) else None
            said = error.strerror if isinstance(error, OSError) else None
            send(b"refused", id, number or 0, (said or "is refused").encode())

    def watch(self, fd: int, event: int, running: Running) -> None:
        os.set_blocking(fd, False)
        self.owners[fd] = running
        self.poll.register(fd, event)

    def forget(self, fd: int) -> None:
        if self.owners.pop(fd, None) is not None:
            self.poll.unregister(fd)
            os.close(fd)

    def do_run(self, id: int, folder: bytes, given: bytes, count: bytes, *rest: bytes) -> None:
        argv = list(rest[: int(count)])
        pairs = (item.partition(b"=") for item in rest[int(count) :])
        environment = {name: value for name, _, value in pairs}
        made: list[tuple[int, int]] = []
        try:
            for _ in range(5):
                made.append(os.pipe())
            (in_read, in_write), (out_read, out_write), (err_read, err_write), (order, tell), (told, report) = made
            minder = os.fork()
        except OSError:
            for pair in made:
                os.close(pair[0])
                os.close(pair[1])
            raise
        if minder == 0:
            try:
                # Kept out of the way of 0, 1 and 2, which become the command's.
                mind(argv, environment, folder, order, report, (in_read, out_write, err_write))
            finally:
                os._exit(1)
        for fd in (in_read, out_write, err_write, order, report):
            os.close(fd)
        running = Running(id, minder, tell, told, given)
        running.outputs = {out_read: b"out", err_read: b"err"}
        running.input = in_write
        self.running[id] = running
        for fd in (out_read, err_read, told):
            self.watch(fd, select.POLLIN, running)
        self.watch(in_write, select.POLLOUT, running)

    def do_kill(self, id: int) -> None:
        if id in self.running:
            try:
                os.write(self.running[id].order, b"k")
            except BrokenPipeError:
                # It has ended by itself meanwhile, which its report tells.
                return

    def attend(self, fd: int) -> None:
        running = self.owners[fd]
        if fd == running.input:
            self.give(running)
        elif fd == running.report:
            data = os.read(fd, 64)
            if data.startswith(b"S"):
                send(b"started", running.id)
            running.told += data.removeprefix(b"S")
            if not data:
                self.finish(running)
        else:
            self.relay(running, fd)

    def give(self, running: Running) -> None:
        try:
            if running.given:
                running.given = running.given[os.write(running.input, running.given[:CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            running.given = b""
        if not running.given:
            self.forget(running.input)
            running.input = -1

    def relay(self, running: Running, fd: int) -> bool:
        """Passes on what a command has written; False when there is no more."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        if data:
            send(running.outputs[fd], running.id, data)
            return True
        del running.outputs[fd]
        self.forget(fd)
        return False

    def finish(self, running: Running) -> None:
        """Tells a command's end, after what it wrote last. A minder that was killed is stood in for."""
        self.forget(running.report)
        os.close(running.order)
        os.waitpid(running.minder, 0)
        del self.running[running.id]
        swept = True
        if not running.told:
            swept = sweep(tuple(other.minder for other in self.running.values()))
        for fd in list(running.outputs):
            while self.relay(running, fd):
                pass
            self.forget(fd)
        if running.input >= 0:
            self.forget(running.input)
        if running.told.startswith(b"E"):
            number = int(running.told[1:])
            send(b"refused", running.id, number, os.strerror(number).encode())
        elif running.told.startswith(b"C"):
            code, clean = running.told[1:].split()
            send(b"end", running.id, code, clean)
        else:
            send(b"end", running.id, -SIGKILL, int(swept))

    def do_read(self, id: int, path: bytes, most: bytes) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "is not a plain file")
            left = int(most)
            while True:
                data = os.read(fd, min(CHUNK, left + 1))
                if len(data) > left:
                    raise OSError(errno.EFBIG, "is larger than what may be read")
                if not data:
                    break
                left -= len(data)
                send(b"data", id, data)
        finally:
            os.close(fd)
        send(b"done", id)

    def do_write(self, id: int, path: bytes, executable: bytes, more: bytes, data: bytes) -> None:
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(path, flags | (os.O_APPEND if more == b"1" else 0), 0o644)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "is not a plain file")
            if more != b"1":
                os.ftruncate(fd, 0)
            left = memoryview(data)
            while left:
                left = left[os.write(fd, left) :]
            os.fchmod(fd, 0o755 if executable == b"1" else 0o644)
        finally:
            os.close(fd)
        send(b"done", id)

    def do_list(self, id: int, path: bytes) -> None:
        fields: list[bytes | int] = []
        with os.scandir(path) as entries:
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                kind = {stat.S_IFREG: b"file", stat.S_IFDIR: b"folder", stat.S_IFLNK: b"link"}.get(
                    stat.S_IFMT(info.st_mode), b"other"
                )
                size = info.st_size if kind == b"file" else 0
                fields += [entry.name, kind, size, int(kind == b"file" and bool(info.st_mode & 0o100))]
                if len(fields) > 4 * MOST_NAMES:
                    raise OSError(errno.EFBIG, "has too many names in it")
        send(b"done", id, *fields)


def limit(arguments: list[str]) -> None:
    """Sets this process's limits, which all others inherit and none can raise."""
    names = ("RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_DATA")
    for name, value in zip(names, arguments):  # noqa: B905  (Python 3.9 knows no strict)
        resource.setrlimit(getattr(resource, name), (int(value), int(value)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
    resource.setrlimit(12, (0, 0))  # RLIMIT_MSGQUEUE, which the module does not name


def main() -> None:
    """Guards this process, and serves until the host's end of the socket is closed."""
    global control
    control = int(sys.argv[1])
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) or libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit("The supervisor cannot protect itself.")
    limit(sys.argv[2:])
    os.umask(0o022)
    Supervisor().serve()
