"""What a founder, a PM and a support person read when they ask the default demo company."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.evidence import digest
from agents.proof import judge
from agents.record import Claim
from tests.scenarios.playbooks.alterations import altered, misplaced
from tests.scenarios.playbooks.company import OpenCompany, company_of

BLOCKERS = {"iss-290", "iss-295", "iss-301", "pr-476", "msg-71", "msg-72"}
ASKED = (
    "What's blocking the auth milestone?",
    "What are we shipping this week?",
    "Generate the weekly metrics report",
    "What's our churn rate trending?",
    "Which customers are affected by the export bug?",
    "Escalate critical bugs",
    "Show me all high-priority bugs assigned to backend",
    "What happened yesterday at 14:00?",
    "What should I work on?",
    "Fix the auth bug from Sentry",
)


@pytest.fixture(scope="module")
def company(acme: Path) -> Iterator[OpenCompany]:
    with company_of(acme) as opened:
        yield opened


def test_answers_lead_with_the_answer(company: OpenCompany) -> None:
    first = {question: company.ask(question).text.partition("\n")[0] for question in ASKED}
    assert first[ASKED[0]].startswith(
        "**2 issues stand in the way** of the auth milestone, and 2 more wait behind them."
    )
    assert first[ASKED[1]].startswith("**1 shipped, 1 on its way, 1 at risk** in the week of Mon 16 Nov.")
    assert first[ASKED[2]].startswith("**Sign-ups −21.8%** in the week of Mon 9 Nov")
    assert first[ASKED[3]].startswith("**Churn is 3.7%** in the last 28 days")
    assert first[ASKED[4]].startswith("**4 customers are affected** by [BACK-312]")
    assert first[ASKED[5]].startswith("**Prepared, nothing is changed yet:** “Create an issue for the first error")
    assert first[ASKED[6]].startswith("**3 open bugs** of priority high or above in")
    assert first[ASKED[7]].startswith("I see **")
    assert first[ASKED[8]].startswith("For whoever has time, the most pressing first: **")
    assert "**Nothing was changed" in first[ASKED[9]]


def test_people_and_numbers_have_the_names_that_people_use(company: OpenCompany) -> None:
    blockers, report = company.ask(ASKED[0]).text, company.ask(ASKED[2]).text
    assert "by Priya Raman: waiting for a review" in blockers
    assert "asked: Mateo Silva and James Okoro" in blockers
    assert not re.search(r"praman|msilva|acme/portal#", blockers)
    lines = re.findall(r"^- \*\*(.+?)\*\*:", report, re.MULTILINE)
    assert lines[:8] == [
        "Page views",
        "Sign-ups",
        "Activation rate",
        "Exports completed",
        "Revenue",
        "Failed payments",
        "Subscriptions cancelled",
        "Churn",
    ]
    assert "**Revenue**: $" in report
    assert not re.search(r"signed_up|signed\\_up|\$pageview", report)


@pytest.mark.parametrize(
    ("question", "cites"),
    [
        ("Was blockiert den Meilenstein auth?", BLOCKERS),
        ("¿Qué bloquea el hito auth?", BLOCKERS),
        ("Welche Kunden sind vom Export-Bug betroffen?", {"tick-71", "tick-74", "iss-312", "cust-1", "cust-2"}),
        ("Qué clientes están afectados por el bug de export?", {"tick-71", "tick-74", "iss-312", "cust-1", "cust-2"}),
        ("Erstelle den wöchentlichen Metrik-Report", {"doc-9"}),
        ("Genera el informe semanal de métricas", {"doc-9"}),
    ],
)
def test_german_and_spanish_are_understood(company: OpenCompany, question: str, cites: set[str]) -> None:
    said = company.ask(question)
    assert said.status == "answered", said.text
    assert cites <= said.artefacts, said.text


def test_a_milestone_that_does_not_exist_is_said_to_be_unknown(company: OpenCompany) -> None:
    said = company.ask("What's blocking the flux milestone?")
    assert said.status == "abstained"
    assert "no milestone “flux”" in said.text
    assert "auth" in said.text
    assert said.suggestions == ("What's blocking the auth milestone?",)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What's the status of BACK-999?", "found nothing on BACK-999"),
        ("What happened on 1 November at 03:00?", "nothing on record between"),
        ("Find documents about kubernetes autoscaling", "found nothing on kubernetes autoscaling"),
    ],
)
def test_an_empty_result_says_where_it_looked(company: OpenCompany, question: str, words: str) -> None:
    said = company.ask(question)
    assert (said.status, words in said.text) == ("abstained", True), said.text


def test_a_question_that_lacks_its_number_is_asked_back_with_options(company: OpenCompany) -> None:
    said = company.ask("Show me the trend")
    assert said.status == "abstained"
    assert "Which number do you mean?" in said.text
    assert said.suggestions
    assert company.ask(said.suggestions[0]).status == "answered", said.suggestions


@pytest.mark.parametrize("question", ["What is the weather in Lisbon tomorrow?", "Write a poem about the sea"])
def test_what_is_out_of_scope_is_declined_with_what_can_be_done(company: OpenCompany, question: str) -> None:
    said = company.ask(question)
    assert said.status == "abstained"
    assert said.suggestions
    assert not said.document["plan"]


def test_what_an_answer_suggests_is_understood(company: OpenCompany) -> None:
    for question in ASKED:
        conversation = f"suggested {question}"
        for suggestion in company.ask(question, conversation).suggestions:
            said = company.ask(suggestion, conversation)
            assert said.document["plan"], (question, suggestion, said.text)


def test_evidence_is_what_claims_cite_and_hashes_to_what_is_stored(company: OpenCompany) -> None:
    document = company.ask(ASKED[0]).document
    listed = [item["id"] for item in document["evidence"]]
    assert set(listed) == {e for claim in document["claims"] for e in claim["evidence"]}
    assert len(listed) == len(set(listed))
    for item in document["evidence"]:
        stored = company.evidence(document["run"], item["id"])
        assert stored.sha256 == item["sha256"] == digest(stored.content)


def test_an_altered_claim_does_not_pass_the_gate(
    company: OpenCompany, record_property: Callable[[str, object], None]
) -> None:
    tried, slipped = _lied(company, lambda claim, _: altered(claim.text))
    record_property("altered claims", f"{dict(tried)}, slipped {len(slipped)}")
    assert slipped == []
    assert tried.total() >= 500


def test_a_true_figure_in_a_wrong_place_does_not_pass_the_gate(
    company: OpenCompany, record_property: Callable[[str, object], None]
) -> None:
    tried, slipped = _lied(company, lambda claim, records: misplaced(claim.text, records))
    record_property("misplaced figures", f"{dict(tried)}, slipped {len(slipped)}")
    assert slipped == []
    assert set(tried) == {"swap", "other field", "sign", "unit"}
    assert tried.total() >= 400


def _lied(
    company: OpenCompany, lies: Callable[[Claim, list[dict[str, Any]]], Iterator[tuple[str, str]]]
) -> tuple[Counter[str], list[tuple[str, str]]]:
    """How many lies of which sort were told, and those that the gate let stand; every claim itself must stand."""
    zone, now = company.world.company.timezone, company.world.now
    tried: Counter[str] = Counter()
    slipped: list[tuple[str, str]] = []
    for question in ASKED:
        document = company.ask(question).document
        run = document["run"]
        evidence = {item["id"]: company.evidence(run, item["id"]) for item in document["evidence"]}
        for claim in (Claim.model_validate(one) for one in document["claims"]):
            assert judge(claim, evidence, zone, now).outcome == "stands"
            for what, text in lies(claim, [record for e in claim.evidence for record in evidence[e].content]):
                tried[what] += 1
                if judge(claim.model_copy(update={"text": text}), evidence, zone, now).outcome == "stands":
                    slipped.append((what, text))
    return tried, slipped


def test_further_questions_build_on_the_answer_before(company: OpenCompany) -> None:
    conversation = "the auth milestone"
    company.ask(ASKED[0], conversation)
    pull = company.ask("show me the pull request", conversation)
    assert "Rotate refresh tokens in one transaction" in pull.text
    assert "by Priya Raman, open" in pull.text
    assert "```diff" in company.ask("show me the diff", conversation).text
    company.ask(ASKED[0], conversation)
    assert "Priya Raman" in company.ask("who owns it?", conversation).text
    about = company.ask("what about BACK-295?", conversation)
    assert {"iss-295", "pr-476"} & about.artefacts, about.text
    unclear = company.ask("and for the moon?", conversation)
    assert (unclear.status, "whole question" in unclear.text) == ("abstained", True)


def test_a_further_question_gives_another_period_or_segment(company: OpenCompany) -> None:
    company.ask("What did we ship this week?", "ships")
    before = company.ask("and last week?", "ships")
    assert "in the week of Mon 9 Nov" in before.text
    company.ask("How are signups trending?", "signups")
    mobile = company.ask("and for mobile?", "signups")
    assert mobile.text.startswith("**Sign-ups (device mobile)**"), mobile.text
