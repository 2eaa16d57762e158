"""Asking for a person: the conversation waits in the inbox, and what it tells of is looked into meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.identity import Identity
from agents.ports import Turn
from agents.visiting import INVESTIGATION, linked
from app.api.problem import Problem
from app.channels.widget_token import Visitor

if TYPE_CHECKING:
    from app.bootstrap import Product
    from app.channels.widget_feed import Feed

# What is looked into is what was said last.
LAST = 3
MOST = 3
LONGEST = 2000


class Help:
    """Brings people and visitors together. The investigation is a run of Deus itself, in a conversation of its own that
    no visitor's token opens; the person finds its link where the inbox says why somebody waits."""

    def __init__(self, product: Product, feed: Feed) -> None:
        self._product = product
        self._feed = feed

    async def ask(self, visitor: Visitor, actor: str, why: str = "Asked for a person") -> dict[str, Any]:
        """How the conversation stands after it. Raises a 409 problem where nothing has been said yet."""
        told, _ = await self._feed.transcript(visitor.conversation, actor)
        said = [str(one["question"]) for one in told if one["question"]]
        if not said:
            raise Problem(409, "Nothing has been said yet.", remedy="Write what it is about, then ask for a person.")
        if self._product.inbox is None:
            return await self._feed.standing(visitor.conversation)
        run = await self._investigate(visitor.conversation, said)
        link = f"{self._product.settings.address}/runs/{run}"
        await self._product.inbox.ask_for_person(visitor.conversation, actor, f"{why}. Looked into: {link}")
        self._feed.tell(visitor.conversation)
        return await self._feed.standing(visitor.conversation)

    async def _investigate(self, conversation: str, said: list[str]) -> str:
        """Begins to look into what was said; once for the same words, and a few times while a person is waited for: no
        visitor can keep the company's services busy."""
        assert self._product.inbox is not None
        if (await self._product.inbox.state(conversation)).state != "open":
            before = await self._product.conversations.runs(conversation=linked(conversation), limit=MOST)
            if len(before) == MOST:
                return before[0].run
        people = self._product.people
        assert people is not None
        itself = Identity(service="deus", ident="investigation")
        person = await people.recognise(itself, name="Deus", role="viewer")
        text = "\n".join(said[-LAST:])[-LONGEST:]
        turn = Turn(
            text, person.id, INVESTIGATION, linked(conversation), self._product.clock.now(), f"after-{len(said)}"
        )
        return await self._product.conversations.say(turn)
