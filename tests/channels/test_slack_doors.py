"""The pure parts of Slack's other doors: the status, what is offered, the form about a message, the Home."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.approval import Approval, Proposal, Risk
from agents.conversation import RunSummary
from agents.event import Event
from app.channels.slack_assistant import MOST_PROMPTS, prompts, status
from app.channels.slack_entries import LONGEST_METADATA, form, notice, runs_text
from app.channels.slack_home import BLOCKS, Homely, home
from app.channels.web_view import RunView, StepLine, fold
from tests.channels.script import NOW
from tools.kit.action import Change, Target

HOME = "https://deus.test"
TITLES = {"sentry": "Sentry", "github": "GitHub"}


def view(*steps: StepLine, **changes: Any) -> RunView:
    return replace(RunView("r1", seq=3), steps=steps, **changes)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (RunView("r1"), ""),
        (view(), "is reading the question…"),
        (view(StepLine("s1", state="waiting")), "is planning…"),
        (view(StepLine("s1", state="running", services=("sentry",))), "is looking at Sentry…"),
        (
            view(
                StepLine("s1", state="running", services=("sentry",)),
                StepLine("s2", state="running", services=("github", "sentry")),
                StepLine("s3", state="done", services=("posthog",)),
            ),
            "is looking at Sentry and GitHub…",
        ),
        (view(StepLine("s1", state="running")), "is working it out…"),
        (view(StepLine("s1", state="done"), text="Signups"), "is working it out…"),
        (view(StepLine("s1", state="running", services=("sentry",)), complete=True), ""),
        (view(StepLine("s1", state="running", services=("sentry",)), status="failed"), ""),
    ],
)
def test_the_status_says_what_deus_is_at_and_ends_with_the_run(shown: RunView, said: str) -> None:
    assert status(shown, lambda name: TITLES[name]) == said


def test_while_a_yes_is_waited_for_nothing_goes_on() -> None:
    asked = {**proposal().model_dump(mode="json"), "digest": "d", "remaining": 0, "draft": {}}
    events = [
        Event(run="r1", seq=1, at=NOW, kind="run.started", data={"text": "?"}),
        Event(run="r1", seq=2, at=NOW, kind="approval.requested", data=asked),
    ]
    shown = RunView("r1")
    for event in events:
        shown = fold(shown, event)
    assert status(shown, str) == ""


def test_what_is_offered_can_be_answered_and_fits_what_is_on_the_screen() -> None:
    assert [one["title"] for one in prompts(())] == ["What can you do?"]
    everything = ("posthog", "linear", "github", "sentry", "intercom", "vercel", "stripe")
    assert len(prompts(everything)) == MOST_PROMPTS
    assert "errors" in prompts(everything, "incidents")[0]["title"]
    assert "affected" in prompts(everything, "customer-support")[0]["title"]
    assert prompts(("stripe",), "incidents")[0]["title"] == "How is revenue doing?"


def pointed(text: str, **message: Any) -> dict[str, Any]:
    told = {"text": text, "user": "U2", "ts": "1763478000.000100", **message}
    return {"message": told, "message_ts": told["ts"], "channel": {"id": "C1", "name": "growth"}, "trigger_id": "1"}


@given(st.text(max_size=6000))
def test_the_form_holds_any_message_within_slack_s_bounds(text: str) -> None:
    made = form(pointed(text))
    assert len(made["private_metadata"]) <= LONGEST_METADATA
    about = json.loads(made["private_metadata"])
    assert (about["channel"], about["ts"], about["author"]) == ("C1", "1763478000.000100", "U2")
    (shown,) = (block["text"]["text"] for block in made["blocks"] if block["type"] == "section")
    assert 0 < len(shown) <= 3000
    assert len(made["title"]["text"]) <= 24


def test_the_message_in_the_form_calls_and_pings_nobody() -> None:
    made = form(pointed("<!channel> <@U1> see <https://evil.example|the docs> &lt;!here&gt;"))
    (shown,) = (block["text"]["text"] for block in made["blocks"] if block["type"] == "section")
    assert "<" not in shown
    assert "@channel" in shown


def test_an_alert_that_stands_in_attachments_alone_is_quoted_too() -> None:
    attached = [{"title": "CPU high", "text": "web-1 is at 99%", "fallback": "CPU high: web-1"}]
    about = json.loads(form(pointed("", attachments=attached, user=None, bot_id="B1"))["private_metadata"])
    assert about["text"] == "CPU high\nweb-1 is at 99%"
    assert about["author"] == "B1"
    assert json.loads(form(pointed(""))["private_metadata"])["text"] == "(no text)"


def test_what_cannot_be_told_beside_a_message_is_told_in_a_window() -> None:
    made = notice("That was not done, and this is long", "<b> & more")
    assert len(made["title"]["text"]) <= 24
    assert made["blocks"][0]["text"]["text"] == "&lt;b&gt; &amp; more"


def run(number: int, question: str = "Why <did> it & fall?") -> RunSummary:
    return RunSummary(f"r{number}", "c1", question, "answered", NOW, "slack", "ann@acme.test")


def test_the_last_runs_are_listed_as_links_and_none_says_so() -> None:
    assert runs_text([run(1)], HOME) == (
        "What you asked last:\n• <https://deus.test/runs/r1|Why &lt;did&gt; it &amp; fall?> – answered"
    )
    assert "/deus help" in runs_text([], HOME)


def proposal(number: int = 0, **changes: Any) -> Proposal:
    fields = {f"field {n}": f"value {n}" for n in range(changes.pop("fields", 2))}
    return Proposal(
        id=f"apr_{number}",
        workspace="w1",
        run=f"r{number}",
        step="create",
        title=f"Create the issue {number}",
        service="linear",
        verb="issues.create",
        args={"title": "x"},
        change=Change(target=Target(service="linear", kind="issue", ref="", title="Issues"), before={}, after=fields),
        risk=Risk(level="low"),
        requester="ann@acme.test",
        at=NOW,
        expires_at=NOW + timedelta(days=1),
        **changes,
    )


def shown_home(waiting: int = 0, *, decides: bool = True, **changes: Any) -> tuple[list[dict[str, Any]], str]:
    asks = [Approval(proposal=proposal(n, **changes), state="requested") for n in range(waiting)]
    services = {"Linear": "", "Sentry": "The key was <revoked>.", "GitHub": None}
    made = home(Homely("Ann", "ann@acme.test", decides, [run(n) for n in range(30)], asks, services), HOME)
    assert made["type"] == "home"
    return made["blocks"], json.dumps(made, ensure_ascii=False)


def test_a_home_shows_what_waits_what_was_asked_and_how_services_are() -> None:
    _, said = shown_home(2)
    assert said.count('"Approve"') == 2
    assert said.count("/runs/r") >= 10
    assert ":warning: Sentry: The key was &lt;revoked&gt;." in said
    assert ":large_green_circle: Linear" in said
    assert ":white_circle: GitHub" in said


def test_who_decides_nothing_gets_no_buttons_and_neither_does_who_is_barred() -> None:
    for said in (shown_home(2, decides=False)[1], shown_home(2, barred=("ann@acme.test",))[1]):
        assert '"Approve"' not in said
        assert '"Reject"' not in said
        assert "/approvals#apr_0" in said
    assert '"Approve"' not in shown_home(1, deciders=("bob@acme.test",))[1]


@pytest.mark.parametrize("waiting", [0, 1, 9, 10, 60])
@pytest.mark.parametrize("fields", [1, 25])
def test_a_home_stays_within_slack_s_blocks_and_names_what_it_leaves_out(waiting: int, fields: int) -> None:
    blocks, said = shown_home(waiting, fields=fields)
    assert len(blocks) <= BLOCKS
    assert "Connected services" in said
    assert blocks[-1]["type"] == "context", "nothing was cut off at the end"
    if waiting > 10:
        assert f"{waiting - 10} more in Deus" in said
    for number in range(min(waiting, 10)):
        assert f"#apr_{number}" in said


def test_a_new_home_says_how_to_begin() -> None:
    made = home(Homely("Ann", "ann@acme.test", decides=True), HOME)
    said = json.dumps(made, ensure_ascii=False)
    assert "Nothing waits" in said
    assert "deus connect" in said
