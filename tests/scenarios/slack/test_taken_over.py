"""A conversation in Slack that a person takes over from the inbox: their words come into its thread, Deus' do not."""

from __future__ import annotations

import json

from tests.scenarios.slack.workspace import Workspace
from tests.scenarios.writes.office import until

QUESTION = "What's our churn rate trending?"


def test_a_person_answers_in_the_thread_until_it_is_handed_back(workspace: Workspace) -> None:
    channel = workspace.channel("growth")
    first = workspace.say(f"<@U0DEUS000> {QUESTION}", channel, 1, kind="app_mention")
    thread = str(first["event"]["ts"])
    workspace.answer(thread)
    asked = next(one for one in workspace.runs() if one["question"] == QUESTION)
    place = f"/api/inbox/{asked['conversation']}"

    def texts() -> list[str]:
        return [
            json.dumps([one["text"], one.get("blocks", ())], ensure_ascii=False) for one in workspace.posted(thread)
        ]

    assert workspace.deus.post(f"{place}/take").json()["state"] == "taken"
    until(lambda: [text for text in texts() if "has taken over this conversation" in text])
    workspace.say("Is that a person now?", channel, 1, thread=thread)
    until(lambda: [one for one in workspace.runs() if one["question"] == "Is that a person now?"])
    assert workspace.deus.post(f"{place}/write", json={"text": "Yes: I ask *Mateo*."}).status_code == 201
    written = until(lambda: [text for text in texts() if "I ask" in text])
    assert len(written) == 1
    assert "a program" in written[0], "who wrote it stands there"
    assert workspace.deus.post(f"{place}/hand-back").json()["state"] == "open"
    workspace.say(f"<@U0DEUS000> {QUESTION}", channel, 1, thread=thread, kind="app_mention")
    until(lambda: [one["status"] for one in workspace.runs() if one["question"] == QUESTION] == ["answered"] * 2)
    until(lambda: [text for text in texts() if "handed this conversation back" in text])
    standing = {
        one["question"]: one["status"] for one in workspace.runs() if one["conversation"] == asked["conversation"]
    }
    assert standing["Is that a person now?"] == "relayed"
    assert not [text for text in texts() if "has this conversation" in text], "nothing answers what is said to a person"
