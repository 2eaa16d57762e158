"""Carries a supervisor's frames over lines of text, for a machine that is reached by a command's input and output.

It runs inside. The first command starts the carrier, with the supervisor as its child, and joins it; the carrier stays
when the command has ended. Whoever has lost a command, or knows of none any more, joins with another one: that a
command can be found again by its number is not relied on. Who joins says a secret; the last one who did is heard.

Both sides count bytes, keep what the other has not said it has, and send it again when asked. Each way a line is
`D offset length base64`, data; `A count`, so many bytes have arrived. From the far side come also `T secret`;
`R count`: there are so many bytes there; send on from there, and say what has arrived here; and `Q`: end everything.
"""

from __future__ import annotations

import base64
import binascii
import os
import resource
import select
import socket
import time

from app.sandboxes.inside import supervisor
from app.sandboxes.inside.minder import PR_SET_CHILD_SUBREAPER, libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

PR_SET_NO_NEW_PRIVS = 38
NAME = b"\0deus-carrier-"
# So much of the secret is in the name at which the carrier is met; the rest is enough of one.
KNOWN = 8
PIECE = 48 * 1024
# So much may be under way without a word that it arrived; then the commands wait.
WINDOW = 4 << 20
SAY_EVERY = 256 * 1024
MOST_KNOCKING = 8
LONGEST_SECRET = 200
SECONDS_TO_END = 10.0
# How a command ends that finds no carrier, and one that may not be one.
NO_CARRIER, NO_PLACE = 4, 5


class Carrier:
    """The supervisor is on `line`; whoever joins comes to `listener`."""

    def __init__(self, line: int, listener: socket.socket, secret: bytes) -> None:
        self.line, self.listener, self.secret = line, listener, secret
        self.knocking: dict[int, tuple[socket.socket, bytes]] = {}
        self.far: socket.socket | None = None
        self.heard = b""
        self.out = b""
        self.arrived = self.told = 0
        self.waiting = b""
        self.kept = bytearray()
        self.kept_from = 0
        self.ended = False

    def carry(self) -> None:
        """Carries until the supervisor is gone or it is told to end."""
        while not self.ended:
            self.once(None)

    def once(self, wait: int | None) -> bool:
        """Does what is to be done now; False if there was nothing within `wait` milliseconds."""
        poll = select.poll()
        for fd in (self.listener.fileno(), *self.knocking):
            poll.register(fd, select.POLLIN)
        far = self.far.fileno() if self.far is not None else -1
        if far >= 0:
            poll.register(far, select.POLLIN | (select.POLLOUT if self.out else 0))
        room = len(self.kept) < WINDOW
        poll.register(self.line, (select.POLLIN if room else 0) | (select.POLLOUT if self.waiting else 0))
        ready = poll.poll(wait)
        for fd, event in ready:
            if fd == self.listener.fileno():
                self.open_door()
            elif fd in self.knocking:
                self.ask(fd)
            elif fd == self.line:
                self.serve_line(event)
            elif self.far is not None and fd == self.far.fileno():
                self.serve_far(event)
        return bool(ready)

    def open_door(self) -> None:
        come = self.listener.accept()[0]
        if len(self.knocking) >= MOST_KNOCKING:
            come.close()
            return
        come.setblocking(False)
        self.knocking[come.fileno()] = (come, b"")

    def ask(self, fd: int) -> None:
        """Lets in who says the secret, in the place of whoever was there."""
        come, said = self.knocking.pop(fd)
        data = received(come)
        said += data
        word, line, rest = said.partition(b"\n")
        if line and word == b"T " + self.secret:
            if self.far is not None:
                self.far.close()
            self.far, self.heard, self.out = come, b"", b""
            self.take(rest)
        elif line or not data or len(said) > LONGEST_SECRET:
            come.close()
        else:
            self.knocking[fd] = (come, said)

    def serve_far(self, event: int) -> None:
        assert self.far is not None
        try:
            if event & select.POLLOUT:
                self.out = self.out[self.far.send(self.out[:PIECE]) :]
        except OSError:
            event = select.POLLHUP
        if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
            data = received(self.far)
            if data:
                self.take(data)
            else:
                self.far.close()
                self.far = None

    def serve_line(self, event: int) -> None:
        try:
            if event & select.POLLOUT:
                self.waiting = self.waiting[os.write(self.line, self.waiting[:PIECE]) :]
            elif event & select.POLLIN:
                data = os.read(self.line, PIECE)
                self.kept += data
                self.tell(self.kept_from + len(self.kept) - len(data), data)
                self.ended = not data
            elif event & (select.POLLHUP | select.POLLERR):
                self.ended = True
        except BlockingIOError:
            return
        except OSError:
            self.ended = True

    def take(self, data: bytes) -> None:
        *lines, self.heard = (self.heard + data).split(b"\n")
        for line in lines:
            try:
                self.obey(line.split(b" "))
            except (ValueError, IndexError, binascii.Error):
                continue

    def obey(self, words: list[bytes]) -> None:
        if words[0] == b"D":
            offset, length, data = int(words[1]), int(words[2]), base64.b64decode(words[3], validate=True)
            if len(data) == length and offset <= self.arrived < offset + length:
                new = data[self.arrived - offset :]
                self.arrived += len(new)
                self.waiting += new
            if self.arrived - self.told >= SAY_EVERY:
                self.acknowledge()
        elif words[0] == b"A":
            self.forget(int(words[1]))
        elif words[0] == b"R":
            self.forget(int(words[1]))
            self.acknowledge()
            for at in range(0, len(self.kept), PIECE):
                self.tell(self.kept_from + at, bytes(self.kept[at : at + PIECE]))
        elif words[0] == b"Q":
            self.ended = True

    def forget(self, count: int) -> None:
        if self.kept_from < count <= self.kept_from + len(self.kept):
            del self.kept[: count - self.kept_from]
            self.kept_from = count

    def acknowledge(self) -> None:
        self.told = self.arrived
        self.say(b"A %d\n" % self.arrived)

    def tell(self, offset: int, data: bytes) -> None:
        if data:
            self.say(b"D %d %d " % (offset, len(data)) + base64.b64encode(data) + b"\n")

    def say(self, line: bytes) -> None:
        """To nobody, if nobody is there; who comes asks for all of it."""
        if self.far is not None:
            self.out += line


