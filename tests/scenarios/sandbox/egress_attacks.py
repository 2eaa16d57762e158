"""Attacks on the way out, to be run inside a sandbox by its own Python: each names what it got, which is to be nothing.

Called with a JSON object: the ports of canaries on the host's loopback, and the name of a host that is allowed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from glob import glob
from typing import Any

GATE, SOCKET = "/run/gate", "/run/gate/socket"
RELAY = ("127.0.0.1", 3128)


def said(data: bytes, *, direct: bool = False) -> bytes:
    """What the way out answers, through the relay or at the socket."""
    with socket.socket(socket.AF_UNIX if direct else socket.AF_INET) as asking:
        asking.settimeout(10)
        asking.connect(SOCKET if direct else RELAY)
        asking.sendall(data)
        got = b""
        try:
            while part := asking.recv(65536):
                got += part
        except OSError:
            pass
        return got


def request(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1:3128\r\n\r\n".encode()


def connecting(told: dict[str, Any]) -> Iterator[str]:
    addresses = ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0.0.0.0", "169.254.169.254", "evil.org"]
    for target in (f"{address}:{port}" for address in addresses for port in (443, 80, told["tcp"])):
        for direct in (False, True):
            tunnel = f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode()
            if said(tunnel, direct=direct)[9:12] == b"200":
                yield target


def asking(told: dict[str, Any]) -> Iterator[str]:
    port = told["tcp"]
    targets = [f"http://127.0.0.1:{port}/", f"http://localhost:{port}/", "http://169.254.169.254/latest/meta-data/",
               "/model/../admin", "/model/v1/%2e%2e/admin", "//model/v1/ok", "/model//v1/ok", "/admin"]  # fmt: skip
    for target in targets:
        for direct in (False, True):
            if said(request(target), direct=direct)[9:12] == b"200":
                yield target


def networks(told: dict[str, Any]) -> Iterator[str]:
    for address in (("127.0.0.1", told["tcp"]), ("93.184.216.34", 443), ("169.254.169.254", 80)):
        with socket.socket() as trying:
            trying.settimeout(2)
            if trying.connect_ex(address) == 0:
                yield f"{address}"
    with contextlib.suppress(OSError):
        yield str(socket.getaddrinfo(told["host"], 443))


def swapping(told: dict[str, Any]) -> Iterator[str]:
    """Puts a socket of its own in the place of the host's, or moves, opens or loses it."""
    tries: dict[str, Callable[[], object]] = {
        "unlinked": lambda: os.unlink(SOCKET),
        "renamed": lambda: os.rename(SOCKET, SOCKET + "2"),
        "opened to all": lambda: os.chmod(SOCKET, 0o777),
        "opened its folder": lambda: os.chmod(GATE, 0o777),
        "linked": lambda: os.symlink("/tmp", GATE + "/link"),
        "written": lambda: open(GATE + "/file", "w").close(),
        "moved": lambda: os.rename(GATE, "/run/other"),
        "bound": lambda: socket.socket(socket.AF_UNIX).bind(GATE + "/other"),
        "hard linked": lambda: os.link(SOCKET, "/tmp/socket"),
        "timed": lambda: os.utime(SOCKET),
    }
    for name, attempt in tries.items():
        try:
            attempt()
        except OSError:
            continue
        yield name


def others(told: dict[str, Any]) -> Iterator[str]:
    """Sockets of other sandboxes, and of the host."""
    for pattern in (
        "/run/*",
        "/tmp/deus-gate*",
        "/tmp/*",
        "/var/tmp/*",
        "/proc/1/root" + "/tmp/deus-gate*",
        "/proc/*/root" + "/run/gate/*",
    ):
        for path in glob(pattern):
            if os.path.realpath(path) not in ("/run/inside", "/run/gate") and not path.endswith("/run/gate/socket"):
                yield path


def fronting(told: dict[str, Any]) -> Iterator[str]:
    """Asks for another host than the tunnel's, behind the address that it leads to."""
    for name in ("evil.example", None):
        with socket.create_connection(RELAY, 10) as plain:
            plain.sendall(f"CONNECT {told['host']}:443 HTTP/1.1\r\nhost: {told['host']}:443\r\n\r\n".encode())
            plain.recv(1000)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            try:
                with context.wrap_socket(plain, server_hostname=name):
                    yield f"{name}"
            except OSError:
                continue


def works(told: dict[str, Any]) -> Iterator[str]:
    """What is allowed: told if it does not work."""
    for direct in (False, True):
        if not said(request("/model/v1/ok"), direct=direct).endswith(b"ok"):
            yield f"no answer of the route, direct: {direct}"
    if os.environ.get("HTTPS_PROXY") != "http://127.0.0.1:3128":
        yield "no variable that names the way out"
    with socket.create_connection(RELAY, 10) as plain:
        plain.sendall(f"CONNECT {told['host']}:443 HTTP/1.1\r\nhost: {told['host']}:443\r\n\r\n".encode())
        plain.recv(1000)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(plain, server_hostname=told["host"]) as secured:
            secured.sendall(b"hello")
            if secured.recv(100) != b"HELLO":
                yield "no answer through the tunnel"


def standing_in(told: dict[str, Any]) -> Iterator[str]:
    """Ends the relay and takes its place: that is its own, and leads nowhere."""
    for path in glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if b"inside.relay" in file.read():
                    os.kill(int(path.split("/")[2]), signal.SIGKILL)
        except OSError:
            continue
    yield from networks(told)
    if not said(request("/model/v1/ok"), direct=True).endswith(b"ok"):
        yield "the socket went with the relay"


ATTACKS = (works, connecting, asking, networks, swapping, others, fronting, standing_in)

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps({attack.__name__: list(attack(given)) for attack in ATTACKS}))
