"""The demo company as one server: vendors, pages, outages, and the settings that lead there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.outage import outage_of
from app.demo.server import build, demo_environment, demo_settings, serve, vendors
from app.demo.world import Outage, read_world
from tests.companies import BASE, connector_over, demo_of
from tools.catalog import connectors
from tools.kit.connector import missing
from tools.kit.errors import DeusError, Malformed, RateLimited, Refused, TimedOut, Unavailable
from tools.kit.tool import Verb
from tools.kit.wire import open_client
from tools.verbs import AnnotationsList, CustomersFind, FlagsHistory, TicketsSearch


@asynccontextmanager
async def visitor(world: Path, *outages: Outage) -> AsyncIterator[httpx.AsyncClient]:
    demo = demo_of(world)
    company = replace(demo.company, outages=outages or demo.company.outages)
    async with open_client(httpx.ASGITransport(build(company, demo.history))) as client:
        yield client


async def test_every_citation_opens_a_page(each_world: Path) -> None:
    company = demo_of(each_world).company
    async with visitor(each_world) as client:
        for artefact in company.artefacts:
            if artefact.id not in company.refs or (artefact.at and artefact.at > company.now):
                continue
            ref = company.ref(artefact.id)
            answer = await client.get(ref.url)
            assert answer.status_code == 200, f"{artefact.id} at {ref.url}"
            assert answer.headers["content-type"].startswith("text/html")
            assert "demo company" in answer.text


async def test_pages_ask_for_nothing_from_elsewhere(acme: Path) -> None:
    company = demo_of(acme).company
    async with visitor(acme) as client:
        for path in ("/", company.ref("err-2041").url.removeprefix(BASE), company.ref("msg-88").url.removeprefix(BASE)):
            text = (await client.get(f"{BASE}{path}")).text
            assert "<script" not in text
            assert "@import" not in text
            assert 'src="' not in text


async def test_the_index_lists_what_the_company_has(acme: Path) -> None:
    company = demo_of(acme).company
    async with visitor(acme) as client:
        text = (await client.get(f"{BASE}/")).text
    assert company.ref("dep-871").url in text
    assert company.ref("inc-5").url in text


async def test_nothing_of_the_truth_is_served(each_world: Path) -> None:
    world = read_world(each_world)
    async with visitor(each_world) as client:
        text = (await client.get(f"{BASE}/")).text
    assert str(world.truth["question"]) not in text
    assert "factor" not in text


def test_settings_connect_every_service_and_point_to_the_demo() -> None:
    settings = demo_settings(BASE)
    assert set(settings) == set(connectors()) & set(vendors())
    for service, given in settings.items():
        assert missing(connectors()[service].Settings, given) == []
        assert given["base_url"].startswith(f"{BASE}/{service}")
    assert demo_environment(BASE)["DEUS_SENTRY_BASE_URL"] == f"{BASE}/sentry/api/0"
    assert demo_environment(BASE)["DEUS_SENTRY_TOKEN"] == "demo-sentry"


@pytest.mark.parametrize(
    ("service", "verb", "kind"),
    [
        ("intercom", TicketsSearch(), "ticket"),
        ("stripe", CustomersFind(), "customer"),
        ("posthog", FlagsHistory(), "flag_change"),
        ("posthog", AnnotationsList(), "campaign"),
    ],
)
async def test_records_are_where_people_reach_the_demo_though_it_listens_elsewhere(
    service: str, verb: Verb, kind: str, acme: Path
) -> None:
    given, company = dict[str, Any](demo_settings("http://elsewhere.test", BASE)[service]), demo_of(acme).company
    async with visitor(acme) as client:
        found = {noun.url for noun in await connector_over(client, service, company.now, **given).call(verb)}
    assert {company.ref(artefact.id).url for artefact in company.of_kind(kind)} & found
    assert not [url for url in found if not url.startswith(f"{BASE}/{service}/")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("503", Unavailable),
        ("500", Unavailable),
        ("401", Refused),
        ("429", RateLimited),
        ("malformed", Malformed),
        ("timeout", TimedOut),
    ],
)
async def test_a_tool_that_is_out_of_order(answer: str, error: type[DeusError], acme: Path) -> None:
    async with visitor(acme, Outage("sentry", answer)) as client:
        broken = connector_over(client, "sentry", demo_of(acme).company.now)
        broken.wire.options = replace(broken.wire.options, timeout=0.02, attempts=1)
        with pytest.raises(error):
            await broken.check()
        assert (await connector_over(client, "vercel").check()).sees


async def test_a_tool_that_never_answers_lets_go_of_who_leaves(acme: Path) -> None:
    async with visitor(acme, Outage("slack", "timeout")) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await client.get(f"{BASE}/slack/api/auth.test")


def test_an_outage_has_its_period(acme: Path) -> None:
    now = demo_of(acme).company.now
    hour = timedelta(hours=1)
    over = Outage("sentry", "503", now - 2 * hour, now - hour)
    coming = Outage("sentry", "503", now + hour, None)
    running = Outage("sentry", "429", now - hour, now + hour)
    assert outage_of("sentry", [over, coming], now) is None
    assert outage_of("sentry", [over, coming, running], now) == running
    assert outage_of("slack", [running], now) is None
    assert outage_of("sentry", [Outage("sentry", "timeout")], now) is not None


def test_the_demo_listens_on_loopback_only(acme: Path) -> None:
    with pytest.raises(ValueError, match="loopback"):
        serve(acme, host="0.0.0.0")
