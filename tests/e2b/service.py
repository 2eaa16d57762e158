"""E2B on loopback: its control plane, the edge before its machines, envd and the code interpreter in them.

It is written after the SDK that is installed (e2b 2.63, e2b-code-interpreter 2.11), which is the description that the
vendor ships, and keeps to what that expects. It counts what it was sent, and fails where a test asks it to.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import uvicorn
from e2b.envd.filesystem.filesystem_connect import FilesystemASGIApplication
from e2b.envd.process.process_connect import ProcessASGIApplication
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from agents.sandbox import MIB, FileRefused
from app.sandboxes.local import LocalSandboxes
from tests.e2b.envd import Files, Processes
from tests.e2b.machine import Lost, Machine, Process

KEY = "e2b_" + "0123456789abcdef" * 2
KERNEL = (Path(__file__).parent / "kernel.py").read_text(encoding="utf-8")
TEMPLATES = {"base": "python3", "code-interpreter-v1": "python3", "no-python": "/no/python3"}
CODE_INTERPRETER = "49999"
PAGE = 3


@dataclass
class Sent:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Fault:
    """What is answered instead, `times` times, to requests whose method and path begin so."""

    start: str
    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    times: int


@dataclass
class Rented:
    """A sandbox as the control plane knows it."""

    id: str
    machine: Machine
    asked: dict[str, Any]
    state: str = "running"
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ends: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: asyncio.TimerHandle | None = None
    kernel: tuple[Process, asyncio.Queue[Any]] | None = None

    def told(self) -> dict[str, Any]:
        return {
            "templateID": self.asked["templateID"],
            "sandboxID": self.id,
            "clientID": "loopback",
            "startedAt": self.began.isoformat(),
            "endAt": self.ends.isoformat(),
            "envdVersion": "0.6.7",
            "envdAccessToken": self.machine.token,
            "cpuCount": 2,
            "memoryMB": 512,
            "diskSizeMB": 1024,
            "state": self.state,
            "metadata": self.asked.get("metadata", {}),
        }


def error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"code": status, "message": message}, status, headers)


class LoopbackE2B:
    """The service. `sent` is all that came; `sandboxes` are those that are there."""

    def __init__(self, *, most: int = 20) -> None:
        self.boxes = LocalSandboxes(most=40)
        self.sandboxes: dict[str, Rented] = {}
        self.sent: list[Sent] = []
        self.faults: list[Fault] = []
        self.most, self.url = most, ""
        self._came = asyncio.Event()
        # As in e2b-dev/E2B, issue 1031: after a pause commands run on, but are not found any more.
        self.forgetful = False
        self.ending: set[asyncio.Task[None]] = set()

    def to(self, start: str) -> list[Sent]:
        """The requests whose method and path begin so."""
        return [each for each in self.sent if f"{each.method} {each.path}".startswith(start)]

    async def came(self, start: str) -> None:
        """Waits until such a request has come."""
        while not self.to(start):
            self._came.clear()
            await self._came.wait()

    def fail(self, start: str, status: int, message: str, *, times: int = 1, **headers: str) -> None:
        self.faults.append(Fault(start, status, {"code": status, "message": message}, headers, times))

    def cut(self) -> None:
        """Every connection to a machine breaks; the machines go on."""
        for rented in self.sandboxes.values():
            rented.machine.cut()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        request = Request(scope, receive)
        headers = dict(request.headers)
        streams = request.url.path.startswith(("/process.Process/", "/filesystem.Filesystem/"))
        body = b"" if streams else await request.body()
        self.sent.append(Sent(request.method, request.url.path, headers, dict(request.query_params), body))
        self._came.set()
        fault = self._fault(f"{request.method} {request.url.path}")
        if fault is not None:
            await JSONResponse(fault.body, fault.status, fault.headers)(scope, receive, send)
        elif "e2b-sandbox-id" in headers:
            await self._edge(request, body, scope, receive, send)
        else:
            await (await self._control(request, body))(scope, receive, send)

    def _fault(self, asked: str) -> Fault | None:
        for fault in self.faults:
            if asked.startswith(fault.start) and fault.times:
                fault.times -= 1
                return fault
        return None

    async def _control(self, request: Request, body: bytes) -> Response:
        if request.headers.get("x-api-key") != KEY:
            return error(401, "Invalid API key")
        told = json.loads(body) if body else {}
        match [request.method, *request.url.path.strip("/").split("/")]:
            case ["POST", "v2", "sandboxes"]:
                return self._create(told)
            case ["GET", "v2", "sandboxes"]:
                return self._listed(request)
            case ["POST", "v2", "sandboxes", id, "connect"] if id in self.sandboxes:
                return await self._connect(self.sandboxes[id], told)
            case ["GET", "sandboxes", id] if id in self.sandboxes:
                return JSONResponse(self.sandboxes[id].told())
            case ["DELETE", "sandboxes", id] if id in self.sandboxes:
                await self.end(id)
                return Response(status_code=204)
            case ["POST", "sandboxes", id, "pause"] if id in self.sandboxes:
                return await self._pause(self.sandboxes[id])
        return error(404, "sandbox not found")

    def _create(self, told: dict[str, Any]) -> Response:
        if told["templateID"] not in TEMPLATES:
            return error(404, f"template '{told['templateID']}' not found")
        if len(self.sandboxes) >= self.most:
            message = f"you have reached the maximum number of concurrent E2B sandboxes ({self.most})"
            return error(429, message, {"Retry-After": "1"})
        rented = Rented("i" + secrets.token_hex(8), Machine(self.boxes), told)
        self.sandboxes[rented.id] = rented
        self._wind(rented, told.get("timeout", 300))
        return JSONResponse(rented.told(), 201)

    def _wind(self, rented: Rented, seconds: float) -> None:
        if rented.clock is not None:
            rented.clock.cancel()
        rented.ends = datetime.now(UTC) + timedelta(seconds=seconds)
        rented.clock = asyncio.get_running_loop().call_later(seconds, lambda: self.expire(rented.id))

    def expire(self, id: str) -> None:
        """A sandbox's time is over at E2B: it is paused, or ended, as was asked."""
        rented = self.sandboxes[id]
        task = asyncio.ensure_future(self._expired(rented))
        self.ending.add(task)
        task.add_done_callback(self.ending.discard)

    async def _expired(self, rented: Rented) -> None:
        if rented.asked.get("autoPause"):
            await self._pause(rented)
        else:
            await self.end(rented.id)

    def _listed(self, request: Request) -> Response:
        wanted = {unquote(name): unquote(value) for name, value in parse_qsl(request.query_params.get("metadata", ""))}
        found = [
            each.told()
            for each in self.sandboxes.values()
            if all(each.asked.get("metadata", {}).get(name) == value for name, value in wanted.items())
        ]
        at = int(request.query_params.get("nextToken", "0"))
        more = {"x-next-token": str(at + PAGE)} if len(found) > at + PAGE else {}
        return JSONResponse(found[at : at + PAGE], headers=more)

    async def _connect(self, rented: Rented, told: dict[str, Any]) -> Response:
        before = rented.state
        if before == "paused":
            await rented.machine.resume(forgetful=self.forgetful)
            rented.state = "running"
        self._wind(rented, told.get("timeout", 300))
        return JSONResponse(rented.told(), 201 if before == "paused" else 200)

    async def _pause(self, rented: Rented) -> Response:
        if rented.state == "paused":
            return error(409, "sandbox is already paused")
        rented.state = "paused"
        await rented.machine.pause()
        return Response(status_code=204)

    async def end(self, id: str) -> None:
        """Ends a sandbox, whoever wants it."""
        rented = self.sandboxes.pop(id)
        if rented.clock is not None:
            rented.clock.cancel()
        await rented.machine.end()

    async def _edge(self, request: Request, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """What stands before the machines: it knows which of them run."""
        id, port = request.headers["e2b-sandbox-id"], request.headers.get("e2b-sandbox-port")
        rented = self.sandboxes.get(id)
        if rented is None or rented.state != "running":
            said = {"sandboxId": id, "message": "The sandbox was not found", "code": 502}
            await JSONResponse(said, 502)(scope, receive, send)
        elif request.headers.get("x-access-token") != rented.machine.token and request.url.path != "/health":
            await error(401, "unauthenticated: no access token")(scope, receive, send)
        elif request.url.path.startswith("/process.Process/"):
            await ProcessASGIApplication(Processes(rented.machine))(scope, receive, send)
        elif request.url.path.startswith("/filesystem.Filesystem/"):
            await FilesystemASGIApplication(Files(rented.machine))(scope, receive, send)
        else:
            answer = await self._inside(rented, port, request, body)
            await answer(scope, receive, send)

    async def _inside(self, rented: Rented, port: str | None, request: Request, body: bytes) -> Response:
        path = request.query_params.get("path", "")
        match request.method, request.url.path:
            case "GET", "/health":
                return Response(status_code=204)
            case "POST", "/files" if request.query_params.get("username") == "root":
                rented.machine.root_files[path] = body
                return JSONResponse([{"name": path.rsplit("/", 1)[-1], "path": path, "type": "file"}])
            case "POST", "/files":
                await (await rented.machine.box()).write(path, body)
                return JSONResponse([{"name": path.rsplit("/", 1)[-1], "path": path, "type": "file"}])
            case "GET", "/files":
                try:
                    return Response(await (await rented.machine.box()).read(path, most=32 * MIB))
                except FileRefused as refused:
                    return error(404, str(refused))
            case "POST", "/execute" if port == CODE_INTERPRETER:
                return StreamingResponse(self._execute(rented, json.loads(body)), media_type="application/x-ndjson")
        return error(404, "not found")

    async def _execute(self, rented: Rented, told: dict[str, Any]) -> AsyncIterator[bytes]:
        if rented.kernel is None:
            argv = ["/usr/bin/python3", "-I", "-c", KERNEL]
            rented.kernel = await rented.machine.start(argv, {}, "/home/user", True)
        process, queue = rented.kernel
        await rented.machine.give(process.pid, json.dumps(told).encode() + b"\n")
        text, done = b"", False
        try:
            while (event := await queue.get()) is not None and "end" not in event:
                *lines, text = (text + base64.b64decode(event["data"])).split(b"\n")
                for line in lines:
                    done = json.loads(line)["type"] == "end_of_execution"
                    yield line + b"\n"
                if done:
                    return
            raise Lost
        finally:
            if not done:
                # Whoever asked has gone, which interrupts the cell.
                rented.kernel = None
                await asyncio.shield(rented.machine.order(do="signal", pid=process.pid, number=9))

    async def aclose(self) -> None:
        """Ends everything."""
        for id in list(self.sandboxes):
            await self.end(id)
        if self.ending:
            await asyncio.wait(self.ending)
        await self.boxes.aclose()


class _Server(uvicorn.Server):
    """uvicorn beside other things: signals are pytest's, and nothing is looked at ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun, self.over = asyncio.Event(), asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.begun.set()
        await self.over.wait()


@contextlib.asynccontextmanager
async def opened(service: LoopbackE2B) -> AsyncIterator[str]:
    """The service's address."""
    config = uvicorn.Config(service, host="127.0.0.1", port=0, lifespan="off", log_config=None, access_log=False)
    config.timeout_graceful_shutdown = 1
    server = _Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await server.begun.wait()
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            await service.aclose()
            server.over.set()
