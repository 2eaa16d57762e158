"""The way out of a real sandbox, made by root and by an ordinary user: what is allowed works, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.sandbox import Network, NetworkRefused, Route
from app.sandboxes.broker import Broker
from app.sandboxes.brokers import Brokers
from app.sandboxes.local import LocalSandboxes
from tests.sandboxes import SMALL, needs_bubblewrap
from tests.scenarios.sandbox.canaries import Canaries
from tests.scenarios.sandbox.egress_attacks import ATTACKS
from tests.scenarios.sandbox.outside import KEY, certificate, keeping, leading_to, service
from tests.scenarios.sandbox.users import ORDINARY, ROOT, run_as
from tools.kit.wire import open_client

pytestmark = needs_bubblewrap
HOST = "files.example.com"
SCRIPT = Path(__file__).with_name("egress_attacks.py").read_bytes()
SEARCH = (Path(__file__).parents[2] / "code_agents" / "key_search.py").read_text(encoding="utf-8")
USERS = [ORDINARY] if os.geteuid() else [ROOT, ORDINARY]


class Kept(Brokers):
    """Remembers the brokers that it opens."""

    opened: list[Broker]

    async def open(self, *given: Any) -> Broker:
        self.opened = [*getattr(self, "opened", []), await super().open(*given)]
        return self.opened[-1]


async def attacked(told: dict[str, Any]) -> dict[str, Any]:
    """What the attacks got, where the key was found, what the broker told, and what is left on the host."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        server_side, _ = certificate(Path(folder), HOST)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    async with service() as outside, open_client() as client:
        route = Route("model", outside.url, frozenset({"GET"}), "/v1/[a-z]+", "key")
        brokers = Kept(client, {"key": KEY}.get, dialer=leading_to(port))
        provider = LocalSandboxes(gatekeeper=brokers)
        with keeping() as noted:
            sandbox = await provider.create(limits=SMALL, network=Network(frozenset({HOST}), (route,)))
            await sandbox.write("/home/user/attacks.py", SCRIPT)
            result = await sandbox.run(["python3", "attacks.py", json.dumps({**told, "host": HOST})])
            assert result.succeeded, (result, result.err.decode()[-1500:])
            search = await sandbox.run(["python3", "-c", SEARCH], given=KEY[::-1].encode())
            assert search.succeeded, search
            await provider.aclose()
    server.close()
    left = [str(broker.folder) for broker in brokers.opened if broker.folder.exists()]
    asked = [head for head, _ in outside.asked]
    return {"got": json.loads(result.out), "key": search.out.decode(), "noted": noted, "asked": asked, "left": left}


@pytest.fixture(scope="module", params=USERS, ids=lambda user: "ordinary" if user else "root")
def inside(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """What came of all attacks in one sandbox, and what the host's canaries saw."""
    canaries = Canaries(request.param)
    try:
        outcome = run_as(request.param, lambda: attacked(canaries.told()))
        yield outcome, canaries.touched()
    finally:
        canaries.close()


Inside = tuple[dict[str, Any], set[str]]


@pytest.mark.parametrize("attack", [attack.__name__ for attack in ATTACKS])
def test_nothing_gets_out_but_what_is_allowed(inside: Inside, attack: str) -> None:
    assert inside[0]["got"][attack] == []


def test_the_host_saw_nothing_but_what_was_allowed(inside: Inside) -> None:
    assert inside[1] == set()
    assert {head.split(" ", 2)[1] for head in inside[0]["asked"]} == {"/base/v1/ok"}
    assert all(f"authorization: Bearer {KEY}" in head for head in inside[0]["asked"])


def test_the_key_is_in_no_file_no_variable_and_no_memory_inside(inside: Inside) -> None:
    assert inside[0]["key"] == ""


def test_each_request_was_told_and_none_with_the_key(inside: Inside) -> None:
    noted = inside[0]["noted"]
    allowed = [(told["method"], told["path"] or told["host"]) for told in noted if told["verdict"] == "allowed"]
    assert sorted(allowed) == [("CONNECT", f"{HOST}:443"), *[("GET", "/model/v1/ok")] * 3]
    assert sum(told["verdict"] == "cut" for told in noted) == 2
    assert sum(told["verdict"] == "refused" for told in noted) >= 60
    assert KEY not in repr(noted)


def test_nothing_is_left_on_the_host(inside: Inside) -> None:
    assert inside[0]["left"] == []


async def test_a_sandbox_without_a_network_has_no_way_out() -> None:
    provider = LocalSandboxes()
    try:
        sandbox = await provider.create(limits=SMALL)
        script = "ls /run; env | grep -i proxy; ls /proc/1/fd 2>/dev/null; cat /proc/*/cmdline | tr '\\0' ' '"
        result = await sandbox.run(["sh", "-c", script])
        assert b"gate" not in result.out
        assert b"3128" not in result.out
        assert b"inside.relay" not in result.out
        with pytest.raises(NetworkRefused):
            await provider.create(limits=SMALL, network=Network(frozenset({HOST})))
    finally:
        await provider.aclose()


async def test_a_killed_sandbox_takes_its_way_out_along() -> None:
    with keeping():
        async with open_client() as client:
            brokers = Kept(client)
            provider = LocalSandboxes(gatekeeper=brokers)
            try:
                sandbox = await provider.create(limits=SMALL, network=Network(frozenset({HOST})))
                asking = "import socket; socket.create_connection(('127.0.0.1', 3128)).recv(1)"
                await sandbox.start(["python3", "-c", asking])
                assert brokers.opened[0].folder.exists()
                await sandbox.kill()
                assert not brokers.opened[0].folder.exists()
            finally:
                await provider.aclose()
