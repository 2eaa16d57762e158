"""The name in a TLS client's first message (RFC 8446 4.1.2, RFC 6066 3). Pure.

A tunnel's bytes are the sandbox's own business, but a host may stand behind an address that serves many: the name that
is asked for there must be the one that the tunnel was allowed for.
"""

from __future__ import annotations

LONGEST = 16_384
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0


class NoHello(Exception):
    """The bytes are no TLS client's first message, or one that names no host."""


class _Bytes:
    """Reads fields one after the other; raises NoHello where there are too few bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) < size:
            raise NoHello
        self._at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def sized(self, size: int) -> _Bytes:
        """A field whose length stands before it in `size` bytes."""
        return _Bytes(self.take(self.number(size)))

    @property
    def is_read(self) -> bool:
        return self._at >= len(self._data)


def server_name(data: bytes) -> str | None:
    """The host that the message asks for, in lower case; None while it is not there in full. Raises NoHello."""
    message = b""
    at = 0
    while True:
        if data[at : at + 1] not in (b"", bytes([_HANDSHAKE])) or at > LONGEST:
            raise NoHello
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if len(data) < at + 5 or len(data) < at + 5 + size:
            return None
        if not size:
            raise NoHello
        message += data[at + 5 : at + 5 + size]
        at += 5 + size
        if message[0] != _CLIENT_HELLO:
            raise NoHello
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return _named(_Bytes(message[4:]))


def _named(hello: _Bytes) -> str:
    hello.take(2 + 32)
    for size in (1, 2, 1):
        hello.sized(size)
    extensions = hello.sized(2)
    names: list[bytes] = []
    while not extensions.is_read:
        kind, content = extensions.number(2), extensions.sized(2)
        if kind == _SERVER_NAME:
            listed = content.sized(2)
            while not listed.is_read:
                if listed.number(1) != _HOST_NAME:
                    raise NoHello
                names.append(listed.take(listed.number(2)))
    if len(names) != 1:
        raise NoHello
    try:
        return names[0].decode("ascii").lower()
    except UnicodeDecodeError:
        raise NoHello from None
