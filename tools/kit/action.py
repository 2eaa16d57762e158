"""What a write is at one service: how it is shown, done, looked up, read back and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tools.kit.tool import Write

# What happens to a write of which nobody knows whether it came through: an idempotent one is sent again with the same
# key, a probe asks the service what happened, a blind one waits for a person.
Repeat = Literal["idempotent", "probe", "blind"]
# Longer than services, and what stands before them, hold a request whose sender has gone.
SETTLES = timedelta(minutes=10)
W = TypeVar("W", bound=Write)
C = TypeVar("C")


class Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(Plain):
    """The record that a write changes, or the place where it makes one. `ref` is empty for what is not there yet."""

    service: str
    kind: str
    ref: str = ""
    title: str = ""
    url: str = ""
    environment: str | None = None


class Change(Plain):
    """What a write would do: the touched fields as they are and as they will be, in words that a person can judge.

    `bound` holds the service's own ids and versions that were looked up for the preview; the write uses these and no
    others. `people` are those who will read it, `affects` is how many records or people it touches. `undo` says how it
    can be taken back ("" where it cannot), `undo_for` how long that works (None: no end is known).
    """

    target: Target
    before: dict[str, Any] = Field(default_factory=dict)
    after: dict[str, Any] = Field(default_factory=dict)
    bound: dict[str, Any] = Field(default_factory=dict)
    people: tuple[str, ...] = ()
    affects: int = 1
    undo: str = ""
    undo_for: timedelta | None = None
    warnings: tuple[str, ...] = ()


class Landed(Plain):
    """A write that the service says has happened.

    `state` holds the touched fields as the service has them now, in the words of `Change.after`; `said` is its answer
    in a sentence; `undo` is whatever the undo needs, such as the id of a message.
    """

    ref: str
    url: str
    title: str = ""
    state: dict[str, Any] = Field(default_factory=dict)
    said: str = ""
    undo: dict[str, Any] = Field(default_factory=dict)


class Action(Generic[C, W]):
    """One write verb at one service. `connector` is the service's connector, whose wire it uses.

    A method raises the kit's typed errors. `do` sends with `repeat=False` unless the service itself knows the key, and
    an answer that leaves open whether it happened travels as TimedOut or Unavailable: it is never guessed.
    """

    verb: ClassVar[type[Write]]
    repeat: ClassVar[Repeat]
    # How long after a write was sent its service may still do it. Only a look after that, which does not find it, lets
    # a `probe` be sent again; None: no look is believed, and a person decides.
    settles: ClassVar[timedelta | None] = SETTLES

    def __init__(self, connector: C) -> None:
        self.connector = connector

    async def preview(self, request: W) -> Change:
        """Reads what is there and says what will be; changes nothing. An argument `$step[0].url` is shown as it is."""
        raise NotImplementedError

    async def blocked(self, request: W, change: Change) -> str | None:
        """Why it cannot be done yet, though it will be possible by itself ("checks are running"); None if it can."""
        return None

    async def do(self, request: W, change: Change, key: str) -> Landed:
        """Does it. `key` is the same whenever the same write is sent (40 hexadecimal digits)."""
        raise NotImplementedError

    async def find(self, request: W, change: Change, key: str) -> Landed | None:
        """Asks the service whether the write with this key happened. Only `probe` actions are asked."""
        raise NotImplementedError

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        """The touched fields as they are now, in the words of `Landed.state`; None if the record is gone."""
        raise NotImplementedError

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        """Takes it back, to `Change.before`; doing it twice does no more than once. Called only if `Change.undo` is."""
        raise NotImplementedError


def worse(shown: Change, now: Change) -> bool:
    """Whether a change comes with a warning that it was shown without, or can no longer be taken back. What a warning
    counts or names behind its colon may differ."""
    known = {one.partition(":")[0] for one in shown.warnings}
    return any(one.partition(":")[0] not in known for one in now.warnings) or bool(shown.undo and not now.undo)


def drift(expected: Mapping[str, Any], now: Mapping[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    """What differs between the state that a write left and the state now: field → (left, now); {} if nothing does.

    A record that is gone has every field at None.
    """
    return {
        name: (value, None if now is None else now.get(name))
        for name, value in expected.items()
        if now is None or now.get(name) != value
    }
