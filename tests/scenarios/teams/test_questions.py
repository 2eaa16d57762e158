"""Questions in Teams: in chats of two, in groups, in channels; each answered once, where it was asked."""

from __future__ import annotations

from tests.scenarios.teams.tenant import Tenant, words


def test_a_question_in_a_chat_of_two_is_streamed_and_answered(tenant: Tenant) -> None:
    said = tenant.say("Why did signups drop 20% last week?")
    answer = tenant.answer(said["conversation"]["id"])
    assert "ign-ups fell" in answer.text
    assert "](http" in answer.text, "the answer has its citations as links"
    assert "Open in Deus" in str(answer.card)
    assert answer.id.startswith("s"), "it was streamed"
    (run,) = (one for one in tenant.runs() if one["question"] == "Why did signups drop 20% last week?")
    assert run["channel"] == "teams"
    assert run["actor"] == "lena@acme.com"
    assert words(answer.card)
