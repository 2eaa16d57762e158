"""Channels whose messages follow from the view of a run: each message is a part of the screen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from agents.event import Event
from app.channels.web_view import RunView, fold, only_output

Payload = TypeVar("Payload")


@dataclass(frozen=True)
class Shown(Generic[Payload]):
    """One message to bring to what the post says; `part` names it for the run's whole life."""

    part: str
    post: Payload


class Screens(ABC, Generic[Payload]):
    """A channel that says what stands on the screen, and leaves the rest to the fold. `home` is Deus' own address."""

    def __init__(self, home: str) -> None:
        self._home = home

    @abstractmethod
    def screen(self, view: RunView) -> Mapping[str, Payload]:
        """The run's messages by part, in their order."""

    def begin(self, run: str) -> RunView:
        """The view of a run of which nothing is known yet."""
        return RunView(run)

    def fold(self, view: RunView, event: Event) -> RunView:
        """The view after one more event."""
        return fold(view, event)

    def effects(self, before: RunView, after: RunView) -> Sequence[Shown[Payload]]:
        """The messages that differ, in their order."""
        if only_output(before, after):
            return []
        was = self.screen(before)
        return [Shown(part, post) for part, post in self.screen(after).items() if was.get(part) != post]
