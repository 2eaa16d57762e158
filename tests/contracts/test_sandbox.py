"""What every provider of sandboxes keeps to."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path

import pytest

from agents.sandbox import (
    HOME,
    CommandRefused,
    Ended,
    EntryKind,
    FileRefused,
    Mount,
    Output,
    Sandbox,
    Sandboxes,
    SandboxGone,
    SandboxPaused,
    State,
    Stream,
)
from app.sandboxes.local import LocalSandboxes
from tests.e2b.providers import at_e2b, needs_key, on_loopback
from tests.sandboxes import SMALL, needs_bubblewrap

MARKED = {"run": "run_1", "workspace": "acme"}


@contextlib.asynccontextmanager
async def on_this_machine() -> AsyncIterator[Sandboxes]:
    opened = LocalSandboxes()
    yield opened
    await opened.aclose()


PROVIDERS = {"local": on_this_machine, "e2b": on_loopback, "e2b-live": at_e2b}


@pytest.fixture(
    params=[
        pytest.param("local", marks=needs_bubblewrap),
        pytest.param("e2b", marks=needs_bubblewrap),
        pytest.param("e2b-live", marks=needs_key),
    ]
)
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Sandboxes]:
    async with PROVIDERS[request.param]() as opened:
        yield opened


@pytest.fixture
async def sandbox(provider: Sandboxes) -> AsyncIterator[Sandbox]:
    made = await provider.create(limits=SMALL, metadata=MARKED)
    yield made
    await made.kill()


# The word comes reversed, so that this very program does not find itself.
LOOK = """
import os, sys
word = sys.argv[1][::-1].encode()
lines = [open(f"/proc/{pid}/cmdline", "rb").read() for pid in os.listdir("/proc") if pid.isdigit()]
print(any(word in line for line in lines))
"""


async def alive(sandbox: Sandbox, word: str) -> bool:
    """Whether a process whose command line holds the word runs inside."""
    result = await sandbox.run(["python3", "-c", LOOK, word[::-1]])
    assert result.succeeded, result.err
    return result.out.strip() == b"True"


async def test_a_command_says_how_it_ended_and_what_it_wrote(sandbox: Sandbox) -> None:
    result = await sandbox.run(["sh", "-c", "echo one; echo two >&2; exit 3"])
    assert (result.ended, result.code, result.out, result.err) == (Ended.EXITED, 3, b"one\n", b"two\n")
    assert not result.succeeded
    assert (await sandbox.run(["true"])).succeeded


async def test_a_command_that_was_ended_by_a_signal_has_its_number(sandbox: Sandbox) -> None:
    assert (await sandbox.run(["sh", "-c", "kill -SEGV $$"])).code == -11


async def test_words_reach_a_command_as_they_are(sandbox: Sandbox) -> None:
    words = ["a b", "$HOME", "'", '"', "*", "\n", "", "ä", "; exit 1"]
    result = await sandbox.run(["python3", "-c", "import sys; print(ascii(sys.argv[1:]))", *words])
    assert result.out.decode().strip() == ascii(words)


async def test_a_command_gets_its_folder_its_environment_and_its_input(sandbox: Sandbox) -> None:
    await sandbox.write(f"{HOME}/deep/er/x", b"")
    given = os.urandom(400_000)
    result = await sandbox.run(
        ["sh", "-c", 'pwd; echo "$A"; wc -c'], folder=f"{HOME}/deep/er", environment={"A": "1=2"}, given=given
    )
    assert result.out.split() == [f"{HOME}/deep/er".encode(), b"1=2", b"400000"]
    assert (await sandbox.run(["cat"])).out == b""
    assert (await sandbox.run(["true"], given=given)).succeeded


async def test_output_comes_while_the_command_runs(sandbox: Sandbox) -> None:
    command = await sandbox.start(
        ["sh", "-c", f"echo here; while [ ! -e {HOME}/go ]; do sleep 0.05; done; echo gone >&2"]
    )
    seen: list[Output] = []
    async for piece in command.output():
        seen.append(piece)
        if len(seen) == 1:
            await sandbox.write(f"{HOME}/go", b"")
    assert seen == [Output(Stream.OUT, b"here\n"), Output(Stream.ERR, b"gone\n")]
    assert (await command.wait()).succeeded
    told: list[Output] = []
    await sandbox.run(["echo", "hi"], on_output=told.append)
    assert told == [Output(Stream.OUT, b"hi\n")]


async def test_what_listens_to_output_may_fail_and_the_command_ends(sandbox: Sandbox) -> None:
    def fails(_: Output) -> None:
        raise LookupError("a bug of the caller")

    with pytest.raises(LookupError):
        await sandbox.run(["sh", "-c", "echo hi; exec sleep 987651"], on_output=fails)
    assert not await alive(sandbox, "987651")


@pytest.mark.parametrize("script", ["exec sleep 987652", "trap '' TERM INT HUP; while :; do sleep 0.05; done # 987652"])
async def test_time_is_kept_on_this_side_whatever_the_command_ignores(sandbox: Sandbox, script: str) -> None:
    result = await sandbox.run(["sh", "-c", f"echo began; {script}"], seconds=0.5)
    assert (result.ended, result.out) == (Ended.TIME, b"began\n")
    assert not await alive(sandbox, "987652")


async def test_a_flood_of_output_is_cut_and_its_command_ended(sandbox: Sandbox) -> None:
    result = await sandbox.run(["yes"])
    assert result.ended is Ended.OUTPUT
    assert len(result.out) == SMALL.output


async def test_a_command_that_ends_by_itself_while_it_is_ended_was_started_all_the_same(sandbox: Sandbox) -> None:
    for more in range(12):
        result = await sandbox.run(["head", "-c", str(SMALL.output + 1 + more * 4096), "/dev/zero"])
        assert result.ended is Ended.OUTPUT
        assert len(result.out) == SMALL.output


async def test_a_daemon_does_not_outlive_its_command_and_does_not_hold_it_up(sandbox: Sandbox) -> None:
    daemon = "import os,time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(987653)"
    result = await sandbox.run(["python3", "-c", daemon])
    assert result.ended is Ended.EXITED
    assert not await alive(sandbox, "987653")


async def test_cancelling_ends_the_command(sandbox: Sandbox) -> None:
    begun = asyncio.Event()
    running = asyncio.create_task(
        sandbox.run(["sh", "-c", "echo hi; exec sleep 987654"], on_output=lambda _: begun.set())
    )
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not await alive(sandbox, "987654")


async def test_a_command_in_the_background_runs_beside_others_until_it_is_ended(sandbox: Sandbox) -> None:
    command = await sandbox.start(["sh", "-c", "sleep 987655 & exec sleep 987655"])
    assert await alive(sandbox, "987655")
    await command.kill()
    assert (await command.wait()).ended is Ended.KILLED
    assert not await alive(sandbox, "987655")
    await command.kill()


@pytest.mark.parametrize(
    ("argv", "folder"), [(["no-such-program"], HOME), (["/etc/passwd"], HOME), (["true"], "/not/there"), ([], HOME)]
)
async def test_a_command_that_cannot_start_is_refused(sandbox: Sandbox, argv: list[str], folder: str) -> None:
    with pytest.raises(CommandRefused):
        await sandbox.run(argv, folder=folder)
    with pytest.raises(CommandRefused):
        await sandbox.start(argv, folder=folder)
    assert (await sandbox.run(["true"])).succeeded


async def test_files_are_written_and_read(sandbox: Sandbox) -> None:
    data = os.urandom(2_500_000)
    await sandbox.write(f"{HOME}/a/b/data", data)
    assert await sandbox.read(f"{HOME}/a/b/data") == data
    await sandbox.write(f"{HOME}/a/b/data", b"short")
    assert await sandbox.read(f"{HOME}/a/b/data") == b"short"
    await sandbox.write(f"{HOME}/tool", b"#!/bin/sh\necho works", executable=True)
    assert (await sandbox.run([f"{HOME}/tool"])).out == b"works\n"


@pytest.mark.parametrize(
    "made",
    [
        "true",
        "mkdir x",
        "mkfifo x",
        "ln -s /dev/zero x",
        "ln -s /etc/shadow x",
        "ln -s x x",
        "head -c 2000 /dev/urandom > x",
    ],
)
async def test_what_is_no_plain_file_of_the_size_is_not_read(sandbox: Sandbox, made: str) -> None:
    assert (await sandbox.run(["sh", "-c", made])).succeeded
    with pytest.raises(FileRefused):
        await sandbox.read(f"{HOME}/x", most=1000)


@pytest.mark.parametrize("path", ["relative", f"{HOME}/nul\0", ""])
async def test_a_path_that_is_none_is_refused(sandbox: Sandbox, path: str) -> None:
    with pytest.raises(FileRefused):
        await sandbox.read(path)
    with pytest.raises(FileRefused):
        await sandbox.write(path, b"")
    with pytest.raises(FileRefused):
        await sandbox.list(path)


async def test_a_folder_is_listed_and_its_links_are_not_followed(sandbox: Sandbox) -> None:
    await sandbox.run(
        ["sh", "-c", "mkdir -p x/sub; printf abc > x/file; chmod +x x/file; ln -s /etc x/link; mkfifo x/pipe"]
    )
    found = await sandbox.list(f"{HOME}/x")
    assert [(entry.name, entry.kind) for entry in found] == [
        ("file", EntryKind.FILE),
        ("link", EntryKind.LINK),
        ("pipe", EntryKind.OTHER),
        ("sub", EntryKind.FOLDER),
    ]
    assert (found[0].size, found[0].executable) == (3, True)


async def test_a_folder_goes_in_and_comes_out(sandbox: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "a.txt").write_bytes(b"a" * 1_200_000)
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    (source / "secret").symlink_to("/etc/passwd")
    await sandbox.upload(source, f"{HOME}/in")
    taken = await sandbox.download(f"{HOME}/in", tmp_path / "out")
    assert (taken.files, taken.left) == (("deep/a.txt", "run.sh"), ())
    assert (tmp_path / "out" / "deep" / "a.txt").read_bytes() == b"a" * 1_200_000
    assert os.access(tmp_path / "out" / "run.sh", os.X_OK)
    assert not os.access(tmp_path / "out" / "deep" / "a.txt", os.X_OK)


async def test_links_pipes_and_odd_names_stay_inside(sandbox: Sandbox, tmp_path: Path) -> None:
    made = 'mkdir x; cd x; ln -s /etc/passwd link; ln -s / root; mkfifo pipe; printf a > plain; touch "$1"'
    assert (await sandbox.run(["sh", "-c", made, "sh", "a\nb"])).succeeded
    taken = await sandbox.download(f"{HOME}/x", tmp_path / "out")
    assert taken.files == ("plain",)
    assert taken.left == ("a\nb", "link", "pipe", "root")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["plain"]


async def test_a_folder_that_is_too_large_does_not_come_out(sandbox: Sandbox, tmp_path: Path) -> None:
    await sandbox.run(["sh", "-c", "mkdir x; head -c 60000 /dev/urandom > x/a; head -c 60000 /dev/urandom > x/b"])
    with pytest.raises(FileRefused):
        await sandbox.download(f"{HOME}/x", tmp_path / "out", most=100_000)


async def test_nothing_runs_while_it_is_paused_and_it_goes_on_where_it_was(sandbox: Sandbox) -> None:
    counting = "i=0; while :; do i=$((i+1)); echo $i > n; sleep 0.01; done"
    command = await sandbox.start(["sh", "-c", counting])
    await sandbox.pause()
    assert sandbox.state.value == State.PAUSED.value
    for asked in (sandbox.run(["true"]), sandbox.read(f"{HOME}/n"), sandbox.list(HOME), sandbox.pause()):
        with pytest.raises(SandboxPaused):
            await asked
    await sandbox.resume()
    assert sandbox.state is State.RUNNING
    assert (await sandbox.run(["true"])).succeeded
    await command.kill()


async def test_a_sandbox_that_was_ended_says_so(provider: Sandboxes, sandbox: Sandbox) -> None:
    command = await sandbox.start(["sleep", "60"])
    await sandbox.kill()
    assert sandbox.state is State.GONE
    with pytest.raises(SandboxGone, match="It was ended"):
        await command.wait()
    for asked in (sandbox.run(["true"]), sandbox.read(f"{HOME}/n"), sandbox.pause(), sandbox.resume()):
        with pytest.raises(SandboxGone):
            await asked
    await sandbox.kill()
    assert sandbox.id not in {info.id for info in await provider.list()}
    with pytest.raises(SandboxGone):
        await provider.connect(sandbox.id)


async def test_a_paused_sandbox_can_be_ended(sandbox: Sandbox) -> None:
    await sandbox.pause()
    await sandbox.kill()
    assert sandbox.state is State.GONE


async def test_the_provider_knows_its_sandboxes(provider: Sandboxes, sandbox: Sandbox) -> None:
    other = await provider.create(limits=SMALL)
    known = {info.id: info for info in await provider.list()}
    assert known[sandbox.id].metadata == MARKED
    assert sandbox.metadata == MARKED
    assert set(known) == {sandbox.id, other.id}
    again = await provider.connect(sandbox.id)
    assert again.id == sandbox.id
    await sandbox.write(f"{HOME}/mine", b"1")
    with pytest.raises(FileRefused):
        await other.read(f"{HOME}/mine")


async def test_its_time_ends_it(provider: Sandboxes) -> None:
    made = await provider.create(limits=replace(SMALL, lifetime_seconds=0.3))
    with pytest.raises(SandboxGone, match="time was up"):
        await made.run(["sleep", "30"])


async def test_ten_run_side_by_side(provider: Sandboxes) -> None:
    async def one(number: int) -> bytes:
        made = await provider.create(limits=SMALL)
        try:
            return (await made.run(["echo", str(number)])).out
        finally:
            await made.kill()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in range(10)]
    assert [task.result() for task in tasks] == [f"{number}\n".encode() for number in range(10)]
    assert await provider.list() == ()


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """A folder as Deus keeps them: for its own user alone, with a link to what is none of the sandbox's."""
    (tmp_path / "private").write_text("a secret of the host")
    folder = tmp_path / "evidence"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "rows.csv").write_text("a,b\n1,2\n")
    (folder / "deep" / "er" / "blob").write_bytes(bytes(range(256)) * 8000)
    (folder / "run.sh").write_text("#!/bin/sh\necho works\n")
    (folder / "run.sh").chmod(0o4755)
    (folder / "link").symlink_to(tmp_path / "private")
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    (folder / "rows.csv").chmod(0o600)
    for each in (folder, folder / "deep", tmp_path):
        each.chmod(0o700)
    return folder


