"""The git program, run with nothing of this machine's: no configuration, no hooks, no prompts, no helpers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shutil
import signal
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tools.kit.errors import TimedOut, UserMustMend
from tools.kit.git import Remote

# From here on git takes its configuration from the environment, which is what keeps the token and all else out.
OLDEST = (2, 31)
SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.askPass": "",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "credential.helper": "",
    "gc.auto": "0",
    "fetch.unpackLimit": "1",
    "maintenance.auto": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "protocol.allow": "never",
    "push.recurseSubmodules": "no",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "transfer.bundleURI": "false",
}
MOST_SAID = 64 * 1024
LOOKS = 0.25


class GitFailed(Exception):
    """Git ended with another status than 0. `said` is what it wrote, without secrets; it is untrusted text."""

    def __init__(self, command: str, code: int, said: str) -> None:
        super().__init__(f"git {command} ended with {code}: {said[-300:]}")
        self.command = command
        self.code = code
        self.said = said

    @property
    def line(self) -> str:
        """The line that says most."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote: error", "!"))]
        return (telling or lines or [f"git ended with {self.code}"])[-1][:300]


class TooMuch(Exception):
    """What git writes has grown beyond its limit; it was ended."""


@dataclass(frozen=True)
class Limits:
    """Seconds for a command that asks a host and for one that does not, and the bytes that a mirror may take."""

    remote_seconds: float = 600.0
    local_seconds: float = 60.0
    mirror_bytes: int = 4 * 1024**3
    output_bytes: int = 64 * 1024**2


@dataclass(frozen=True)
class Watched:
    """A file or folder that may grow to so many bytes while a command runs."""

    path: Path
    bytes: int


