"""What E2B is sent, as it came: the key, what marks a sandbox, what may go out of it, what becomes of it in the end."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import replace

import pytest

from agents.sandbox import Network, NetworkRefused, Route, SandboxGone, State
from app.sandboxes.e2b import E2BSandboxes, secret_of
from app.sandboxes.e2b_sandbox import GRACE_SECONDS, E2BSandbox
from tests.e2b.conftest import provider_of
from tests.e2b.service import KEY, LoopbackE2B
from tests.sandboxes import SMALL, needs_bubblewrap

pytestmark = needs_bubblewrap


async def test_a_sandbox_is_asked_for_as_it_should_be(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    (asked,) = service.to("POST /v2/sandboxes")
    assert asked.headers["x-api-key"] == KEY
    told = asked.json
    assert told["templateID"] == "code-interpreter-v1"
    assert told["timeout"] == SMALL.lifetime_seconds + GRACE_SECONDS
    assert (told["autoPause"], told["autoResume"]) == (True, {"enabled": False})
    assert told["metadata"]["run"] == "run_1"
    assert told["metadata"]["deus_owner"] == "deus"
    assert told["allow_internet_access"] is False
    assert told["network"] == {"denyOut": ["0.0.0.0/0"], "allowPublicTraffic": False}
    assert "envVars" not in told or told["envVars"] == {}


async def test_what_is_left_is_ended_by_e2b_where_that_is_wished(service: LoopbackE2B) -> None:
    made = await provider_of(service, on_timeout="kill", template="base", owner="other").create(limits=SMALL)
    told = service.to("POST /v2/sandboxes")[-1].json
    assert (told["autoPause"], told["templateID"], told["metadata"]["deus_owner"]) == (False, "base", "other")
    await made.kill()


async def test_only_hosts_that_are_named_can_be_reached(service: LoopbackE2B, provider: E2BSandboxes) -> None:
    network = Network(frozenset({"pypi.org", "files.pythonhosted.org"}))
    made = await provider.create(limits=SMALL, network=network)
    told = service.to("POST /v2/sandboxes")[-1].json
    assert told["network"]["allowOut"] == ["files.pythonhosted.org", "pypi.org"]
    assert told["network"]["denyOut"] == ["0.0.0.0/0"]
    assert told["allow_internet_access"] is True
    assert made.network == network
    await made.kill()


@pytest.mark.parametrize(
    "network",
    [
        Network(frozenset({"*.pypi.org"})),
        Network(frozenset({"10.0.0.0/8"})),
        Network(frozenset({"1.1.1.1"})),
        Network(frozenset({"pypi.org\n"})),
        Network(frozenset({"localhost"})),
        Network(frozenset({""})),
        Network(routes=(Route("pypi", "https://pypi.org", frozenset({"GET"}), "/.*"),)),
    ],
)
async def test_a_network_that_e2b_would_not_keep_to_is_refused(
    service: LoopbackE2B, provider: E2BSandboxes, network: Network
) -> None:
    with pytest.raises(NetworkRefused) as refused:
        await provider.create(limits=SMALL, network=network)
    assert refused.value.remedy
    assert service.sent == []


async def test_a_command_is_kept_out_of_e2bs_own_clock_and_output(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    await sandbox.run(["echo", "a word that nobody else needs to know"])
    (started,) = service.to("POST /process.Process/Start")
    assert "connect-timeout-ms" not in started.headers
    assert started.headers["authorization"] == "Basic " + base64.b64encode(b"user:").decode()
    assert {each.headers["e2b-sandbox-id"] for each in service.to("POST /process")} == {sandbox.id}
    assert all(each.headers["x-access-token"] for each in service.to("POST /process"))
    assert all("x-api-key" not in each.headers for each in service.to("POST /process"))


async def test_pausing_resuming_and_ending_are_asked_for_once(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    await sandbox.pause()
    await sandbox.resume()
    await sandbox.resume()
    await sandbox.kill()
    await sandbox.kill()
    assert len(service.to(f"POST /sandboxes/{sandbox.id}/pause")) == 1
    (resumed,) = service.to(f"POST /v2/sandboxes/{sandbox.id}/connect")
    assert SMALL.lifetime_seconds <= resumed.json["timeout"] <= SMALL.lifetime_seconds + GRACE_SECONDS
    assert len(service.to(f"DELETE /sandboxes/{sandbox.id}")) == 1
    assert service.sandboxes == {}


async def test_the_list_is_of_the_owners_sandboxes_over_all_its_pages(
    service: LoopbackE2B, provider: E2BSandboxes
) -> None:
    mine = [await provider.create(limits=SMALL, metadata={"number": str(number)}) for number in range(4)]
    theirs = await provider_of(service, owner="another").create(limits=SMALL)
    await mine[0].pause()
    found = {info.id: info for info in await provider.list()}
    assert set(found) == {made.id for made in mine}
    assert [found[made.id].metadata for made in mine] == [{"number": str(number)} for number in range(4)]
    assert [found[made.id].state for made in mine] == [State.PAUSED, State.RUNNING, State.RUNNING, State.RUNNING]
    assert len(service.to("GET /v2/sandboxes")) == 2
    with pytest.raises(SandboxGone):
        await provider.connect(theirs.id)
    for made in (*mine, theirs):
        await made.kill()


async def test_the_key_and_tokens_are_in_no_log(service: LoopbackE2B, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = await provider_of(service).create(limits=SMALL, network=Network(frozenset({"pypi.org"})))
    await made.run(["true"])
    await made.run_cell("1 + 1")
    token = service.sandboxes[made.id].machine.token
    await made.kill()
    for secret in (KEY, token, secret_of(KEY, made.id)):
        assert secret not in caplog.text
    assert not any(secret_of(KEY, made.id).encode() in each.body for each in service.sent)


async def test_what_a_sandbox_was_made_with_is_known_to_a_later_process(service: LoopbackE2B) -> None:
    limits = replace(SMALL, command_seconds=7.5)
    network = Network(frozenset({"pypi.org"}))
    before = provider_of(service)
    made = await before.create(limits=limits, network=network, metadata={"run": "run_2"})
    await made.write("/home/user/kept", b"1")
    left = await made.start(["sh", "-c", "exec sleep 987661"])
    await before.aclose()
    assert made.state is State.GONE
    assert json.loads(service.sandboxes[made.id].asked["metadata"]["deus_network"]) == ["pypi.org"]
    after = provider_of(service)
    again = await after.connect(made.id)
    assert (again.limits, again.network, again.metadata) == (limits, network, {"run": "run_2"})
    assert await again.read("/home/user/kept") == b"1"
    # What the earlier process had left running has ended with its carrier.
    looking = "import os\nfor p in os.listdir('/proc'):\n if p.isdigit(): print(open(f'/proc/{p}/cmdline','rb').read())"
    assert b"sleep\\x00987661" not in (await again.run(["python3", "-c", looking])).out
    with pytest.raises(SandboxGone):
        await left.wait()
    await again.kill()
    await after.aclose()


async def test_what_an_earlier_process_left_is_cleared_away(service: LoopbackE2B) -> None:
    before = provider_of(service)
    paused, running = [await before.create(limits=SMALL) for _ in range(2)]
    await paused.pause()
    await before.aclose()
    after = provider_of(service)
    mine = await after.create(limits=SMALL)
    assert await after.clear(lambda info: info.id == running.id) == 1
    assert set(service.sandboxes) == {mine.id, paused.id}
    assert await after.clear(lambda _: True) == 1
    assert set(service.sandboxes) == {mine.id}
    assert running.id not in service.sandboxes
    await mine.kill()
