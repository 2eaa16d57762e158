"""Starts bwrap for one sandbox, as a user of the host who owns nothing, with nothing but a socket to speak over."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agents.sandbox import Limits, Mount, SandboxUnavailable
from app.sandboxes import mounts as carrying
from app.sandboxes import processes
from app.sandboxes.bubblewrap import arguments, in_memory, program
from app.sandboxes.mounts import Bind, Shortcut

# Ids that no account has: high ones where the machine has them all, else those that systemd gives to short-lived users.
USER_RANGES = ((0x7A000000, 65536), (61184, 4336))


@dataclass
class Spawned:
    """A started bwrap: our end of the control socket, what it says of itself, and what it says when it fails."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    info: int
    errors: int

    def said(self) -> str:
        """bwrap's own message, once it has ended."""
        return os.read(self.errors, 4096).decode("utf-8", "replace")

    def about(self) -> bytes:
        """bwrap's description of the sandbox, as JSON."""
        return os.read(self.info, 4096)

    def close_pipes(self) -> None:
        """Nothing more is read from bwrap itself: code inside could write there as well."""
        for name in ("info", "errors"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)

    def discard(self) -> None:
        """Ends what did not become a sandbox.

        Until bwrap has let its child go on, the child does not end with it and would wait for ever; so bwrap is held
        while everything below it is ended, and then ended itself.
        """
        self.process.send_signal(signal.SIGSTOP)
        while processes.state(self.process.pid) not in processes.STILL:
            time.sleep(0.0005)
        for pid in reversed(processes.tree(self.process.pid)):
            processes.end_below(pid, self.process.pid)
        self.process.kill()
        self.control.close()
        self.close_pipes()
        self.process.wait()


def spare_user() -> int | None:
    """A user id that no account has, for a sandbox made by root; None where we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    mapped = [(int(line.split()[0]), int(line.split()[2])) for line in lines]
    for first, size in USER_RANGES:
        if any(start <= first and first + size <= start + count for start, count in mapped):
            return first + random.SystemRandom().randrange(size)
    raise SandboxUnavailable(
        "Code cannot run here: Deus is root, and this container has no user ids to spare for sandboxes.",
        remedy="Run Deus as an ordinary user.",
    )


def spawn(
    bwrap: Path,
    limits: Limits,
    seccomp: bytes,
    user: int | None,
    mounts: Sequence[Mount] = (),
    binds: Sequence[Bind] = (),
    shortcuts: Sequence[Shortcut] = (),
) -> Spawned:
    """Starts bwrap as a user. Blocks for milliseconds; the thread that calls must outlive the sandbox, which ends with
    it. FileRefused for what cannot be mounted."""
    with ExitStack() as kept, ExitStack() as passing:
        control, theirs = socket.socketpair()
        kept.callback(control.close)
        passing.callback(theirs.close)
        info, info_out = os.pipe()
        errors, errors_out = os.pipe()
        for fd in (info, errors):
            kept.callback(os.close, fd)
        for fd in (info_out, errors_out):
            passing.callback(os.close, fd)
        carried, opened = carrying.arguments(mounts, binds, shortcuts, passing)
        args, fds = arguments(limits, seccomp, info_out, carried, passing)
        listed = in_memory("arguments", b"".join(os.fsencode(arg) + b"\0" for arg in args), passing)
        try:
            process = subprocess.Popen(
                [str(bwrap), "--args", str(listed), "--", *program(limits, theirs.fileno())],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors_out,
                pass_fds=[listed, theirs.fileno(), *fds, *opened],
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                umask=0o022,
            )
        except OSError as error:
            raise SandboxUnavailable(
                f"Code cannot run here: {bwrap} could not be started ({error.strerror})."
            ) from error
        kept.pop_all()
        return Spawned(process, control, info, errors)
