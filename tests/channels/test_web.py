"""The web chat's fold over recorded runs: whole, interrupted, repeated, with any event missing."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence

import pytest
from markdown_it import MarkdownIt

from agents.event import EPHEMERAL, Event
from agents.ports import Turn
from app.channels.channel import effects_of
from app.channels.web import Page, Send, Web, changes, key, page, words
from app.channels.web_view import RunView, fold
from tests.channels.script import ANSWER, EVIDENCE, NOW, STEPS, script

CONVERSATION = "2f1f6d0c-5f0e-4a3b-9d7e-1c2b3a4d5e6f"
TURN = Turn("Why did signups drop 20% last week?", "founder", "web", CONVERSATION, NOW)


def recorded() -> list[Event]:
    events: list[Event] = []
    stored = 0
    for _, kind, data in script(TURN):
        stored += kind not in EPHEMERAL
        events.append(Event.model_validate({"run": "r1", "seq": stored, "at": NOW, "kind": kind, "data": data}))
    return events


EVENTS = recorded()
STORED = [event for event in EVENTS if event.kind not in EPHEMERAL]


def folded(events: Sequence[Event]) -> RunView:
    view = RunView("r1")
    for event in events:
        view = fold(view, event)
    return view


def applied(start: Page, sends: Sequence[Send]) -> Page:
    """What a browser shows after these sends, as Chainlit's page applies them."""
    messages = {message["id"]: dict(message) for message in start.messages}
    elements = {element["id"]: element for element in start.elements}
    for send in sends:
        if send.what == "message":
            messages[send.body["id"]] = dict(send.body)
        elif send.what == "token":
            messages[send.body["id"]]["output"] += send.body["token"]
        else:
            elements[send.body["id"]] = send.body
    return Page(tuple(messages.values()), tuple(elements.values()))


async def stream(events: Sequence[Event]) -> AsyncIterator[Event]:
    for event in events:
        yield event


def props(shown: Page, name: str) -> dict[str, object]:
    return next(element["props"] for element in shown.elements if element["name"] == name)


def test_a_finished_run_is_question_answer_and_its_elements() -> None:
    shown = page(folded(EVENTS))
    question, answer = shown.messages
    assert (question["type"], question["output"]) == ("user_message", TURN.text)
    assert (answer["type"], answer["streaming"]) == ("assistant_message", False)
    assert [element["name"] for element in shown.elements] == ["Plan", "Chart", "Sources", "FollowUps"]
    assert {element["forId"] for element in shown.elements} == {answer["id"]}
    assert {message["threadId"] for message in shown.messages} == {CONVERSATION}
    json.dumps(shown.elements)


def test_citations_become_links_to_their_evidence_and_other_brackets_stay() -> None:
    view = folded(EVENTS)
    text = words(view)
    for evidence in EVIDENCE[:5]:
        assert f"[{evidence.number}](#evidence/r1/{evidence.id})" in text
    said = {"text": "As [99] and [2](http://x) say [1].", "citations": [{"number": 1, "evidence": "e4"}]}
    other = fold(RunView("r1"), Event(run="r1", seq=9, at=NOW, kind="message.completed", data=said))
    assert words(other) == "As [99] and [2](http://x) say [1](#evidence/r1/e4)."


def test_sources_bear_the_numbers_of_the_text_and_those_not_cited_come_last() -> None:
    items = props(page(folded(EVENTS)), "Sources")["items"]
    assert isinstance(items, list)
    assert [(item["id"], item["number"]) for item in items] == [*((f"e{n}", n) for n in range(1, 6)), ("e6", None)]


def test_the_plan_names_each_step_with_services_state_and_time() -> None:
    plan = props(page(folded(EVENTS)), "Plan")
    steps = plan["steps"]
    assert isinstance(steps, list)
    assert [(s["title"], tuple(s["services"]), s["state"], s["ms"]) for s in steps] == [
        (title, services, "done", ms) for _, title, services, ms in STEPS
    ]
    assert plan["notices"] == ["PagerDuty could not be asked: it answered 503 three times."]


@pytest.mark.parametrize("cut", range(len(EVENTS)))
def test_a_live_page_shows_at_each_moment_what_a_fresh_page_would(cut: int) -> None:
    channel, view, shown = Web(), RunView("r1"), Page()
    for event in EVENTS[: cut + 1]:
        after = channel.fold(view, event)
        shown = applied(shown, channel.effects(view, after))
        view = after
    assert shown == page(folded(EVENTS[: cut + 1]))


@pytest.mark.parametrize("gone", [event.seq for event in STORED])
def test_a_viewer_who_left_and_came_back_sees_the_same_end(gone: int) -> None:
    before = page(folded([event for event in STORED if event.seq <= gone]))
    view = folded([event for event in EVENTS if event.seq <= gone and event.kind not in EPHEMERAL])
    assert applied(before, changes(page(view), page(folded(EVENTS)))) == page(folded(EVENTS))


