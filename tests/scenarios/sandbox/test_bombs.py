"""What uses more than it may is held or ended, and the host hardly feels it. Small limits, some seconds at most."""

from __future__ import annotations

from agents.sandbox import MIB, Ended, Ending, Result, SandboxGone
from app.sandboxes import processes
from app.sandboxes.local import LocalSandboxes
from app.sandboxes.local_sandbox import LocalSandbox
from tests.sandboxes import SMALL, needs_bubblewrap
from tests.scenarios.sandbox import bombs
from tests.scenarios.sandbox.users import each_user, run_as

pytestmark = needs_bubblewrap


async def thrown(bomb: str, seconds: float = 5.0) -> Result | Ending:
    """How a program ended, or how it ended its sandbox; afterwards nothing of it is left on the host."""
    provider = LocalSandboxes()
    try:
        sandbox = await provider.create(limits=SMALL)
        try:
            result = await sandbox.run(["python3", "-c", bomb], seconds=seconds)
            assert left(sandbox) == 0
            assert (await sandbox.run(["true"])).succeeded
            return result
        except SandboxGone as gone:
            assert processes.parent(sandbox.first) == 0
            return gone.ending
    finally:
        await provider.aclose()


def left(sandbox: LocalSandbox) -> int:
    """How many processes a sandbox has besides its own two."""
    return len(processes.tree(sandbox.first)) - 2


@each_user
def test_a_fork_bomb_stays_small_and_is_gone_with_its_command(user: int) -> None:
    async def work() -> tuple[int, Result | Ending]:
        provider = LocalSandboxes()
        try:
            sandbox = await provider.create(limits=SMALL)
            command = await sandbox.start(["python3", "-c", bombs.FORKS])
            most = 0
            while most < SMALL.processes - 4:
                most = max(most, left(sandbox))
                assert (await sandbox.read("/proc/uptime")) != b""
            await command.kill()
            try:
                assert left(sandbox) == 0
                return most, await command.wait()
            except SandboxGone as gone:
                return most, gone.ending
        finally:
            await provider.aclose()

    most, outcome = run_as(user, work)
    assert SMALL.processes - 4 <= most <= SMALL.processes
    # It is swept away within its sandbox; if that were ever too slow, the sandbox would go with it.
    assert outcome is Ending.LOST or (isinstance(outcome, Result) and outcome.ended is Ended.KILLED)


@each_user
def test_more_memory_than_allowed_ends_the_program_or_the_sandbox(user: int) -> None:
    outcome = run_as(user, lambda: thrown(bombs.MEMORY))
    assert outcome is Ending.MEMORY or (isinstance(outcome, Result) and b"MemoryError" in outcome.err)


@each_user
def test_more_memory_over_several_processes_ends_the_sandbox(user: int) -> None:
    assert run_as(user, lambda: thrown(bombs.TREE)) is Ending.MEMORY


@each_user
def test_memory_that_processes_share_is_counted_once(user: int) -> None:
    outcome = run_as(user, lambda: thrown(bombs.SHARED, 15))
    assert isinstance(outcome, Result)
    assert outcome.out == b"alive\n"


@each_user
def test_every_place_that_can_be_written_to_is_bounded(user: int) -> None:
    outcome = run_as(user, lambda: thrown(bombs.DISK, 15))
    assert isinstance(outcome, Result)
    most = (SMALL.disk + SMALL.temporary + SMALL.shared) // MIB + 1
    assert most - 8 <= int(outcome.out) <= most


@each_user
def test_more_files_than_allowed_end_the_sandbox(user: int) -> None:
    assert run_as(user, lambda: thrown(bombs.FILES, 12)) is Ending.DISK


@each_user
def test_more_sockets_than_allowed_end_the_sandbox(user: int) -> None:
    assert run_as(user, lambda: thrown(bombs.SOCKETS, 12)) is Ending.DESCRIPTORS
