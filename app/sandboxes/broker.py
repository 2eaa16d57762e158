"""The broker: what a sandbox sends out is answered here, on the host, and nowhere else.

A sandbox with a network has no other: its relay carries connections to one unix socket, and whoever in there speaks to
that socket directly gets the same. A connection is good for one request; each is told to the audit log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11

from agents.sandbox import Network
from app.sandboxes.broker_addresses import Dialer, NotPublic, Streams
from app.sandboxes.broker_policy import PORT, Call, Refusal, Tunnel, judge
from app.sandboxes.broker_routes import Bodies, Caller, Cut
from app.sandboxes.broker_tunnel import carried
from app.sandboxes.gate import SOCKET
from tools.kit.errors import TimedOut, Unavailable

HEAD, MOST_HEADERS = 16_384, 100
HEAD_SECONDS, DIAL_SECONDS = 15.0, 20.0
LINGER_SECONDS, LINGER_PIECES = 1.0, 64
PIECE = 16_384
Note = Callable[..., None]


@dataclass
class Exchange:
    """One request as the audit log has it: never a query, a header or a body."""

    method: str = ""
    host: str = ""
    path: str = ""
    verdict: str = "refused"
    why: str = ""
    status: int = 0
    sent: int = 0
    received: int = 0
    began: float = field(default_factory=time.monotonic)

    def told(self) -> dict[str, Any]:
        """What is noted of it."""
        ms = round((time.monotonic() - self.began) * 1000)
        return {name: value for name, value in vars(self).items() if name != "began"} | {"ms": ms}

    def break_off(self, why: str) -> None:
        """Something came to its end before its time."""
        self.verdict, self.why = "cut" if self.verdict == "allowed" else self.verdict, self.why or why

    def refuse(self, refusal: Refusal) -> Refusal:
        """Something is not let out."""
        self.verdict, self.why, self.status = "refused", refusal.reason, refusal.status
        return refusal


class Broker:
    """Answers one sandbox: to what its network allows, and to nothing else."""

    def __init__(
        self,
        network: Network,
        folder: Path,
        user: int | None,
        caller: Caller,
        dialer: Dialer,
        note: Note,
    ) -> None:
        self.folder = folder
        self._network, self._user, self._note = network, os.geteuid() if user is None else user, note
        self._caller, self._dialer = caller, dialer
        self._bodies = Bodies(2 * network.traffic.sent)
        self._asked = 0
        self._serving: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Opens the socket, which the sandbox's user alone may use."""
        path = self.folder / SOCKET
        self._server = await asyncio.start_unix_server(self._connected, path, limit=PIECE, backlog=64)
        path.chmod(0o600)
        if self._user != os.geteuid():
            os.chown(path, self._user, self._user)
            os.chown(self.folder, self._user, self._user)

    async def aclose(self) -> None:
        """Ends every connection and takes the socket away."""
        if self._server is not None:
            self._server.close()
        for task in list(self._serving):
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        exchange = Exchange()
        try:
            await self._answer(reader, writer, exchange)
        except (OSError, h11.ProtocolError) as error:
            exchange.break_off("time" if isinstance(error, TimeoutError) else "broken off")
        except asyncio.CancelledError:
            exchange.break_off("ended with the sandbox")
        finally:
            self._serving.discard(task)
            if exchange.verdict == "cut":
                writer.transport.abort()
            writer.close()
            self._note(**exchange.told())

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, exchange: Exchange) -> None:
        traffic = self._network.traffic
        self._asked += 1
        if _peer(writer) != self._user:
            exchange.refuse(Refusal(403, "a stranger at the socket"))
            return
        server = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD)
        refusal: Refusal | None = None
        if self._asked > traffic.requests:
            refusal = Refusal(429, "too many requests")
            if self._server is not None:
                # Nothing more is answered, nor told to the audit log, which else could be filled from inside.
                self._server.close()
        elif len(self._serving) > traffic.at_once:
            refusal = Refusal(503, "too many at once")
        if refusal is not None:
            await _refuse(server, reader, writer, exchange.refuse(refusal))
            return
        async with asyncio.timeout(traffic.seconds):
            await self._judged(server, reader, writer, exchange)

    async def _judged(
        self, server: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, exchange: Exchange
    ) -> None:
        traffic = self._network.traffic
        try:
            async with asyncio.timeout(min(HEAD_SECONDS, traffic.quiet)):
                request = await _event(server, reader)
        except h11.RemoteProtocolError:
            await _refuse(server, reader, writer, exchange.refuse(Refusal(400, "not HTTP")))
            return
        except TimeoutError:
            await _refuse(server, reader, writer, exchange.refuse(Refusal(408, "slow")))
            return
        if not isinstance(request, h11.Request):
            exchange.why = "nothing asked"
            return
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers]
        method, target = request.method.decode("ascii"), request.target.decode("ascii")
        leave: Tunnel | Call | Refusal = Refusal(431, "too many headers")
        if len(headers) <= MOST_HEADERS:
            leave = judge(self._network, method, target, headers)
        exchange.method, exchange.path = method[:16], "" if method == "CONNECT" else target.partition("?")[0][:200]
        exchange.host = (target if method == "CONNECT" else dict(headers).get("host", ""))[:200]
        if isinstance(leave, Refusal):
            await _refuse(server, reader, writer, exchange.refuse(leave))
        elif isinstance(leave, Tunnel):
            await self._tunnel(leave, server, (reader, writer), exchange)
        else:
            exchange.host = self._caller.host(leave)
            await self._call(leave, headers, server, (reader, writer), exchange)

    async def _tunnel(self, leave: Tunnel, server: h11.Connection, inside: Streams, exchange: Exchange) -> None:
        refusal = None
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                outside = await self._dialer.dial(leave.host, PORT)
        except NotPublic:
            refusal = Refusal(403, "no public address")
        except OSError:
            refusal = Refusal(502, "not reached")
        if refusal is not None:
            await _refuse(server, *inside, exchange.refuse(refusal))
            return
        exchange.verdict, exchange.status = "allowed", 200
        try:
            inside[1].write(server.send(h11.Response(status_code=200, headers=[])) or b"")
            early, _ = server.trailing_data
            await carried(inside, outside, leave.host, early, self._network.traffic, exchange)
        finally:
            outside[1].transport.abort()

    async def _call(
        self,
        leave: Call,
        headers: list[tuple[str, str]],
        server: h11.Connection,
        inside: Streams,
        exchange: Exchange,
    ) -> None:
        reader, writer = inside
        quiet = self._network.traffic.quiet
        with self._bodies.one(self._network.traffic.sent) as body:
            while True:
                if server.they_are_waiting_for_100_continue:
                    proceed = h11.InformationalResponse(status_code=100, headers=[])
                    writer.write(server.send(proceed) or b"")
                async with asyncio.timeout(quiet):
                    event = await _event(server, reader)
                if not isinstance(event, h11.Data):
                    break
                if (too_much := body.add(bytes(event.data))) is not None:
                    await _refuse(server, reader, writer, exchange.refuse(too_much))
                    return
            exchange.sent = len(body.data)
            exchange.verdict = "allowed"
            begun = False
            try:
                answer = self._caller.call(leave, headers, bytes(body.data), self._network.traffic)
                async with contextlib.aclosing(answer):
                    async for sent in answer:
                        begun = True
                        if isinstance(sent, h11.Response):
                            exchange.status = sent.status_code
                        elif isinstance(sent, h11.Data):
                            exchange.received += len(sent.data)
                        writer.write(server.send(sent) or b"")
                        async with asyncio.timeout(quiet):
                            await writer.drain()
            except (Cut, Unavailable, TimedOut) as error:
                refusal = error.refusal if isinstance(error, Cut) else Refusal(502, "not reached")
                exchange.refuse(refusal)
                if begun:
                    exchange.verdict = "cut"
                else:
                    await _refuse(server, reader, writer, refusal)


def _peer(writer: asyncio.StreamWriter) -> int:
    """Who is at the other end, as the host's kernel knows it."""
    told = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", told)[1])


async def _event(server: h11.Connection, reader: asyncio.StreamReader) -> Any:
    """The next thing that the other side says."""
    while True:
        event = server.next_event()
        if event is not h11.NEED_DATA:
            return event
        server.receive_data(await reader.read(PIECE))


async def _refuse(
    server: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refusal: Refusal
) -> None:
    """Says no, if anybody still listens for an answer."""
    if server.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    text = f"Not let out: {refusal.reason}.\n".encode()
    headers = [("content-type", "text/plain"), ("content-length", str(len(text))), ("connection", "close")]
    for event in (h11.Response(status_code=refusal.status, headers=headers), h11.Data(data=text), h11.EndOfMessage()):
        writer.write(server.send(event) or b"")
    writer.write_eof()
    # A socket that is closed with something unread in it takes the answer along.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            for _ in range(LINGER_PIECES):
                if not await reader.read(PIECE):
                    break
