"""The arguments that make a sandbox with bubblewrap, and the descriptors that they name.

Everything is handed over in descriptors: bwrap stays inside as the first process, where its arguments and environment
can be read by whatever runs there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from agents.sandbox import HOME, MIB, Limits
from app.sandboxes.availability import no_python

PYTHON = "/usr/bin/python3"
INSIDE = "/run/inside"
MODULES = ("supervisor", "minder", "relay")
# A module without its source, in the form of Python's own cache: magic number, "never check", no hash, code.
COMPILE = """
import marshal, sys
code = compile(sys.stdin.buffer.read(), "inside", "exec")
magic = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER
sys.stdout.buffer.write(magic + bytes([1, 0, 0, 0]) + bytes(8) + marshal.dumps(code))
"""
START = f"import sys; sys.path.insert(0, {INSIDE!r}); from app.sandboxes.inside.supervisor import main; main()"
USER = 1000
# What of the host's /etc programs need to start, and what is public.
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl/certs", "localtime", "mime.types", "protocols")
TEXTS = {
    "/etc/passwd": f"root:x:0:0::/:/usr/sbin/nologin\nuser:x:{USER}:{USER}::{HOME}:/bin/bash\n",
    "/etc/group": f"root:x:0:\nuser:x:{USER}:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def in_memory(name: str, content: bytes, stack: ExitStack) -> int:
    """A descriptor to read `content` from; closed with the stack."""
    fd = os.memfd_create(name)
    stack.callback(os.close, fd)
    left = memoryview(content)
    while left:
        left = left[os.write(fd, left) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def program(limits: Limits, control: int) -> list[str]:
    """The supervisor, with its socket and what it limits: a file, processes, and a process's descriptors and memory."""
    numbers = (limits.file, limits.processes, min(1024, limits.descriptors), 2 * limits.memory)
    return [PYTHON, "-I", "-S", "-c", START, *map(str, (control, *numbers))]


def arguments(
    limits: Limits, seccomp: bytes, info: int, carried: Sequence[str], stack: ExitStack
) -> tuple[list[str], list[int]]:
    """All arguments of bwrap, `carried` among them, and the descriptors that the others name."""
    fds = [info]
    args = ["--unshare-user", "--unshare-all", "--uid", str(USER), "--gid", str(USER), "--hostname", "sandbox"]
    args += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv", "--info-fd", str(info)]
    args += _system()
    # The zeros are those of /dev/full: /dev/zero could be mapped as memory that belongs to no process.
    args += ["--proc", "/proc", "--dev", "/dev", "--dev-bind", "/dev/full", "/dev/zero"]
    for path, size, mode in (
        ("/dev/shm", limits.shared, "1777"),
        ("/tmp", limits.temporary, "1777"),
        ("/var/tmp", MIB, "1777"),
        (HOME, limits.disk, "0755"),
    ):
        args += ["--perms", mode, "--size", str(size), "--tmpfs", path]
    given = [(path, text.encode()) for path, text in TEXTS.items()] + list(sources())
    for path, content in given:
        fds.append(in_memory("file", content, stack))
        args += ["--perms", "0444", "--ro-bind-data", str(fds[-1]), path]
    args += carried
    fds.append(in_memory("seccomp", seccomp, stack))
    args += ["--seccomp", str(fds[-1]), "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]
    return args, fds


@cache
def sources() -> tuple[tuple[str, bytes], ...]:
    """The supervisor's modules, compiled by the system's Python, and where they lie inside under their names here.

    Compiled once a process: each sandbox would need 7 ms for it.
    """
    here = Path(__file__).parent / "inside"
    return tuple(
        (f"{INSIDE}/app/sandboxes/inside/{name}.pyc", _compiled((here / f"{name}.py").read_bytes())) for name in MODULES
    )


def _compiled(source: bytes) -> bytes:
    compiler = [PYTHON, "-I", "-S", "-c", COMPILE]
    try:
        run = subprocess.run(compiler, input=source, capture_output=True, check=True, env={}, cwd="/", timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise no_python() from error
    return run.stdout


def _system() -> Iterable[str]:
    """The system's programs and libraries, read-only, in the shape that they have on this machine."""
    args = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            args += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            args += ["--ro-bind", str(path), str(path)]
    for name in ETC:
        args += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return args
