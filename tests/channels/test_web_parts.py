"""The parts of the web chat that need no browser: chart, evidence panel, threads, viewers, sign-in, guard, page."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from agents.conversation import Conversations
from agents.ports import Turn
from app.channels.chart import figure
from app.channels.sign_in import sign_in
from app.channels.web_evidence import evidence_page
from app.channels.web_mount import ChatMount, content_policy, own_page
from app.channels.web_threads import Beginnings, History, is_thread_id
from app.channels.web_viewer import Viewers
from app.guard import Guard
from tests.channels.fake_conversations import ScriptedRuns, scripted
from tests.channels.script import ANSWER, EVIDENCE, NOW, ONSET, chart

THREAD = "2f1f6d0c-5f0e-4a3b-9d7e-1c2b3a4d5e6f"
TURN = Turn("Why did signups drop 20% last week?", "founder", "web", THREAD, NOW)


def test_a_chart_has_the_metric_its_segment_and_the_rest_on_one_scale() -> None:
    drawn = figure(chart())
    assert [(line["name"], line["role"]) for line in drawn["lines"]] == [
        ("signed_up", "total"),
        ("Safari", "segment"),
        ("all others", "rest"),
        ("expected", "expected"),
    ]
    assert all(0 <= x <= 1 and 0 <= y <= 1 for line in drawn["lines"] for x, y, *_ in line["points"])
    assert drawn["y"][0] == {"at": 0.0, "label": "0"}
    assert drawn["y"][-1] == {"at": 1.0, "label": "600"}
    (onset,) = drawn["marks"]
    assert onset["label"] == "Began Tue 10 Nov, 09:00"
    assert [band["kind"] for band in drawn["bands"]] == ["interval", "incomplete"]
    assert drawn["bands"][0]["from"] < onset["x"] < drawn["bands"][0]["to"]


def test_of_a_part_and_the_rest_alone_the_part_is_no_total() -> None:
    series = chart()["series"]
    roles = {line["name"]: line["role"] for line in figure({"series": series[1:], "timezone": "UTC"})["lines"]}
    assert roles == {"Safari": "segment", "all others": "rest"}
    assert [line["role"] for line in figure({"series": series[:1]})["lines"]] == ["total"]


def test_the_day_that_is_not_over_begins_after_the_last_whole_one() -> None:
    drawn = figure(chart())
    whole, running = drawn["lines"][0]["points"][-2:]
    assert drawn["bands"][-1] == {"kind": "incomplete", "from": whole[0], "to": running[0]}


def test_ticks_are_midnights_of_the_company() -> None:
    days = [tick["label"] for tick in figure(chart())["x"]]
    assert days[-1] == "18 Nov"
    assert 3 <= len(days) <= 8


@pytest.mark.parametrize("data", [{}, {"series": []}, {"series": [{"name": "x", "points": []}]}])
def test_an_empty_series_draws_nothing(data: dict[str, Any]) -> None:
    assert figure(data)["lines"] == []


def test_long_series_are_thinned_and_keep_their_dips() -> None:
    start = ONSET - timedelta(hours=3000)
    points = [[(start + timedelta(hours=n)).isoformat(), 2 if n == 1777 else 100] for n in range(3000)]
    drawn = figure({"series": [{"name": "x", "points": points}], "timezone": "UTC"})
    kept = drawn["lines"][0]["points"]
    assert len(kept) <= 400
    assert min(y for _, y, *_ in kept) == pytest.approx(0.02, abs=0.01)


def test_what_a_computation_took_from_earlier_steps_is_said_in_words() -> None:
    args = {"series": ["$series_1", None, "$own_table"], "since": "$change.onset", "price": "$5", "metric": "signed_up"}
    shown = evidence_page(EVIDENCE[0].model_copy(update={"asked": {"args": args, "evidence": ["e1"]}}))
    assert shown["asked"] == [
        ["series", "series 1, own table"],
        ["since", "onset of change"],
        ["price", "$5"],
        ["metric", "signed_up"],
    ]


def test_the_evidence_panel_shows_what_was_asked_what_came_back_and_whence() -> None:
    shown = evidence_page(EVIDENCE[0])
    assert shown["asked"] == [["metric", "signed_up"], ["since", "2026-09-23"]]
    assert (shown["service"], shown["verb"], shown["total"], len(shown["records"])) == (
        "posthog",
        "metrics.series",
        56,
        20,
    )
    assert shown["url"].startswith("http://")
    assert shown["sha256"] == EVIDENCE[0].sha256
    assert shown["requests"] == ["POST http://127.0.0.1:8001/posthog/query → 200 in 19 ms"]
    later = evidence_page(EVIDENCE[0], offset=40)
    assert [record["ref"] for record in later["records"]] == [f"signed_up/{n}" for n in range(40, 56)]
    assert evidence_page(EVIDENCE[0], offset=9999)["offset"] == 55


def test_the_evidence_panel_cuts_what_is_long_and_drops_links_that_are_scripts() -> None:
    evil = {
        "kind": "issue",
        "ref": "X-1",
        "url": "javascript:alert(1)",
        "title": "t",
        "body": "a" * 5000,
        "due": "2026-11-17T19:00:00Z",
    }
    (record,) = evidence_page(replace_content(evil))["records"]
    assert record["url"] is None
    assert "5,000 characters in all" in dict(record["fields"])["body"]
    assert dict(record["fields"])["due"] == "17 Nov 2026, 19:00 UTC"


def replace_content(*records: dict[str, Any]) -> Any:
    return EVIDENCE[0].model_copy(update={"content": records})


@pytest.mark.parametrize("raw", [None, "", "x", "../..", "1' OR '1'='1", "{2f1f6d0c-5f0e-4a3b-9d7e-1c2b3a4d5e6f}"])
async def test_a_thread_id_that_is_no_uuid_is_nobodys(raw: str | None) -> None:
    assert not is_thread_id(raw)
    assert await History(scripted(ScriptedRuns())).thread(raw or "") is None


async def ended(conversations: Conversations, run: str) -> None:
    async for _ in conversations.follow(run):
        pass


async def test_a_thread_is_its_runs_in_order_and_knows_which_still_go() -> None:
    runs = ScriptedRuns()
    conversations = scripted(runs)
    await ended(conversations, await conversations.say(TURN))
    runs.pace = 60
    second = await conversations.say(replace(TURN, text="And for mobile?", at=NOW + timedelta(minutes=1)))
    thread = await History(conversations).thread(THREAD)
    assert thread is not None
    assert [message["output"] for message in thread.messages if message["type"] == "user_message"] == [
        TURN.text,
        "And for mobile?",
    ]
    assert (thread.owner, thread.title, thread.running) == ("founder", TURN.text, (second,))
    await conversations.stop(second, "founder")


async def test_the_list_of_conversations_waits_for_a_new_one_but_not_for_ever() -> None:
    beginnings = Beginnings()
    waiting = asyncio.create_task(beginnings.wait(THREAD))
    await asyncio.sleep(0)
    assert not waiting.done()
    beginnings.expect(THREAD).set()
    await waiting
    await Beginnings(patience=0).wait(THREAD)


class Recorder:
    """A browser's page that remembers what it was sent."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.elements: dict[str, Any] = {}
        self.tasks: list[str] = []
        self.names: list[str] = []
        self.windows: list[Any] = []
        self.sent = asyncio.Event()

    async def send_step(self, step_dict: Any) -> None:
        self.names.append(step_dict["name"])
        self.sent.set()
        self.texts[step_dict["id"]] = step_dict["output"]

    async def send_token(self, id: str, token: str) -> None:
        self.texts[id] += token

    async def send_element(self, element_dict: Any) -> None:
        self.elements[element_dict["name"]] = element_dict

    async def task_start(self) -> None:
        self.tasks.append("start")

    async def task_end(self) -> None:
        self.tasks.append("end")

    async def send_window_message(self, data: Any) -> None:
        self.windows.append(data)


