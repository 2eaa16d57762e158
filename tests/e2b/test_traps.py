"""What goes wrong with E2B, and what it is called here. Each is a trap of its SDK or of a line that breaks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agents.errors import StepFailed
from agents.sandbox import HOME, Ended, Ending, Output, SandboxBusy, SandboxGone, SandboxUnavailable, State
from app.sandboxes import e2b_line
from app.sandboxes.e2b import E2BSandboxes
from app.sandboxes.e2b_errors import SandboxUnreachable
from app.sandboxes.e2b_sandbox import E2BSandbox
from tests.e2b.conftest import provider_of
from tests.e2b.service import KEY, LoopbackE2B
from tests.sandboxes import SMALL, needs_bubblewrap

pytestmark = needs_bubblewrap


async def test_output_that_is_no_text_comes_as_it_is(sandbox: E2BSandbox) -> None:
    every = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000); sys.stderr.buffer.write(b'\\xff\\xfe\\n')"
    result = await sandbox.run(["python3", "-c", every])
    assert (result.out, result.err) == (bytes(range(256)) * 1000, b"\xff\xfe\n")


async def test_no_key_no_request(service: LoopbackE2B, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2B_API_KEY", KEY)
    for key in ("", None):
        with pytest.raises(SandboxUnavailable, match="DEUS_E2B_API_KEY"):
            await E2BSandboxes(key, api_url=service.url, sandbox_url=service.url).create(limits=SMALL)
    assert service.sent == []


async def test_the_sdks_debugging_is_never_on(service: LoopbackE2B, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2B_DEBUG", "true")
    made = await provider_of(service).create(limits=SMALL)
    assert made.id in service.sandboxes
    await made.kill()
    assert service.sandboxes == {}


async def test_a_refused_key_is_the_users_to_mend(service: LoopbackE2B) -> None:
    wrong = provider_of(service, key="e2b_" + "f" * 32)
    for asked in (wrong.create(limits=SMALL), wrong.list(), wrong.connect("i123")):
        with pytest.raises(SandboxUnavailable, match="refused the key") as refused:
            await asked
        assert "DEUS_E2B_API_KEY" in str(refused.value.remedy)
        assert "ffff" not in str(refused.value)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_service_without_room_is_busy_at_once(
    service: LoopbackE2B, provider: E2BSandboxes, status: int
) -> None:
    service.fail("POST /v2/sandboxes", status, "you have reached the maximum number of sandboxes", times=9)
    with pytest.raises(SandboxBusy):
        await provider.create(limits=SMALL)
    assert len(service.to("POST /v2/sandboxes")) == 1


async def test_the_plans_limit_is_busy_and_then_over(service: LoopbackE2B, provider: E2BSandboxes) -> None:
    service.most = 1
    first = await provider.create(limits=SMALL)
    with pytest.raises(SandboxBusy, match="maximum number"):
        await provider.create(limits=SMALL)
    await first.kill()
    await (await provider.create(limits=SMALL)).kill()
    service.most = 9
    few = provider_of(service, most=1)
    one = await few.create(limits=SMALL)
    with pytest.raises(SandboxBusy, match="1 sandboxes run already"):
        await few.create(limits=SMALL)
    await one.kill()


async def test_a_template_that_is_not_there_is_the_users_to_mend(service: LoopbackE2B) -> None:
    with pytest.raises(SandboxUnavailable, match="'mine'") as refused:
        await provider_of(service, template="mine").create(limits=SMALL)
    assert "DEUS_E2B_TEMPLATE" in str(refused.value.remedy)


async def test_a_template_without_python_is_the_users_to_mend_and_nothing_is_left(
    service: LoopbackE2B, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e2b_line, "program", lambda *_, **__: "exec no-python3")
    with pytest.raises(SandboxUnavailable, match=r"no-python3: (command )?not found") as refused:
        await provider_of(service).create(limits=SMALL)
    assert "DEUS_E2B_TEMPLATE" in str(refused.value.remedy)
    assert service.sandboxes == {}


async def test_a_failure_of_e2b_is_no_fault_of_the_user(service: LoopbackE2B, provider: E2BSandboxes) -> None:
    service.fail("POST /v2/sandboxes", 500, "internal e2b_0123456789 error")
    with pytest.raises(StepFailed, match=r"E2B failed while making a sandbox: 500: internal … error"):
        await provider.create(limits=SMALL)


async def test_what_cannot_be_reached_says_so() -> None:
    nowhere = "http://127.0.0.1:9"
    with pytest.raises(SandboxUnreachable, match="could not be reached while making a sandbox"):
        await E2BSandboxes(KEY, api_url=nowhere, sandbox_url=nowhere).create(limits=SMALL)


async def test_a_dead_sandbox_does_not_read_as_a_command_that_took_too_long(
    service: LoopbackE2B, sandbox: E2BSandbox
) -> None:
    begun = asyncio.Event()
    running = asyncio.create_task(sandbox.run(["sh", "-c", "echo hi; exec sleep 60"], on_output=lambda _: begun.set()))
    await begun.wait()
    await service.end(sandbox.id)
    with pytest.raises(SandboxGone) as gone:
        await running
    assert gone.value.ending is Ending.LOST
    assert sandbox.state is State.GONE


async def test_a_sandbox_that_e2b_has_paused_is_gone_for_who_held_it_and_can_be_had_again(
    service: LoopbackE2B, provider: E2BSandboxes
) -> None:
    made = await provider.create(limits=SMALL)
    await made.write("/home/user/kept", b"1")
    await provider.aclose()
    service.expire(made.id)
    await asyncio.wait(service.ending)
    assert [info.state for info in await provider.list()] == [State.PAUSED]
    again = await provider.connect(made.id)
    assert again.state is State.RUNNING
    assert await again.read("/home/user/kept") == b"1"
    await again.kill()


async def test_a_line_that_breaks_is_mended_and_nothing_is_lost(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    count = "i=0; while [ $i -lt 1500 ]; do echo $i; i=$((i+1)); done"
    waited = f"{count}; until [ -e {HOME}/go ]; do sleep 0.05; done; {count}"
    begun = asyncio.Event()
    running = asyncio.create_task(sandbox.run(["sh", "-c", waited], on_output=lambda _: begun.set()))
    await begun.wait()
    service.cut()
    await sandbox.write(f"{HOME}/go", b"")
    result = await running
    assert (result.ended, result.code) == (Ended.EXITED, 0)
    assert result.out.split() == [str(number).encode() for number in range(1500)] * 2
    assert len(service.to("POST /process.Process/Start")) > 1


async def test_what_is_given_arrives_in_order_while_the_line_is_mended(
    service: LoopbackE2B, provider: E2BSandboxes
) -> None:
    sandbox = await provider.create(limits=replace(SMALL, output=4_000_000))
    given = b"".join(b"%07d\n" % number for number in range(250_000))
    seen = 0

    def broken(_: Output) -> None:
        nonlocal seen
        seen += 1
        if seen in (1, 4, 9):
            service.cut()

    result = await sandbox.run(["cat"], given=given, on_output=broken)
    assert result.ended is Ended.EXITED
    assert result.out == given


@pytest.mark.parametrize("pieces", [1, 2, 5])
async def test_output_that_is_lost_on_its_way_is_sent_again(
    service: LoopbackE2B, provider: E2BSandboxes, monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    monkeypatch.setattr(e2b_line, "SECONDS_QUIET", 0.05)
    sandbox = await provider.create(limits=SMALL)
    machine = service.sandboxes[sandbox.id].machine
    lost = False

    def losing(_: Output) -> None:
        nonlocal lost
        if not lost:
            lost, machine.losing = True, pieces

    count = "i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i+1)); done"
    result = await sandbox.run(["sh", "-c", count], on_output=losing)
    assert result.out.split() == [str(number).encode() for number in range(1000)]
    # The very last word is lost as well.
    machine.losing = pieces
    assert (await sandbox.run(["echo", "last"])).out == b"last\n"
    assert machine.losing == 0


async def test_closing_is_not_held_up_by_a_line_that_breaks_while_it_is_mended(
    service: LoopbackE2B, provider: E2BSandboxes
) -> None:
    sandbox = await provider.create(limits=SMALL)
    running = asyncio.create_task(sandbox.run(["sleep", "60"]))
    await service.came("POST /process.Process/SendInput")
    service.sandboxes[sandbox.id].machine.losing = 1_000_000
    before = len(service.to("POST /process.Process/Start"))
    service.cut()
    while len(service.to("POST /process.Process/Start")) == before:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    closing = asyncio.create_task(provider.aclose())
    await asyncio.sleep(0)
    service.cut()
    async with asyncio.timeout(30):
        await closing
    running.cancel()
    await asyncio.wait({running})


async def test_a_machine_that_stands_still_does_not_hold_up_its_commands_limit(
    service: LoopbackE2B, sandbox: E2BSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sandboxes.command.SECONDS_TO_END", 0.2)
    running = asyncio.create_task(sandbox.run(["sleep", "60"], seconds=0.3))
    await service.came("POST /process.Process/SendInput")
    box = await service.sandboxes[sandbox.id].machine.box()
    await box.pause()
    with pytest.raises(SandboxGone, match="stopped answering"):
        await running
    assert service.sandboxes == {}


async def test_a_request_that_fails_on_its_way_is_sent_again_and_arrives_once(
    service: LoopbackE2B, sandbox: E2BSandbox
) -> None:
    service.fail("POST /process.Process/SendInput", 504, "gateway timeout", times=1)
    given = bytes(range(256)) * 3000
    result = await sandbox.run(["cat"], given=given)
    assert result.out == given[: SMALL.output]
    await sandbox.write("/home/user/all", given)
    service.fail("POST /process.Process/SendInput", 500, "internal", times=2)
    assert await sandbox.read("/home/user/all") == given
    assert sandbox.state is State.RUNNING


async def test_a_line_that_cannot_be_mended_ends_the_sandbox(
    service: LoopbackE2B, sandbox: E2BSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e2b_line, "SECONDS_BEFORE_TRIES", (0.0, 0.01))
    service.fail("POST /process.Process/Start", 500, "internal", times=9)
    running = asyncio.create_task(sandbox.run(["sleep", "60"]))
    await service.came("POST /process.Process/SendInput")
    service.cut()
    with pytest.raises(SandboxGone, match="stopped answering"):
        await running
    assert service.sandboxes == {}


# Our processes inside, in the order of their start: the command that joined, the carrier, the supervisor.
OURS = "ps -e -o pid=,args= | grep '[d]eus-carrier' | sort -n | awk '{{print $1}}' | sed -n {}p"


async def test_a_killed_command_that_joined_is_stood_in_for(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    result = await sandbox.run(["sh", "-c", f"kill -9 $({OURS.format(1)}); sleep 0.1; echo on"])
    assert result.out == b"on\n"
    assert len(service.to("POST /process.Process/Start")) == 2


@pytest.mark.parametrize("which", [2, 3])
async def test_a_killed_carrier_or_supervisor_ends_the_sandbox(
    service: LoopbackE2B, sandbox: E2BSandbox, which: int
) -> None:
    with pytest.raises(SandboxGone):
        await sandbox.run(["sh", "-c", f"kill -9 $({OURS.format(which)}); sleep 60"])
    assert service.sandboxes == {}


async def test_who_does_not_know_the_secret_does_not_join(sandbox: E2BSandbox) -> None:
    knock = """
