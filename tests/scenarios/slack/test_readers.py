"""What is answered in a channel of Slack shows nothing that one of its readers may not see."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.identity import Identity, Role
from app.clock import clock_of
from app.stores.migrations import migrate
from app.stores.people import StoredPeople
from app.workspace import open_database
from tests.scenarios.slack.workspace import Workspace, workspace_of
from tests.scenarios.writes.office import until

QUESTION = "What's our churn rate trending?"
VIEWER = 3


@pytest.fixture(scope="module")
def workspace(acme: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Acme, with Deus in #growth, where viewers may not look into Stripe."""
    policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text("mode: propose\nreading:\n  viewer: {deny: [stripe]}\n")
    with workspace_of(acme, DEUS_SLACK_BOT_CHANNELS="#growth", DEUS_POLICY=str(policy)) as opened:
        yield opened


def with_role(workspace: Workspace, person: int, role: Role) -> None:
    """Gives somebody a role, as `deus people` does it beside the running server."""

    async def given() -> None:
        database = open_database(workspace.settings)
        try:
            await migrate(database)
            people = StoredPeople(database, clock_of(workspace.settings.clock))
            account = Identity(service="slack", ident=workspace.people[person])
            known = await people.find(account)
            if known is None:
                known = await people.add(f"Reader {person}", by="founder", role=role)
                await people.link(known.id, account, by="founder")
            await people.set_role(known.id, role, by="founder")
        finally:
            await database.close()

    asyncio.run(given())


def of_stripe(answer: str) -> set[str]:
    """The figures in the paragraphs of an answer that rest on Stripe."""
    told = "".join(part for part in answer.split("\n\n") if part.startswith(("**Churn", "**Payments")))
    return set(re.findall(r"\d+[.,]\d+%?", told))


def shown(figures: set[str], text: str) -> list[str]:
    return [one for one in figures if re.search(rf"(?<![\d.,]){re.escape(one)}(?!\d)", text)]


def run_of(workspace: Workspace, thread: str) -> dict[str, Any]:
    """The document of the run that was answered in a thread."""
    answer = json.dumps(workspace.answer(thread))
    found = re.search(r"/runs/(run_\w+)", answer)
    assert found is not None
    return dict(workspace.deus.get(f"/api/runs/{found[1]}").json())


def test_a_channel_with_a_viewer_gets_no_figure_of_what_viewers_may_not_read(workspace: Workspace) -> None:
    thread = str(workspace.say(QUESTION, workspace.direct())["event"]["ts"])
    whole = run_of(workspace, thread)
    assert "stripe" in {one["service"] for one in whole["evidence"]}
    figures = of_stripe(whole["answer"])
    assert len(figures) > 4, whole["answer"]

    with_role(workspace, VIEWER, "viewer")
    channel = workspace.channel("growth")
    asked = workspace.say(f"<@U0DEUS000> {QUESTION}", channel, kind="app_mention")
    thread = str(asked["event"]["ts"])
    closed = run_of(workspace, thread)
    posted = json.dumps(workspace.posted(thread), ensure_ascii=False)
    events = workspace.deus.get(f"/api/runs/{closed['run']}/events").text
    assert "not open to those who read this" in posted
    assert "Stripe" in posted
    assert "stripe" not in {one["service"] for one in closed["evidence"]}
    assert "Subscriptions cancelled" in posted, "what PostHog counts is open to them"
    assert not shown(figures, posted)
    assert not shown(figures, events)
    assert '"audience":"viewer"' in events
    # What was found in the direct message does not come back by a follow-up, either.
    workspace.say("and last month?", channel, thread=thread)
    until(lambda: len([one for one in workspace.posted(thread) if not one.get("files")]) == 2)
    posted = json.dumps(workspace.posted(thread), ensure_ascii=False)
    assert not shown(figures, posted)


def test_a_viewer_is_answered_and_has_nothing_changed(workspace: Workspace) -> None:
    with_role(workspace, VIEWER, "viewer")
    thread = str(
        workspace.say("Create an issue for the broken footer", workspace.direct(VIEWER), VIEWER)["event"]["ts"]
    )
    document = run_of(workspace, thread)
    assert document["approvals"] == []
    assert "not have anything changed" in json.dumps(workspace.posted(thread))


def test_a_viewer_presses_a_button_in_vain(workspace: Workspace) -> None:
    with_role(workspace, VIEWER, "viewer")
    channel = workspace.channel("growth")
    asked = workspace.say("<@U0DEUS000> Create an issue for the slow search", channel, kind="app_mention")
    thread = str(asked["event"]["ts"])
    ask = until(lambda: next((one for one in workspace.posted(thread) if '"Reject"' in json.dumps(one)), None))
    assert ask is not None
    before = len(workspace.told())
    workspace.press(ask, "Approve", VIEWER)
    told = until(lambda: workspace.told()[before:])
    assert told[0][1] == workspace.people[VIEWER]
    assert "may look, and not decide" in told[0][2]
    (run,) = (one for one in workspace.runs() if one["question"] == "Create an issue for the slow search")
    listed = workspace.deus.get("/api/approvals").json()
    assert [(one["state"], one["decisions"]) for one in listed if one["run"] == run["run"]] == [("requested", [])]
    assert "in Slack" in json.dumps(ask, ensure_ascii=False), "who asked stands at what is asked"
