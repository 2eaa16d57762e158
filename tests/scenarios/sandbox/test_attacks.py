"""Code in a sandbox reaches nothing of the host, whether root made it or an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.sandbox import Mount
from app.sandboxes.local import LocalSandboxes
from tests.sandboxes import SMALL, code_environment, needs_bubblewrap, needs_code_environment
from tests.scenarios.sandbox.attacks import ATTACKS
from tests.scenarios.sandbox.canaries import Canaries
from tests.scenarios.sandbox.users import ORDINARY, ROOT, run_as

SCRIPT = Path(__file__).with_name("attacks.py").read_bytes()
NAMES = [attack.__name__ for attack in ATTACKS]
USERS = [ORDINARY] if os.geteuid() else [ROOT, ORDINARY]
# What succeeds on a plain subprocess of the same user, and so is found by the attacks where it is not stopped.
FOUND_OUTSIDE = ("files", "writing", "environment", "tcp", "unix", "abstract", "processes", "typing", "rights")


async def attacked(told: str) -> dict[str, list[str]]:
    provider = LocalSandboxes(environment=code_environment())
    try:
        sandbox = await provider.create(limits=SMALL, mounts=[Mount(Path(json.loads(told)["given"]), "/given")])
        await sandbox.write("/home/user/attacks.py", SCRIPT)
        result = await sandbox.run(["python3", "attacks.py", told])
        assert result.succeeded, (result, result.err.decode()[-1500:])
        found: dict[str, list[str]] = json.loads(result.out)
        return found
    finally:
        await provider.aclose()


@pytest.fixture(scope="module", params=USERS, ids=lambda user: "ordinary" if user else "root")
def inside(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, list[str]], set[str]]]:
    """What all attacks got, from inside of one sandbox, and what the host saw of them."""
    canaries = Canaries(request.param)
    os.environ["CANARY"] = canaries.secret
    try:
        got = run_as(request.param, lambda: attacked(json.dumps(canaries.told())))
        yield got, canaries.touched()
    finally:
        del os.environ["CANARY"]
        canaries.close()


@needs_bubblewrap
@needs_code_environment
@pytest.mark.parametrize("attack", NAMES)
def test_nothing_gets_through(inside: tuple[dict[str, list[str]], set[str]], attack: str) -> None:
    assert inside[0][attack] == []


@needs_bubblewrap
@needs_code_environment
def test_the_host_saw_nothing(inside: tuple[dict[str, list[str]], set[str]]) -> None:
    assert inside[1] == set()


def test_the_attacks_find_what_is_there_to_be_found() -> None:
    canaries = Canaries(ORDINARY)
    try:
        argv = ["/usr/bin/python3", "-", json.dumps(canaries.told()), *FOUND_OUTSIDE, "udp"]
        user = None if os.geteuid() else ORDINARY
        run = subprocess.run(
            argv, input=SCRIPT, capture_output=True, check=True, env={"CANARY": canaries.secret}, cwd="/", user=user
        )
        got = json.loads(run.stdout)
        assert [name for name in FOUND_OUTSIDE if not got[name]] == []
        assert canaries.touched() == {"tcp", "udp", "unix", "abstract", "files"}
    finally:
        canaries.close()
