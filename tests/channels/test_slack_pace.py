"""Slack's rate limits, which are counted per method: who is told to wait makes all of that method wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.channels.slack_pace import LONGEST, TRIES, UNSAID, PacedClient
from tests.scenarios.playbooks.company import _served


class Limited:
    """A Slack that answers with 429 as often as it is told to, and with a header of its own choice."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}
        self.after: str | None = "7"
        self.asked: list[str] = []
        self.app = Starlette(routes=[Route("/api/{method}", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        method = request.path_params["method"]
        self.asked.append(method)
        if self.left.get(method, 0):
            self.left[method] -= 1
            headers = {"Retry-After": self.after} if self.after is not None else {}
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers)
        return JSONResponse({"ok": True})


class Time:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def slack() -> Limited:
    return Limited()


@pytest.fixture
def url(slack: Limited) -> Iterator[str]:
    with _served(slack.app) as served:
        yield f"{served}/api/"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def client(url: str, time: Time) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession() as session:
        made = PacedClient(token="xoxb-1", base_url=url, session=session, clock=lambda: time.now, sleep=time.sleep)
        made.retry_handlers = []
        yield made


async def test_what_slack_wants_is_waited_for_by_that_method_alone(client: Any, slack: Limited, time: Time) -> None:
    slack.left = {"chat.update": 1}
    assert (await client.chat_update(channel="C1", ts="1", text="x"))["ok"]
    assert time.slept == [7.0]
    assert (await client.chat_postMessage(channel="C1", text="x"))["ok"]
    assert time.slept == [7.0]
    assert slack.asked == ["chat.update", "chat.update", "chat.postMessage"]


async def test_the_next_call_of_a_method_waits_as_well(client: Any, slack: Limited, time: Time) -> None:
    slack.left = {"chat.update": TRIES}
    with pytest.raises(SlackApiError, match="ratelimited"):
        await client.chat_update(channel="C1", ts="1", text="x")
    assert len(slack.asked) == TRIES, "it does not try for ever"
    waited = len(time.slept)
    assert (await client.chat_update(channel="C1", ts="1", text="x"))["ok"]
    assert time.slept[waited:] == [7.0], "before it is sent at all"


@pytest.mark.parametrize(("said", "waits"), [(None, UNSAID), ("soon", UNSAID), ("-5", 0.0), ("0", 0.0), ("2.5", 2.5)])
async def test_whatever_slack_says_is_understood(
    client: Any, slack: Limited, time: Time, said: str | None, waits: float
) -> None:
    slack.left, slack.after = {"chat.update": 1}, said
    assert (await client.chat_update(channel="C1", ts="1", text="x"))["ok"]
    assert time.slept == ([waits] if waits else [])


async def test_a_wait_that_is_too_long_is_the_caller_s_to_know(client: Any, slack: Limited, time: Time) -> None:
    slack.left, slack.after = {"chat.update": 1}, str(LONGEST + 1)
    with pytest.raises(SlackApiError, match="ratelimited"):
        await client.chat_update(channel="C1", ts="1", text="x")
    assert time.slept == []