def received(end: socket.socket) -> bytes:
    """What is there to be read; nothing if the other side is gone."""
    try:
        return end.recv(1 << 20)
    except OSError:
        return b""


def limit(numbers: list[int]) -> None:
    """Limits of this process and all below it; none is raised above what the machine allows."""
    for kind, number in zip(("RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_DATA"), numbers):  # noqa: B905
        which = getattr(resource, kind)
        hard = resource.getrlimit(which)[1]
        most = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(which, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(numbers: list[int], first: bool) -> None:
    """Starts the carrier, if this is the first command, and joins it until one of the two ends."""
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(supervisor.PR_SET_DUMPABLE, 0, 0, 0, 0):
        os._exit(3)
    said = b""
    while not said.endswith(b"\n"):
        letter = os.read(0, 1)
        if not letter:
            os._exit(0)
        said += letter
    secret = said[2:-1]
    if first:
        end_other(secret)
        begin(numbers, secret)
    carrier = joined(secret)
    if carrier is None:
        os._exit(NO_CARRIER)
    carrier.sendall(said)
    relay(carrier)


def joined(secret: bytes) -> socket.socket | None:
    """A connection to the carrier; None if there is none."""
    end = socket.socket(socket.AF_UNIX)
    try:
        end.connect(NAME + secret[:KNOWN])
    except OSError:
        return None
    return end


def end_other(secret: bytes) -> None:
    """Ends a carrier that an earlier process of the host has left, with all that it runs."""
    other = joined(secret)
    if other is not None:
        other.settimeout(SECONDS_TO_END)
        try:
            other.sendall(b"T " + secret + b"\nQ\n")
            while other.recv(1 << 20):
                pass
        except OSError:
            os._exit(NO_PLACE)


def begin(numbers: list[int], secret: bytes) -> None:
    """Makes a process of its own that carries from now on."""
    listener = socket.socket(socket.AF_UNIX)
    for _ in range(100):
        try:
            listener.bind(NAME + secret[:KNOWN])
            break
        except OSError:
            time.sleep(0.02)
    else:
        os._exit(NO_PLACE)
    listener.listen(MOST_KNOCKING)
    if os.fork():
        listener.close()
        return
    os.setsid()
    os.umask(0o022)
    nowhere = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        listener.close()
        supervise(numbers, theirs.fileno())
    theirs.close()
    ours.setblocking(False)
    Carrier(ours.fileno(), listener, secret).carry()
    os._exit(0)


def supervise(numbers: list[int], control: int) -> NoReturn:
    """Becomes the supervisor."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    limit(numbers)
    supervisor.control = control
    supervisor.Supervisor().serve()


def relay(carrier: socket.socket) -> NoReturn:
    """Passes on what comes from either side; ends with 0 when the carrier has closed its end."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(carrier, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            data = os.read(0, 1 << 20) if fd == 0 else received(carrier)
            if not data:
                os._exit(0)
            if fd == 0:
                carrier.sendall(data)
                continue
            left = memoryview(data)
            while left:
                left = left[os.write(1, left) :]
