"""The demo company's Slack as a page: what it draws, what it keeps out, and what it tells Deus, signed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from bs4 import BeautifulSoup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from app.channels.slack_requests import verify
from app.demo.refs import channel_id, user_id
from app.demo.vendors.slack import BOT_TOKEN, routes
from app.demo.vendors.slack_doorbell import BOT, PATH, Doorbell
from app.demo.vendors.slack_drawing import blocks_html, markdown, modal_html, mrkdwn
from app.demo.vendors.vendor import Demo
from tests.companies import demo_of
from tests.scenarios.playbooks.company import _served

SECRET = "of-this-start-alone"
GROWTH, LENA = channel_id("growth"), user_id("lena")
AUTH = {"Authorization": f"Bearer {BOT_TOKEN}"}


class Deus:
    """What stands where Deus does: takes what is signed, and answers what it is told to."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.answer: Any = {}
        self.app = Starlette(routes=[Route(PATH, self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        given = [(name.decode().lower(), value.decode()) for name, value in request.headers.raw]
        assert verify(given, body, [SECRET], time.time())
        if request.headers["content-type"] == "application/json":
            self.heard.append(json.loads(body))
        else:
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            self.heard.append(json.loads(form["payload"]) if "payload" in form else form)
        return JSONResponse(self.answer)


@pytest.fixture
def deus() -> Deus:
    return Deus()


@pytest.fixture
def slack(deus: Deus, acme: Path) -> Iterator[httpx.Client]:
    demo = demo_of(acme)
    with _served(deus.app) as url:
        listening = Demo(demo.company, demo.history, Doorbell(url, SECRET))
        app = Starlette(routes=[Mount("/slack", app=Starlette(routes=list(routes(listening))))])
        with _served(app) as base, httpx.Client(base_url=f"{base}/slack", timeout=30) as client:
            yield client


def call(slack: httpx.Client, method: str, **sent: Any) -> Any:
    return slack.post(f"/api/{method}", json=sent, headers=AUTH).json()


def said(slack: httpx.Client, text: str, channel: str = GROWTH, thread: str | None = None) -> str:
    told = slack.post("/say", json={"channel": channel, "user": LENA, "text": text, "thread_ts": thread}).json()
    return str(told["ts"])


def shown(slack: httpx.Client, channel: str = GROWTH) -> str:
    return slack.get("/page/messages", params={"user": LENA, "channel": channel}).text


def test_the_page_has_its_people_and_channels_and_loads_nothing_from_elsewhere(slack: httpx.Client) -> None:
    page = slack.get("/posted", follow_redirects=True)
    assert page.status_code == 200
    assert "Nadia" in page.text
    assert "# growth" in page.text
    assert "http://" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for kind in ("css", "js"):
        assert slack.get(f"/page/slack.{kind}").status_code == 200
    assert slack.get("/page/slack.html").status_code == 404


def test_what_was_posted_is_drawn_as_slack_draws_it(slack: httpx.Client) -> None:
    thread = said(slack, "@Deus why?")
    table = {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": "Browser"}], [{"type": "raw_text", "text": "1 &lt; 2"}]],
    }
    button = {"type": "button", "action_id": "deus_undo", "text": {"type": "plain_text", "text": "Undo"}, "value": "v"}
    blocks = [
        {"type": "markdown", "text": "It **fell** [[1]](https://a.test/1)"},
        table,
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Risk:* :warning: <https://a.test|here>"}},
        {"type": "actions", "elements": [button]},
    ]
    assert call(slack, "chat.postMessage", channel=GROWTH, thread_ts=thread, text="x", blocks=blocks)["ok"]
    html = shown(slack)
    for part in (
        "<strong>fell</strong>",
        'href="https://a.test/1"',
        "<td>1 &lt; 2</td>",
        "<b>Risk:</b> ⚠️",
        ">Undo</button>",
    ):
        assert part in html, part
    assert '<span class="mention">@Deus</span> why?' in html


def test_a_stream_is_a_plan_with_its_tasks_and_words(slack: httpx.Client) -> None:
    thread = said(slack, "@Deus why?")
    task = {"type": "task_update", "id": "r/s1", "title": "Read issues", "status": "complete", "output": "3 found"}
    task["sources"] = [{"type": "url", "text": "An issue", "url": "https://a.test/1"}]  # type: ignore[assignment]
    chunks = [{"type": "plan_update", "title": "Looking into it"}, task, {"type": "markdown_text", "text": "It **f"}]
    wanted = {"recipient_user_id": LENA, "recipient_team_id": "T0DEMO000"}
    begun = call(slack, "chat.startStream", channel=GROWTH, thread_ts=thread, chunks=chunks, **wanted)
    assert call(
        slack, "chat.appendStream", channel=GROWTH, ts=begun["ts"], chunks=[{"type": "markdown_text", "text": "ell**"}]
    )["ok"]
    html = shown(slack)
    for part in ("Looking into it", "Read issues", "3 found", 'href="https://a.test/1"', "<strong>fell</strong>"):
        assert part in html, part
    assert call(slack, "chat.stopStream", channel=GROWTH, ts=begun["ts"])["ok"]
    late = call(slack, "chat.appendStream", channel=GROWTH, ts=begun["ts"], chunks=chunks)
    assert late["error"] == "message_not_in_streaming_state"


def test_what_is_for_one_person_alone_is_shown_to_nobody_else(slack: httpx.Client) -> None:
    assert call(slack, "chat.postEphemeral", channel=GROWTH, user=LENA, text="Only for *you*")["ok"]
    assert "Only for <b>you</b>" in shown(slack)
    assert "Only for" not in slack.get("/page/messages", params={"user": user_id("tom"), "channel": GROWTH}).text


def test_what_is_said_goes_to_deus_signed(slack: httpx.Client, deus: Deus) -> None:
    ts = said(slack, "@deus why?")
    answered = slack.post("/page/tell", json={"user": LENA, "channel": GROWTH, "ts": ts}).json()
    assert answered["status"] == 200
    assert [one["event"]["type"] for one in deus.heard] == ["message", "app_mention"]
    assert deus.heard[0]["event"] | {} == deus.heard[1]["event"] | {"type": "message"}
    assert deus.heard[1]["event"]["text"] == f"<@{BOT}> why?"
    direct = f"D{LENA[1:]}"
    first = said(slack, "why?", direct)
    answer = said(slack, "and now?", direct, first)
    slack.post("/page/tell", json={"user": LENA, "channel": direct, "ts": answer})
    event = deus.heard[-1]["event"]
    assert (event["channel_type"], event["thread_ts"], event["user"]) == ("im", first, LENA)


def test_a_button_carries_its_message_and_may_open_a_form(slack: httpx.Client, deus: Deus) -> None:
    thread = said(slack, "why?")
    posted = call(slack, "chat.postMessage", channel=GROWTH, thread_ts=thread, text="Approve?")
    action = {"action_id": "deus_edit", "value": "v", "type": "button"}
    pressed = slack.post(
        "/page/press", json={"user": LENA, "channel": GROWTH, "ts": posted["ts"], "action": action}
    ).json()
    body = deus.heard[-1]
    assert (body["type"], body["user"]["id"], body["message"]["ts"]) == ("block_actions", LENA, posted["ts"])
    assert body["trigger_id"] == pressed["trigger"]
    assert slack.get("/page/modal", params={"trigger": pressed["trigger"]}).status_code == 204
    view = {
        "type": "modal",
        "callback_id": "c",
        "title": {"type": "plain_text", "text": "Change it"},
        "private_metadata": "m",
    }
    field = {"type": "input", "block_id": "arg.title", "label": {"type": "plain_text", "text": "Title"}}
    field["element"] = {"type": "plain_text_input", "action_id": "value", "initial_value": "It <fails>"}
    opened = call(slack, "views.open", trigger_id=pressed["trigger"], view={**view, "blocks": [field]})
    assert call(slack, "views.open", trigger_id=pressed["trigger"], view=view)["error"] == "exchanged_trigger_id"
    form = slack.get("/page/modal", params={"trigger": pressed["trigger"]}).text
    assert 'value="It &lt;fails&gt;"' in form
    deus.answer = {"response_action": "errors", "errors": {"arg.title": "Too short."}}
    values = {"arg.title": {"action": "value", "kind": "plain_text_input", "value": "x"}}
    told = slack.post("/page/submit", json={"user": LENA, "view": opened["view"]["id"], "values": values}).json()
    assert told["said"] == deus.answer
    submitted = deus.heard[-1]
    assert (submitted["type"], submitted["view"]["private_metadata"]) == ("view_submission", "m")
    assert submitted["view"]["state"]["values"]["arg.title"]["value"]["value"] == "x"


def test_only_a_script_of_the_page_may_speak_for_somebody(slack: httpx.Client, deus: Deus) -> None:
    ts = said(slack, "why?")
    body = json.dumps({"user": LENA, "channel": GROWTH, "ts": ts})
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert slack.post("/page/tell", content=body, headers={"content-type": kind}).status_code == 415
    assert slack.post("/page/tell", json={"channel": GROWTH, "ts": "9.9"}).status_code == 400
    assert deus.heard == []


def test_without_deus_the_page_shows_and_sends_nothing(acme: Path) -> None:
    with (
        _served(Starlette(routes=list(routes(demo_of(acme))))) as base,
        httpx.Client(base_url=base, timeout=30) as slack,
    ):
        assert "Deus does not listen here" in slack.get("/posted", follow_redirects=True).text
        assert slack.post("/page/tell", json={"user": LENA}).status_code == 503


def test_a_file_is_announced_sent_shared_and_seen(slack: httpx.Client) -> None:
    thread = said(slack, "why?")
    content = b"\x89PNG\r\n\x1a\n and more"
    about = {"filename": "c.png", "length": str(len(content)), "alt_txt": 'It "fell"'}
    announced = slack.post("/api/files.getUploadURLExternal", params=about, headers=AUTH).json()
    done = {
        "files": json.dumps([{"id": announced["file_id"], "title": "Signups"}]),
        "channel_id": GROWTH,
        "thread_ts": thread,
    }
    early = slack.post("/api/files.completeUploadExternal", params=done, headers=AUTH).json()
    assert early["error"] == "file_not_found", "nothing was sent yet"
    assert httpx.post(announced["upload_url"], content=content[:-1]).status_code == 400
    assert httpx.post(announced["upload_url"], content=content).status_code == 200
    assert slack.post("/api/files.completeUploadExternal", params=done, headers=AUTH).json()["ok"]
    html = shown(slack)
    assert "Alt text: It &#34;fell&#34;" in html
    assert slack.get(f"/files/{announced['file_id']}/c.png").content == content
    assert call(slack, "files.delete", file=announced["file_id"])["ok"]
    assert "Alt text" not in shown(slack)


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]] * 101}], "invalid_blocks"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}] * 21]}], "invalid_blocks"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]}], "invalid_blocks"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}] * 2, "invalid_blocks"),
        ([{"type": "markdown", "text": "x" * 7000}] * 2, "msg_blocks_too_long"),
        ([{"type": "actions", "elements": [{"type": "button", "value": "x" * 2001}]}], "invalid_blocks"),
        ([{"type": "divider"}] * 51, "invalid_blocks"),
    ],
)
def test_what_slack_does_not_take_is_refused(slack: httpx.Client, blocks: list[Any], error: str) -> None:
    assert call(slack, "chat.postMessage", channel=GROWTH, text="x", blocks=blocks)["error"] == error


