"""The button Undo in Slack where the rules want a yes for it: the question comes into the same thread, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.slack.test_deciding import asked, shown, with_button
from tests.scenarios.slack.workspace import Workspace, workspace_of
from tests.scenarios.writes.office import until

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

POLICY = """
mode: propose
rules:
  - name: taking back is looked at
    when: {undo: true}
    then: ask
"""


@pytest.fixture(scope="module")
def workspace(acme: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    path = tmp_path_factory.mktemp("rules") / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    with workspace_of(acme, DEUS_SLACK_BOT_CHANNELS="#growth", DEUS_POLICY=str(path)) as opened:
        yield opened


def questions(workspace: Workspace, thread: str) -> list[dict[str, Any]]:
    """The thread's messages with buttons that ask whether something is taken back."""
    posted = ((one, json.dumps(one.get("blocks", ()))) for one in workspace.posted(thread))
    return [one for one, words in posted if "Take back" in words and '"Reject"' in words]


def question(workspace: Workspace, thread: str) -> dict[str, Any]:
    """The first of them, as soon as it is there."""
    return until(lambda: questions(workspace, thread))[0]


def test_what_undo_asks_comes_into_the_thread_and_a_yes_there_takes_it_back(workspace: Workspace) -> None:
    thread, ask = asked(workspace, "Create an issue for the broken footer")
    workspace.press(ask, "Approve")
    receipt = until(lambda: with_button(workspace, thread, "Undo"))
    told = len(workspace.told())

    workspace.press(receipt, "Undo")
    card = question(workspace, thread)
    words = json.dumps(card["blocks"], ensure_ascii=False)
    assert "taking back is looked at" in words
    assert "as it was made" in words
    assert len(workspace.told()) == told, "the question itself is the answer"
    assert '"Undo"' in shown(workspace, receipt), "nothing was taken back yet"

    workspace.press(receipt, "Undo")
    said = until(lambda: workspace.told()[told:])
    assert said[0][1] == workspace.people[0]
    assert "waits for a yes" in said[0][2]
    assert len(questions(workspace, thread)) == 1, "pressed twice, it is asked about once"

    workspace.press(card, "Approve")
    until(lambda: "Taken back by" in shown(workspace, receipt))
    assert '"Undo"' not in shown(workspace, receipt)


def test_somebody_elses_undo_is_asked_about_in_the_same_thread_too(workspace: Workspace) -> None:
    channel = workspace.channel("growth")
    thread = str(
        workspace.say("<@U0DEUS> Create an issue for the slow search", channel, 0, kind="app_mention")["event"]["ts"]
    )
    ask = until(lambda: with_button(workspace, thread, "Reject"))
    workspace.press(ask, "Approve")
    receipt = until(lambda: with_button(workspace, thread, "Undo"))
    workspace.press(receipt, "Undo", 1)
    card = question(workspace, thread)
    workspace.press(card, "Reject", 1)
    until(lambda: ":no_entry: Rejected by" in shown(workspace, card))
    assert '"Undo"' in shown(workspace, receipt)