async def test_a_viewer_sends_the_run_until_it_ends() -> None:
    conversations, page = scripted(ScriptedRuns()), Recorder()
    viewers = Viewers(conversations)
    await viewers.show("s", page, await conversations.say(TURN), "asked")
    assert page.texts["asked"] == TURN.text
    assert list(page.elements) == ["Plan", "Chart", "Sources", "FollowUps"]
    assert page.tasks == ["start", "end"]
    assert viewers.watched("s") == ()
    assert any(text.startswith(ANSWER[:40]) for text in page.texts.values())


async def test_a_page_that_leaves_does_not_stop_the_run_and_one_that_comes_sees_it() -> None:
    runs, first, second = ScriptedRuns(pace=0.02), Recorder(), Recorder()
    conversations = scripted(runs)
    viewers = Viewers(conversations)
    run = await conversations.say(TURN)
    viewers.resume("left", first, (run,))
    await asyncio.sleep(0)
    viewers.leave("left")
    viewers.resume("came", second, (run,))
    assert viewers.watched("came") == (run,)
    await ended(conversations, run)
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == f"viewer {run}"))
    assert first.tasks[-1:] in ([], ["end"])
    assert list(second.elements) == ["Plan", "Chart", "Sources", "FollowUps"]
    assert runs.stopped == []


