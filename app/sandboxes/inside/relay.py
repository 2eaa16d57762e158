"""Carries connections of programs inside, made to an HTTP proxy on the sandbox's own loopback, to the socket outside.

It runs inside like any other program, under the system's own Python, and loads as little as it can: each sandbox that
has a network waits for it. It decides nothing: who speaks to the socket without it gets the same answers.
"""

from __future__ import annotations

import _thread
import sys
from socket import AF_UNIX, SHUT_RDWR, SHUT_WR, SO_REUSEADDR, SOL_SOCKET, socket

PIECE = 65536
BACKLOG = 64
STACK = 256 * 1024


def carry(source: socket, target: socket) -> None:
    """Moves what one side says to the other, and that it has said its last; one that is gone takes the other along."""
    try:
        while True:
            data = source.recv(PIECE)
            if not data:
                target.shutdown(SHUT_WR)
                return
            target.sendall(data)
    except OSError:
        for each in (source, target):
            try:
                each.shutdown(SHUT_RDWR)
            except OSError:
                continue


def connect(inner: socket, place: str) -> None:
    """Serves one connection from its start to its end."""
    outside = socket(AF_UNIX)
    back = _thread.allocate_lock()

    def answer() -> None:
        try:
            carry(outside, inner)
        finally:
            back.release()

    try:
        outside.connect(place)
        back.acquire()
        _thread.start_new_thread(answer, ())
        carry(inner, outside)
        back.acquire()
    except (OSError, RuntimeError):
        # The host answers no more, or there is no thread left for it.
        return
    finally:
        outside.close()
        inner.close()


def main() -> None:
    """Serves the port and the socket that the command names, for as long as the sandbox lives."""
    _thread.stack_size(STACK)
    server = socket()
    server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen(BACKLOG)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        inner, _ = server.accept()
        try:
            _thread.start_new_thread(connect, (inner, sys.argv[2]))
        except RuntimeError:
            inner.close()
