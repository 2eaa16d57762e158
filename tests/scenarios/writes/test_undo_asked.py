"""Taking something back where the rules want a yes for it: asked for like a write, through every door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agents.effect import Effect
from tests.scenarios.playbooks.company import company_of
from tests.scenarios.writes.office import Office, until

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

POLICY = """
mode: propose
rules:
  - name: comments stay
    when: {verb: issues.comment, undo: true}
    then: deny
  - name: taking back is looked at
    when: {undo: true}
    then: ask
"""


@pytest.fixture(scope="module")
def office(with_checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    path = tmp_path_factory.mktemp("rules") / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    with company_of(with_checkout, {"DEUS_POLICY": str(path)}) as company:
        yield Office(company)


def done(office: Office, order: str, conversation: str) -> Effect:
    document = office.order(order, conversation)
    office.decide(document)
    (effect,) = office.effects(document["run"])
    assert effect.state == "done"
    return effect


def the_question(office: Office, run: str, effect: Effect) -> Mapping[str, Any]:
    """What a run asks about taking that back: what is there, and what will be put back."""
    (asked,) = until(lambda: office.waiting(run))
    assert asked["verb"] == "writes.undo"
    assert asked["title"].startswith("Take back: ")
    assert asked["args"] == {"effect": effect.key}
    assert any("taking back is looked at" in why for why in asked["why"])
    assert effect.landed is not None
    assert office.state(effect) == effect.landed.state
    return asked


def test_a_button_asks_once_and_takes_back_what_was_approved(office: Office) -> None:
    effect = done(office, "assign ACME-311 to Sarah and make it high priority", "button")
    assert effect.change.before["priority"] != "high"
    pressed = office.undo(effect)
    assert pressed.status_code == 202, pressed.text
    assert "waits for a yes" in pressed.json()["detail"]
    run = pressed.json()["waiting"]
    asked = the_question(office, run, effect)
    diff = {line["field"]: (line["before"], line["after"]) for line in asked["diff"]}
    assert diff["priority"] == ("high", effect.change.before["priority"])
    assert office.undo(effect).json()["waiting"] == run, "pressed twice, it is asked about once"
    changed = office.http.post(f"/api/approvals/{asked['id']}/edit", json={"args": {"effect": "other"}})
    assert changed.status_code == 409
    assert "nothing that could be changed" in changed.text
    ended = office.decide({"run": run})
    assert ended["status"] == "answered"
    assert "Taken back" in ended["answer"]
    assert office.state(effect) == {name: effect.change.before[name] for name in office.state(effect) or {}}
    assert office.undo(effect).status_code == 200


def test_undo_that_in_the_chat_asks_and_a_no_leaves_everything(office: Office) -> None:
    effect = done(office, "Create an issue for the broken footer", "chat")
    dry = office.order("dry run: undo that", "chat")
    assert dry["status"] == "answered"
    assert "Take back: Broken footer" in dry["answer"]
    assert "moved to Linear's trash" in dry["answer"]
    assert dry["receipts"] == []
    assert office.state(effect) is not None
    document = office.order("undo that", "chat")
    assert document["status"] == "awaiting_approval"
    assert "nothing is changed yet" in document["answer"]
    asked = the_question(office, document["run"], effect)
    assert {"field": "record", "before": "as it was made", "after": effect.change.undo} in asked["diff"]
    ended = office.decide(document, "reject")
    assert "rejected by api" in ended["answer"]
    assert office.state(effect) is not None
    again = office.order("undo that", "chat")
    office.decide(again)
    assert office.state(effect) is None


def test_what_somebody_changed_while_it_waited_is_not_taken_back(office: Office) -> None:
    effect = done(office, "assign ACME-311 to Sarah and make it high priority", "drift")
    document = office.order("undo that", "drift")
    the_question(office, document["run"], effect)
    done(office, "assign ACME-311 to Yusuf and make it low priority", "somebody else")
    ended = office.decide(document)
    assert "somebody changed it since" in ended["answer"]
    assert (office.state(effect) or {})["priority"] == "low"


def test_a_rule_that_forbids_it_is_named(office: Office) -> None:
    effect = done(office, "comment on ACME-311: we are on it", "denied")
    refused = office.undo(effect)
    assert refused.status_code == 409
    assert "comments stay" in refused.text
    said = office.order("undo that", "denied")
    assert "comments stay" in said["answer"]
    assert office.state(effect) is not None