EVIL = (
    "<script>alert(1)</script> <!channel> <javascript:alert(1)|x> [x](javascript:alert(1)) ![i](https://a.test/i) "
    '" onload="alert(1)'
)


def test_nothing_that_was_written_becomes_a_script_or_loads_anything() -> None:
    text = {"type": "mrkdwn", "text": EVIL}
    plain = {"type": "plain_text", "text": EVIL}
    button = {"type": "button", "text": plain, "value": EVIL, "url": "javascript:alert(1)", "confirm": {"text": plain}}
    cell = {
        "type": "rich_text",
        "elements": [{"elements": [{"type": "link", "url": "javascript:alert(1)", "text": EVIL}]}],
    }
    task = {"title": EVIL, "status": EVIL, "output": EVIL, "sources": [{"url": "javascript:alert(1)", "text": EVIL}]}
    field = {"type": "input", "block_id": EVIL, "label": plain, "hint": plain}
    field["element"] = {"type": "plain_text_input", "action_id": EVIL, "initial_value": EVIL, "multiline": True}
    blocks: list[Any] = [
        {"type": "section", "text": text, "fields": [plain], "accessory": button},
        {"type": "header", "text": plain}, {"type": "context", "elements": [text, plain]},
        {"type": "markdown", "text": EVIL}, {"type": "actions", "elements": [button]}, {"type": EVIL},
        {"type": "table", "rows": [[cell, {"type": "raw_text", "text": EVIL}]]},
        {"type": "plan", "title": EVIL, "tasks": [task]}, field,
    ]  # fmt: skip
    view = {"id": EVIL, "title": plain, "submit": plain, "blocks": blocks}
    for html in (blocks_html(blocks), modal_html(view), mrkdwn(EVIL), markdown(EVIL)):
        assert "<script" not in html
        assert "<img" not in html
        assert 'href="javascript' not in html
        assert 'data-url="javascript' not in html
        tags = BeautifulSoup(html, "html.parser").find_all(True)
        assert not [name for tag in tags for name in tag.attrs if name.startswith("on")]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*b* _i_ ~s~ `c*d*`", "<b>b</b> <i>i</i> <s>s</s> <code>c*d*</code>"),
        ("&gt; quoted\nnot", "<blockquote> quoted</blockquote>not"),
        ("a_b_c 2*3*4", "a_b_c 2*3*4"),
        ("<@U1> <#C1|growth>", '<span class="mention">@U1</span> <span class="mention">growth</span>'),
        (":x: :unknown:", "❌ :unknown:"),
        ("```a\n*b*```", "<pre>a<br>*b*</pre>"),
    ],
)
def test_slack_s_markup_is_drawn(text: str, html: str) -> None:
    assert mrkdwn(text) == html
