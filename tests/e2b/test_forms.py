"""What is decided without E2B: archives from a stranger, network rules, errors' names, the carrier's counting."""

from __future__ import annotations

import base64
import secrets
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import httpx
import pytest
from e2b import (
    AuthenticationException,
    InvalidArgumentException,
    RateLimitException,
    SandboxException,
    SandboxNotFoundException,
    SandboxNotRunningException,
    SandboxUnreachableException,
    TimeoutException,
)
from e2b.exceptions import ServiceBusyException
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import StepFailed
from agents.sandbox import Network, NetworkRefused, SandboxBusy, SandboxGone, SandboxUnavailable
from app.sandboxes.e2b_archive import unpack
from app.sandboxes.e2b_errors import SandboxUnreachable, in_words, said, understood
from app.sandboxes.e2b_interpreter import shown
from app.sandboxes.e2b_line import MARK, program
from app.sandboxes.e2b_network import rules
from app.sandboxes.inside.carrier import Carrier
from app.sandboxes.link import Broken, packed
from tests.sandboxes import SMALL


@given(st.binary(max_size=300) | st.lists(st.binary(max_size=12), max_size=24).map(lambda fields: packed(fields)[4:]))
@settings(max_examples=150, deadline=None)
def test_nothing_that_a_stranger_packs_lands_beside_its_folder(data: bytes) -> None:
    with TemporaryDirectory() as name:
        target = Path(name) / "target"
        target.mkdir()
        try:
            taken = unpack(data, target, 100)
        except Broken:
            taken = None
        assert [path.name for path in Path(name).iterdir()] == ["target"]
        for path in target.rglob("*"):
            assert path.is_file() or path.is_dir()
            assert not path.is_symlink()
        if taken is not None:
            found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
            assert found == set(taken.files)


@pytest.mark.parametrize("name", [b"../x", b"/x", b"a/../x", b"", b".", b"a//x", b"a\0", b"a/."])
def test_a_name_that_leads_elsewhere_breaks_the_archive(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(Broken):
        unpack(packed([name, b"file", b"0", b"x"])[4:], tmp_path, 100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (Network(), None),
        (Network(frozenset({"b.example.com", "a.org"})), ["a.org", "b.example.com"]),
    ],
)
def test_rules_deny_everything_but_what_is_named(network: Network, told: list[str] | None) -> None:
    made = rules(network)
    assert made["deny_out"] == ["0.0.0.0/0"]
    assert made.get("allow_out") == told
    assert made["allow_public_traffic"] is False


@given(st.text(max_size=40))
def test_a_host_is_told_as_it_is_or_refused(host: str) -> None:
    try:
        made = rules(Network(frozenset({host})))
    except NetworkRefused:
        return
    assert made["allow_out"] == [host]
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert not host.replace(".", "").isdigit()


@pytest.mark.parametrize(
    ("raised", "meant"),
    [
        (SandboxNotRunningException("gone"), SandboxGone),
        (SandboxNotFoundException("gone"), SandboxGone),
        (TimeoutException("The sandbox was not found: This error is likely"), SandboxGone),
        (SandboxUnreachableException("no answer"), SandboxUnreachable),
        (TimeoutException("Request timed out"), SandboxUnreachable),
        (httpx.ConnectError("refused"), SandboxUnreachable),
        (httpx.ReadTimeout("late"), SandboxUnreachable),
        (ConnectionResetError(), SandboxUnreachable),
        (AuthenticationException("401: Unauthorized"), SandboxUnavailable),
        (SandboxException("403: team is blocked", status_code=403), SandboxUnavailable),
        (RateLimitException("429: Rate limit exceeded"), SandboxBusy),  # type: ignore[no-untyped-call]
        (ServiceBusyException("503: busy"), SandboxBusy),
        (InvalidArgumentException("400: no"), StepFailed),
        (SandboxException("500: oh"), StepFailed),
        (StepFailed("ours"), StepFailed),
    ],
)
def test_an_error_is_called_what_it_is(raised: Exception, meant: type[Exception]) -> None:
    with pytest.raises(meant) as told, in_words("testing"):
        raise raised
    assert type(told.value) is meant


def test_a_bug_is_not_called_anything() -> None:
    assert understood(LookupError("a bug"), "testing") is None
    with pytest.raises(LookupError), in_words("testing"):
        raise LookupError("a bug")


def test_a_vendors_message_is_passed_on_without_its_secrets() -> None:
    told = said(Exception("bad key e2b_abc123DEF and Authorization: Bearer abc.def\n at\x1b[31m line 2"))
    assert told == "bad key … and Authorization: … at[31m line 2"
    assert said(Exception("")) == "Exception"
    assert len(said(Exception("x" * 999))) == 300


@pytest.mark.parametrize(
    ("data", "columns"),
    [({"a": [1, 2]}, ("a",)), ({"a": [1], "b": [1, 2]}, None), ({"a": 1}, None), ([], None), ({}, None), (None, None)],
)
def test_what_is_no_table_is_none(data: object, columns: tuple[str, ...] | None) -> None:
    made = shown(SimpleNamespace(text=None, html=3, png="no picture", data=data, is_main_result=1))
    assert (made.text, made.html, made.png, made.main) == ("", "", b"", False)
    assert (made.table.columns if made.table else None) == columns


SECRET = b"0123abc"