@pytest.mark.parametrize("target", ["/evidence", f"{HOME}/given/evidence"])
async def test_a_mounted_folder_is_there_and_can_be_read(provider: Sandboxes, evidence: Path, target: str) -> None:
    made = await provider.create(limits=SMALL, mounts=[Mount(evidence, target)])
    assert await made.read(f"{target}/rows.csv") == b"a,b\n1,2\n"
    assert await made.read(f"{target}/deep/er/blob") == bytes(range(256)) * 8000
    assert (await made.run([f"{target}/run.sh"])).out == b"works\n"
    assert [entry.name for entry in await made.list(target)] == ["deep", "rows.csv", "run.sh"]
    kept = await made.run(["find", target, "-perm", "/7000"])
    assert (kept.code, kept.out) == (0, b"")
    assert (await made.run(["python3", "-c", "open('mine', 'w').write('1')"])).succeeded
    await made.kill()


@pytest.mark.parametrize(
    "attempt",
    [
        "echo x > {}/rows.csv",
        "echo x >> {}/deep/er/blob",
        "echo x > {}/new",
        "rm -f {}/rows.csv",
        "mv {0}/rows.csv {0}/other",
        "chmod 777 {}/rows.csv",
        "chmod 777 {}",
        "mkdir {}/folder",
        "ln -s /etc/passwd {}/link",
        "touch {}/rows.csv",
    ],
)
async def test_a_mount_cannot_be_changed(provider: Sandboxes, evidence: Path, attempt: str) -> None:
    made = await provider.create(limits=SMALL, mounts=[Mount(evidence, "/evidence")])
    assert not (await made.run(["sh", "-c", attempt.format("/evidence")])).succeeded
    with pytest.raises(FileRefused):
        await made.write("/evidence/rows.csv", b"x")
    assert await made.read("/evidence/rows.csv") == b"a,b\n1,2\n"
    assert (evidence / "rows.csv").read_text() == "a,b\n1,2\n"
    await made.kill()


