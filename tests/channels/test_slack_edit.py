"""The form in which a proposal's arguments are changed in Slack: its fields, its limits, and what is wrong by field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.approval import Approval
from app.channels.slack_edit import CHOICES, HINT, LABEL, MODAL, TITLE, VALUE, changed, form
from tests.contracts.test_approvals import proposal
from tools.kit.tool import Write, verbs
from tools.writes import IssuesCreate

ARGS = {"title": "It fails", "description": "First.\nSecond.", "priority": "high", "labels": ["bug", "web"]}


def asked(verb: str = IssuesCreate.name, args: Any = None) -> Approval:
    one = proposal("r1", "create", verb=verb, args=ARGS if args is None else args, title="Create the issue")
    return Approval(proposal=one)


def filled(view: dict[str, Any]) -> dict[str, str]:
    """What stands in the form as it is opened."""
    found = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            chosen = element.get("initial_option", {}).get("value", "")
            found[block["block_id"].removeprefix("arg.")] = element.get("initial_value", chosen)
    return found


def test_the_form_has_the_verb_s_fields_with_what_was_proposed() -> None:
    view = form(asked())
    assert view["callback_id"] == MODAL
    fields = {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}
    assert fields["arg.title"]["element"] == {
        "type": "plain_text_input",
        "action_id": "value",
        "multiline": fields["arg.title"]["element"]["multiline"],
        "max_length": VALUE,
        "initial_value": "It fails",
    }
    assert not fields["arg.title"]["optional"]
    assert fields["arg.description"]["element"]["multiline"]
    assert fields["arg.priority"]["element"]["initial_option"]["value"] == "high"
    assert fields["arg.labels"]["element"]["initial_value"] == "bug\nweb"


def test_what_is_submitted_unchanged_is_what_was_proposed() -> None:
    args, wrong = changed(asked(), filled(form(asked())))
    assert (args, wrong) == (ARGS, {})


def test_what_is_changed_is_changed_and_what_is_emptied_is_left_out() -> None:
    args, wrong = changed(asked(), {**filled(form(asked())), "title": "It works", "labels": ""})
    assert wrong == {}
    assert args == {"title": "It works", "description": "First.\nSecond.", "priority": "high"}


def test_what_is_wrong_stands_at_its_field() -> None:
    _, wrong = changed(asked(), {**filled(form(asked())), "title": " ", "priority": "at once"})
    assert set(wrong) == {"title", "priority"}
    assert all(wrong.values())


def test_what_is_too_long_for_slack_stays_as_it_is() -> None:
    long = asked(args={**ARGS, "description": "x" * (VALUE + 1)})
    view = form(long)
    assert "arg.description" not in [block.get("block_id") for block in view["blocks"]]
    assert "description" in view["blocks"][-1]["elements"][0]["text"]
    args, wrong = changed(long, filled(view))
    assert (args["description"], wrong) == ("x" * (VALUE + 1), {})


@pytest.mark.parametrize("verb", sorted(verbs(Write)))
def test_slack_takes_the_form_of_every_write(verb: str) -> None:
    fits(form(asked(verb, {})))


@given(st.dictionaries(st.sampled_from(sorted(ARGS)), st.text(max_size=4000), max_size=4), st.text(max_size=300))
@settings(max_examples=40, deadline=None)
def test_slack_takes_the_form_whatever_is_proposed(args: dict[str, str], title: str) -> None:
    one = proposal("r1", "create", verb=IssuesCreate.name, args=args, title=title)
    fits(form(Approval(proposal=one)))


def fits(view: dict[str, Any]) -> None:
    """Slack takes the view."""
    assert len(view["blocks"]) <= 100
    assert len(view["private_metadata"]) <= 3000
    for name in ("title", "submit", "close"):
        assert 0 < len(view[name]["text"]) <= TITLE
    for block in view["blocks"]:
        if block["type"] != "input":
            assert len(block["elements"][0]["text"]) <= 3000
            continue
        assert 0 < len(block["label"]["text"]) <= LABEL
        assert len(block["block_id"]) <= 255
        assert len(block.get("hint", {"text": ""})["text"]) <= HINT
        element = block["element"]
        assert len(element.get("initial_value", "")) <= VALUE
        assert 0 < len(element.get("options", "x")) <= CHOICES
