"""Writes that wait for a yes in Teams: shown whole, decided by the card, done once, taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.channels.fake_teams import Shown
from tests.scenarios.teams.tenant import Tenant, buttons, words
from tests.scenarios.writes.office import until

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


def newest(tenant: Tenant, conversation: str, title: str, text: str) -> Shown:
    """The message that has this button and says this."""

    def found() -> Shown | None:
        shown = [one for one in tenant.teams.standing(conversation) if text in words(one.card).casefold()]
        return next((one for one in shown if any(b["title"] == title for b in buttons(one.card))), None)

    message = until(found)
    assert message is not None
    return message


def ordered(tenant: Tenant, what: str) -> tuple[str, Shown, dict[str, Any]]:
    """Orders an issue; the conversation, the message that asks for the yes, and the run."""
    said = tenant.say(f"Create an issue for the {what}")
    talk = said["conversation"]["id"]
    ask = newest(tenant, talk, "Reject", what)
    (run,) = (one for one in tenant.runs() if one["question"] == f"Create an issue for the {what}")
    return talk, ask, run


def test_a_write_is_shown_approved_by_the_card_done_and_taken_back(tenant: Tenant) -> None:
    talk, ask, run = ordered(tenant, "broken footer")
    assert run["status"] == "awaiting_approval"
    pressed = tenant.press(ask, "Approve").json()
    assert (pressed["statusCode"], pressed["type"]) == (200, "application/vnd.microsoft.card.adaptive")
    assert "Approved by" in words(pressed["value"]), "the card that replaces what was pressed"
    receipt = newest(tenant, talk, "Take it back", "done:")
    until(lambda: "Approved by" in words(ask.card))
    assert [one["title"] for one in buttons(ask.card)] == ["Open in Deus"], "what is settled has no buttons"
    (approval,) = (one for one in tenant.deus.get("/api/approvals").json() if one["run"] == run["run"])
    assert approval["state"] == "approved"
    (decision,) = approval["decisions"]
    assert (decision["channel"], decision["by"]) == ("teams", "lena@acme.com")

    stale = Shown(ask.id, talk, {"attachments": [{"content": json.loads(json.dumps(pressed["value"]))}]})
    stale.activity["attachments"][0]["content"]["actions"] = [button("Reject", approval)]
    late = tenant.press(stale, "Reject", tenant.omar).json()
    assert late["type"] == "application/vnd.microsoft.activity.message"
    assert "settled already: approved" in late["value"]

    undone = tenant.press(receipt, "Take it back").json()
    assert "Taken back by" in words(undone["value"])
    until(lambda: "Taken back by" in words(receipt.card))
    assert "Take it back" not in [one["title"] for one in buttons(receipt.card)]


def button(title: str, approval: dict[str, Any]) -> dict[str, Any]:
    data = {"id": approval["id"], "digest": approval["digest"]}
    return {"type": "Action.Execute", "title": title, "verb": f"deus.{title.lower()}", "data": data}


def test_where_cards_cannot_execute_a_submit_does_the_same(tenant: Tenant) -> None:
    _, ask, run = ordered(tenant, "slow search")
    (reject,) = (one for one in buttons(ask.card) if one["title"] == "Reject")
    assert reject["fallback"]["type"] == "Action.Submit"
    tenant.say("", value=reject["fallback"]["data"])
    until(lambda: "Rejected by" in words(ask.card))
    until(lambda: tenant.deus.get(f"/api/runs/{run['run']}").json()["status"] == "answered")
    assert tenant.deus.get(f"/api/runs/{run['run']}/receipts").json() == []
    before = len(tenant.teams.standing(ask.conversation))
    tenant.say("", value=reject["fallback"]["data"])
    shown = until(lambda: tenant.teams.standing(ask.conversation)[before:])
    assert "settled already: rejected" in shown[-1].text


def test_what_is_decided_elsewhere_shows_in_teams(tenant: Tenant) -> None:
    _, ask, run = ordered(tenant, "wrong logo")
    waiting = tenant.deus.get("/api/approvals", params={"state": "requested"}).json()
    (one,) = (one for one in waiting if one["run"] == run["run"])
    said = {"choice": "reject", "digest": one["digest"]}
    assert tenant.deus.post(f"/api/approvals/{one['id']}/decision", json=said).status_code == 200
    until(lambda: "Rejected by" in words(ask.card))


def test_a_button_counts_for_what_it_showed_where_deus_has_put_it_and_for_our_people(tenant: Tenant) -> None:
    talk, ask, _ = ordered(tenant, "missing page")
    guest = tenant.teams.join("29:eve", "Eve", email="eve@evil.test", userRole="guest")
    for changed, sender, where, said in (
        ({"digest": "0" * 64}, tenant.lena, talk, "no longer what is asked"),
        ({"id": "apr_of_nobody"}, tenant.lena, talk, "There is no approval"),
        ({"id": ["x"]}, tenant.lena, talk, "There is no approval"),
        ({}, tenant.omar, "a:elsewhere", "another conversation"),
        ({}, guest, talk, "Only people of this company"),
    ):
        answered = tenant.press(ask, "Approve", sender, talk=where, **changed).json()
        assert answered["type"] == "application/vnd.microsoft.activity.message"
        assert said in answered["value"]
    assert "Approve" in [one["title"] for one in buttons(ask.card)], "it still waits"
    for value in (
        {},
        {"action": "x"},
        {"action": {"verb": "deus.other", "data": {}}},
        {"action": {"verb": "deus.undo"}},
    ):
        odd = tenant.teams.activity(tenant.lena, type="invoke", name="adaptiveCard/action", value=value)
        answered = tenant.tell(odd)
        assert answered.json()["statusCode"] in (400, 501)


def test_a_restart_goes_on_in_the_same_messages(tenant: Tenant) -> None:
    talk, ask, _ = ordered(tenant, "late mail")
    before = [one.id for one in tenant.teams.standing(talk)]
    tenant.stop()
    tenant.start()
    tenant.press(ask, "Approve")
    newest(tenant, talk, "Take it back", "late mail")
    until(lambda: "Approved by" in words(ask.card))
    after = [one.id for one in tenant.teams.standing(talk)]
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
