"""The clocks that stand behind the Clock port."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic

from agents.ports import Clock


class SystemClock:
    """The computer's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class FrozenClock:
    """A time at which everything stands still."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class RunningClock:
    """A time that was given, from which time runs on."""

    at: datetime
    began: float = field(default_factory=monotonic)

    def now(self) -> datetime:
        return self.at + timedelta(seconds=monotonic() - self.began)


def clock_of(setting: str | None) -> Clock:
    """The clock that DEUS_CLOCK asks for: the computer's, `frozen:TIME`, or a TIME from which it runs on."""
    if setting is None:
        return SystemClock()
    at = datetime.fromisoformat(setting.removeprefix("frozen:")).astimezone(UTC)
    return FrozenClock(at) if setting.startswith("frozen:") else RunningClock(at)
