"""What envd answers for a machine: the Connect services of processes, on the classes that come with E2B's own SDK."""

from __future__ import annotations

import base64
import shlex
from collections.abc import AsyncIterator
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from e2b.envd.filesystem.filesystem_connect import Filesystem
from e2b.envd.filesystem.filesystem_pb import EntryInfo, FileType, ListDirRequest, ListDirResponse
from e2b.envd.process import process_pb as pb
from e2b.envd.process.process_connect import Process as ProcessService
from protobuf import Oneof

from agents.sandbox import EntryKind, FileRefused
from app.sandboxes.e2b_mounts import MARK as MOUNTS
from tests.e2b.machine import Event, Lost, Machine

HOME = "/home/user"
KINDS = {EntryKind.FILE: FileType.FILE, EntryKind.FOLDER: FileType.DIRECTORY}


def event(told: Event) -> pb.ProcessEvent:
    """A machine's word about a process in the form of the protocol."""
    what: Any
    if "end" in told:
        ended = pb.ProcessEvent.EndEvent(exit_code=told["end"], exited=told["exited"], status=told["status"])
        if not told["exited"]:
            ended.error = told["status"]
        what = Oneof("end", ended)
    else:
        written: Any = Oneof("stdout" if told["stream"] == "out" else "stderr", base64.b64decode(told["data"]))
        what = Oneof("data", pb.ProcessEvent.DataEvent(output=written))
    return pb.ProcessEvent(event=what)


def begun(pid: int) -> pb.ProcessEvent:
    what: Any = Oneof("start", pb.ProcessEvent.StartEvent(pid=pid))
    return pb.ProcessEvent(event=what)


def lost() -> ConnectError:
    return ConnectError(Code.UNAVAILABLE, "the connection to the sandbox was lost")


class Processes(ProcessService):
    """process.Process of one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    async def list(self, request: pb.ListRequest, ctx: RequestContext[Any, Any]) -> pb.ListResponse:
        return pb.ListResponse(
            processes=[
                pb.ProcessInfo(pid=each.pid, config=pb.ProcessConfig(cmd=each.argv[0], args=each.argv[1:]))
                for each in self.machine.processes.values()
            ]
        )

    async def start(self, request: pb.StartRequest, ctx: RequestContext[Any, Any]) -> AsyncIterator[pb.StartResponse]:
        config = request.process
        assert config is not None
        argv = [config.cmd, *config.args]
        if MOUNTS in argv[-1]:
            yield pb.StartResponse(event=begun(1))
            yield pb.StartResponse(event=event(await self._place(argv[-1])))
            return
        folder = config.cwd if config.has_field("cwd") else HOME
        try:
            process, queue = await self.machine.start(argv, dict(config.envs), folder, request.stdin)
        except ValueError as error:
            raise ConnectError(Code.INVALID_ARGUMENT, str(error)) from error
        yield pb.StartResponse(event=begun(process.pid))
        try:
            async for told in process.events(queue):
                yield pb.StartResponse(event=event(told))
        except Lost:
            raise lost() from None

    async def _place(self, command: str) -> Event:
        archive, *targets = shlex.split(command, comments=True)[4:]
        complaint = await self.machine.place(archive, targets)
        return {"end": 1 if complaint else 0, "exited": True, "status": complaint}

    async def connect(
        self, request: pb.ConnectRequest, ctx: RequestContext[Any, Any]
    ) -> AsyncIterator[pb.ConnectResponse]:
        process = self.machine.processes.get(selected(request.process))
        if process is None:
            raise ConnectError(Code.NOT_FOUND, "process not found")
        queue = process.listen()
        yield pb.ConnectResponse(event=begun(process.pid))
        try:
            async for told in process.events(queue):
                yield pb.ConnectResponse(event=event(told))
        except Lost:
            raise lost() from None

    async def send_input(self, request: pb.SendInputRequest, ctx: RequestContext[Any, Any]) -> pb.SendInputResponse:
        pid = selected(request.process)
        given = request.input.input if request.input is not None else None
        if pid not in self.machine.processes or given is None:
            raise ConnectError(Code.NOT_FOUND, "process not found")
        await self.machine.give(pid, bytes(given.value))
        return pb.SendInputResponse()

    async def send_signal(self, request: pb.SendSignalRequest, ctx: RequestContext[Any, Any]) -> pb.SendSignalResponse:
        pid = selected(request.process)
        if pid not in self.machine.processes:
            raise ConnectError(Code.NOT_FOUND, "process not found")
        await self.machine.order(do="signal", pid=pid, number=int(request.signal.value))
        return pb.SendSignalResponse()

    async def close_stdin(self, request: pb.CloseStdinRequest, ctx: RequestContext[Any, Any]) -> pb.CloseStdinResponse:
        await self.machine.order(do="close", pid=selected(request.process))
        return pb.CloseStdinResponse()


class Files(Filesystem):
    """filesystem.Filesystem of one machine, as far as the tests ask."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    async def list_dir(self, request: ListDirRequest, ctx: RequestContext[Any, Any]) -> ListDirResponse:
        box = await self.machine.box()
        try:
            found = await box.list(request.path)
        except FileRefused as error:
            raise ConnectError(Code.NOT_FOUND, str(error)) from error
        return ListDirResponse(
            entries=[
                EntryInfo(
                    name=each.name,
                    path=f"{request.path}/{each.name}",
                    size=each.size,
                    type=KINDS.get(each.kind, FileType.UNSPECIFIED),
                )
                for each in found
            ]
        )


def selected(selector: pb.ProcessSelector | None) -> int:
    """The pid that a request names."""
    if selector is None or selector.selector is None or selector.selector.field != "pid":
        raise ConnectError(Code.INVALID_ARGUMENT, "a process is selected by its pid")
    return int(selector.selector.value)
