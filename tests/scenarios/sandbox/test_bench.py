"""The sandboxes of a workspace as its settings have them: told of, tried, and cleared away after a Deus that died."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agents.sandbox import Info, Limits, SandboxUnavailable, State
from app.bootstrap import open_product
from app.cli import cli
from app.code_bench import MAKER, is_left, open_bench
from app.sandboxes import availability, leftovers, processes
from app.sandboxes.catalog import providers
from app.sandboxes.e2b import E2BSandboxes
from app.sandboxes.gate import FOLDER, SOCKET
from app.sandboxes.local import LocalSandboxes
from app.sandboxes.local_sandbox import LocalSandbox
from app.settings import Settings, read_settings
from app.worker import Worker
from tests.e2b.service import KEY, LoopbackE2B, opened
from tests.sandboxes import SMALL, needs_bubblewrap
from tests.scenarios.sandbox.users import begun_as, each_user
from tools.kit.errors import UserMustMend


def settings(tmp_path: Path, **more: str) -> Settings:
    return read_settings({"DEUS_DATA_DIR": str(tmp_path), "DEUS_CACHE_DIR": str(tmp_path / "cache"), **more}, {})


def test_providers_are_found_by_their_files() -> None:
    assert providers() == ("e2b", "local")


def test_a_provider_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match=r"DEUS_SANDBOX .* there is no 'docker'; it is one of e2b, local, off"):
        settings(tmp_path, DEUS_SANDBOX="docker")


async def test_off_means_that_none_can_be_had(tmp_path: Path) -> None:
    async with open_bench(settings(tmp_path, DEUS_SANDBOX="off"), "acme") as bench:
        told: list[str] = []
        await bench.look(told.append)
        assert (bench.state(), told) == ("off", ["Sandboxes: off (DEUS_SANDBOX)"])
        with pytest.raises(SandboxUnavailable, match="DEUS_SANDBOX=local"):
            await bench.sandboxes.create()


async def test_e2b_without_a_key_says_where_to_get_one(tmp_path: Path) -> None:
    async with open_bench(settings(tmp_path, DEUS_SANDBOX="e2b"), "acme") as bench:
        told: list[str] = []
        await bench.look(told.append)
        assert "DEUS_E2B_API_KEY" in bench.state()
        assert told == [f"Sandboxes: {bench.state().removeprefix('E2B: ')}"]


async def test_where_none_can_be_had_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "found", lambda _: None)
    async with open_bench(settings(tmp_path), "acme") as bench:
        told: list[str] = []
        await bench.look(told.append)
        remedy = availability.how_to_install(availability.system())
        assert told == [f"Sandboxes: Code cannot run here: bubblewrap is not installed. {remedy}"]
        assert bench.state() == f"local (bubblewrap): Code cannot run here: bubblewrap is not installed. {remedy}"


@needs_bubblewrap
async def test_limits_and_places_are_those_of_the_settings(tmp_path: Path) -> None:
    chosen = settings(
        tmp_path, DEUS_SANDBOXES_AT_ONCE="3", DEUS_SANDBOX_MEMORY_MB="256", DEUS_SANDBOX_COMMAND_SECONDS="5"
    )
    assert chosen.sandbox_limits() == Limits(memory=256 * 2**20, command_seconds=5.0)
    async with open_bench(chosen, "acme") as bench:
        assert bench.provider is not None
        assert bench.provider.most == 3
        assert (bench.provider.room() or 0) > 2**28
        await bench.provider.look()


def orphaned(user: int) -> int:
    """Starts a Deus that has a sandbox and a start that waits, kills it, and returns the start's process."""
    read, write = os.pipe()
    bwrap = availability.found("bwrap")
    assert bwrap is not None

    async def work() -> None:
        provider = LocalSandboxes()
        await provider.create(limits=SMALL)
        # It waits for its arguments from somebody who says nothing, and knows of nobody to end with.
        arguments, silent = os.pipe()
        begun, told = os.pipe()
        child = os.fork()
        if child == 0:
            for fd in (arguments, silent):
                os.set_inheritable(fd, True)
            os.execv(bwrap, [str(bwrap), "--args", str(arguments), "--", "true", "/run/inside"])
        os.close(told)
        os.read(begun, 1)
        os.write(write, str(child).encode())
        await asyncio.Event().wait()

    deus, outcome = begun_as(user, work)
    os.close(write)
    left = int(os.read(read, 100))
    os.kill(deus, signal.SIGKILL)
    os.waitpid(deus, 0)
    os.close(read)
    os.close(outcome)
    return left


