"""What the tests of sandboxes share: whether there can be one here, and small limits."""

from __future__ import annotations

import platform

import pytest

from agents.sandbox import MIB, Limits
from app.sandboxes.availability import found

# Where bubblewrap can be had the tests run, or fail if it does not work; they are left out only where it is not there.
needs_bubblewrap = pytest.mark.skipif(
    platform.system() != "Linux" or found("bwrap") is None,
    reason="bubblewrap is not installed; on Debian and Ubuntu: apt-get install bubblewrap",
)

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
