"""What a broker leads to, on loopback: a service that answers as it is told, a host with TLS, and the broker itself."""

from __future__ import annotations

import asyncio
import datetime
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agents.audit_facts import current_egress
from agents.sandbox import Network
from app.sandboxes.broker import Broker
from app.sandboxes.broker_addresses import Dialer, Streams
from app.sandboxes.brokers import Brokers
from app.sandboxes.gate import SOCKET
from tools.kit.wire import open_client

KEY = "sk-canary-9f8e7d6c5b4a"
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Service:
    """Answers every request with the same bytes, and keeps what it was asked: head and body."""

    answer: bytes = PLAIN
    url: str = ""
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    silent: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lengths = [int(line.partition(":")[2]) for line in head.lower().splitlines() if "content-length" in line]
            body = await reader.readexactly(lengths[0] if lengths else 0)
            self.asked.append((head, body))
            if self.silent:
                await reader.read()
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def service(answer: bytes = PLAIN, *, silent: bool = False) -> AsyncIterator[Service]:
    """A service that listens until the block ends."""
    made = Service(answer, silent=silent)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/base"
    try:
        yield made
    finally:
        server.close()


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context that agree on a host."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(pem + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=pem.decode())
    return server, client


def leading_to(port: int, addresses: Sequence[str] = ("93.184.216.34",)) -> Dialer:
    """A dialer for which every name has these addresses, and every connection ends at a port here."""

    async def resolve(host: str, wanted: int) -> Sequence[str]:
        return addresses

    async def connect(address: str, wanted: int) -> Streams:
        assert (address, wanted) == (addresses[0], 443)
        return await asyncio.open_connection("127.0.0.1", port)

    return Dialer(resolve, connect)


@dataclass
class Way:
    """A broker, and what it told."""

    broker: Broker
    told: list[Mapping[str, Any]]
    stirred: asyncio.Event

    async def connect(self) -> Streams:
        """A connection as from inside."""
        return await asyncio.open_unix_connection(self.broker.folder / SOCKET)

    async def say(self, data: bytes) -> bytes:
        """What comes back for some bytes, until the broker ends the connection."""
        reader, writer = await self.connect()
        try:
            writer.write(data)
            await writer.drain()
            async with asyncio.timeout(20):
                return await reader.read()
        except (ConnectionResetError, BrokenPipeError):
            return b""
        finally:
            writer.close()

    async def noted(self, count: int = 1) -> Mapping[str, Any]:
        """The last thing told, once so many have been: an answer may be there before it is told of."""
        async with asyncio.timeout(20):
            while len(self.told) < count:
                self.stirred.clear()
                await self.stirred.wait()
        return self.told[-1]


@contextmanager
def keeping() -> Iterator[list[Mapping[str, Any]]]:
    """What brokers that are opened in the block tell, as a run would keep it."""
    told: list[Mapping[str, Any]] = []
    before = current_egress.set(lambda **each: told.append(each))
    try:
        yield told
    finally:
        current_egress.reset(before)


@asynccontextmanager
async def way_out(network: Network, dialer: Dialer | None = None, user: int | None = None) -> AsyncIterator[Way]:
    """A broker for a network, which knows one key."""
    told: list[Mapping[str, Any]] = []
    stirred = asyncio.Event()

    def note(**each: Any) -> None:
        told.append(each)
        stirred.set()

    before = current_egress.set(note)
    # Nothing here speaks TLS to a service, and to read the system's certificates takes long.
    async with open_client(httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))) as client:
        broker = await Brokers(client, {"key": KEY}.get, dialer=dialer).open(network, user, {"task": "t1"})
        try:
            yield Way(broker, told, stirred)
        finally:
            await broker.aclose()
            current_egress.reset(before)


def knock(path: str, user: int) -> bytes | str:
    """What another user of the host gets at a socket: what it says, or why it could not be reached."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(5)
                asking.connect(path)
                asking.sendall(b"GET /model/v1/x HTTP/1.1\r\nhost: 127.0.0.1:3128\r\n\r\n")
                os.write(write, b"got " + asking.recv(1000))
        except OSError as error:
            os.write(write, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as file:
        return file.read()
