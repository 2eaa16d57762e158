"""Messages that are sent to the demo company's Slack, read back and deleted; Markdown as Slack wants it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.companies import demo_of
from tests.connectors.writing import KEY, Fresh, there_and_back
from tools.kit.connector import Connector
from tools.kit.errors import BadArgument, NotFound, Refused, TimedOut
from tools.slack.mrkdwn import mrkdwn, plain
from tools.verbs import MessagesSearch, MessagesThread
from tools.writes import MessagesSend

NOTICE = "**3 critical bugs** in [PORTAL-2041](https://sentry.test/1): fix & <tell> everybody"


@pytest.fixture
def slack(acme: Path) -> Fresh:
    return Fresh("slack", acme)


async def bodies(connector: Connector, **asked: Any) -> list[str]:
    return [noun.text() for noun in await connector.call(MessagesSearch(**asked))]


async def test_a_notice_to_a_channel_goes_there_and_back(slack: Fresh, acme: Path) -> None:
    change, landed = await there_and_back(slack, MessagesSend(to="#growth", text=NOTICE, links=("https://x.test/9",)))
    assert change.people == ("#growth",)
    assert change.affects == len(demo_of(acme).company.people)
    assert change.after["text"].startswith("*3 critical bugs* in PORTAL-2041 (https://sentry.test/1)")
    assert change.after["text"].endswith("https://x.test/9")
    sent = json.loads(slack.sent()[0].content)
    assert sent["metadata"] == {"event_type": "deus_message", "event_payload": {"key": KEY}}
    assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)
    assert "&lt;tell&gt;" in sent["text"]
    assert landed.url.endswith(f"/archives/{change.bound['channel']}/p{landed.undo['ts'].replace('.', '')}")


async def test_what_was_sent_is_read_at_once_and_opens(slack: Fresh) -> None:
    request = MessagesSend(to="growth", text="Sign-ups are back.")
    action = slack.action(request)
    landed = await action.do(request, await action.preview(request), KEY)
    assert any("Sign-ups are back." in text for text in await bodies(slack.connector, channel="growth"))
    page = await slack.client.get(landed.url)
    assert "Sign-ups are back." in page.text


@pytest.mark.parametrize("to", ["tom@acme.test", "@tom", "Tom", "Tom Whitaker"])
async def test_a_person_is_found_by_name_handle_or_address(to: str, slack: Fresh) -> None:
    change, landed = await there_and_back(slack, MessagesSend(to=to, text="The form is yours."))
    assert change.people == ("Tom Whitaker <tom@acme.test>",)
    assert change.after["to"] == "Tom Whitaker"
    assert landed.ref.startswith("D")


async def test_an_answer_stands_in_its_thread(slack: Fresh, acme: Path) -> None:
    company = demo_of(acme).company
    asked = company.ref("msg-71")
    request = MessagesSend(to="#auth", text="Rolled back.", thread=asked.ref)
    change, _ = await there_and_back(slack, request)
    assert change.bound["thread"] == company.ref("msg-70").number
    action = slack.action(request)
    landed = await action.do(request, change, KEY)
    told = await slack.connector.call(MessagesThread(ref=asked.ref))
    assert told[-1].ref == landed.ref
    assert "Rolled back." not in await bodies(slack.connector, channel="growth")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"to": "#grwth"}, "Near it: #growth"),
        ({"to": "Tim Whitaker"}, "Near it: Tom Whitaker"),
        ({"to": "#auth", "thread": "nonsense"}, "no message's ref"),
        ({"to": "#growth", "thread": "MSG-70"}, "is not in #growth"),
    ],
)
async def test_an_unclear_recipient_is_asked_about(asked: dict[str, str], why: str, slack: Fresh, acme: Path) -> None:
    if asked.get("thread") == "MSG-70":
        asked = {**asked, "thread": demo_of(acme).company.ref("msg-70").ref}
    request = MessagesSend(text="x", **asked)
    with pytest.raises(BadArgument, match=re.escape(why)):
        await slack.action(request).preview(request)
    assert slack.sent() == []


async def test_a_message_that_is_gone_cannot_be_answered(slack: Fresh, acme: Path) -> None:
    request = MessagesSend(to="#auth", text="x", thread=demo_of(acme).company.ref("msg-70").ref[:-1] + "x")
    with pytest.raises(NotFound):
        await slack.action(request).preview(request)


async def test_a_lost_answer_is_looked_up_and_not_sent_again(slack: Fresh) -> None:
    request = MessagesSend(to="#growth", text="Only once.")
    action = slack.action(request)
    change = await action.preview(request)
    slack.lose_next = True
    with pytest.raises(TimedOut):
        await action.do(request, change, KEY)
    assert len(slack.sent()) == 1
    found = await action.find(request, change, KEY)
    assert found is not None
    assert found.state == change.after
    assert sum("Only once." in text for text in await bodies(slack.connector)) == 1


async def test_a_message_that_is_gone_is_drift(slack: Fresh) -> None:
    request = MessagesSend(to="#growth", text="As it was.")
    action = slack.action(request)
    change = await action.preview(request)
    landed = await action.do(request, change, KEY)
    other = landed.model_copy(update={"undo": {**landed.undo, "ts": "1.000001"}})
    assert await action.state(change, other) is None


@pytest.mark.parametrize(("field", "error"), [("is_member", Refused), ("is_archived", BadArgument)])
async def test_a_channel_that_takes_nothing_is_said_before(field: str, error: type[Exception], answered: Any) -> None:
    channel = {"id": "C1", "name": "ops", "is_member": field != "is_member", "is_archived": field == "is_archived"}

    def answer(request: httpx.Request) -> httpx.Response:
        records = {"channels": [channel]} if "list" in request.url.path and "conv" in request.url.path else {}
        return httpx.Response(200, json={"ok": True, "members": [], **records})

    connector = await answered("slack", answer)
    request = MessagesSend(to="#ops", text="x")
    with pytest.raises(error, match="#ops"):
        await connector.writes()["messages.send"](connector).preview(request)


@pytest.mark.parametrize(
    ("markdown", "slack_text"),
    [
        ("**bold** and *leaning* and ~~gone~~", "*bold* and _leaning_ and ~gone~"),
        ("# Title\n- one\n* two", "*Title*\n• one\n• two"),
        ("[ENG-3](https://l.test/a?b=1&c=2)", "<https://l.test/a?b=1&amp;c=2|ENG-3>"),
        ("see https://l.test/a_b_c.", "see <https://l.test/a_b_c>."),
        ("[x](!channel) <!channel> <@U123>", "x (!channel) &lt;!channel&gt; &lt;@U123&gt;"),
        ("[x](javascript:alert)", "x (javascript:alert)"),
        ("`a < b` **c**", "`a &lt; b` *c*"),
        ("```\n**kept** <b>\n```", "```\n**kept** &lt;b&gt;\n```"),
        ("2 * 3 * 4 = 24", "2 * 3 * 4 = 24"),
        ("![chart](https://l.test/c.png)", "<https://l.test/c.png|chart>"),
        ("> quoted", "&gt; quoted"),
        ("$create[0].url", "$create[0].url"),
    ],
)
def test_markdown_becomes_slack_s_markup(markdown: str, slack_text: str) -> None:
    assert mrkdwn(markdown) == slack_text


@given(st.text(alphabet="<>@!#|&*_~`[]()\nab :/.\x00htps", max_size=60) | st.text(max_size=60))
def test_no_text_calls_anybody(text: str) -> None:
    for opened in re.findall(r"<([^>]*)>?", mrkdwn(text)):
        assert re.match(r"(https?://|mailto:)", opened)


@given(st.text(alphabet="ab <>&.,;:é", max_size=40))
def test_words_without_markup_are_read_as_they_were_written(text: str) -> None:
    assert plain(mrkdwn(text), {}) == text
