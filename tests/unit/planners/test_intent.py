"""Which playbook a sentence asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from agents.planners.glossary import aligned, gloss
from agents.planners.intent import Decision, IntentMatcher, Thresholds, judge
from agents.planners.slots.names import find_person, namesake
from app.embedding import MiniLMEmbedder

WORLD_QUESTIONS = {
    "why did signups drop 20% last week?": "metric_change",
    "What's blocking the auth milestone?": "blockers",
    "What features are we shipping this week?": "shipping",
    "Show me all high-priority bugs assigned to backend": "bugs",
    "Fix the auth bug from Sentry": "fix_bug",
    "Escalate critical bugs": "escalate_bugs",
    "What's our churn rate trending?": "metric_trend",
    "Generate the weekly metrics report": "weekly_report",
    "Which customers are affected by the export bug?": "affected_customers",
    "Our checkout conversion more than halved since last week. Should I cut the ads?": "metric_change",
    "Did the new composer kill engagement? Messages are down since Tuesday.": "metric_change",
    "What is wrong with the new composer?": "status",
    "Signups fell off a cliff since Friday. What did we break?": "metric_change",
    "Which bug came in with the new bank matching?": "status",
    "Trials are down by about a quarter since last Tuesday. Did the new pricing page do that?": "metric_change",
    "What does the winter campaign wait for?": "find_documents",
    "Why do photos fail to upload?": "status",
    "Why did we get so few new accounts on Thursday? Is it still going on?": "metric_change",
    "What is left to do after Thursday's incident?": "status",
}


@pytest.mark.parametrize(("question", "intent"), WORLD_QUESTIONS.items())
def test_questions_of_the_worlds(question: str, intent: str, matcher: IntentMatcher, embedder: MiniLMEmbedder) -> None:
    assert matcher.decide(question, embedder.embed_now([gloss(question)])[0]).intent == intent


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        ("What should Yusuf work on?", "my_work"),
        ("which reviews wait for Yusuf", "my_work"),
        ("What is Yusuf working on?", "status"),
        ("Find the document about escalating bugs", "find_documents"),
        ("is there a doc about fixing flaky tests", "find_documents"),
        ("Escalate the critical bugs", "escalate_bugs"),
        ("Por que os cadastros caíram 20% na semana passada?", "metric_change"),
        ("O que está bloqueando o marco de autenticação?", "blockers"),
        ("Encontre documentos sobre preços", "find_documents"),
        ("Pourquoi les inscriptions ont-elles chuté de 20 % la semaine dernière ?", "metric_change"),
        ("Sur quoi dois-je travailler aujourd'hui ?", "my_work"),
        ("Que livrons-nous cette semaine ?", "shipping"),
        ("Quelle heure est-il à Tokyo ?", None),
        ("Quem vai ganhar a Copa do Mundo?", None),
    ],
)
def test_questions_about_others_about_doing_and_in_other_languages(
    question: str, intent: str | None, matcher: IntentMatcher, embedder: MiniLMEmbedder
) -> None:
    asked = namesake(question, find_person(aligned(question), ["Yusuf Demir"]))
    assert matcher.decide(asked, embedder.embed_now([gloss(asked)])[0]).intent == intent


def test_the_worlds_ask_nothing_else(shared: Path) -> None:
    asked: set[str] = set()
    for path in sorted((shared / "worlds").glob("*.yaml")):
        truth = yaml.safe_load(path.read_text())["truth"]
        asked |= {truth["question"], *(other["question"] for other in truth.get("others", []))}
    assert asked == set(WORLD_QUESTIONS)


@pytest.mark.parametrize(
    "text",
    [
        "what's the weather in Oslo",
        "write me a limerick",
        "Wie wird das Wetter am Sonntag?",
        "¿Me cuentas un chiste?",
        "zzzz qqqq",
    ],
)
def test_what_nobody_offers_is_not_answered(text: str, matcher: IntentMatcher, embedder: MiniLMEmbedder) -> None:
    verdict = matcher.decide(text, embedder.embed_now([gloss(text)])[0])
    assert verdict.decision is not Decision.ACCEPT
    assert verdict.intent is None


def test_ranks_every_intent_best_first(matcher: IntentMatcher, embedder: MiniLMEmbedder) -> None:
    ranked = matcher.rank("who is hit by the outage", embedder.embed_now(["who is hit by the outage"])[0])
    assert {name for name, _ in ranked} == set(matcher.intents)
    scores = [score for _, score in ranked]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= sum(scores) <= 1 + 1e-5


@pytest.mark.parametrize(
    ("ranked", "decision"),
    [
        ([("a", 0.9), ("b", 0.05)], Decision.ACCEPT),
        ([("a", 0.55), ("b", 0.4)], Decision.ASK),
        ([("a", 0.55), ("b", 0.02)], Decision.ASK),
        ([("a", 0.3), ("b", 0.05)], Decision.OUT_OF_SCOPE),
        ([], Decision.OUT_OF_SCOPE),
    ],
)
def test_decides_by_score_lead_and_doubt(ranked: list[tuple[str, float]], decision: Decision) -> None:
    assert judge(ranked, Thresholds(accept=0.5, margin=0.3, refuse=0.5)).decision is decision


def test_sentences_without_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match="greet: 2 sentences but 1 vectors"):
        IntentMatcher.fit(
            {"greet": ["hello", "hi"]},
            {"greet": np.zeros((1, 4), dtype=np.float32)},
            negatives=["bye"],
            negative_vectors=np.zeros((1, 4), dtype=np.float32),
        )


def test_words_alone_suffice_where_vectors_say_nothing() -> None:
    nothing = np.zeros((3, 4), dtype=np.float32)
    matcher = IntentMatcher.fit(
        {"ship": ["ship it now", "what ships", "ships today"], "bug": ["a bug", "the bug list", "bug here"]},
        {"ship": nothing, "bug": nothing},
        negatives=["weather today", "nice weather", "weather now"],
        negative_vectors=nothing,
        at_least=1,
    )
    assert matcher.rank("which bug", nothing[0])[0][0] == "bug"
    assert matcher.rank("it ships", nothing[0])[0][0] == "ship"


def test_every_playbook_has_enough_and_unique_examples(playbook_examples: dict[str, list[str]]) -> None:
    seen: dict[str, str] = {}
    for name, texts in playbook_examples.items():
        assert len(texts) >= 40, name
        for text in texts:
            assert text not in seen, f"{text!r} is in {name} and {seen[text]}"
            seen[text] = name
