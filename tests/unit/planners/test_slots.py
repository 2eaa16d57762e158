"""What a sentence names, read against a company's vocabulary."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planners.glossary import aligned, gloss, language
from agents.planners.slots import change, marks, metric, topic
from agents.planners.slots.fill import Slots, fill
from agents.planners.slots.vocabulary import Vocabulary

METRICS = (
    "$pageview", "signup_started", "signed_up", "activated", "trial_started", "account_created", "checkout_started",
    "checkout_completed", "message_sent", "photo_shared", "invoice_sent", "export_completed", "subscription_cancelled",
)  # fmt: skip
VOCABULARY = Vocabulary(
    metrics=METRICS,
    people=("Sarah Chen", "James Okoro", "Priya Raman", "Sarah Muster"),
    services=("web", "api", "worker", "push"),
    milestones=("auth", "billing v2", "mobile launch"),
    customers=("Globex", "Brightwater Studios", "Initech Inc."),
    teams=("backend", "web", "mobile"),
)


def read(text: str) -> Slots:
    return fill(text, now=datetime(2026, 11, 18, 15, tzinfo=UTC), timezone="America/New_York", vocabulary=VOCABULARY)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("why did signups drop", "signed_up"),
        ("Trials are down", "trial_started"),
        ("so few new accounts on Thursday", "account_created"),
        ("checkout conversion halved", "checkout_completed"),
        ("Messages are down since Tuesday", "message_sent"),
        ("what's our churn rate trending?", "subscription_cancelled"),
        ("how many people cancelled", "subscription_cancelled"),
        ("traffic is lower", "$pageview"),
        ("checkouts started are fine", "checkout_started"),
        ("how is invoice_sent doing", "invoice_sent"),
        ("Warum sind die Anmeldungen gefallen?", "signed_up"),
        ("¿Cómo evoluciona la tasa de abandono?", "subscription_cancelled"),
        ("sharing of photos fell", "photo_shared"),
    ],
)
def test_metrics_by_their_common_names(text: str, name: str) -> None:
    found = read(text).metric
    assert found is not None
    assert found.name == name
    assert found.sure


@pytest.mark.parametrize(
    ("text", "metrics", "name"),
    [
        ("orders today are a fraction of yesterday", ("abrio_app", "pedido"), "pedido"),
        ("subscriptions are down by a third", ("visit", "pricing_seen", "subscribed"), "subscribed"),
        ("new members are down since Friday", ("visit", "signup_form", "member_joined"), "member_joined"),
        ("ticket sales down since Saturday", ("visita", "reserva", "entrada_vendida"), "entrada_vendida"),
        ("why are trials down?", ("visita", "prueba_iniciada"), "prueba_iniciada"),
        ("Warum kommen weniger Anfragen?", ("besuch", "anfrage_begonnen", "anfrage_gesendet"), "anfrage_gesendet"),
        ("Bestellungen eingebrochen?", ("seitenaufruf", "bestellung_begonnen", "bestellung"), "bestellung"),
        ("orçamentos criados caíram muito na segunda", ("acesso", "orcamento_criado"), "orcamento_criado"),
    ],
)
def test_metrics_named_in_other_words_or_another_language(text: str, metrics: tuple[str, ...], name: str) -> None:
    found = metric.find(aligned(text), metrics)
    assert found is not None
    assert found.name == name
    assert found.sure


@pytest.mark.parametrize("text", ["what is the weather", "why are refunds up", "anfragend war er nie"])
def test_no_foreign_metric_is_invented(text: str) -> None:
    assert metric.find(aligned(text), ("visita", "compra_iniciada", "pedido")) is None


def test_an_ambiguous_metric_is_not_sure() -> None:
    found = metric.find(aligned("orders fell"), ["order_placed", "order_completed"])
    assert found is not None
    assert not found.sure
    assert {found.name, found.alternatives[0][0]} == {"order_placed", "order_completed"}


def test_a_metric_by_meaning_where_no_word_fits() -> None:
    near, far = np.array([1, 0], dtype=np.float32), np.array([0, 1], dtype=np.float32)
    vectors = {"lesson_finished": near, "coin_spent": far}
    found = metric.find(
        aligned("pupils complete less"), list(vectors), phrase_vectors={"complete": near}, metric_vectors=vectors
    )
    assert found is not None
    assert found.name == "lesson_finished"


def test_no_metric_is_invented() -> None:
    assert read("what is the weather").metric is None


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        ("dropped 20%", -20),
        ("more than halved", -50),
        ("down by about a quarter", -25),
        ("up 7.5 percent", 7.5),
        ("doubled overnight", 100),
        ("tripled", 200),
        ("we lost two thirds of them", -66.7),
        ("um 30 % gestiegen", 30),
        ("cayeron un 20%", -20),
        ("fell", None),
    ],
)
def test_sizes_of_changes(text: str, signed: float | None) -> None:
    found = change.find(aligned(text))
    assert found is not None
    assert found.signed == (signed if signed is None else pytest.approx(signed, abs=0.05))


@pytest.mark.parametrize("text", ["sign up page", "what's up with the api", "where did we write down the rules"])
def test_no_change_where_none_is_claimed(text: str) -> None:
    assert change.find(aligned(text)) is None


def test_people_places_and_things() -> None:
    slots = read("show high-priority bugs of James for the web team at Brightwater, see #482 and eng-31")
    assert slots.person is not None
    assert slots.person.name == "James Okoro"
    assert slots.team is not None
    assert slots.team.name == "web"
    assert slots.customer is not None
    assert slots.customer.name == "Brightwater Studios"
    assert slots.priority == "high"
    assert slots.refs == ("#482", "ENG-31")
    assert slots.service is None


def test_two_people_of_one_name_are_rivals() -> None:
    person = read("what is sarah's status").person
    assert person is not None
    assert not person.sure


def test_a_milestone_is_not_seen_in_a_bug() -> None:
    milestone = read("what blocks the auth milestone").milestone
    assert milestone is not None
    assert milestone.name == "auth"
    assert read("fix the auth bug").milestone is None


def test_a_service_is_not_seen_in_a_verb() -> None:
    assert read("push the urgent bugs up").service is None
    service = read("did the last web deploy go through").service
    assert service is not None
    assert service.name == "web"


@pytest.mark.parametrize(
    ("text", "refs"),
    [
        ("PR 484 and issue #12", ("#484", "#12")),
        ("utf-8 in top-3 for 500 users", ()),
        ("ACME-WEB-1A broke", ("ACME-WEB-1A",)),
    ],
)
def test_refs(text: str, refs: tuple[str, ...]) -> None:
    assert marks.refs(text) == refs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is wrong with the new composer?", "composer"),
        ("What does the winter campaign wait for?", "winter campaign"),
        ("Which customers are affected by the export bug?", "export bug"),
        ("Create an issue: the footer links are dead", "the footer links are dead"),
        ("help", "help"),
        ("what is it?", None),
        ("Find the document about escalating bugs", "escalating bugs"),
        ("do we have anything about creating issues", "creating issues"),
        ("What do we know about it?", None),
        ("Encontre documentos sobre preços", "preços"),
        ("Trouve le document à propos des remboursements", "remboursements"),
    ],
)
def test_topics(text: str, expected: str | None) -> None:
    assert topic.find(text) == expected


@pytest.mark.parametrize(
    ("text", "tongue", "english"),
    [
        ("Warum sind die Anmeldungen gefallen?", "de", "why are the signups dropped?"),
        ("¿Por qué cayeron los registros?", "es", "why dropped the signups?"),
        ("why did signups drop since 9am", "en", "why did signups drop since 9am"),
        ("Por que os cadastros caíram?", "pt", "why the signups dropped?"),
        ("Pourquoi les inscriptions ont chuté ?", "fr", "why the signups have dropped ?"),
        ("Qu’est-ce qui bloque l’export ?", "fr", "what blocking the export ?"),
        ("Bugs abiertos esta semana", "es", "bugs open this week"),
    ],
)
def test_glosses(text: str, tongue: str, english: str) -> None:
    assert language(text) == tongue
    assert gloss(text) == english


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_without_harm(text: str) -> None:
    slots = read(text)
    for found in (slots.metric, slots.person, slots.service, slots.customer):
        assert found is None or 0 <= found.score <= 1


@pytest.mark.parametrize("name", ["acme", "fernway", "kitebox", "ledgerline", "pondlight", "skiffbook"])
def test_the_metric_that_each_world_asks_about(name: str, shared: Path) -> None:
    world = yaml.safe_load((shared / "worlds" / f"{name}.yaml").read_text())
    vocabulary = Vocabulary(metrics=tuple(stream["event"] for stream in world["streams"]))
    slots = fill(
        world["truth"]["question"],
        now=world["now"].replace(tzinfo=UTC),
        timezone=world["company"]["timezone"],
        vocabulary=vocabulary,
    )
    assert slots.metric is not None
    assert slots.metric.name == world["truth"]["metric"]
    assert slots.metric.sure
    assert slots.time is not None