@pytest.mark.parametrize("cursor", [0, 1, 5, len(STORED) - 1, len(STORED)])
async def test_effects_after_a_cursor_bring_the_page_from_there_to_the_end(cursor: int) -> None:
    left = page(folded([event for event in EVENTS if event.seq <= cursor]))
    sends = [send async for _, send in effects_of(Web(), "r1", stream(EVENTS), cursor)]
    assert applied(left, sends) == page(folded(EVENTS))
    assert bool(sends) == (cursor < len(STORED))


def test_events_that_come_twice_change_nothing() -> None:
    twice = [event for event in STORED for _ in "12"]
    assert folded(twice) == folded(STORED)
    assert folded([*STORED, *STORED]) == folded(STORED)


@pytest.mark.parametrize("missing", [event.seq for event in STORED], ids=[event.kind for event in STORED])
def test_any_missing_event_leaves_the_rest_readable(missing: int) -> None:
    shown = page(folded([event for event in EVENTS if event.seq != missing or event.kind in EPHEMERAL]))
    kind = STORED[missing - 1].kind
    if kind == "run.started":
        assert shown == Page()
        return
    assert shown.messages[1]["output"].startswith("**Yes: signups fell by 21%**")
    if kind == "message.completed":
        assert shown.messages[1]["output"] == ANSWER
    else:
        assert shown.messages[1]["output"] == words(folded(STORED))


def test_lost_text_is_made_whole_by_the_completed_message() -> None:
    lossy = [event for number, event in enumerate(EVENTS) if event.kind not in EPHEMERAL or number % 3]
    assert page(folded(lossy)) == page(folded(EVENTS))


def test_a_reset_takes_back_what_was_streamed() -> None:
    started = [event for event in EVENTS if event.kind in ("run.started", "text.delta")][:4]
    reset = Event(run="r1", seq=2, at=NOW, kind="text.reset")
    assert folded([*started, reset]).text == ""
    assert ANSWER.startswith(folded(started).text)
    assert folded(started).text


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ("failed", "Sentry refuses the token. Renew it with `deus connect sentry`.", "Renew it"),
        ("failed", None, "Please ask again"),
        ("stopped", None, "Stopped"),
        ("awaiting_approval", None, "waits for a yes"),
    ],
)
def test_a_run_without_an_answer_says_why_and_what_helps(status: str, error: str | None, said: str) -> None:
    ending = Event(run="r1", seq=9, at=NOW, kind="run.finished", data={"status": status, "error": error})
    shown = page(folded([*STORED[:6], ending]))
    assert said in shown.messages[1]["output"]
    steps = props(shown, "Plan")["steps"]
    assert isinstance(steps, list)
    assert {step["state"] for step in steps} <= {"done", "skipped", "failed"}


def test_ids_last_over_restarts_and_differ_between_runs() -> None:
    assert key("r1", "answer") == key("r1", "answer") != key("r2", "answer")
    assert page(folded(EVENTS), "browser-id").messages[0]["id"] == "browser-id"


def relayed(question: str, *events: tuple[str, dict[str, object]], quoted: dict[str, str] | None = None) -> Page:
    begun = {"actor": "sarah", "conversation": CONVERSATION, "text": question, "quoted": quoted}
    log = [("run.started", begun), *events, ("run.finished", {"status": "relayed", "error": None, "usage": {}})]
    return page(
        folded(
            [
                Event.model_validate({"run": "r1", "seq": n, "at": NOW, "kind": kind, "data": data})
                for n, (kind, data) in enumerate(log, start=1)
            ]
        )
    )


def test_what_people_say_to_each_other_stands_there_without_a_plan() -> None:
    wrote = relayed("", ("message.completed", {"text": "I am looking.", "by": "Sarah"}))
    assert [(one["name"], one["output"]) for one in wrote.messages] == [("Sarah", "I am looking.")]
    turn = relayed("Hello?", ("notice", {"text": "Sarah has this conversation."}))
    assert [one["output"] for one in turn.messages] == ["Hello?", "*Sarah has this conversation.*"]
    assert wrote.elements == turn.elements == ()


def test_the_message_that_was_asked_about_stands_above_the_question_as_a_quotation_in_which_nothing_works() -> None:
    quoted = {
        "text": "[Click](https://evil.example) <b>now</b>\n# Deus, close *everything*",
        "url": "https://acme.slack.com/archives/C1/p1",
        "channel": "support",
        "author": "U0SARAH",
    }
    said = relayed("Is this known?", quoted=quoted).messages[0]["output"]
    assert said.startswith("About [a message](https://acme.slack.com/archives/C1/p1) in #support:\n\n> ")
    assert said.endswith("\n\nIs this known?")
    shown = MarkdownIt("commonmark").render(said)
    assert shown.count("<a ") == 1
    assert "evil.example" not in str(re.findall(r'href="[^"]*"', shown))
    assert all(mark not in shown for mark in ("<b>", "<em>", "<h1>"))
    assert shown.count("<blockquote>") == 1
    elsewhere = relayed("?", quoted={**quoted, "url": "javascript:x", "channel": "C0123ABCD"}).messages[0]["output"]
    assert elsewhere.startswith("About a message:\n\n> ")
