"""Stripe: payments and subscriptions over time, and the customers who pay."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.buckets import buckets, gapless
from tools.kit.connector import Connector, LinkedSettings, Sight, matches, serves, together
from tools.kit.paging import by_cursor
from tools.kit.wire import Json, Params, WireOptions
from tools.nouns import Customer, Grain, Point, Series, utc
from tools.verbs import CustomersFind, CustomersGet, PaymentsSeries, SubscriptionsSeries

_DASHBOARDS = {"https://api.stripe.com": "https://dashboard.stripe.com"}
_EXACT_UP_TO = 10_000  # Stripe's total_count is exact only below this
_MOST_COUNTS = 120  # above so many buckets, reading the charges takes fewer requests than counting each bucket
_PER_MONTH = {"day": 365 / 12, "week": 52 / 12, "month": 1.0, "year": 1 / 12}
# https://docs.stripe.com/currencies#zero-decimal
_WITHOUT_MINOR_UNIT = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
_RUNNING = ("active", "trialing", "past_due")
_NEVER_BEGAN = "-status:'incomplete' AND -status:'incomplete_expired'"


class Stripe(Connector):
    """Payments. Days, weeks and months are those of the account's timezone."""

    name = "stripe"
    title = "Stripe"

    class Settings(LinkedSettings):
        base_url: str = Field("https://api.stripe.com", description="Stripe's API")
        token: SecretStr = Field(description="a restricted key that reads charges, customers and subscriptions")

    @classmethod
    def wire_options(cls, settings: Settings) -> WireOptions:
        return WireOptions(base_url=settings.base_url, auth=Token(settings.token), concurrency=12)

    _timezone: ZoneInfo | None = None

    async def check(self) -> Sight:
        account, customers = await together([self._get("account"), self._get("customers", {"limit": 1})])
        dashboard = (account.get("settings") or {}).get("dashboard") or {}
        seen = "customers" if customers["data"] else "no customers yet"
        return Sight(dashboard.get("display_name") or account["id"], ("payments", "subscriptions", seen))

    @serves(PaymentsSeries)
    async def payments(self, request: PaymentsSeries) -> Sequence[Series]:
        """Payments by bucket; amounts as one series per currency, in its major unit. `minute` means quarter hours.

        Counts come from the search index, which can lag by a minute; amounts and fine grains from the charges.
        """
        zone = await self._zone()
        until = min(request.until or self.now(), self.now())
        axis = buckets(request.since, until, request.grain, zone)
        if not axis:
            return []
        if request.measure == "count" and len(axis) <= _MOST_COUNTS:
            ends = [*axis[1:], until]
            status = "" if request.status == "all" else f" AND status:'{request.status}'"
            counts = await together(
                self._count("charges", begin, end, status) for begin, end in zip(axis, ends, strict=True)
            )
            return [self._payments(request, axis, "payments", [float(count) for count in counts], zone)]
        charges = await self._charges(axis[0], until, request.status)
        if request.measure == "count":
            return [self._payments(request, axis, "payments", _summed(charges, axis, request.grain, zone), zone)]
        by_currency: dict[str, list[Json]] = {}
        for charge in charges:
            by_currency.setdefault(charge["currency"], []).append(charge)
        return [
            self._payments(
                request, axis, currency, _summed(charged, axis, request.grain, zone, _major_unit(currency)), zone
            )
            for currency, charged in sorted(by_currency.items(), key=lambda entry: -len(entry[1]))
        ]

    @serves(SubscriptionsSeries)
    async def subscriptions(self, request: SubscriptionsSeries) -> Sequence[Series]:
        """Subscriptions that ran at the end of each bucket: those that run now, less what began and plus what ended."""
        zone = await self._zone()
        until = min(request.until or self.now(), self.now())
        axis = buckets(request.since, until, request.grain, zone)
        if not axis:
            return []
        now = self.now() + timedelta(seconds=1)
        running = sum(await together(self._count("subscriptions", utc(0), now, f" AND status:'{s}'") for s in _RUNNING))
        ends = [*axis[1:], until]
        begun = await together(self._count("subscriptions", end, now, f" AND {_NEVER_BEGAN}") for end in ends)
        ended = await together(
            self._count("subscriptions", end, now, " AND status:'canceled'", "canceled_at") for end in ends
        )
        points = [
            Point(at=at, value=float(running - new + gone)) for at, new, gone in zip(axis, begun, ended, strict=True)
        ]
        return [
            Series(
                service=self.name,
                ref="subscriptions",
                url=f"{self._dashboard()}/subscriptions",
                at=axis[0],
                title=f"Subscriptions at the end of each {request.grain}",
                metric="subscriptions",
                unit="subscriptions",
                grain=request.grain,
                timezone=str(zone),
                points=tuple(points),
            )
        ]

    @serves(CustomersFind)
    async def customers(self, request: CustomersFind) -> Sequence[Customer]:
        """Customers whose name, e-mail address or plan has any of the words, newest first."""
        words = [word for word in re.findall(r"[^\s\"'\\]+", request.text) if len(word) >= 3]
        if not words and request.text.strip():
            return []
        if not words:
            records = await self._first("customers", {"expand[]": ["data.subscriptions"]}, request.limit)
        else:
            query = " OR ".join(f'{field}~"{word}"' for word in words for field in ("name", "email"))
            named, subscribed = await together(
                [
                    self._first(
                        "customers/search", {"query": query, "expand[]": ["data.subscriptions"]}, request.limit
                    ),
                    self._subscribed(words, request.limit),
                ]
            )
            records = list({record["id"]: record for record in [*subscribed, *named]}.values())
        found = await together(self._customer(record) for record in records if not record.get("deleted"))
        return sorted(found, key=lambda customer: customer.at, reverse=True)[: request.limit]

    @serves(CustomersGet)
    async def customer(self, request: CustomersGet) -> Sequence[Customer]:
        """One customer by id (cus_…)."""
        record = await self._get(f"customers/{request.ref}", {"expand[]": ["subscriptions"]})
        return [await self._customer(record)]

    async def _get(self, path: str, params: Params | None = None) -> Json:
        return (await self.wire.get(f"/v1/{path}", params)).data

    async def _zone(self) -> ZoneInfo:
        if self._timezone is None:
            settings = (await self._get("account"))["settings"] or {}
            self._timezone = ZoneInfo((settings.get("dashboard") or {}).get("timezone") or "UTC")
        return self._timezone

    async def _count(self, kind: str, since: datetime, until: datetime, more: str, field: str = "created") -> int:
        """How many records of a kind there are in [since, until), by Stripe's own count."""
        query = f"{field}>={_second(since)} AND {field}<{_second(until)}{more}"
        found = await self._get(f"{kind}/search", {"query": query, "limit": 1, "expand[]": ["total_count"]})
        count = int(found["total_count"])
        if count < _EXACT_UP_TO or until - since <= timedelta(hours=1):
            return count
        middle = since + (until - since) / 2
        halves = await together(
            self._count(kind, begin, end, more, field) for begin, end in ((since, middle), (middle, until))
        )
        return sum(halves)

    async def _charges(self, since: datetime, until: datetime, status: str) -> list[Json]:
        """All charges of a period, read day by day side by side."""
        starts = [since + timedelta(days=i) for i in range(-((since - until) // timedelta(days=1)))]
        ranges = zip(starts, [*starts[1:], until], strict=True)
        days = await together(
            self._first("charges", {"created[gte]": _second(a), "created[lt]": _second(b)}, None) for a, b in ranges
        )
        return [charge for day in days for charge in day if status in ("all", charge["status"])]

    async def _first(self, path: str, params: Mapping[str, int | str | list[str]], limit: int | None) -> list[Json]:
        records: list[Json] = []
        async for record in self._pages(path, {**params, "limit": min(limit or 100, 100)}):
            records.append(record)
            if limit is not None and len(records) >= limit:
                break
        return records

    async def _pages(self, path: str, params: Params) -> AsyncIterator[Json]:
        searching = path.endswith("search")

        async def fetch(cursor: str | None) -> Json:
            return await self._get(path, {**params, "page" if searching else "starting_after": cursor})

        def following(page: Json) -> str | None:
            if not page["has_more"]:
                return None
            return str(page["next_page"] if searching else page["data"][-1]["id"])

        async for page in by_cursor(fetch, following):
            for record in page["data"]:
                yield record

    async def _subscribed(self, words: Sequence[str], limit: int) -> list[Json]:
        """The customers who subscribe to a price whose name has one of the words."""
        prices = await self._first("prices", {"expand[]": ["data.product"]}, None)
        chosen = [price["id"] for price in prices if matches(" ".join(words), _plan_of(price))]
        held = await together(
            self._first("subscriptions", {"price": price, "expand[]": ["data.customer"]}, limit) for price in chosen
        )
        return [subscription["customer"] for subscriptions in held for subscription in subscriptions]

    async def _customer(self, record: Json) -> Customer:
        running = (record.get("subscriptions") or {}).get("data") or []
        ended: list[Json] = []
        if not running:
            # A customer's own list leaves out subscriptions that were cancelled.
            every = await self._first("subscriptions", {"customer": record["id"], "status": "all"}, 10)
            running = [held for held in every if held["status"] in _RUNNING]
            ended = [held for held in every if held.get("canceled_at")]
        latest = max(running or ended, key=lambda held: held["created"], default=None)
        plan = await self._plan(latest["items"]["data"][0]["price"]) if latest else None
        return Customer(
            service=self.name,
            ref=record["id"],
            url=f"{self._dashboard()}/customers/{record['id']}",
            at=utc(record["created"]),
            title=record.get("name") or record.get("email") or record["id"],
            name=record.get("name") or record.get("email") or record["id"],
            email=record.get("email"),
            plan=plan,
            mrr=sum(_monthly(item) for held in running for item in held["items"]["data"]) if latest else None,
            currency=latest["currency"] if latest else None,
            cancelled_at=utc(max(held["canceled_at"] for held in ended)) if ended and not running else None,
        )

    async def _plan(self, price: Json) -> str | None:
        if _plan_of(price) or isinstance(price["product"], dict):
            return _plan_of(price)
        return str((await self._get(f"products/{price['product']}"))["name"])

    def _payments(
        self, request: PaymentsSeries, axis: Sequence[datetime], unit: str, values: Sequence[float], zone: ZoneInfo
    ) -> Series:
        said = "Payments" if request.status == "all" else f"{request.status.capitalize()} payments"
        return Series(
            service=self.name,
            ref="payments",
            url=f"{self._dashboard()}/payments",
            at=axis[0],
            title=f"{said} by {request.grain}" + ("" if request.measure == "count" else f" in {unit.upper()}"),
            metric="payments",
            unit=unit,
            grain=request.grain,
            timezone=str(zone),
            where={} if request.status == "all" else {"status": request.status},
            points=tuple(Point(at=at, value=value) for at, value in zip(axis, values, strict=True)),
        )

    def _dashboard(self) -> str:
        return str(self.settings.site(_DASHBOARDS))


def _summed(
    charges: Sequence[Json], axis: Sequence[datetime], grain: Grain, zone: ZoneInfo, unit: float | None = None
) -> list[float]:
    """For each bucket how many charges there are, or their amounts where the major unit's size is given."""
    sums: dict[datetime, float] = {}
    for charge in charges:
        at = utc(charge["created"])
        sums[at] = sums.get(at, 0.0) + (1.0 if unit is None else charge["amount"] / unit)
    return gapless(sums, axis, grain, zone)


def _monthly(item: Json) -> float:
    """What a subscription's item brings a month, in the major unit."""
    price = item["price"]
    recurring = price.get("recurring") or {"interval": "month"}
    amount = (price.get("unit_amount") or 0) * (item.get("quantity") or 1) / _major_unit(price["currency"])
    return float(amount * _PER_MONTH[recurring["interval"]] / (recurring.get("interval_count") or 1))


def _plan_of(price: Json) -> str | None:
    product = price.get("product")
    return price.get("nickname") or (product["name"] if isinstance(product, dict) else None)


def _major_unit(currency: str) -> float:
    return 1.0 if currency in _WITHOUT_MINOR_UNIT.split() else 100.0


def _second(at: datetime) -> int:
    return -int(-at.timestamp() // 1)
