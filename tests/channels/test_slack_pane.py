"""The assistant pane as Slack is told of it: what is offered and where, a thread's title, the status of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from app.channels.delivery import Delivery, Message
from app.channels.slack_assistant import STATUS, Pane, Showing
from app.channels.slack_people import Unknown
from app.channels.slack_post import Post
from app.channels.web_view import RunView, StepLine

SERVICES = ("posthog", "linear", "sentry", "intercom")
NEAR = {"entities": [{"type": "slack#/types/channel_id", "value": "C1", "team_id": "T1"}]}


class Slack:
    """Slack's Web API and its channels' names; `refusal` is what it says to everything, if set."""

    def __init__(self) -> None:
        self.refusal = ""
        self.said: list[dict[str, Any]] = []

    async def channel(self, ident: str) -> str:
        if ident != "C1":
            raise Unknown("Slack could not say what this channel is called.")
        return "incidents"

    async def assistant_threads_setSuggestedPrompts(self, **sent: Any) -> None:
        self._take(sent)

    async def assistant_threads_setTitle(self, **sent: Any) -> None:
        self._take(sent)

    async def assistant_threads_setStatus(self, **sent: Any) -> None:
        self._take(sent)

    def _take(self, sent: dict[str, Any]) -> None:
        if self.refusal:
            raise SlackApiError("refused", {"error": self.refusal})  # type: ignore[no-untyped-call]
        self.said.append(sent)


@pytest.fixture
def slack() -> Slack:
    return Slack()


@pytest.fixture
def pane(slack: Slack) -> Pane:
    standing: Any = slack
    return Pane(standing, standing, lambda: SERVICES)


async def test_in_today_s_pane_no_thread_is_named_for_that_would_fail_in_silence(slack: Slack, pane: Pane) -> None:
    await pane.opened({"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "messages"})
    (offered,) = slack.said
    assert offered["channel_id"] == "D1"
    assert "thread_ts" not in offered
    assert len(offered["prompts"]) == 4


async def test_the_older_pane_s_threads_are_named(slack: Slack, pane: Pane) -> None:
    thread = {"user_id": "U1", "channel_id": "D1", "thread_ts": "1.0", "context": {"channel_id": "C1"}}
    await pane.opened({"type": "assistant_thread_started", "assistant_thread": thread})
    (offered,) = slack.said
    assert offered["thread_ts"] == "1.0"
    assert "errors" in offered["prompts"][0]["title"], "what fits #incidents comes first"


async def test_what_is_on_the_screen_changes_what_is_offered(slack: Slack, pane: Pane) -> None:
    moved = {"event": {"type": "app_context_changed", "context": NEAR}, "authorizations": [{"user_id": "U1"}]}
    await pane.moved(moved)
    assert slack.said == [], "the pane was never opened"
    await pane.opened({"user": "U1", "channel": "D1", "tab": "messages"})
    await pane.moved(moved)
    assert "errors" in slack.said[-1]["prompts"][0]["title"]
    for context in ({}, {"entities": [{"type": "slack#/types/canvas_id", "value": "F1"}]}, {"channel_id": "C9"}):
        await pane.moved({**moved, "event": {"context": context}})
    assert len(slack.said) == 2, "nothing is known of what is there"


async def test_a_thread_is_called_by_its_question(slack: Slack, pane: Pane) -> None:
    await pane.titled("D1", "1.0", "Why did\n signups drop? " + "x" * 300)
    (titled,) = slack.said
    assert titled["title"].startswith("Why did signups drop?")
    assert len(titled["title"]) <= 100
    slack.refusal = "missing_scope"
    await pane.titled("D1", "1.0", "Why?")
    await pane.opened({"user": "U1", "channel": "D1", "tab": "messages"})


class Wall:
    """Messages as they were shown."""

    name = "slack"

    def __init__(self) -> None:
        self.shown: list[str] = []

    def screen(self, view: RunView) -> Mapping[str, Post]:
        return {"answer": Post(view.text)} if view.seq else {}

    async def show(self, delivery: Delivery, part: str, post: Post, message: Message | None) -> Message:
        self.shown.append(part)
        return {"ts": "2.0"}


def showing(slack: Slack) -> tuple[Showing, Wall]:
    wall, client = Wall(), slack
    standing: Any = wall
    there: Any = client
    return Showing(standing, there, str.capitalize), wall


def place(channel: str) -> Delivery:
    return Delivery("r1", "slack", {"channel": channel, "thread": "1.0", "user": "U1", "team": "T1"})


async def test_the_status_comes_after_the_answer_and_goes_with_the_run(slack: Slack) -> None:
    courier, wall = showing(slack)
    running = RunView("r1", seq=2, steps=(StepLine("s1", state="running", services=("sentry",)),))
    screen = courier.screen(running)
    assert list(screen) == ["answer", STATUS], "what is posted takes a status away"
    kept = await courier.show(place("D1"), STATUS, screen[STATUS], None)
    over = courier.screen(RunView("r1", seq=3, status="answered", complete=True))
    assert await courier.show(place("D1"), STATUS, over[STATUS], kept) == {"status": ""}
    assert [one["status"] for one in slack.said] == ["is looking at Sentry…", ""]
    assert wall.shown == []
    assert courier.screen(RunView("r1")) == {}


async def test_what_somebody_left_who_died_is_cleared(slack: Slack) -> None:
    courier, _ = showing(slack)
    await courier.show(place("D1"), STATUS, Post(""), None)
    await courier.show(place("D1"), STATUS, Post(""), {"status": ""})
    assert slack.said == [], "there is nothing to clear"
    await courier.show(place("D1"), STATUS, Post(""), {})
    assert [one["status"] for one in slack.said] == [""]


async def test_where_others_read_along_no_status_is_shown(slack: Slack) -> None:
    courier, _ = showing(slack)
    assert await courier.show(place("C1"), STATUS, Post("is looking at Sentry…"), None)
    assert slack.said == []


async def test_a_status_that_slack_refuses_keeps_no_answer_back(slack: Slack) -> None:
    slack.refusal = "missing_scope"
    courier, wall = showing(slack)
    assert await courier.show(place("D1"), STATUS, Post("is looking at Sentry…"), None)
    await courier.show(place("D1"), "answer", Post("Done."), None)
    assert wall.shown == ["answer"]
