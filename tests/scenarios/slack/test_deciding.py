"""Writes that wait for a yes in Slack: shown whole, decided by button, done once, taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.slack.workspace import Workspace
from tests.scenarios.writes.office import until

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


def asked(workspace: Workspace, text: str, person: int = 0) -> tuple[str, dict[str, Any]]:
    """Orders something in a direct message; the thread and the message that asks for the yes."""
    thread = str(workspace.say(text, workspace.direct(person), person)["event"]["ts"])
    return thread, until(lambda: with_button(workspace, thread, "Reject"))


def with_button(workspace: Workspace, thread: str, words: str) -> dict[str, Any]:
    """The thread's message that has this button."""
    wanted = json.dumps({"type": "plain_text", "text": words})
    return next((one for one in workspace.posted(thread) if wanted in json.dumps(one.get("blocks", ()))), {})


def shown(workspace: Workspace, message: dict[str, Any]) -> str:
    """What a message says now."""
    now = next(one for one in workspace.posted() if one["ts"] == message["ts"])
    return json.dumps(now["blocks"], ensure_ascii=False)


def test_a_write_is_shown_approved_by_button_done_and_taken_back(workspace: Workspace) -> None:
    thread, ask = asked(workspace, "Create an issue for the broken footer")
    assert "broken footer" in json.dumps(ask["blocks"]).casefold()
    (run,) = (one for one in workspace.runs() if one["question"] == "Create an issue for the broken footer")
    assert run["status"] == "awaiting_approval"

    workspace.press(ask, "Approve")
    receipt = until(lambda: with_button(workspace, thread, "Undo"))
    assert "Done:" in json.dumps(receipt["blocks"])
    until(lambda: ":white_check_mark: Approved by" in shown(workspace, ask))
    assert '"Approve"' not in shown(workspace, ask), "what is settled has no buttons"
    (approval,) = (one for one in workspace.deus.get("/api/approvals").json() if one["run"] == run["run"])
    assert approval["state"] == "approved"
    assert approval["decisions"][0]["channel"] == "slack"
    assert approval["decisions"][0]["by"] == run["actor"]

    before = len(workspace.told())
    workspace.press(ask, "Reject")
    told = until(lambda: workspace.told()[before:])
    assert told[0][1] == workspace.people[0]
    assert "settled already: approved" in told[0][2]

    workspace.press(receipt, "Undo")
    until(lambda: "Taken back by" in shown(workspace, receipt))
    assert '"Undo"' not in shown(workspace, receipt)
    posted = [one["ts"] for one in workspace.posted(thread)]
    assert len(posted) == 4, "the answer, the ask, the receipt and what came of it, each changed where it stands"


def test_a_no_in_slack_does_nothing(workspace: Workspace) -> None:
    _, ask = asked(workspace, "Create an issue for the slow search")
    workspace.press(ask, "Reject")
    until(lambda: ":no_entry: Rejected by" in shown(workspace, ask))
    (run,) = (one for one in workspace.runs() if one["question"] == "Create an issue for the slow search")
    until(lambda: workspace.deus.get(f"/api/runs/{run['run']}").json()["status"] == "answered")
    assert workspace.deus.get(f"/api/runs/{run['run']}/receipts").json() == []


def test_what_is_decided_elsewhere_shows_in_slack(workspace: Workspace) -> None:
    _, ask = asked(workspace, "Create an issue for the wrong logo")
    (run,) = (one for one in workspace.runs() if one["question"] == "Create an issue for the wrong logo")
    waiting = workspace.deus.get("/api/approvals", params={"state": "requested"}).json()
    (one,) = (one for one in waiting if one["run"] == run["run"])
    said = {"choice": "reject", "digest": one["digest"]}
    assert workspace.deus.post(f"/api/approvals/{one['id']}/decision", json=said).status_code == 200
    until(lambda: ":no_entry: Rejected by" in shown(workspace, ask))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"digest": "0" * 64}, "no longer what is asked"),
        ({"id": "apr_of_nobody"}, "There is no approval"),
        ({"id": ""}, "There is no approval"),
    ],
)
def test_a_button_counts_for_what_it_showed_alone(workspace: Workspace, changed: dict[str, str], said: str) -> None:
    _, ask = asked(workspace, f"Create an issue for the missing page {said}")
    (action,) = (
        one
        for block in ask["blocks"]
        for one in block.get("elements", ())
        if block["type"] == "actions" and one["action_id"] == "deus_approve"
    )
    before = len(workspace.told())
    workspace.act({**action, "value": json.dumps(json.loads(action["value"]) | changed)}, ask)
    told = until(lambda: workspace.told()[before:])
    assert said in told[0][2]
    assert with_button(workspace, ask["thread_ts"], "Approve"), "it still waits"


def test_a_button_counts_where_deus_has_put_it_alone(workspace: Workspace) -> None:
    _, ask = asked(workspace, "Create an issue for the torn page")
    workspace.say("hello", workspace.direct(1), 1)
    before = len(workspace.told())
    workspace.press({**ask, "channel": workspace.direct(1)}, "Approve", 1)
    told = until(lambda: workspace.told()[before:])
    assert told[0][:2] == [workspace.direct(1), workspace.people[1]]
    assert "another conversation" in told[0][2]
    assert with_button(workspace, ask["thread_ts"], "Approve"), "it still waits"


def test_a_restart_goes_on_in_the_same_messages(workspace: Workspace) -> None:
    body = workspace.say("Create an issue for the late mail", workspace.direct())
    thread = str(body["event"]["ts"])
    ask = until(lambda: with_button(workspace, thread, "Reject"))
    before = [one["ts"] for one in workspace.posted(thread)]
    workspace.stop()
    workspace.start()
    workspace.tell(body, **{"X-Slack-Retry-Num": "2"})
    assert len([one for one in workspace.runs() if one["question"] == "Create an issue for the late mail"]) == 1
    workspace.press(ask, "Approve")
    until(lambda: with_button(workspace, thread, "Undo"))
    until(lambda: "Approved by" in shown(workspace, ask))
    after = until(lambda: found if len(found := [one["ts"] for one in workspace.posted(thread)]) == 4 else [])
    assert after[:2] == before
