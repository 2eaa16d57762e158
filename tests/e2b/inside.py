"""What envd does inside a machine of E2B, as a program: starts processes, hands on their input and output, signals one.

It runs in a local sandbox. Each order is a file of JSON that appears in the folder it is given; what it says is lines
of JSON. As envd does, a signal goes to one process alone, a process's end is told when its output has ended, too, and
whatever a process leaves behind lives on.
"""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import select
import struct
import subprocess
import sys
from typing import Any

CLOSED_AFTER_WRITING = 8
EVENT = struct.Struct("iIII")
PIECE = 32768
libc = ctypes.CDLL(None, use_errno=True)


class Process:
    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.popen = popen
        pipes = ((popen.stdout, "out"), (popen.stderr, "err"))
        self.outputs = {pipe.fileno(): name for pipe, name in pipes if pipe is not None}
        self.waiting = b""
        self.closing = False


class Machine:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.orders = libc.inotify_init1(0)
        libc.inotify_add_watch(self.orders, folder.encode(), CLOSED_AFTER_WRITING)
        self.processes: dict[int, Process] = {}

    def say(self, **told: Any) -> None:
        data = memoryview(json.dumps(told).encode() + b"\n")
        while data:
            data = data[os.write(1, data) :]

    def serve(self) -> None:
        self.say(ready=True)
        while True:
            poll = select.poll()
            poll.register(self.orders, select.POLLIN)
            owners: dict[int, Process] = {}
            for process in self.processes.values():
                for fd in process.outputs:
                    poll.register(fd, select.POLLIN)
                    owners[fd] = process
                if process.popen.stdin and (process.waiting or process.closing):
                    poll.register(process.popen.stdin.fileno(), select.POLLOUT)
                    owners[process.popen.stdin.fileno()] = process
            ended = any(not process.outputs for process in self.processes.values())
            for fd, _ in poll.poll(5 if ended else 1000):
                if fd == self.orders:
                    self.read_orders()
                elif fd in owners[fd].outputs:
                    self.relay(owners[fd], fd)
                else:
                    self.feed(owners[fd])
            for process in list(self.processes.values()):
                if not process.outputs and process.popen.poll() is not None:
                    self.finish(process)

    def read_orders(self) -> None:
        data = os.read(self.orders, 65536)
        at = 0
        while at < len(data):
            _, _, _, size = EVENT.unpack_from(data, at)
            name = data[at + EVENT.size : at + EVENT.size + size].rstrip(b"\0").decode()
            at += EVENT.size + size
            path = os.path.join(self.folder, name)
            with open(path, encoding="utf-8") as file:
                order = json.load(file)
            os.unlink(path)
            getattr(self, "do_" + order.pop("do"))(**order)

    def do_start(self, id: int, argv: list[str], environment: dict[str, str], folder: str, stdin: bool) -> None:
        if not os.path.isdir(folder):
            return self.say(id=id, error=f"cwd '{folder}' does not exist")
        known = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/user", "USER": "user", "LOGNAME": "user"}
        given = subprocess.PIPE if stdin else subprocess.DEVNULL
        try:
            popen = subprocess.Popen(
                argv,
                cwd=folder,
                env={**known, **environment},
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            return self.say(id=id, error=str(error))
        if popen.stdin:
            fd = popen.stdin.fileno()
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
        self.processes[popen.pid] = Process(popen)
        return self.say(id=id, pid=popen.pid)

    def do_input(self, pid: int, data: str) -> None:
        if pid in self.processes:
            self.processes[pid].waiting += base64.b64decode(data)

    def do_close(self, pid: int) -> None:
        if pid in self.processes:
            self.processes[pid].closing = True

    def do_signal(self, pid: int, number: int) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return

    def relay(self, process: Process, fd: int) -> None:
        data = os.read(fd, PIECE)
        if not data:
            del process.outputs[fd]
            return
        self.say(pid=process.popen.pid, stream=process.outputs[fd], data=base64.b64encode(data).decode())

    def feed(self, process: Process) -> None:
        stdin = process.popen.stdin
        if stdin is None:
            return
        try:
            if process.waiting:
                process.waiting = process.waiting[os.write(stdin.fileno(), process.waiting) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            process.waiting, process.closing = b"", True
        if process.closing and not process.waiting:
            os.close(os.dup(stdin.fileno()))
            stdin.close()
            process.popen.stdin = None

    def finish(self, process: Process) -> None:
        code = process.popen.returncode
        status = f"exit status {code}" if code >= 0 else f"signal: {-code}"
        del self.processes[process.popen.pid]
        self.say(pid=process.popen.pid, end=code if code >= 0 else -1, status=status, exited=code >= 0)


if __name__ == "__main__":
    Machine(sys.argv[1]).serve()
