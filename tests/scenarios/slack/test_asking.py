"""Questions in Slack: in direct messages, by name in channels, in threads; each answered once, where it was asked."""

from __future__ import annotations

import json
from typing import Any

from tests.scenarios.slack.workspace import Workspace


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
