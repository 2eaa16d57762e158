"""Other arguments, and two writes at once, in Slack: through signed interactions, as a person presses and fills in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.slack.test_deciding import asked, shown, with_button
from tests.scenarios.slack.workspace import Workspace
from tests.scenarios.writes.office import until

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


def opened(workspace: Workspace, ask: dict[str, Any], person: int = 0) -> dict[str, Any]:
    """The form that “Edit” opens."""
    before = len(workspace.views())
    workspace.press(ask, "Edit", person)
    return until(lambda: workspace.views()[-1] if len(workspace.views()) > before else {})


def filled(view: dict[str, Any], **changes: str) -> dict[str, str]:
    """What stands in a form, with these changes."""
    found = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            name = block["block_id"].removeprefix("arg.")
            found[name] = element.get("initial_value") or element.get("initial_option", {}).get("value") or ""
    return found | changes


def test_other_arguments_are_asked_about_anew_and_done(workspace: Workspace) -> None:
    thread, ask = asked(workspace, "Create an issue for the crooked table")
    view = opened(workspace, ask)
    wrong = workspace.fill_in(view, filled(view, title=" "))
    assert wrong["response_action"] == "errors"
    assert list(wrong["errors"]) == ["arg.title"]
    assert workspace.fill_in(view, filled(view, title="The table is crooked")) == {}
    until(lambda: "other arguments were given" in shown(workspace, ask))
    anew = until(lambda: with_button(workspace, thread, "Approve"))
    assert anew["ts"] != ask["ts"]
    assert "The table is crooked" in json.dumps(anew["blocks"])

    late = workspace.fill_in(view, filled(view, title="Once more"))
    assert "settled already" in late["errors"]["arg.title"]
    workspace.press(anew, "Approve")
    receipt = until(lambda: with_button(workspace, thread, "Undo"))
    assert "The table is crooked" in json.dumps(receipt["blocks"])


def test_a_form_counts_for_what_it_showed_alone(workspace: Workspace) -> None:
    _, ask = asked(workspace, "Create an issue for the loose screw")
    view = opened(workspace, ask)
    about = json.loads(view["private_metadata"])
    other = {**view, "private_metadata": json.dumps({**about, "digest": "0" * 64})}
    assert "no longer what is asked" in str(workspace.fill_in(other, filled(view))["errors"])
    unknown = {**view, "private_metadata": json.dumps({**about, "id": "apr_of_nobody"})}
    assert "There is no approval" in str(workspace.fill_in(unknown, filled(view))["errors"])
    assert with_button(workspace, ask["thread_ts"], "Approve"), "it still waits"


def test_a_form_is_opened_where_deus_has_put_it_alone(workspace: Workspace) -> None:
    _, ask = asked(workspace, "Create an issue for the cold tea")
    workspace.say("hello", workspace.direct(1), 1)
    before, views = len(workspace.told()), len(workspace.views())
    workspace.press({**ask, "channel": workspace.direct(1)}, "Edit", 1)
    told = until(lambda: workspace.told()[before:])
    assert "another conversation" in told[0][2]
    assert len(workspace.views()) == views


def test_all_that_waits_is_approved_at_once(workspace: Workspace) -> None:
    thread = str(workspace.say("Escalate the critical bugs", workspace.direct(2), 2)["event"]["ts"])
    last = until(lambda: next(
        (one for one in workspace.posted(thread) if '"Approve all' in json.dumps(one.get("blocks", ()))), {}
    ), 60)  # fmt: skip
    words = next(
        one["text"]["text"]
        for block in last["blocks"]
        if block["type"] == "actions"
        for one in block["elements"]
        if one["action_id"] == "deus_approve_all"
    )
    workspace.press(last, words, 2)
    wanted = int(words.split()[-1])
    until(lambda: json.dumps(workspace.posted(thread)).count("Approved by") >= wanted)
    until(lambda: json.dumps(workspace.posted(thread)).count('"text": "Undo"') >= 1)
    until(lambda: not with_button(workspace, thread, "Approve"))


@pytest.mark.parametrize("kind", ["block_actions", "view_submission"])
def test_an_interaction_that_slack_has_not_signed_does_nothing(workspace: Workspace, kind: str) -> None:
    _, ask = asked(workspace, f"Create an issue for the wet floor {kind}")
    view = opened(workspace, ask)
    payload = workspace.interaction(kind, view=view, message=ask, values=filled(view, title="Not signed"))
    for status in workspace.forged(payload):
        assert status in (400, 401, 413), status
    assert with_button(workspace, ask["thread_ts"], "Approve"), "it still waits"
    assert "Not signed" not in json.dumps(workspace.posted(ask["thread_ts"]))
