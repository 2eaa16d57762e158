"""Messages to a Slack on real sockets: streamed, updated, found again, refused, and what is done then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount

from app.channels.chart import figure
from app.channels.delivery import Delivery, Undeliverable
from app.channels.slack import _client
from app.channels.slack_post import Picture, Post, Task, context
from app.channels.slack_poster import Poster
from app.channels.slack_table import table
from app.demo.refs import channel_id, user_id
from app.demo.vendors.slack import BOT_TOKEN, routes
from tests.companies import demo_of
from tests.scenarios.playbooks.company import _served

CHANNEL = channel_id("growth")
FINAL = Post("Signups fell.", ({"type": "markdown", "text": "Signups **fell**."}, context("Open in Deus")))


class Slack:
    """The demo's Slack. What is in `troubles` comes first: (method, error), or (method, seconds) for a rate limit."""

    def __init__(self, path: Path) -> None:
        self.troubles: list[tuple[str, Any]] = []
        self.asked: list[str] = []
        self._vendor = Starlette(routes=routes(demo_of(path)))
        self.app = Starlette(routes=[Mount("/", self._served)])

    async def _served(self, scope: Any, receive: Any, send: Any) -> None:
        method = scope["path"].rpartition("/")[2]
        self.asked.append(method)
        if self.troubles and self.troubles[0][0] == method:
            trouble = self.troubles.pop(0)[1]
            if isinstance(trouble, str):
                answer = JSONResponse({"ok": False, "error": trouble})
            else:
                answer = JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(trouble)})
            await answer(scope, receive, send)
            return
        await self._vendor(scope, receive, send)


class Place:
    """A thread in the demo's Slack, and the poster that answers in it."""

    def __init__(self, slack: Slack, url: str, thread: str, poster: Poster) -> None:
        self.slack = slack
        self.poster = poster
        self.delivery = Delivery(
            "r1", "slack", {"channel": CHANNEL, "thread": thread, "user": "U1", "team": "T0DEMO000"}
        )
        self._url = url

    async def show(self, post: Post, message: Any = None, part: str = "answer") -> Any:
        return await self.poster.show(self.delivery, part, post, message)

    async def posted(self) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as http:
            found = (await http.get("/posted", params={"as": "json"})).json()["messages"]
        return [one for one in reversed(found) if one["thread_ts"] == self.delivery.place["thread"]]


@pytest.fixture
def slack(acme: Path) -> Slack:
    return Slack(acme)


@pytest.fixture
def url(slack: Slack) -> Iterator[str]:
    with _served(slack.app) as served:
        yield served


@pytest.fixture
async def place(slack: Slack, url: str) -> AsyncIterator[Place]:
    import aiohttp

    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        said = {"channel": CHANNEL, "user": user_id("lena"), "text": "Why?"}
        thread = (await http.post("/say", json=said)).json()["ts"]
    async with aiohttp.ClientSession() as session:
        poster = Poster(_client(BOT_TOKEN, f"{url}/api/", session), "https://deus.test")
        slack.asked.clear()
        yield Place(slack, url, thread, poster)


def live(words: str = "", **states: str) -> Post:
    tasks = tuple(Task(f"r1/{name}", f"Read {name}", state) for name, state in states.items())
    return Post("Looking", (context("…"),), live=True, title="Looking into it", tasks=tasks, words=words)


async def test_a_run_is_streamed_as_it_grows_and_ends_as_one_whole_message(place: Place) -> None:
    message = await place.show(live(one="pending"))
    assert message["streaming"]
    message = await place.show(live(one="in_progress", two="pending"), message)
    message = await place.show(live("Signups ", one="complete", two="complete"), message)
    message = await place.show(live("Signups fell", one="complete", two="complete"), message)
    (shown,) = await place.posted()
    assert shown["text"] == "Looking into it\n[complete] Read one\n[complete] Read two\nSignups fell"
    message = await place.show(FINAL, message)
    assert "streaming" not in message
    (shown,) = await place.posted()
    assert (shown["text"], shown["blocks"]) == (FINAL.text, list(FINAL.blocks))
    methods = ["chat.startStream", *["chat.appendStream"] * 3, "chat.stopStream", "chat.update"]
    assert [one for one in place.slack.asked if one.startswith("chat.")] == methods


