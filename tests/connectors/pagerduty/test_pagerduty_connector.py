"""The PagerDuty connector on the demo company, and on answers that PagerDuty documents and the demo does not give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.companies import NOW, demo_of
from tools.kit.connector import Connector
from tools.nouns import Alert, Incident, Person
from tools.verbs import AlertsList, IncidentsSearch, PeopleFind

Connect = Callable[..., Awaitable[Connector]]
Recorded = Callable[[str], Any]


async def incidents(connector: Connector, **asked: Any) -> list[Incident]:
    return [noun for noun in await connector.call(IncidentsSearch(**asked)) if isinstance(noun, Incident)]


async def alerts(connector: Connector, **asked: Any) -> list[Alert]:
    return [noun for noun in await connector.call(AlertsList(**asked)) if isinstance(noun, Alert)]


async def test_every_alert_and_incident_of_a_world_is_found_as_it_is(connect: Connect, each_world: Path) -> None:
    company, connector = demo_of(each_world).company, await connect("pagerduty", each_world)
    found: dict[str, Alert | Incident] = {noun.ref: noun for noun in await alerts(connector)}
    found |= {noun.ref: noun for noun in await incidents(connector)}
    told = [*company.of_kind("alert"), *company.of_kind("incident")]
    assert len(found) == len(told)
    for artefact in told:
        noun, ref = found[company.ref(artefact.id).ref], company.ref(artefact.id)
        assert (noun.kind, noun.url, noun.at) == (artefact.kind, ref.url, artefact.at)
        assert (noun.title, noun.component) == (company.words(artefact["title"]), artefact["service"])
        assert noun.resolved_at == artefact.time("resolved")
        if isinstance(noun, Alert):
            assert noun.severity == artefact["severity"]
        else:
            assert noun.body == company.words(artefact["text"])


async def test_words_period_and_limit_narrow_the_search(connect: Connect, acme: Path) -> None:
    connector, company = await connect("pagerduty", acme), demo_of(acme).company
    firefox, webhooks = company.ref("inc-5").ref, company.ref("inc-6").ref
    assert [i.ref for i in await incidents(connector, text="sign-ups failing")] == [firefox]
    assert [i.ref for i in await incidents(connector, text="firefox webhooks")] == [webhooks, firefox]
    assert await incidents(connector, text="aardvark") == []
    assert [i.ref for i in await incidents(connector, limit=1)] == [webhooks]
    assert [i.ref for i in await incidents(connector, since=company.now - timedelta(days=100))] == [webhooks]
    assert [i.ref for i in await incidents(connector, until=company.now - timedelta(days=100))] == [firefox]
    assert await alerts(connector, since=company.now - timedelta(days=7)) == []
    assert len(await alerts(connector, since=company.now - timedelta(days=8))) == 1


async def test_a_long_period_is_asked_for_in_halves_of_a_year(connect: Connect, acme: Path) -> None:
    connector, company = await connect("pagerduty", acme), demo_of(acme).company
    asked: list[httpx.QueryParams] = []

    async def note(request: httpx.Request) -> None:
        if request.url.path.endswith("/incidents"):
            asked.append(request.url.params)

    connector.wire._client.event_hooks = {"request": [note]}
    found = await incidents(connector, since=company.now - timedelta(days=400))
    assert [i.ref for i in found] == [company.ref("inc-6").ref, company.ref("inc-5").ref]
    periods = [tuple(datetime.fromisoformat(params[name]) for name in ("since", "until")) for params in asked]
    assert len(periods) == 3
    assert all(until - since <= timedelta(days=180) for since, until in periods)
    assert (periods[-1][0], periods[0][1]) == (company.now - timedelta(days=400), company.now)


async def test_people_are_found_by_name_or_e_mail(connect: Connect, acme: Path) -> None:
    connector, company = await connect("pagerduty", acme), demo_of(acme).company
    assert {person.email for person in await connector.call(PeopleFind()) if isinstance(person, Person)} == {
        member.email for member in company.people
    }
    [priya] = await connector.call(PeopleFind(text="priya"))
    assert isinstance(priya, Person)
    assert (priya.name, priya.team, priya.role) == ("Priya Raman", "backend", "engineering lead")


async def test_what_the_demo_does_not_show(answered: Connect, recorded: Recorded) -> None:
    """An alert without severity, an incident from an alert that people wrote about, several alerts, offset pages."""
    offsets: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/pagerduty")
        if path == "/incidents":
            offsets.append(request.url.params["offset"])
            return httpx.Response(200, json=recorded("incidents_last" if len(offsets) % 2 == 0 else "incidents_first"))
        return httpx.Response(200, json=recorded("details")[path])

    connector = await answered("pagerduty", answer)
    fired = await alerts(connector)
    assert offsets == ["0", "100"]
    assert [(a.ref, a.severity, a.component) for a in fired] == [
        ("PALERT1", "critical", "api"),
        ("PALERT2", "critical", "api"),
    ]
    assert fired[0].resolved_at == datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
    assert fired[1].resolved_at is None
    [told] = await incidents(connector)
    assert told.ref == "PINC1"
    assert told.body == "It was the cache.\n\nCache removed."
    assert told.at < NOW
