"""A sandbox's processes live no longer than it, and it lives no longer than Deus."""

from __future__ import annotations

import asyncio
import os
import platform
import select
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.sandbox import HOME, Command, Ended, NetworkRefused, Sandbox, SandboxBusy, SandboxGone, State
from agents.sandbox import Network as Reach
from app.sandboxes import processes
from app.sandboxes.availability import found
from app.sandboxes.local import LocalSandboxes
from app.sandboxes.local_sandbox import LocalSandbox
from app.sandboxes.seccomp import filter_for
from app.sandboxes.spawning import spare_user, spawn
from tests.sandboxes import SMALL, needs_bubblewrap
from tests.scenarios.sandbox.users import begun_as, each_user

pytestmark = needs_bubblewrap
DAEMON = "import os,time\nif os.fork(): os._exit(0)\nos.setsid()\ntime.sleep(60)"


@pytest.fixture
async def provider() -> AsyncIterator[LocalSandboxes]:
    opened = LocalSandboxes(most=2)
    yield opened
    await opened.aclose()


@pytest.fixture
async def sandbox(provider: LocalSandboxes) -> LocalSandbox:
    return await provider.create(limits=SMALL)


def gone(pids: list[int]) -> bool:
    """No such process is there, or it waits only for its parent to hear of its end."""
    return all(not Path(f"/proc/{pid}").exists() or "Z (" in Path(f"/proc/{pid}/status").read_text() for pid in pids)


def states(pids: list[int]) -> set[str]:
    """What the processes do, in the kernel's letters."""
    return {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids}