async def test_a_stream_that_has_expired_goes_on_by_updates(place: Place) -> None:
    message = await place.show(live("Sign"))
    place.slack.troubles = [("chat.appendStream", "message_not_in_streaming_state")]
    message = await place.show(live("Signups"), message)
    assert "streaming" not in message
    await place.show(FINAL, message)
    (shown,) = await place.posted()
    assert shown["text"] == FINAL.text


async def test_a_text_that_begins_anew_is_not_appended(place: Place) -> None:
    message = await place.show(live("Signups rose"))
    message = await place.show(live("Signups fell"), message)
    assert "streaming" not in message
    assert "chat.appendStream" not in place.slack.asked
    assert len(await place.posted()) == 1


async def test_where_slack_does_not_stream_the_message_is_updated(place: Place) -> None:
    place.slack.troubles = [("chat.startStream", "unknown_method")]
    message = await place.show(live("Sign"))
    await place.show(FINAL, message)
    (shown,) = await place.posted()
    assert shown["text"] == FINAL.text
    assert place.slack.asked[:2] == ["chat.startStream", "chat.postMessage"]


async def test_a_stream_that_another_process_began_goes_on_by_updates(place: Place) -> None:
    message = await place.show(live("Sign"))
    place.poster._streams.clear()
    message = await place.show(live("Signups fell"), message)
    await place.show(FINAL, message)
    (shown,) = await place.posted()
    assert shown["text"] == FINAL.text


async def test_what_was_sent_and_not_kept_is_found_again(place: Place) -> None:
    sent = await place.show(FINAL, None, "ask/1")
    await place.show(FINAL, None, "ask/2")
    assert await place.show(FINAL, {}, "ask/1") == sent
    assert len(await place.posted()) == 2
    assert await place.show(FINAL, {}, "ask/3") != sent
    assert len(await place.posted()) == 3


async def test_a_rate_limit_is_waited_for_and_the_message_comes(place: Place) -> None:
    place.slack.troubles = [("chat.postMessage", 0)]
    assert await place.show(FINAL)
    assert place.slack.asked.count("chat.postMessage") == 2
    assert len(await place.posted()) == 1


