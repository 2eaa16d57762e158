"""Questions in Slack: in direct messages, by name in channels, in threads; each answered once, where it was asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.demo.company import PUBLIC_URL, open_company
from tests.scenarios.slack.workspace import Workspace
from tests.scenarios.writes.office import until


def words(message: dict[str, Any]) -> str:
    """What a message's blocks say."""
    return json.dumps(message.get("blocks", ()), ensure_ascii=False)


def test_a_direct_message_is_answered_in_its_thread(workspace: Workspace) -> None:
    body = workspace.say("Why did signups drop 20% last week?", workspace.direct())
    thread = body["event"]["ts"]
    answer = workspace.answer(thread)
    (text,) = (block["text"] for block in answer["blocks"] if block["type"] == "markdown")
    assert "ign-ups fell" in text
    assert "]](http" in text, "the answer has its citations as links"
    assert answer["channel"] == workspace.direct()
    assert "/runs/" in words(answer), "the way to the run in Deus"
    assert answer["text"].strip()
    (run,) = (one for one in workspace.runs() if one["question"] == "Why did signups drop 20% last week?")
    assert run["channel"] == "slack"
    assert "@" in run["actor"], "who asked is known by their address"
    (chart,) = until(lambda: [one for one in workspace.posted(thread) if one.get("files")])
    (file,) = chart["files"]
    assert "the change" in file["alt_txt"]
    assert workspace.slack.get(file["url_private"]).content.startswith(b"\x89PNG")


def test_a_mention_is_answered_in_a_thread_and_follow_ups_know_what_was_said(workspace: Workspace) -> None:
    channel = workspace.channel("growth")
    first = workspace.say("<@U0DEUS000> What's our churn rate trending?", channel, 1, kind="app_mention")
    thread = str(first["event"]["ts"])
    answer = workspace.answer(thread)
    assert answer["channel"] == channel
    assert answer["thread_ts"] == thread
    workspace.say("and last month?", channel, 2, thread=thread)
    until(lambda: len([one for one in workspace.posted(thread) if not one.get("files")]) == 2)
    asked = [
        one for one in workspace.runs() if one["question"] in ("What's our churn rate trending?", "and last month?")
    ]
    assert len(asked) == 2, [one["question"] for one in workspace.runs()]
    assert len({one["conversation"] for one in asked}) == 1
    assert len({one["actor"] for one in asked}) == 2


def test_an_event_that_comes_again_is_one_run(workspace: Workspace) -> None:
    body = workspace.say("Which customers are affected by the export bug?", workspace.direct())
    workspace.tell(body, **{"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"})
    # A mention comes as two events, each with an id of its own.
    workspace.tell({**body, "event_id": "EvOther", "event": {**body["event"], "type": "app_mention"}})
    workspace.answer(body["event"]["ts"])
    asked = [one for one in workspace.runs() if one["question"].startswith("Which customers are affected")]
    assert len(asked) == 1
    assert len(workspace.posted(body["event"]["ts"])) == 1


def test_what_is_not_meant_for_it_is_not_taken_up(workspace: Workspace) -> None:
    before = len(workspace.runs())
    growth, product = workspace.channel("growth"), workspace.channel("product")
    workspace.say("Why did signups drop last week?", growth, 1)
    workspace.say("<@U0DEUS000> Why did signups drop last week?", product, 1, kind="app_mention")
    body = workspace.say("I am a bot", workspace.direct())
    changes: list[dict[str, Any]] = [
        {"bot_id": "B0OTHER00"},
        {"subtype": "message_changed"},
        {"user": "U0NOBODY0"},
        {"user": ""},
        {"text": " "},
        {"ts": ""},
    ]
    since = len(workspace.runs())
    for n, change in enumerate(changes):
        again = {**body, "event_id": f"EvNot{n}", "event": {**body["event"], "ts": f"9.{n}", **change}}
        workspace.send(json.dumps(again).encode(), "application/json", {})
    assert len(workspace.runs()) == since
    assert since == before + 1, "only the direct message counts"
    told = [one for one in workspace.told() if one[0] == product]
    assert told, "who asked where it does not listen is told so, alone"


def test_a_request_that_slack_has_not_signed_runs_nothing(workspace: Workspace) -> None:
    before = len(workspace.runs())
    answered = workspace.deus.post("/slack/events", json={"type": "event_callback", "event": {"type": "message"}})
    assert answered.status_code == 401
    challenge = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()
    said = workspace.send(challenge, "application/json", {})
    assert (said.status_code, said.json()["challenge"]) == (200, "3eZbrw1aB")
    assert len(workspace.runs()) == before


@pytest.mark.parametrize("text", ["What should I work on?", "Was ist mir zugewiesen?", "¿Qué tengo asignado?"])
def test_my_work_is_the_work_of_whoever_asks(workspace: Workspace, text: str) -> None:
    members = open_company(workspace.world, PUBLIC_URL).people
    told = []
    for person in (0, 1):
        answer = words(workspace.answer(workspace.say(text, workspace.direct(person), person)["event"]["ts"]))
        assert f"or {members[person].name}" in answer, answer[:600]
        told.append(answer)
    assert told[0] != told[1]
