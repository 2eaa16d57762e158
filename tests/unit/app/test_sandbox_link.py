"""What comes out of a sandbox is read as from a stranger: nothing that it sends does more than end its own line."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sandbox import Ending, FileRefused, SandboxGone
from app.sandboxes.link import LARGEST, Broken, Link, command_refused, file_refused, packed, unpacked
from app.sandboxes.transfer import entries, read


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_what_is_packed_is_unpacked(fields: list[bytes]) -> None:
    frame = packed(fields)
    assert struct.unpack(">I", frame[:4])[0] == len(frame) - 4
    assert unpacked(frame[4:]) == tuple(fields)


@given(st.binary(max_size=400))
def test_any_bytes_are_fields_or_broken(body: bytes) -> None:
    try:
        fields = unpacked(body)
    except Broken:
        return
    assert packed(list(fields))[4:] == body


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_any_refusal_is_told_in_one_printable_line(rest: list[bytes]) -> None:
    for error in (file_refused("/x", (b"refused", *rest)), command_refused("x", (b"refused", *rest))):
        assert str(error).isprintable()


async def linked() -> tuple[Link, socket.socket, asyncio.Task[None]]:
    """A line whose other end is ours to misuse."""
    near, far = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=near)
    link = Link(reader, writer)
    return link, far, asyncio.create_task(link.serve())


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">I", LARGEST + 1),
        packed([b"done"]),
        packed([b"done", b"no number"]),
        struct.pack(">II", 8, 0xFFFFFFFF) + b"abcd",
        struct.pack(">I", 3) + b"abc",
        b"",
    ],
)
async def test_a_frame_that_is_none_ends_the_line_and_tells_whoever_waits(sent: bytes) -> None:
    link, far, serving = await linked()
    asked = asyncio.create_task(read(link, "/x", 10))
    await asyncio.to_thread(far.recv, 4096)
    far.sendall(sent)
    far.shutdown(socket.SHUT_WR)
    with pytest.raises(SandboxGone) as gone:
        await asked
    assert gone.value.ending is Ending.LOST
    await serving
    far.close()


async def test_more_than_was_asked_for_is_refused() -> None:
    link, far, serving = await linked()
    asked = asyncio.create_task(read(link, "/x", 10))
    await asyncio.to_thread(far.recv, 4096)
    far.sendall(packed([b"data", b"1", b"123456"]) * 2)
    with pytest.raises(FileRefused):
        await asked
    link.close()
    await serving
    far.close()


@pytest.mark.parametrize("name", [b"..", b".", b"", b"a/b", b"/etc/passwd", b"a\0b"])
async def test_a_name_that_would_lead_elsewhere_is_refused(name: bytes) -> None:
    link, far, serving = await linked()
    asked = asyncio.create_task(entries(link, "/x"))
    await asyncio.to_thread(far.recv, 4096)
    far.sendall(packed([b"done", b"1", name, b"file", b"1", b"0"]))
    with pytest.raises(FileRefused):
        await asked
    link.close()
    await serving
    far.close()