def own_children() -> list[bytes]:
    """The command lines of this process's children."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]


async def written(command: Command, size: int) -> None:
    """Waits until a command has written that many bytes."""
    async for piece in command.output():
        size -= len(piece.data)
        if size <= 0:
            return
    raise AssertionError("it ended before")


async def begun(sandbox: Sandbox) -> list[int]:
    """The processes of a sandbox in which several run, one of them in a session of its own."""
    command = await sandbox.start(["sh", "-c", "setsid sleep 60 & sleep 60 & echo; wait"])
    await written(command, 1)
    assert isinstance(sandbox, LocalSandbox)
    return processes.tree(sandbox.first)


async def test_killing_it_returns_when_every_process_has_ended(sandbox: LocalSandbox) -> None:
    pids = await begun(sandbox)
    await sandbox.kill()
    assert len(pids) > 4
    assert gone(pids)


@each_user
def test_it_ends_with_deus_however_that_ends(user: int) -> None:
    read, write = os.pipe()

    async def work() -> None:
        provider = LocalSandboxes()
        sandbox = await provider.create(limits=SMALL)
        os.write(write, " ".join(map(str, await begun(sandbox))).encode())
        await asyncio.Event().wait()

    child, outcome = begun_as(user, work)
    os.close(write)
    pids = [int(pid) for pid in os.read(read, 4096).split()]
    fds = [os.pidfd_open(pid) for pid in pids]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for fd in fds:
        assert select.select([fd], [], [], 20)[0], "a process outlived Deus"
        os.close(fd)
    os.close(read)
    os.close(outcome)


async def test_while_it_is_paused_every_process_stands_still(sandbox: LocalSandbox) -> None:
    busy = "import os\nfor _ in range(4): os.fork()\nos.write(1, b'.')\nwhile True: pass"
    command = await sandbox.start(["python3", "-c", busy])
    await written(command, 16)
    await sandbox.pause()
    pids = processes.tree(sandbox.first)
    assert len(pids) > 16
    assert states(pids) == {"T"}
    await sandbox.resume()
    await command.kill()
    assert len(processes.tree(sandbox.first)) == 2


async def test_it_can_be_paused_while_commands_are_being_started(sandbox: LocalSandbox) -> None:
    # Python starts commands by vfork: a child that is stopped before it has become its command holds its parent.
    starting = "import os, subprocess\nos.write(1, b'.')\nwhile True: subprocess.run(['true'])"
    command = await sandbox.start(["python3", "-c", starting])
    await written(command, 1)
    for _ in range(20):
        await sandbox.pause()
        await sandbox.resume()
    await command.kill()
    assert len(processes.tree(sandbox.first)) == 2


async def test_a_command_whose_time_is_up_while_it_is_paused_ends_when_it_goes_on(sandbox: LocalSandbox) -> None:
    begun = asyncio.Event()
    running = asyncio.create_task(
        sandbox.run(["sh", "-c", "echo; exec sleep 60"], seconds=0.3, on_output=lambda _: begun.set())
    )
    await begun.wait()
    await sandbox.pause()
    done, _ = await asyncio.wait([running], timeout=0.6)
    assert not done
    await sandbox.resume()
    assert (await running).ended is Ended.TIME


async def test_code_that_ends_the_supervisor_ends_its_own_sandbox(sandbox: LocalSandbox) -> None:
    with pytest.raises(SandboxGone, match="ended by itself"):
        await sandbox.run(["sh", "-c", "kill -9 2; sleep 60"])
    assert sandbox.state is State.GONE


async def test_code_that_ends_its_minder_is_ended_all_the_same(sandbox: LocalSandbox) -> None:
    result = await sandbox.run(["python3", "-c", f"import os\nminder = os.getppid()\nos.kill(minder, 9)\n{DAEMON}"])
    assert (result.ended, result.code) == (Ended.EXITED, -9)
    assert len(processes.tree(sandbox.first)) == 2
    assert (await sandbox.run(["true"])).succeeded


async def test_a_stopped_supervisor_costs_the_sandbox_and_not_the_host(
    sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sandboxes.command.SECONDS_TO_END", 0.2)
    with pytest.raises(SandboxGone):
        await sandbox.run(["sh", "-c", "kill -STOP 2; exec sleep 60"], seconds=0.5)
    assert gone([sandbox.first])


async def test_a_stopped_supervisor_is_not_waited_for_with_a_file(
    sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sandboxes.transfer.SECONDS_TO_ANSWER", 0.2)
    os.kill(processes.tree(sandbox.first)[1], signal.SIGSTOP)
    with pytest.raises(SandboxGone):
        await sandbox.read("/etc/passwd")
    assert gone([sandbox.first])


async def test_a_pause_waits_for_files_on_their_way(sandbox: LocalSandbox) -> None:
    data = os.urandom(3_000_000)
    writing = asyncio.create_task(sandbox.write(f"{HOME}/x", data))
    await asyncio.sleep(0)
    await sandbox.pause()
    assert writing.done()
    await sandbox.resume()
    assert await sandbox.read(f"{HOME}/x") == data


async def test_there_are_as_many_as_allowed(provider: LocalSandboxes, sandbox: LocalSandbox) -> None:
    other = await provider.create(limits=SMALL)
    with pytest.raises(SandboxBusy):
        await provider.create(limits=SMALL)
    await other.kill()
    await provider.create(limits=SMALL)


async def test_a_network_is_refused_and_not_left_out(provider: LocalSandboxes) -> None:
    with pytest.raises(NetworkRefused):
        await provider.create(network=Reach(allow=frozenset({"example.com"})))
    assert await provider.list() == ()


async def test_what_cannot_be_watched_any_more_is_ended(sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(first: int) -> processes.Use:
        raise PermissionError(13, "hidden")

    monkeypatch.setattr(processes, "use", unreadable)
    with pytest.raises(SandboxGone, match="could no longer be watched"):
        await sandbox.run(["sleep", "60"])


async def test_its_loopback_is_its_own_and_works(sandbox: LocalSandbox) -> None:
    code = (
        "import socket\ns=socket.create_server(('127.0.0.1',0))\nc=socket.create_connection(s.getsockname())\n"
        "c.sendall(b'hi')\nprint(s.accept()[0].recv(2))"
    )
    assert (await sandbox.run(["python3", "-c", code], folder=HOME)).out == b"b'hi'\n"


async def test_a_start_that_is_cancelled_leaves_nothing(provider: LocalSandboxes) -> None:
    starting = asyncio.create_task(provider.create(limits=SMALL))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await provider.list() == ()
    assert not [line for line in own_children() if b"bwrap" in line]


def started() -> set[int]:
    """Every process of the machine that is a start of a sandbox, whoever its parent is."""
    pids = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            pids |= {int(name)} if str(SMALL.file + 1).encode() in line else set()
    return pids


def test_a_start_that_is_given_up_early_leaves_nothing() -> None:
    bwrap, seccomp = found("bwrap"), filter_for(platform.machine())
    assert bwrap is not None
    assert seccomp is not None
    for delay in range(25):
        spawned = spawn(bwrap, replace(SMALL, file=SMALL.file + 1), seccomp, spare_user())
        select.select([], [], [], delay / 5000)
        spawned.discard()
        assert started() == set()