def test_the_sign_in_is_made_once_kept_to_oneself_and_overridden_by_settings(tmp_path: Path) -> None:
    made = sign_in(tmp_path / "data")
    assert made == sign_in(tmp_path / "data")
    assert len(made.password) == 14
    assert stat.S_IMODE((tmp_path / "data" / "sign-in.json").stat().st_mode) == 0o600
    assert sign_in(tmp_path / "data", "ada", "open sesame").secret == made.secret
    (tmp_path / "data" / "sign-in.json").write_text("{")
    with pytest.raises(ValueError, match="Delete it"):
        sign_in(tmp_path / "data")


def guarded(hosts: Sequence[str] = ("127.0.0.1", "localhost")) -> httpx.AsyncClient:
    async def fine(_: Any) -> PlainTextResponse:
        return PlainTextResponse("fine")

    app = Starlette(routes=[Route("/", fine, methods=["GET", "POST"]), Route("/ws/socket.io", fine)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(Guard(app, hosts)), base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 200),
        ("POST", "/", {}, 200),
        ("POST", "/", {"Origin": "http://127.0.0.1:8000"}, 200),
        ("POST", "/", {"Origin": "http://evil.example"}, 403),
        ("POST", "/", {"Origin": "null"}, 403),
        ("GET", "/ws/socket.io", {"Origin": "http://127.0.0.1:9999"}, 403),
        ("GET", "/", {"Host": "evil.example:8000"}, 403),
        ("GET", "/", {"Origin": "http://evil.example"}, 200),
    ],
)
async def test_other_sites_and_other_names_are_kept_out(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with guarded() as client:
        answer = await client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["x-frame-options"] == "DENY"
    assert "content-security-policy" in answer.headers


async def test_a_socket_from_another_site_is_closed() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(*_: Any) -> None:
        raise AssertionError("let in")

    scope = {
        "type": "websocket",
        "path": "/ws/socket.io",
        "headers": [(b"host", b"localhost:1"), (b"origin", b"http://evil.example")],
    }
    await Guard(never)(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_page_asks_no_other_host_and_its_policy_names_its_scripts() -> None:
    html = (
        '<link rel="preconnect" href="https://fonts.googleapis.com" /><link rel="icon" href="/favicon" />'
        '<link\n href="https://cdn.jsdelivr.net/npm/katex.css" />\n<meta property="og:image" content="https://x/y.png">'
        "<script>let a = 1;</script>"
    )
    own = own_page(html)
    assert "https://" not in own
    assert "/favicon" in own
    assert "'sha256-" in content_policy(own)
    assert "unsafe-inline" not in content_policy(own).split("style-src")[0]


async def test_the_chat_waits_with_a_page_of_its_own_and_then_is_there() -> None:
    async def chat(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("the chat")(scope, receive, send)

    mount = ChatMount(lambda: chat)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mount), base_url="http://127.0.0.1") as client:
        waiting = await client.get("/", headers={"Accept": "text/html"})
        assert waiting.status_code == 503
        assert "opens by itself" in waiting.text
        assert "refresh" in waiting.text
        assert (await client.get("/assets/x.js")).headers["retry-after"] == "1"
        await mount.open()
        assert (await client.get("/")).text == "the chat"
        assert mount.state == "ready"


async def test_a_chat_that_cannot_be_loaded_says_so() -> None:
    def broken() -> Any:
        raise RuntimeError("no chat today")

    mount = ChatMount(broken)
    await mount.open()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mount), base_url="http://127.0.0.1") as client:
        answer = await client.get("/", headers={"Accept": "text/html"})
    assert mount.state == "failed"
    assert "could not be loaded" in answer.text
    assert 'http-equiv="refresh"' not in answer.text


async def test_an_open_page_shows_what_a_person_writes_in_the_place_of_deus() -> None:
    runs, page = ScriptedRuns(), Recorder()
    conversations = scripted(runs)
    viewers = Viewers(conversations)
    viewers.listen("s", page, THREAD)
    viewers.listen("s", page, THREAD)
    runs.relay(THREAD, "sarah@acme.com", "Sarah", "I am **looking**.")
    async with asyncio.timeout(20):
        await page.sent.wait()
    assert list(page.texts.values()) == ["I am **looking**."]
    assert page.names == ["Sarah"]
    assert page.elements == {}
    viewers.leave("s")
    assert [
        task for task in asyncio.all_tasks() if task.get_name().startswith("listen") and not task.cancelling()
    ] == []
