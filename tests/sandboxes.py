"""What the tests of sandboxes share: whether there can be one here, and small limits."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from agents.sandbox import MIB, Limits
from app.sandboxes.availability import found
from app.sandboxes.environment import CodeEnvironment

# Where bubblewrap can be had the tests run, or fail if it does not work; they are left out only where it is not there.
needs_bubblewrap = pytest.mark.skipif(
    platform.system() != "Linux" or found("bwrap") is None,
    reason="bubblewrap is not installed; on Debian and Ubuntu: apt-get install bubblewrap",
)

ROOT = Path(__file__).parents[1]
_made = CodeEnvironment(Path("~/.cache/deus"), ROOT)
# Asked now: a test that has become an ordinary user may look into other places.
_place = _made.place().parent if _made.state == "ready" else None
needs_code_environment = pytest.mark.skipif(
    _made.state != "ready", reason="what code in sandboxes works with is not made; make it with: make setup"
)


def code_environment() -> CodeEnvironment:
    """What code in sandboxes works with, found where it has been made, whoever the test is by now."""
    assert _place is not None, "mark the test with needs_code_environment"
    return CodeEnvironment(_place, ROOT)


# Small enough that nothing in the tests can hurt the machine that runs them.
SMALL = Limits(
    memory=192 * MIB,
    disk=48 * MIB,
    temporary=8 * MIB,
    shared=8 * MIB,
    file=32 * MIB,
    files=5_000,
    processes=48,
    descriptors=1_500,
    output=300_000,
    command_seconds=20,
    lifetime_seconds=120,
)