class GitProgram:
    """Runs git in a bare repository. `schemes` are the kinds of URL that it may ask, https and http unless given."""

    def __init__(self, limits: Limits | None = None, schemes: Sequence[str] = ("https", "http")) -> None:
        self.limits = limits or Limits()
        self._schemes = tuple(schemes)
        self._found: str | None = None
        self._finding = asyncio.Lock()

    async def run(
        self,
        *arguments: str,
        folder: Path,
        given: bytes = b"",
        remote: Remote | None = None,
        environment: Mapping[str, str] | None = None,
        watched: Watched | None = None,
    ) -> bytes:
        """What git writes to its output. Raises GitFailed, TooMuch, TimedOut, or UserMustMend where there is no git.

        With a `remote`, its token is in the environment of this one command. Cancelling ends git and what it started.
        """
        program = await self._program()
        told = {**self._environment(program, folder, remote), **(environment or {})}
        seconds = self.limits.remote_seconds if remote else self.limits.local_seconds
        process = await asyncio.create_subprocess_exec(
            program, *arguments, cwd=folder, env=told, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(seconds), _watching(watched, process):
                out, said = await self._spoken(process, given)
                code = await process.wait()
        except TimeoutError as late:
            raise TimedOut(
                f"git {arguments[0]} took longer than {seconds:.0f} s and was ended.", service="git"
            ) from late
        except BaseExceptionGroup as group:
            raise next((one for one in group.exceptions if isinstance(one, TooMuch)), group.exceptions[0]) from None
        finally:
            await _ended(process)
        if code:
            raise GitFailed(arguments[0], code, _without_secrets(said.decode("utf-8", "replace"), remote))
        return out

    async def _spoken(self, process: asyncio.subprocess.Process, given: bytes) -> tuple[bytes, bytes]:
        assert process.stdin is not None, "it was asked for"
        assert process.stdout is not None, "it was asked for"
        assert process.stderr is not None, "it was asked for"
        async with asyncio.TaskGroup() as group:
            out = group.create_task(_read(process.stdout, self.limits.output_bytes, strict=True))
            said = group.create_task(_read(process.stderr, MOST_SAID, strict=False))
            group.create_task(_feed(process.stdin, given))
        return out.result(), said.result()

    def _environment(self, program: str, folder: Path, remote: Remote | None) -> dict[str, str]:
        settings = dict(SETTINGS)
        told = {
            "PATH": os.pathsep.join((str(Path(program).parent), os.defpath)),
            "HOME": os.devnull,
            "LC_ALL": "C",
            "GIT_DIR": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_ALLOW_PROTOCOL": "",
        }
        if remote is not None:
            scheme = urlsplit(remote.url).scheme
            if scheme not in self._schemes:
                raise UserMustMend(
                    f"{remote.repo} would be fetched by {scheme or 'no scheme'}, which Deus does not do.",
                    remedy="Give the code host's address as https://….",
                )
            told["GIT_ALLOW_PROTOCOL"] = scheme
            settings[f"protocol.{scheme}.allow"] = "always"
            settings[f"http.{remote.url}.extraHeader"] = f"Authorization: Basic {_basic(remote)}"
            if scheme == "https":
                proxies = urllib.request.getproxies()
                told |= {f"{k}_proxy": proxies[k] for k in ("https", "no") if k in proxies}
        told["GIT_CONFIG_COUNT"] = str(len(settings))
        for number, (name, value) in enumerate(settings.items()):
            told[f"GIT_CONFIG_KEY_{number}"], told[f"GIT_CONFIG_VALUE_{number}"] = name, value
        return told

    async def _program(self) -> str:
        async with self._finding:
            if self._found is None:
                self._found = await asyncio.to_thread(shutil.which, "git")
                if self._found is None:
                    raise UserMustMend(
                        "Git is not installed here, and repositories are read with it.",
                        remedy="Install it: `apt-get install git`, `dnf install git` or `brew install git`.",
                    )
                await self._check_version(self._found)
            return self._found

    async def _check_version(self, program: str) -> None:
        process = await asyncio.create_subprocess_exec(
            program, "version", env={"LC_ALL": "C", "PATH": os.defpath}, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        told = re.search(rb"(\d+)\.(\d+)", out)
        if told is None or (int(told[1]), int(told[2])) < OLDEST:
            self._found = None
            raise UserMustMend(
                f"{out.decode(errors='replace').strip() or 'This git'} is too old.",
                remedy=f"Install git {OLDEST[0]}.{OLDEST[1]} or newer.",
            )


@contextlib.asynccontextmanager
async def _watching(watched: Watched | None, process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Ends the process when what it writes to the disk has grown too large."""
    if watched is None:
        yield
        return
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(_look(watched, process))
        yield
        looking.cancel()
    await _weigh(watched)


async def _look(watched: Watched, process: asyncio.subprocess.Process) -> None:
    while True:
        await asyncio.sleep(LOOKS)
        try:
            await _weigh(watched)
        except TooMuch:
            _kill(process)
            raise


async def _weigh(watched: Watched) -> None:
    if await asyncio.to_thread(size_of, watched.path) > watched.bytes:
        raise TooMuch(f"more than {watched.bytes // 1024**2} MB")


def size_of(path: Path) -> int:
    """The bytes of a file, or of everything in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for where, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size
    with contextlib.suppress(OSError):
        total += os.lstat(path).st_size
    return total


async def _read(stream: asyncio.StreamReader, most: int, *, strict: bool) -> bytes:
    """All that comes, up to `most` bytes: more is TooMuch where it is `strict`, and dropped where not."""
    found = bytearray()
    while chunk := await stream.read(64 * 1024):
        if len(found) + len(chunk) <= most:
            found += chunk
        elif strict:
            raise TooMuch(f"more than {most // 1024**2} MB")
    return bytes(found)


async def _feed(stream: asyncio.StreamWriter, given: bytes) -> None:
    # Git may end before it has read all; why it did so is in what it says. uvloop calls a closed pipe a RuntimeError.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        stream.write(given)
        await stream.drain()
    stream.close()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        await stream.wait_closed()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Ends git and whatever it started, and waits for it, even while this task is being cancelled."""
    if process.returncode is None:
        _kill(process)
        await asyncio.shield(process.wait())


def _basic(remote: Remote) -> str:
    return base64.b64encode(f"x-access-token:{remote.token.get_secret_value()}".encode()).decode()


def _without_secrets(said: str, remote: Remote | None) -> str:
    for secret in (remote.token.get_secret_value(), _basic(remote)) if remote else ():
        said = said.replace(secret, "…") if secret else said
    return re.sub(r"(?<=://)[^/\s@]+@", "", said)