async def test_blocks_that_slack_does_not_take_go_as_text(place: Place) -> None:
    await place.show(Post("All of it", ({"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}},)))
    (shown,) = await place.posted()
    assert shown["text"] == "All of it"
    assert "blocks" not in shown


async def test_what_somebody_deleted_stays_deleted(place: Place) -> None:
    message = await place.show(FINAL)
    place.slack.troubles = [("chat.update", "message_not_found")]
    assert await place.show(Post("More"), message) == message
    assert len(await place.posted()) == 1


@pytest.mark.parametrize("method", ["chat.startStream", "chat.postMessage"])
@pytest.mark.parametrize("code", ["channel_not_found", "not_in_channel", "is_archived"])
async def test_a_place_that_is_closed_is_said_to_be(place: Place, method: str, code: str) -> None:
    place.slack.troubles = [(method, code)]
    with pytest.raises(Undeliverable, match=code):
        await place.show(live() if method == "chat.startStream" else FINAL)


async def test_what_slack_refuses_otherwise_is_no_success(place: Place) -> None:
    from slack_sdk.errors import SlackApiError

    place.slack.troubles = [("chat.postMessage", "token_revoked")]
    with pytest.raises(SlackApiError, match="token_revoked"):
        await place.show(FINAL)


def picture() -> Post:
    data = {"series": [{"name": "signed_up", "points": [["2026-11-10T00:00:00+00:00", 4]]}]}
    drawn = Picture("a1", "Signups", "Signups fell on 10 November.", figure(data))
    return Post("Signups: they fell.", (context("Chart: Signups"),), picture=drawn)


async def test_a_chart_is_uploaded_into_the_thread_with_its_alt_text_once(place: Place) -> None:
    message = await place.show(picture(), None, "artifact/a1")
    assert await place.show(picture(), message, "artifact/a1") == message
    (shown,) = await place.posted()
    (file,) = shown["files"]
    assert (file["id"], file["alt_txt"], file["title"]) == (message["file"], "Signups fell on 10 November.", "Signups")
    steps = ["files.getUploadURLExternal", message["file"], "files.completeUploadExternal"]
    assert place.slack.asked[:3] == steps
    async with httpx.AsyncClient(timeout=30) as http:
        assert (await http.get(file["url_private"])).content.startswith(b"\x89PNG")


async def test_an_upload_that_was_not_kept_is_found_before_it_is_repeated(place: Place) -> None:
    message = await place.show(picture(), None, "artifact/a1")
    assert await place.show(picture(), {}, "artifact/a1") == message
    assert len(await place.posted()) == 1
    other = await place.show(picture(), {}, "artifact/a2")
    assert other != message
    assert len(await place.posted()) == 2


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
@pytest.mark.parametrize("code", ["missing_scope", "file_uploads_disabled", "internal_error"])
async def test_where_slack_takes_no_picture_its_words_are_posted(place: Place, method: str, code: str) -> None:
    place.slack.troubles = [(method, code)]
    message = await place.show(picture(), None, "artifact/a1")
    (shown,) = await place.posted()
    assert (shown["ts"], shown["text"]) == (message["ts"], "Signups: they fell.")
    assert await place.show(picture(), message, "artifact/a1") == message


async def test_a_chart_for_a_closed_place_says_so(place: Place) -> None:
    place.slack.troubles = [("files.completeUploadExternal", "channel_not_found"), ("chat.postMessage", "is_archived")]
    with pytest.raises(Undeliverable, match="is_archived"):
        await place.show(picture(), None, "artifact/a1")


TABLE = table(["| a | b |", "|---|---|", "| x | 1 < 2 |"], lambda _: None)


async def test_a_table_that_slack_refuses_is_text_and_the_rest_stays(place: Place) -> None:
    assert TABLE is not None
    post = Post("All of it", (context("Before"), TABLE, context("After")))
    place.slack.troubles = [("chat.postMessage", "invalid_blocks")]
    await place.show(post)
    (shown,) = await place.posted()
    assert [block["type"] for block in shown["blocks"]] == ["context", "markdown", "context"]
    assert "a  b\nx  1 &lt; 2" in shown["blocks"][1]["text"]
    await place.show(post, None, "other")
    assert [block["type"] for block in (await place.posted())[1]["blocks"]] == ["context", "table", "context"]


async def test_blocks_that_are_refused_twice_go_as_text_alone(place: Place) -> None:
    assert TABLE is not None
    place.slack.troubles = [("chat.postMessage", "invalid_blocks")] * 2
    await place.show(Post("All of it", (TABLE,)))
    assert "blocks" not in (await place.posted())[0]


async def test_a_stream_that_was_not_kept_is_found_by_its_tasks(place: Place) -> None:
    begun = await place.show(live(one="in_progress"))
    place.poster._streams.clear()
    message = await place.show(live("Signups fell", one="complete"), {})
    assert message == {"ts": begun["ts"]}, "it goes on by updates"
    assert len(await place.posted()) == 1
    await place.show(FINAL, {}, "answer")
    assert len(await place.posted()) == 1, "found by what it bears since it was updated"
    assert await place.show(FINAL, {}, "answer/2") != message
    assert len(await place.posted()) == 2


async def test_only_tasks_that_changed_and_a_new_title_are_appended(place: Place) -> None:
    first = replace(live(one="in_progress", two="pending"), title="Making a plan")
    found = replace(live(one="complete", two="pending"), title="Making a plan")
    source = Task("r1/one", "Read one", "complete", "3 found", (("An issue", "https://a.test/1"),))
    message = await place.show(first)
    message = await place.show(replace(found, tasks=(source, found.tasks[1])), message)
    message = await place.show(replace(found, tasks=(source, found.tasks[1])), message)
    (plan,) = (await place.posted())[0]["blocks"]
    assert plan["title"] == "Making a plan"
    (done, waiting) = plan["tasks"]
    assert done["sources"] == [{"type": "url", "text": "An issue", "url": "https://a.test/1"}]
    assert (done["output"], waiting["status"]) == ("3 found", "pending")
    assert place.slack.asked.count("chat.appendStream") == 1, "nothing is sent of what has not changed"


async def test_what_two_processes_have_sent_is_taken_back(place: Place) -> None:
    for message in (
        await place.show(live("Sign")),
        await place.show(FINAL),
        await place.show(picture(), None, "artifact/a1"),
    ):
        await place.poster.retract(place.delivery, message)
        await place.poster.retract(place.delivery, message)
    assert await place.posted() == []