async def test_a_file_alone_can_be_mounted(provider: Sandboxes, evidence: Path) -> None:
    mounts = [Mount(evidence / "rows.csv", f"{HOME}/in/rows.csv"), Mount(evidence / "deep", "/more")]
    made = await provider.create(limits=SMALL, mounts=mounts)
    assert (await made.run(["cat", "in/rows.csv"])).out == b"a,b\n1,2\n"
    assert not (await made.run(["sh", "-c", "echo x > in/rows.csv"])).succeeded
    assert not (await made.run(["rm", "-f", "in/rows.csv"])).succeeded
    assert len(await made.read("/more/er/blob")) == 256 * 8000
    await made.kill()


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/etc",
        "/usr/lib/x",
        "/run/x",
        "/tmp/x",
        "/home",
        HOME,
        "relative",
        "/evidence/../etc",
        "/a//b",
        "/opt/code",
        "",
    ],
)
async def test_nothing_is_mounted_over_what_is_there(provider: Sandboxes, evidence: Path, target: str) -> None:
    with pytest.raises(FileRefused):
        await provider.create(limits=SMALL, mounts=[Mount(evidence, target)])
    assert await provider.list() == ()


async def test_what_cannot_be_mounted_is_refused(provider: Sandboxes, evidence: Path) -> None:
    for source in ("link", "folder", "pipe", "not there"):
        with pytest.raises(FileRefused):
            await provider.create(limits=SMALL, mounts=[Mount(evidence / source, "/evidence")])
    with pytest.raises(FileRefused, match="one lies in the other"):
        await provider.create(limits=SMALL, mounts=[Mount(evidence, "/a"), Mount(evidence, "/a/b")])
    assert await provider.list() == ()