@needs_bubblewrap
@each_user
def test_what_a_killed_deus_left_is_cleared_away(user: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = orphaned(user)
    fd = os.pidfd_open(left)
    dead, alive, young = (tmp_path / f"{FOLDER}{name}" for name in ("dead", "alive", "young"))
    for folder in (dead, alive, young, tmp_path / "other"):
        folder.mkdir()
    with socket.socket(socket.AF_UNIX) as closed, socket.socket(socket.AF_UNIX) as open_one:
        closed.bind(str(dead / SOCKET))
        open_one.bind(str(alive / SOCKET))
        open_one.listen()
        closed.close()
        assert leftovers.clear() >= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{FOLDER}alive", f"{FOLDER}young", "other"]
    assert select.select([fd], [], [], 20)[0], "the start that waits is still there"
    os.close(fd)


@needs_bubblewrap
async def test_clearing_spares_what_runs_and_the_list_shows_it() -> None:
    provider = LocalSandboxes()
    try:
        sandbox = await provider.create(limits=SMALL)
        assert isinstance(sandbox, LocalSandbox)
        leftovers.clear()
        assert (await sandbox.run(["true"])).succeeded
        mine = f"pid {processes.parent(sandbox.first)}"
        assert {info.id: info.metadata["made by"] for info in await provider.seen()}[mine] == f"pid {os.getpid()}"
    finally:
        await provider.aclose()
    assert mine not in {info.id for info in await provider.seen()}


async def test_health_says_whether_code_can_run_and_what_would_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "found", lambda _: None)
    async with open_product(settings(tmp_path), at_once=False) as product:
        assert product.health()["sandboxes"] == "local (bubblewrap): not looked at yet"
        await product.workshop.bench.look()
        assert "bubblewrap is not installed" in product.health()["sandboxes"]
        with pytest.raises(SandboxUnavailable, match="bubblewrap is not installed"):
            await product.workshop.bench.sandboxes.create()


def maker(**told: object) -> Info:
    return Info("i1", State.RUNNING, {MAKER: json.dumps({**asdict(Worker.here("deus")), **told})})


def test_one_is_left_when_its_maker_has_ended_for_certain() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not is_left(maker())
    assert is_left(maker(pid=ended.pid))
    assert is_left(maker(born="another start under the same id"))
    assert not is_left(maker(pid=ended.pid, place="another machine"))
    for odd in ({}, {MAKER: "x"}, {MAKER: "{}"}, {MAKER: "[]"}):
        assert not is_left(Info("i1", State.RUNNING, odd))


@needs_bubblewrap
async def test_what_a_killed_deus_left_at_e2b_is_ended_and_what_others_have_is_not(tmp_path: Path) -> None:
    async with opened(LoopbackE2B()) as url:
        chosen = settings(
            tmp_path, DEUS_SANDBOX="e2b", DEUS_E2B_API_KEY=KEY, DEUS_E2B_API_URL=url, DEUS_E2B_SANDBOX_URL=url
        )
        dead = maker(born="a start that is no more").metadata
        earlier = E2BSandboxes(KEY, api_url=url, sandbox_url=url, owner="acme")
        left = await earlier.create(limits=SMALL, metadata={**dead, "run": "run_1"})
        unknown = await earlier.create(limits=SMALL)
        other = E2BSandboxes(KEY, api_url=url, sandbox_url=url, owner="another company")
        theirs = await other.create(limits=SMALL, metadata=dead)
        async with open_bench(chosen, "acme") as bench:
            own = await bench.sandboxes.create(limits=SMALL, metadata={"run": "run_2"})
            await bench.look()
            assert bench.state() == "E2B: ready"
            assert {info.id for info in await bench.sandboxes.list()} == {own.id, unknown.id}
            assert left.id not in {info.id for info in await earlier.list()}
            assert {info.id for info in await other.list()} == {theirs.id}
            assert (await own.run(["true"])).succeeded
        for provider in (earlier, other):
            await provider.aclose()


@needs_bubblewrap
def test_the_commands_say_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEUS_CACHE_DIR", str(tmp_path / "cache"))

    def said(*words: str) -> Any:
        with contextlib.chdir(tmp_path):
            return CliRunner().invoke(cli, ["sandbox", *words]).output

    assert "Sandboxes can be had: local (bubblewrap); 16 at once" in said("check")
    assert not (tmp_path / ".deus").exists()
    assert re.fullmatch(r"There is no sandbox\.\n|(pid \d+  \w+  made by pid \d+, memory \d+ MiB\n)+", said("list"))
    monkeypatch.setenv("DEUS_SANDBOX", "off")
    assert said("prepare") == "Sandboxes are off (DEUS_SANDBOX).\n"
