"""A sandbox: a machine of its own in which code runs, and the provider that makes it.

Code of a model, of a repository or of a customer's file runs in one of these and nowhere else; there is no mode without
one. Paths are those inside the sandbox. What a sandbox says is untrusted: its output, its files and its names alike.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from agents.errors import ModelMayRetry, StepFailed, UserMustMend
from agents.network import MIB as MIB
from agents.network import RELAY as RELAY
from agents.network import Network as Network
from agents.network import Route as Route
from agents.network import Traffic as Traffic

HOME = "/home/user"


class SandboxUnavailable(UserMustMend):
    """No sandbox can be had on this machine or with this account; the remedy is for this very system."""


class NetworkRefused(UserMustMend):
    """The provider cannot keep to the network that was asked for, so no sandbox was made."""


class SandboxBusy(StepFailed):
    """As many sandboxes run as the machine or the plan allows; nothing was started."""


class CommandRefused(ModelMayRetry):
    """A command could not be started: no such program, no such folder, or no process left for it."""


class FileRefused(ModelMayRetry):
    """A path is not there, is no plain file or folder, or is larger than what was allowed."""


class Ending(StrEnum):
    """Why a sandbox is no more."""

    KILLED = "killed"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"
    DESCRIPTORS = "descriptors"
    LIFETIME = "lifetime"
    UNWATCHED = "unwatched"
    LOST = "lost"


ENDINGS = {
    Ending.KILLED: "It was ended.",
    Ending.MEMORY: "It used more memory than it may.",
    Ending.DISK: "It made more files than it may.",
    Ending.PROCESSES: "It started more processes than it may.",
    Ending.DESCRIPTORS: "It opened more files and sockets than it may.",
    Ending.LIFETIME: "Its time was up.",
    Ending.UNWATCHED: "It could no longer be watched, so it was ended.",
    Ending.LOST: "It stopped answering or ended by itself.",
}


class SandboxGone(StepFailed):
    """The sandbox has ended; its files and processes are no more. `ending` says why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(f"The sandbox is gone. {ENDINGS[ending]}")
        self.ending = ending


class SandboxPaused(StepFailed):
    """The sandbox is paused; resume it first."""


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use. Sizes are in bytes, times in seconds."""

    memory: int = 1024 * MIB
    disk: int = 1024 * MIB
    temporary: int = 256 * MIB
    shared: int = 64 * MIB
    file: int = 512 * MIB
    files: int = 200_000
    processes: int = 256
    descriptors: int = 4096
    output: int = 10_000_000
    command_seconds: float = 60.0
    lifetime_seconds: float = 900.0


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine that is in a sandbox from its start, and that nothing in there can change.

    It is as it was when the sandbox was made. Of a folder there are the plain files; links and devices are left out.
    `target` is an absolute path below HOME or in a folder of the root that no system has, such as /evidence.
    One that is not `copied` is there itself, read-only: for large programs that every user of this machine may read.
    """

    source: Path
    target: str
    copied: bool = True


class Stream(StrEnum):
    """Where a command writes."""

    OUT = "out"
    ERR = "err"


@dataclass(frozen=True)
class Output:
    """A piece of what a command writes, as it comes."""

    stream: Stream
    data: bytes


class Ended(StrEnum):
    """How a command came to its end."""

    EXITED = "exited"
    TIME = "time"
    OUTPUT = "output"
    KILLED = "killed"


@dataclass(frozen=True)
class Result:
    """What came of a command. `code` is its exit status, or minus the signal that ended it; output is cut."""

    ended: Ended
    code: int
    out: bytes
    err: bytes
    seconds: float

    @property
    def succeeded(self) -> bool:
        """It ended by itself, with status 0."""
        return self.ended is Ended.EXITED and self.code == 0