import re, socket
(name,) = set(re.findall(r"@(deus-carrier-[0-9a-f]{8})", open("/proc/net/unix").read()))
for said in (b"R 0\\n", b"T \\nR 0\\n", b"T 00\\nQ\\n", b"Q\\n", b"x" * 5000):
    end = socket.socket(socket.AF_UNIX)
    end.connect("\\0" + name)
    end.sendall(said)
    try:
        print(end.recv(99))
    except ConnectionResetError:
        print(b"")
held = [socket.socket(socket.AF_UNIX) for _ in range(50)]
for end in held:
    end.connect("\\0" + name)
"""
    result = await sandbox.run(["python3", "-c", knock])
    assert (result.out, result.err) == (b"b''\n" * 5, b"")
    assert (await sandbox.run(["echo", "on"])).out == b"on\n"


async def test_a_sandbox_that_comes_when_nobody_waits_any_more_is_ended(
    service: LoopbackE2B, provider: E2BSandboxes
) -> None:
    creating = asyncio.create_task(provider.create(limits=SMALL))
    await service.came("POST /v2/sandboxes")
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert service.sandboxes == {}
    assert service.to("DELETE /sandboxes/")


async def test_a_sandbox_that_cannot_be_ended_is_told_of_and_can_be_ended_later(
    service: LoopbackE2B, sandbox: E2BSandbox
) -> None:
    service.fail("DELETE /sandboxes/", 500, "internal", times=2)
    with pytest.raises(StepFailed, match="E2B failed while ending a sandbox"):
        await sandbox.kill()
    assert sandbox.state is State.GONE
    assert sandbox.id in service.sandboxes
    await sandbox.kill()
    assert service.sandboxes == {}


async def test_pausing_that_fails_leaves_it_running(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    service.fail(f"POST /sandboxes/{sandbox.id}/pause", 500, "internal")
    with pytest.raises(StepFailed):
        await sandbox.pause()
    assert sandbox.state is State.RUNNING
    assert (await sandbox.run(["echo", "here"])).out == b"here\n"


@pytest.mark.parametrize("forgetful", [False, True])
async def test_a_command_goes_on_over_a_pause_with_all_its_output(
    service: LoopbackE2B, sandbox: E2BSandbox, forgetful: bool
) -> None:
    service.forgetful = forgetful
    loop = "i=0; while [ $i -lt 400 ]; do echo $i; i=$((i+1)); sleep 0.001; done"
    command = await sandbox.start(["sh", "-c", loop])
    pieces = command.output()
    seen = [await anext(pieces)]
    await sandbox.pause()
    await sandbox.resume()
    async for piece in pieces:
        seen.append(piece)
    assert b"".join(piece.data for piece in seen).split() == [str(number).encode() for number in range(400)]
    assert (await command.wait()).succeeded


async def test_the_limits_of_processes_hold_inside(sandbox: E2BSandbox) -> None:
    result = await sandbox.run(["bash", "-c", "ulimit -Hc; ulimit -Hu; ulimit -Hn; ulimit -Hf"])
    limits = (0, SMALL.processes, min(1024, SMALL.descriptors), SMALL.file // 1024)
    assert result.out.split() == [str(limit).encode() for limit in limits]


async def test_its_time_is_kept_here_while_it_is_paused_too(service: LoopbackE2B, provider: E2BSandboxes) -> None:
    made = await provider.create(limits=replace(SMALL, lifetime_seconds=0.4))
    await made.pause()
    await asyncio.wait_for(made.life, 20)
    with pytest.raises(SandboxGone, match="time was up"):
        await made.resume()
    assert service.sandboxes == {}
