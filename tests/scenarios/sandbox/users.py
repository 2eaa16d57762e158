"""Runs a part of a test as root or as an ordinary user: in a child of this process, which gives up what it is."""

from __future__ import annotations

import asyncio
import os
import pickle
import warnings
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from app.sandboxes.bubblewrap import sources
from app.sandboxes.seccomp import filter_for

T = TypeVar("T")
ROOT = 0
# No account has it, so the kernel treats it like any other user.
ORDINARY = 61000 if os.geteuid() == 0 else os.geteuid()
_only_root = pytest.mark.skipif(os.geteuid() != 0, reason="these tests do not run as root")
each_user = pytest.mark.parametrize(
    "user",
    [
        pytest.param(ROOT, marks=_only_root, id="root"),
        pytest.param(ORDINARY, id="ordinary"),
    ],
)


def begun_as(user: int, work: Callable[[], Awaitable[T]]) -> tuple[int, int]:
    """Starts the work in a child that is this user: its process id, and where its pickled outcome can be read."""
    # What the child needs is loaded before it loses the right to read it.
    assert sources()
    assert filter_for("x86_64")
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    outcome: tuple[bool, object] = (False, "it did not come to its end")
    try:
        os.close(read)
        os.setpgid(0, 0)
        if os.geteuid() != user:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        outcome = (True, asyncio.run(_awaited(work)))
    except BaseException as error:  # noqa: BLE001  (everything is told to the parent, which fails with it)
        outcome = (False, f"{type(error).__name__}: {error}")
    finally:
        with os.fdopen(write, "wb") as file:
            pickle.dump(outcome, file)
        os._exit(0)


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def run_as(user: int, work: Callable[[], Awaitable[T]]) -> T:
    """The work's outcome, as this user."""
    pid, read = begun_as(user, work)
    with os.fdopen(read, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    good, outcome = pickle.loads(data)
    assert good, outcome
    return outcome  # type: ignore[no-any-return]