class EntryKind(StrEnum):
    """What a name in a folder stands for."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True)
class Entry:
    """A name in a folder; `size` in bytes, for files alone."""

    name: str
    kind: EntryKind
    size: int = 0
    executable: bool = False


@dataclass(frozen=True)
class Download:
    """What was brought out, relative to the folder, and what was left inside because it is no plain file or folder."""

    files: tuple[str, ...]
    left: tuple[str, ...]


class State(StrEnum):
    """What a sandbox does."""

    RUNNING = "running"
    PAUSED = "paused"
    GONE = "gone"


@dataclass(frozen=True)
class Info:
    """A sandbox in the provider's list."""

    id: str
    state: State
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Command(Protocol):
    """A command that runs in the background."""

    def output(self) -> AsyncIterator[Output]:
        """What it writes, from its start on, until it has ended. One reader."""
        ...

    async def wait(self) -> Result:
        """Waits for its end. SandboxGone if the sandbox ends before."""
        ...

    async def kill(self) -> None:
        """Ends it with everything that it has started; returns when all of that is gone."""
        ...


class Sandbox(Protocol):
    """One sandbox. Every method but `kill` raises SandboxGone and SandboxPaused where they apply."""

    @property
    def id(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def network(self) -> Network: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...

    @property
    def state(self) -> State: ...

    async def run(
        self,
        argv: Sequence[str],
        *,
        folder: str = HOME,
        environment: Mapping[str, str] | None = None,
        given: bytes = b"",
        seconds: float | None = None,
        on_output: Callable[[Output], None] | None = None,
    ) -> Result:
        """Runs a command to its end, and ends what it leaves behind.

        The limit of time is `seconds` or that of the limits, whichever is shorter, and is enforced on this side. Output
        over the limit ends the command. Cancelling ends it as well. CommandRefused if it cannot be started.
        """
        ...

    async def start(
        self,
        argv: Sequence[str],
        *,
        folder: str = HOME,
        environment: Mapping[str, str] | None = None,
        given: bytes = b"",
    ) -> Command:
        """Starts a command in the background; it runs for as long as the sandbox at most."""
        ...

    async def read(self, path: str, *, most: int = 10 * MIB) -> bytes:
        """A plain file's content. FileRefused if it is none or has more than `most` bytes."""
        ...

    async def write(self, path: str, data: bytes, *, executable: bool = False) -> None:
        """Writes a file, in folders that are made where they are not there."""
        ...

    async def list(self, path: str) -> tuple[Entry, ...]:
        """The names in a folder, in order; links are named and not followed."""
        ...

    async def upload(self, source: Path, path: str) -> None:
        """Brings a file or folder of this machine in; its links are left out."""
        ...

    async def download(self, path: str, target: Path, *, most: int = 100 * MIB) -> Download:
        """Brings a folder out into `target`, which must not exist: plain files and folders, `most` bytes in all."""
        ...

    async def pause(self) -> None:
        """Nothing inside runs until `resume`; files and processes stay."""
        ...

    async def resume(self) -> None:
        """Goes on where `pause` stopped it."""
        ...

    async def kill(self) -> None:
        """Ends the sandbox; returns when no process of it is left. Killing twice is fine."""
        ...


class Sandboxes(Protocol):
    """Makes sandboxes, and knows those it has made."""

    async def create(
        self,
        *,
        limits: Limits | None = None,
        network: Network | None = None,
        metadata: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
    ) -> Sandbox:
        """A fresh sandbox, with the mounts in it.

        SandboxUnavailable where isolation cannot be had, NetworkRefused where the network asked for cannot be kept to,
        SandboxBusy where there are as many as allowed, FileRefused for a mount that cannot be made.
        """
        ...

    async def list(self) -> tuple[Info, ...]:
        """The sandboxes that are there, paused ones among them."""
        ...

    async def connect(self, id: str) -> Sandbox:
        """The sandbox of that id; SandboxGone if it is no more."""
        ...

    async def aclose(self) -> None:
        """Lets go of what the provider holds on this machine. Sandboxes that live here end with it."""
        ...
