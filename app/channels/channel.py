"""What a channel is: a fold over a run's events, and the effects that bring a viewer from one view to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeVar

from agents.event import EPHEMERAL, Event

View = TypeVar("View")
Effect_co = TypeVar("Effect_co", covariant=True)


class Channel(Protocol[View, Effect_co]):
    """A pure fold. The same events give the same view, whether they came one by one or after a restart."""

    def begin(self, run: str) -> View:
        """The view of a run of which nothing is known yet."""
        ...

    def fold(self, view: View, event: Event) -> View:
        """The view after one more event. Repeated events change nothing; missing ones are tolerated."""
        ...

    def effects(self, before: View, after: View) -> Sequence[Effect_co]:
        """What has to be sent so that somebody who sees `before` sees `after`."""
        ...


async def effects_of(
    channel: Channel[View, Effect_co], run: str, events: AsyncIterator[Event], cursor: int = 0
) -> AsyncIterator[tuple[int, Effect_co]]:
    """Folds silently up to the stored event number `cursor`, then yields each effect with the number that it stands at.

    Somebody who left at a cursor and comes back thus gets only what is new, and all of it.
    """
    view = channel.begin(run)
    async for event in events:
        after = channel.fold(view, event)
        if event.seq > cursor or (event.kind in EPHEMERAL and event.seq == cursor):
            for effect in channel.effects(view, after):
                yield event.seq, effect
        view = after
