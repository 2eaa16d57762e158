"""Intercom's connector on the demo's worlds, and on answers that the demo does not give."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.vendors.vendor import Demo
from tools.kit.connector import Connector
from tools.nouns import Ticket
from tools.verbs import TicketsSearch

Connect = Callable[..., Awaitable[Connector]]
DemoOf = Callable[[Path], Demo]


def tickets(found: Any) -> list[Ticket]:
    return [one for one in found if isinstance(one, Ticket)]


async def test_tickets_are_those_of_the_demo(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    intercom, company = await connect("intercom", each_world), demo(each_world).company
    found = {one.ref: one for one in tickets(await intercom.call(TicketsSearch()))}
    artefacts = company.of_kind("ticket")
    assert set(found) == {company.ref(a.id).ref for a in artefacts}
    for artefact in artefacts:
        one, customer = found[company.ref(artefact.id).ref], company.get(str(artefact["customer"]))
        assert (one.url, one.at, one.state) == (company.ref(artefact.id).url, artefact.at, artefact["state"])
        assert one.plan == artefact["plan"]
        assert one.customer == (customer["name"] if customer else artefact["customer"])
        assert one.email == (customer["email"] if customer else None)
        assert one.issue == (company.ref(artefact["issue"]).ref if artefact["issue"] else None)


@pytest.mark.parametrize(
    ("text", "state", "refs"),
    [
        ("export", "all", ["77", "75", "71"]),
        ("EXPORT safari", "open", ["80", "71"]),
        ("", "pending", ["77"]),
        ("", "solved", ["75"]),
        ("nothing like it", "solved", []),
    ],
)
async def test_words_and_state_choose(connect: Connect, acme: Path, text: str, state: Any, refs: list[str]) -> None:
    intercom = await connect("intercom", acme)
    assert [one.ref for one in await intercom.call(TicketsSearch(text=text, state=state))] == refs


async def test_period_and_limit_hold(connect: Connect, acme: Path) -> None:
    intercom = await connect("intercom", acme)
    every = await intercom.call(TicketsSearch())
    assert [one.at for one in every] == sorted((one.at for one in every), reverse=True)
    since, until = every[2].at, every[0].at
    assert [one.ref for one in await intercom.call(TicketsSearch(since=since, until=until))] == [
        every[1].ref,
        every[2].ref,
    ]
    assert list(await intercom.call(TicketsSearch(limit=2))) == list(every[:2])
    assert await intercom.call(TicketsSearch(since=every[0].at + timedelta(seconds=1))) == []


async def test_odd_records_and_pages(answered: Connect, recorded: Callable[[str], Any]) -> None:
    wire = recorded("wire")
    cursors: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["intercom-version"] == "2.15"
        if request.url.path.endswith("/me"):
            return httpx.Response(200, json=wire["me"])
        if "contacts" in request.url.path:
            assert json.loads(request.content)["query"] == {"field": "id", "operator": "IN", "value": ["c-1", "gone"]}
            return httpx.Response(200, json=wire["contacts"])
        cursors.append(json.loads(request.content)["pagination"].get("starting_after"))
        return httpx.Response(200, json=wire["pages"][1 if cursors[-1] else 0])

    intercom = await answered("intercom", answer, base_url="https://api.eu.intercom.io")
    first, second, third = tickets(await intercom.call(TicketsSearch()))
    assert cursors == [None, "WzE3="]
    assert (first.title, first.customer, first.email, first.issue) == ("", None, None, None)
    assert first.url == "https://app.eu.intercom.com/a/inbox/abc123/ticket/12"
    assert (second.customer, second.email, second.plan) == ("Ada Field", "ada@example.test", "pro")
    assert (second.issue, second.state, second.updated_at) == ("ENG-7", "pending", None)
    assert (third.state, third.customer) == ("solved", None)
