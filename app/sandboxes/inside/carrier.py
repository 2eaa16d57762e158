"""Carries a supervisor's frames over lines of text, for a machine that is reached by a command's input and output.

It runs inside, as the command that the provider started, with the supervisor as its child. What the far side writes
arrives in whole lines or not at all; a connection may break at any time and be made again while this runs on. So both
sides count bytes, keep what the other has not said it has, and send it again when asked. Each way a line is
`D offset length base64`, data; `A count`, so many bytes have arrived. From the far side comes also `R count`: a new
connection is there, which has so many bytes; send on from there, and say what has arrived here.
"""

from __future__ import annotations

import base64
import binascii
import os
import resource
import select
import socket

from app.sandboxes.inside import supervisor
from app.sandboxes.inside.minder import PR_SET_CHILD_SUBREAPER, libc

PR_SET_NO_NEW_PRIVS = 38
PIECE = 48 * 1024
# So much may be under way without a word that it arrived; then the commands wait.
WINDOW = 4 << 20
SAY_EVERY = 256 * 1024


class Carrier:
    """The two ends: the far side on descriptors `hear` and `say`, the supervisor on `line`."""

    def __init__(self, line: int, hear: int, say: int) -> None:
        self.line, self.hear, self.say = line, hear, say
        self.heard = b""
        self.arrived = self.told = 0
        self.waiting = b""
        self.kept = bytearray()
        self.kept_from = 0

    def carry(self) -> None:
        """Carries until either end is closed."""
        while self.once():
            pass

    def once(self) -> bool:
        poll = select.poll()
        poll.register(self.hear, select.POLLIN)
        room = len(self.kept) < WINDOW
        poll.register(self.line, (select.POLLIN if room else 0) | (select.POLLOUT if self.waiting else 0))
        for fd, event in poll.poll():
            if fd == self.hear:
                data = os.read(self.hear, 1 << 20)
                if not data:
                    return False
                self.take(data)
            elif event & select.POLLOUT:
                self.waiting = self.waiting[os.write(self.line, self.waiting) :]
            elif event & select.POLLIN:
                data = os.read(self.line, PIECE)
                if not data:
                    return False
                self.kept += data
                self.tell(self.kept_from + len(self.kept) - len(data), data)
            elif event & (select.POLLHUP | select.POLLERR):
                return False
        return True

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

    def forget(self, count: int) -> None:
        if self.kept_from < count <= self.kept_from + len(self.kept):
            del self.kept[: count - self.kept_from]
            self.kept_from = count

    def acknowledge(self) -> None:
        self.told = self.arrived
        self.write(b"A %d\n" % self.arrived)

    def tell(self, offset: int, data: bytes) -> None:
        self.write(b"D %d %d " % (offset, len(data)) + base64.b64encode(data) + b"\n")

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self.say, left) :]


def limit(numbers: list[int]) -> None:
    """Limits of this process and all below it; none is raised above what the machine allows."""
    for kind, number in zip(("RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_DATA"), numbers):  # noqa: B905
        which = getattr(resource, kind)
        hard = resource.getrlimit(which)[1]
        most = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(which, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(numbers: list[int]) -> None:
    """Starts the supervisor as a child and carries for it; what runs below gains no rights by sudo or the like."""
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        os._exit(3)
    ours, theirs = socket.socketpair()
    os.umask(0o022)
    if os.fork() == 0:
        ours.close()
        nowhere = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nowhere, fd)
        supervisor.control = theirs.fileno()
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(supervisor.PR_SET_DUMPABLE, 0, 0, 0, 0)
        limit(numbers)
        supervisor.Supervisor().serve()
    theirs.close()
    libc.prctl(supervisor.PR_SET_DUMPABLE, 0, 0, 0, 0)
    ours.setblocking(False)
    Carrier(ours.fileno(), 0, 1).carry()
    os._exit(0)