class Ends:
    """A carrier between a socket to knock at and a supervisor's line, driven a step at a time."""

    def __init__(self) -> None:
        self.ours, theirs = socket.socketpair()
        self.theirs = theirs
        theirs.setblocking(False)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("")
        listener.listen(9)
        self.listener = listener
        self.carrier = Carrier(theirs.fileno(), listener, SECRET)
        self.joined: list[socket.socket] = []
        self.join(b"T " + SECRET)

    def join(self, *lines: bytes) -> socket.socket:
        end = socket.socket(socket.AF_UNIX)
        end.connect(self.listener.getsockname())
        end.setblocking(False)
        self.joined.append(end)
        self.hear(*lines)
        return end

    def hear(self, *lines: bytes) -> None:
        self.joined[-1].sendall(b"".join(line + b"\n" for line in lines))
        self.run()

    def run(self) -> None:
        while not self.carrier.ended and self.carrier.once(0):
            pass

    def said(self, end: socket.socket | None = None) -> list[bytes]:
        try:
            return (end or self.joined[-1]).recv(1 << 20).split(b"\n")[:-1]
        except BlockingIOError:
            return []

    def close(self) -> None:
        coming = [end for end, _ in self.carrier.knocking.values()]
        far = [self.carrier.far] if self.carrier.far is not None else []
        for end in (self.ours, self.theirs, self.listener, *self.joined, *coming, *far):
            end.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


def line(offset: int, data: bytes) -> bytes:
    return b"D %d %d " % (offset, len(data)) + base64.b64encode(data)


def test_a_carrier_takes_each_byte_once_whatever_is_sent_again(ends: Ends) -> None:
    ends.hear(line(0, b"abc"), line(0, b"abc"), line(2, b"cde"), line(9, b"later"), line(5, b"f"))
    assert ends.ours.recv(99) == b"abcdef"
    broken = [b"D 6 9 " + base64.b64encode(b"ghi"), b"D 6", b"D x 1 YQ==", b"", b"Z", b"D 6 3 %%%%", b"\xff"]
    ends.hear(*broken, line(6, b"ghi"), b"R 0")
    assert ends.ours.recv(99) == b"ghi"
    assert ends.said() == [b"A 9"]


def test_a_carrier_sends_on_from_where_the_other_side_is(ends: Ends) -> None:
    ends.ours.sendall(b"0123456789")
    ends.run()
    assert ends.said() == [line(0, b"0123456789")]
    ends.hear(b"A 4", b"R 6")
    assert ends.said() == [b"A 0", line(6, b"6789")]
    ends.hear(b"R 10")
    assert ends.said() == [b"A 0"]
    ends.hear(b"R 99", b"A 3")
    ends.ours.sendall(b"ab")
    ends.run()
    assert ends.said() == [b"A 0", line(10, b"ab")]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_what_arrives_is_always_a_beginning_of_what_was_sent(pieces: list[tuple[int, int]]) -> None:
    whole = bytes(range(60))
    ends = Ends()
    try:
        ends.hear(*(line(offset, whole[offset : offset + size]) for offset, size in pieces))
        ends.hear(b"R 0")
        arrived = int(ends.said()[-1].split()[1])
        assert (ends.ours.recv(99) if arrived else b"") == whole[:arrived]
    finally:
        ends.close()


def test_the_last_who_knows_the_secret_is_heard(ends: Ends) -> None:
    first = ends.joined[0]
    ends.ours.sendall(b"abc")
    ends.run()
    assert ends.said(first) == [line(0, b"abc")]
    ends.ours.sendall(b"def")
    ends.run()
    for wrong in (b"T 0123ab", b"T 0123abcd", b"R 0", b"", b"Q"):
        ends.join(wrong, b"Q")
        assert ends.said() == []
    assert not ends.carrier.ended
    assert ends.said(first) == [line(3, b"def")]
    ends.join(b"T " + SECRET, b"R 3")
    assert ends.said() == [b"A 0", line(3, b"def")]
    assert first.recv(9) == b""
    ends.hear(b"Q")
    assert ends.carrier.ended


def test_what_nobody_hears_is_kept(ends: Ends) -> None:
    ends.joined[0].close()
    ends.run()
    ends.ours.sendall(b"abc")
    ends.run()
    ends.join(b"T " + SECRET, b"R 0")
    assert ends.said() == [b"A 0", line(0, b"abc")]
    ends.ours.close()
    ends.run()
    assert ends.carrier.ended


def test_what_is_started_gains_no_rights_and_ends_what_was_there() -> None:
    """The very words that are sent to E2B, started here with nothing to run in it."""
    secret = secrets.token_hex(16).encode()
    one = started(secret)
    other = started(secret)
    try:
        assert one.wait(20) == 0
        status = dict(part.split(":\t") for part in Path(f"/proc/{other.pid}/status").read_text().splitlines())
        assert status["NoNewPrivs"] == "1"
        assert MARK.encode() in Path(f"/proc/{other.pid}/cmdline").read_bytes()
        assert other.stdin is not None
        other.stdin.write(b"Q\n")
        other.stdin.flush()
        assert other.wait(20) == 0
    finally:
        for each in (one, other):
            each.kill()
            each.wait()
            for pipe in (each.stdin, each.stdout):
                if pipe is not None:
                    pipe.close()


def started(secret: bytes) -> subprocess.Popen[bytes]:
    """A command that has started a carrier, which has said that its supervisor is ready."""
    words = ["/bin/bash", "-c", program(SMALL, first=True)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"})
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"T " + secret + b"\nR 0\n")
    process.stdin.flush()
    while not (said := process.stdout.readline()).startswith(b"D 0 "):
        assert said
    assert b"ready" in base64.b64decode(said.split()[3])
    return process
