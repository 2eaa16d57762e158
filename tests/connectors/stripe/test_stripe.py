"""Stripe's connector on the demo's worlds, and on answers that the demo does not give."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.vendors.vendor import Demo
from tools.kit.connector import Connector
from tools.kit.errors import NotFound
from tools.kit.wire import traced
from tools.nouns import Customer, Grain, Series
from tools.verbs import CustomersFind, CustomersGet, PaymentsSeries, SubscriptionsSeries

Connect = Callable[..., Awaitable[Connector]]
DemoOf = Callable[[Path], Demo]


def series(found: Any) -> list[Series]:
    return [one for one in found if isinstance(one, Series)]


def customers(found: Any) -> list[Customer]:
    return [one for one in found if isinstance(one, Customer)]


async def test_refs_and_urls_are_those_of_the_demo(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    stripe, company = await connect("stripe", each_world), demo(each_world).company
    found = {(one.ref, one.url) for one in await stripe.call(CustomersFind())}
    assert found == {(company.ref(a.id).ref, company.ref(a.id).url) for a in company.of_kind("customer")}
    paid = await stripe.call(PaymentsSeries(since=company.now - timedelta(days=7)))
    assert {(one.ref, one.url) for one in paid} == {
        (company.ref(a.id).ref, company.ref(a.id).url) for a in company.of_kind("payments")
    }


async def test_a_customer_has_a_plan_and_revenue(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    stripe, company = await connect("stripe", each_world), demo(each_world).company
    for artefact in company.of_kind("customer"):
        [one] = customers(await stripe.call(CustomersGet(ref=company.ref(artefact.id).ref)))
        cancelled = artefact.time("cancelled")
        assert (one.name, one.plan, one.email) == (artefact["name"], artefact["plan"], artefact["email"])
        assert one.mrr == pytest.approx(0 if cancelled else artefact["mrr"])
        assert one.cancelled_at == cancelled


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("brightwater", ["Brightwater Studios"]),
        ("office@halden.test", ["Halden Freight"]),
        ("enterprise", ["Osprey & Lane", "Brightwater Studios"]),
        ("kestrel films", ["Kestrel Legal", "Dockyard Films"]),
        ("xy", []),
        ('nobody" OR name~"a', []),
    ],
)
async def test_customers_are_found_by_any_word(connect: Connect, acme: Path, text: str, names: list[str]) -> None:
    found = customers(await (await connect("stripe", acme)).call(CustomersFind(text=text)))
    assert [one.name for one in found] == names


async def test_an_unknown_customer_is_not_found(connect: Connect, acme: Path) -> None:
    with pytest.raises(NotFound):
        await (await connect("stripe", acme)).call(CustomersGet(ref="cus_NOBODY"))


@pytest.mark.parametrize("grain", ["hour", "day", "week"])
@pytest.mark.parametrize("status", ["succeeded", "failed", "all"])
async def test_payments_add_up(connect: Connect, demo: DemoOf, acme: Path, grain: Grain, status: Any) -> None:
    stripe = await connect("stripe", acme)
    [paid] = demo(acme).history.payments.values()
    asked = PaymentsSeries(since=paid.start, grain=grain, status=status)
    [one] = series(await stripe.call(asked))
    expected = {"succeeded": paid.succeeded, "failed": paid.failed, "all": paid.succeeded + paid.failed}[status]
    assert one.total() == expected.sum()
    if grain == "hour":
        assert [point.value for point in one.points] == expected.tolist()


async def test_a_long_daily_series_asks_once_a_day(connect: Connect, acme: Path) -> None:
    stripe = await connect("stripe", acme)
    with traced() as asked:
        [one] = series(await stripe.call(PaymentsSeries(since=stripe.now() - timedelta(days=55))))
    assert len(asked) <= len(one.points) + 1 == 57


async def test_amounts_are_in_the_major_unit(connect: Connect, demo: DemoOf, acme: Path) -> None:
    stripe = await connect("stripe", acme)
    [paid] = demo(acme).history.payments.values()
    [one] = series(await stripe.call(PaymentsSeries(since=paid.start, measure="amount")))
    assert one.unit == "usd"
    assert one.total() == pytest.approx(paid.succeeded.sum() * 49)


async def test_subscriptions_end_at_what_runs_now(connect: Connect, acme: Path) -> None:
    stripe = await connect("stripe", acme)
    [one] = series(await stripe.call(SubscriptionsSeries(since=stripe.now() - timedelta(days=28))))
    assert one.points[-1].value == 9400
    assert all(9300 <= point.value <= 9500 for point in one.points)


async def test_a_count_that_is_too_big_to_be_exact_is_taken_in_halves(answered: Connect, recorded: Any) -> None:
    account = recorded("wire")["account"]

    def answer(request: httpx.Request) -> httpx.Response:
        if "search" not in request.url.path:
            return httpx.Response(200, json=account)
        bounds = [int(number) for number in re.findall(r"created[<>]=?(\d+)", request.url.params["query"])]
        count = min(10_000, bounds[1] - bounds[0])
        found = {"object": "search_result", "data": [], "has_more": False, "url": "/", "total_count": count}
        return httpx.Response(200, json=found)

    stripe = await answered("stripe", answer)
    [one] = series(await stripe.call(PaymentsSeries(since=stripe.now() - timedelta(days=1))))
    assert one.timezone == "Asia/Tokyo"
    assert one.points[0].value == 24 * 3600


async def test_currencies_are_kept_apart(answered: Connect, recorded: Any) -> None:
    wire = recorded("wire")

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=wire["account" if request.url.path.endswith("account") else "charges"])

    stripe = await answered("stripe", answer)
    found = series(await stripe.call(PaymentsSeries(since=stripe.now() - timedelta(hours=8), measure="amount")))
    assert {one.unit: one.total() for one in found} == {"jpy": 500, "eur": 12.5}


async def test_a_month_of_a_yearly_price_and_a_plan_without_nickname(answered: Connect, recorded: Any) -> None:
    wire = recorded("wire")

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=wire["product" if "products" in request.url.path else "customer"])

    [one] = customers(await (await answered("stripe", answer)).call(CustomersGet(ref="cus_1")))
    assert (one.name, one.plan) == ("a@unit.test", "Enterprise")
    assert one.mrr == pytest.approx(300 + 25)