async def test_commands_and_files_run_side_by_side_in_one_sandbox(sandbox: Sandbox) -> None:
    async def one(number: int) -> None:
        path, data = f"{HOME}/{number}", str(number).encode() * 40_000
        await sandbox.write(path, data)
        result = await sandbox.run(["sh", "-c", f"cat {number}; echo {number} >&2; exit {number}"])
        assert (result.code, result.out, result.err) == (number, data, f"{number}\n".encode())
        assert await sandbox.read(path) == data

    async with asyncio.TaskGroup() as group:
        for number in range(1, 9):
            group.create_task(one(number))
    assert [entry.name for entry in await sandbox.list(HOME) if entry.name.isdigit()] == [str(n) for n in range(1, 9)]


async def test_ending_it_ends_whatever_is_under_way(sandbox: Sandbox) -> None:
    begun = asyncio.Event()

    async def gone(asked: Awaitable[object]) -> None:
        with pytest.raises(SandboxGone):
            await asked

    async def forever() -> None:
        while True:
            await sandbox.write(f"{HOME}/x", b"x" * 100_000)
            await sandbox.read(f"{HOME}/x")

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(gone(sandbox.run(["sh", "-c", "echo; exec sleep 60"], on_output=lambda _: begun.set())))
        group.create_task(gone(forever()))
        await begun.wait()
        await asyncio.gather(*(sandbox.kill() for _ in range(3)))
    assert sandbox.state is State.GONE


async def test_starts_that_are_given_up_at_any_moment_leave_nothing(provider: Sandboxes) -> None:
    starting = [asyncio.create_task(provider.create(limits=SMALL)) for _ in range(6)]
    for number, task in enumerate(starting):
        await asyncio.sleep(0.01 * number)
        task.cancel()
    ended = await asyncio.gather(*starting, return_exceptions=True)
    for made in ended:
        if not isinstance(made, BaseException):
            await made.kill()
        else:
            assert isinstance(made, asyncio.CancelledError)
    assert await provider.list() == ()
    assert (await (await provider.create(limits=SMALL)).run(["true"])).succeeded
