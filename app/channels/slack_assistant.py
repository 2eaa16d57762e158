"""Slack's assistant pane: what can be asked there, what Deus is doing right now, what a thread is about."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.channels.delivery import Delivery, Message
from app.channels.slack_asking import value_of
from app.channels.slack_post import Post
from app.channels.slack_text import cut
from app.channels.web_view import RunView

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from app.channels.slack_people import People
    from app.channels.slack_poster import Poster

log = logging.getLogger(__name__)

STATUS = "status"
MOST_PROMPTS = 4  # https://docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts
LONGEST_TITLE = 100
LONGEST_STATUS = 100
HEADING = "Ask, for example"
# What can be asked, the services of which one is needed, and the words of a channel that such questions fit.
_PROMPTS: Sequence[tuple[str, str, frozenset[str], frozenset[str]]] = (
    (
        "Why did a number move?",
        "Why did signups drop last week?",
        frozenset({"posthog"}),
        frozenset({"growth", "metrics", "analytics", "marketing", "data"}),
    ),
    (
        "What is in the way?",
        "What's blocking us?",
        frozenset({"linear", "github"}),
        frozenset({"product", "team", "planning", "roadmap"}),
    ),
    (
        "Which errors matter?",
        "What are the most critical bugs right now?",
        frozenset({"sentry", "linear"}),
        frozenset({"incidents", "alerts", "bugs", "errors", "oncall", "engineering", "eng", "dev"}),
    ),
    (
        "Who is affected?",
        "Which customers are affected by open bugs?",
        frozenset({"intercom"}),
        frozenset({"support", "customers", "success", "help"}),
    ),
    (
        "What is shipping?",
        "What features are we shipping this week?",
        frozenset({"github", "linear", "vercel"}),
        frozenset({"releases", "shipping", "deploys", "launch"}),
    ),
    (
        "How is revenue doing?",
        "What's our churn rate trending?",
        frozenset({"stripe", "posthog"}),
        frozenset({"revenue", "sales", "finance", "founders"}),
    ),
    ("What can you do?", "What can you do?", frozenset(), frozenset()),
)


def prompts(services: Collection[str], near: str = "") -> list[dict[str, str]]:
    """What is offered to ask: only what a connected service can answer, first what fits the channel that is open."""
    words = frozenset(near.casefold().replace("_", "-").split("-"))
    possible = [one for one in _PROMPTS if not one[2] or one[2] & frozenset(services)]
    possible.sort(key=lambda one: not one[3] & words)
    return [{"title": title, "message": message} for title, message, _, _ in possible[:MOST_PROMPTS]]


def status(view: RunView, title: Callable[[str], str]) -> str:
    """What Deus is doing, to be read after its name; nothing once the run has ended or waits for a yes."""
    if not view.seq or view.standing != "running" or view.complete:
        return ""
    if not view.steps:
        return "is reading the question…"
    running = [line for line in view.steps if line.state == "running"]
    services = list(dict.fromkeys(title(one) for line in running for one in line.services))
    if services:
        named = ", ".join(services[:-1]) + " and " + services[-1] if len(services) > 1 else services[0]
        return cut(f"is looking at {named}…", LONGEST_STATUS)
    return "is working it out…" if running or view.text else "is planning…"


class Pane:
    """The pane as people open it and move about. `services` are the connected ones, `listens` says where it answers."""

    def __init__(self, client: AsyncWebClient, people: People, services: Callable[[], Collection[str]]) -> None:
        self._client = client
        self._people = people
        self._services = services
        self._direct: dict[str, str] = {}

    async def opened(self, event: Mapping[str, Any]) -> None:
        """Somebody opened it: what can be asked is offered."""
        thread = value_of(event, "assistant_thread")
        user = str(thread.get("user_id") or event.get("user") or "")
        channel = str(thread.get("channel_id") or event.get("channel") or "")
        if not channel:
            return
        self._direct[user] = channel
        near = await self._near(value_of(thread or event, "context"))
        await self._offer(channel, near, str(thread.get("thread_ts") or ""))

    async def moved(self, body: Mapping[str, Any]) -> None:
        """Somebody looks at something else now: what fits that is offered first."""
        event = value_of(body, "event")
        thread = value_of(event, "assistant_thread")
        if thread:
            await self.opened(event)
            return
        users = [str(one.get("user_id") or "") for one in body.get("authorizations") or () if not one.get("is_bot")]
        channel = self._direct.get(str(event.get("user") or next(iter(users), "")))
        near = await self._near(value_of(event, "context"))
        if channel and near:
            await self._offer(channel, near, "")

    async def titled(self, channel: str, thread: str, text: str) -> None:
        """Says what a new thread is about."""
        from slack_sdk.errors import SlackApiError

        try:
            title = cut(" ".join(text.split()), LONGEST_TITLE)
            await self._client.assistant_threads_setTitle(channel_id=channel, thread_ts=thread, title=title)
        except SlackApiError as error:
            log.info("The thread %s in %s has no title: %s", thread, channel, error.response.get("error"))

    async def _offer(self, channel: str, near: str, thread: str) -> None:
        from slack_sdk.errors import SlackApiError

        # In the pane of today a thread would make the call fail in silence; the older pane needs one.
        more: dict[str, Any] = {"thread_ts": thread} if thread else {}
        offered = prompts(self._services(), near)
        try:
            await self._client.assistant_threads_setSuggestedPrompts(
                channel_id=channel, title=HEADING, prompts=offered, **more
            )
        except SlackApiError as error:
            log.info("Nothing can be offered to ask in %s: %s", channel, error.response.get("error"))

    async def _near(self, context: Mapping[str, Any]) -> str:
        """The name of the channel that is on the screen; "" where there is none, or it is closed to Deus."""
        from app.channels.slack_people import Unknown

        seen = [one for one in context.get("entities") or () if str(one.get("type") or "").endswith("channel_id")]
        channel = str(context.get("channel_id") or (seen[0].get("value") if seen else "") or "")
        if not channel.startswith(("C", "G")):
            return ""
        try:
            return await self._people.channel(channel)
        except Unknown:
            return ""


class Showing:
    """The Courier to Slack, with the status that stands beside a direct conversation while its run goes on.

    What Slack does not take as a status keeps no answer back.
    """

    name = "slack"

    def __init__(self, poster: Poster, client: AsyncWebClient, title: Callable[[str], str]) -> None:
        self._poster = poster
        self._client = client
        self._title = title

    def screen(self, view: RunView) -> Mapping[str, Post]:
        shown = self._poster.screen(view)
        # Slack takes a status away when something is posted, so that it comes after the answer.
        return {**shown, STATUS: Post(status(view, self._title))} if shown else shown

    async def show(self, delivery: Delivery, part: str, post: Post, message: Message | None) -> Message:
        if part != STATUS:
            return await self._poster.show(delivery, part, post, message)
        place = delivery.place
        # Whoever died before keeping what it said may have left a status there.
        stands = message is not None and message.get("status") != ""
        if str(place["channel"]).startswith("D") and (post.text or stands):
            await self._say(str(place["channel"]), str(place["thread"]), post.text)
        return {"status": post.text}

    async def retract(self, delivery: Delivery, message: Message) -> None:
        """Takes back what was sent twice."""
        if message.get("ts"):
            await self._poster.retract(delivery, message)

    async def _say(self, channel: str, thread: str, text: str) -> None:
        from slack_sdk.errors import SlackApiError

        try:
            await self._client.assistant_threads_setStatus(channel_id=channel, thread_ts=thread, status=text)
        except SlackApiError as error:
            log.info("Slack shows no status in %s: %s", channel, error.response.get("error"))
