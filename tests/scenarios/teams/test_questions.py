"""Questions in Teams: in chats of two, in groups, in channels; each answered once, where it was asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.fake_teams import TENANT
from tests.scenarios.teams.tenant import Tenant, words
from tests.scenarios.writes.office import until

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
GROUP = {"id": "19:group@thread.v2", "conversationType": "groupChat", "isGroup": True, "tenantId": TENANT}


def asked(tenant: Tenant, question: str) -> list[dict[str, object]]:
    return [one for one in tenant.runs() if one["question"] == question]


def test_a_question_in_a_chat_of_two_is_streamed_and_answered(tenant: Tenant) -> None:
    said = tenant.say("Why did signups drop 20% last week?")
    answer = tenant.answer(said["conversation"]["id"])
    assert "ign-ups fell" in answer.text
    assert "](http" in answer.text, "the answer has its citations as links"
    assert answer.id.startswith("s"), "it was streamed"
    assert "Open in Deus" in str(answer.card)
    assert "Chart.Line" in str(answer.card)
    assert words(answer.card)
    (run,) = asked(tenant, "Why did signups drop 20% last week?")
    assert (run["channel"], run["actor"]) == ("teams", "lena@acme.com")

    # Teams sends it again, and once more after Deus has been started anew.
    assert tenant.tell(said).status_code == 202
    tenant.stop()
    tenant.start()
    assert tenant.tell(said).status_code == 202
    later = tenant.say("What's our churn rate trending?")
    tenant.answer(later["conversation"]["id"], 1)
    assert len(asked(tenant, "Why did signups drop 20% last week?")) == 1
    assert len(tenant.teams.standing(said["conversation"]["id"])) == 2
    (second,) = asked(tenant, "What's our churn rate trending?")
    assert second["conversation"] == run["conversation"], "a chat is a conversation"


def test_in_a_group_deus_answers_who_mentions_it_with_one_message_that_is_edited(tenant: Tenant) -> None:
    tenant.teams.groups[str(GROUP["id"])] = [tenant.lena["id"], tenant.omar["id"]]
    tenant.say("This is between us.", tenant.omar, conversation=GROUP)
    tenant.mention("What features are we shipping this week?", GROUP, tenant.omar)
    answer = tenant.answer(str(GROUP["id"]))
    assert not answer.text, "text and card would be two messages"
    assert "Open in Deus" in str(answer.card)
    assert answer.id.startswith("m"), "Teams streams in chats of two alone"
    assert len(tenant.teams.standing(str(GROUP["id"]))) == 1
    (run,) = asked(tenant, "What features are we shipping this week?")
    assert run["actor"] == "omar@acme.com"
    assert not asked(tenant, "This is between us.")


def refused(tenant: Tenant, question: str, sender: dict[str, Any]) -> str:
    """What somebody is told who asks."""
    talk = tenant.say(question, sender)["conversation"]["id"]
    before = len(tenant.teams.standing(talk))
    return until(lambda: tenant.teams.standing(talk)[before - 1 if before else 0 :])[-1].text


def test_who_is_not_of_the_company_is_told_so_and_nothing_is_run(tenant: Tenant) -> None:
    guest = tenant.teams.join("29:guest", "Eve", email="eve@evil.test", userRole="guest")
    gone = {"id": "29:gone", "name": "Gone", "aadObjectId": "1"}
    impostor = {**tenant.omar, "aadObjectId": tenant.lena["aadObjectId"]}
    for sender in (guest, gone, impostor):
        assert "Only people of this company" in refused(tenant, "Who are our customers?", sender)
    assert not asked(tenant, "Who are our customers?")


def test_where_teams_does_not_say_who_somebody_is_nobody_is_guessed(tenant: Tenant) -> None:
    nina = tenant.teams.join("29:nina", "Nina", email="nina@acme.com")
    tenant.teams.troubles = [("GET", "/members/", 503, {}, {})] * 3
    said = tenant.say("Who is on call?", nina)
    (shown,) = until(lambda: tenant.teams.standing(said["conversation"]["id"]))
    assert "could not say who you are" in shown.text
    assert not asked(tenant, "Who is on call?")


def test_deus_says_hello_where_it_is_added(tenant: Tenant) -> None:
    pia = tenant.teams.join("29:pia", "Pia", email="pia@acme.com")
    come = tenant.teams.activity(pia)
    tenant.tell({**come, "type": "conversationUpdate", "membersAdded": [{"id": come["recipient"]["id"]}]})
    (shown,) = until(lambda: tenant.teams.standing(come["conversation"]["id"]))
    assert "I am Deus" in shown.text
