"""Stripe as its API documents it: charges, subscriptions, prices and customers, by list and by search."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.vendors.page import page
from app.demo.vendors.stripe_ledger import Ledger, charge_index, customer
from app.demo.vendors.vendor import Demo

CREDENTIALS = {"token": "demo-stripe"}
Json = Any
_CLAUSE = re.compile(r"""^(-?)([a-z_.]+)(>=|<=|>|<|:|~)(?:'([^']*)'|"([^"]*)"|(\d+|null))$""")
_SPLIT = re.compile(r"\s+(AND|OR)\s+")
_VERSION = "2025-09-30.clover"


class Refusal(Exception):
    """A request that Stripe would not answer."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """Stripe's routes: the API below /v1, and the dashboard's pages for people."""
    served = Stripe(demo)
    return [
        Route("/v1/account", _guarded(served.account)),
        Route("/v1/charges", _guarded(served.charges)),
        Route("/v1/charges/search", _guarded(served.charges_search)),
        Route("/v1/subscriptions", _guarded(served.subscriptions)),
        Route("/v1/subscriptions/search", _guarded(served.subscriptions_search)),
        Route("/v1/prices", _guarded(served.prices)),
        Route("/v1/products/{id}", _guarded(served.product)),
        Route("/v1/customers", _guarded(served.customers)),
        Route("/v1/customers/search", _guarded(served.customers_search)),
        Route("/v1/customers/{id}", _guarded(served.customer)),
        Route("/payments", served.payments_page),
        Route("/subscriptions", served.subscriptions_page),
        Route("/customers/{id}", served.customer_page),
    ]


class Stripe:
    """One account over its ledger."""

    def __init__(self, demo: Demo) -> None:
        self.company = demo.company
        self.ledger = Ledger(demo)

    def account(self, request: Request) -> Json:
        """The account with its dashboard's timezone."""
        facts = self.company.facts
        dashboard = {"display_name": facts.name, "timezone": str(facts.timezone)}
        return {
            "id": "acct_1Demo0000000000", "object": "account", "charges_enabled": True, "details_submitted": True,
            "email": f"billing@{facts.domain}", "payouts_enabled": True, "type": "standard",
            "settings": {"branding": {"primary_color": None, "secondary_color": None},
                         "card_payments": {"statement_descriptor_prefix": None,
                                           "statement_descriptor_prefix_kana": None,
                                           "statement_descriptor_prefix_kanji": None},
                         "dashboard": dashboard,
                         "payments": {"statement_descriptor": facts.name.upper(), "statement_descriptor_kana": None,
                                      "statement_descriptor_kanji": None}},
        }  # fmt: skip

    def charges(self, request: Request) -> Json:
        """Charges newest first, by creation time and cursor."""
        first, last = self._created(request, self.ledger.charges.made)
        limit = _limit(request)
        after, before = (request.query_params.get(name) for name in ("starting_after", "ending_before"))
        if after is not None:
            last = min(last, self._place(after))
        if before is not None:
            first = max(first, self._place(before) + 1)
            last = min(last, first + limit)
        low = max(first, last - limit)
        return _list("/v1/charges", [self.ledger.charge(i) for i in range(last - 1, low - 1, -1)], low > first)

    def charges_search(self, request: Request) -> Json:
        """Charges that match a query over created, status, amount and currency."""
        clauses, joined = _clauses(request)
        made, failed = self.ledger.charges.made, self.ledger.charges.failed
        columns: dict[str, Any] = {
            "created": made, "amount": self.ledger.charges.amount, "status": np.where(failed, "failed", "succeeded"),
            "currency": np.array(self.ledger.charges.currency, dtype=object),
        }  # fmt: skip
        places = _matching(clauses, joined, columns, len(made))[::-1]
        return _found(request, "/v1/charges/search", places, self.ledger.charge)

    def subscriptions(self, request: Request) -> Json:
        """Subscriptions newest first; those that were cancelled only where `status` asks for them."""
        status = request.query_params.get("status")
        owner, price = request.query_params.get("customer"), request.query_params.get("price")
        records = [
            held
            for held in self.ledger.subscriptions
            if (status == "all" or held["status"] == status or (status is None and held["status"] != "canceled"))
            and owner in (None, held["customer"])
            and price in (None, held["items"]["data"][0]["price"]["id"])
        ]
        shown = _paged(request, "/v1/subscriptions", records)
        if "data.customer" in request.query_params.getlist("expand[]"):
            shown["data"] = [{**held, "customer": self._owner(held["customer"])} for held in shown["data"]]
        return shown

    def subscriptions_search(self, request: Request) -> Json:
        """Subscriptions that match a query over created, canceled_at and status."""
        clauses, joined = _clauses(request)
        records = self.ledger.subscriptions
        columns: dict[str, Any] = {
            "created": np.array([held["created"] for held in records], dtype=np.int64),
            "canceled_at": np.array([held["canceled_at"] or -1 for held in records], dtype=np.int64),
            "status": np.array([held["status"] for held in records], dtype=object),
        }
        places = _matching(clauses, joined, columns, len(records))
        return _found(request, "/v1/subscriptions/search", places, lambda place: records[place])

    def prices(self, request: Request) -> Json:
        """Prices, with their products where that is asked for."""
        shown = _paged(request, "/v1/prices", self.ledger.prices)
        if "data.product" in request.query_params.getlist("expand[]"):
            shown["data"] = [{**p, "product": self.ledger.products[p["product"]]} for p in shown["data"]]
        return shown

    def product(self, request: Request) -> Json:
        """One product."""
        found = self.ledger.products.get(request.path_params["id"])
        return found or _missing("product", request.path_params["id"])

    def customers(self, request: Request) -> Json:
        """The customers that the company knows by name, newest first."""
        email = request.query_params.get("email")
        records = [record for record in self.ledger.customers if email in (None, record["email"])]
        records.sort(key=lambda record: record["created"], reverse=True)
        shown = _paged(request, "/v1/customers", records)
        shown["data"] = [self._expanded(request, record, "data.subscriptions") for record in shown["data"]]
        return shown

    def customers_search(self, request: Request) -> Json:
        """Customers that match a query over name, email and created."""
        clauses, joined = _clauses(request)
        records = self.ledger.customers
        columns: dict[str, Any] = {
            field: np.array([record[field] or "" for record in records], dtype=object) for field in ("name", "email")
        }
        columns["created"] = np.array([record["created"] for record in records], dtype=np.int64)
        places = _matching(clauses, joined, columns, len(records))
        return _found(
            request, "/v1/customers/search", places,
            lambda place: self._expanded(request, records[place], "data.subscriptions"),
        )  # fmt: skip

    def customer(self, request: Request) -> Json:
        """One customer by id."""
        record = self._owner(request.path_params["id"]) or _missing("customer", request.path_params["id"])
        return self._expanded(request, record, "subscriptions")

    def payments_page(self, request: Request) -> Response:
        """The last days' payments as a person sees them."""
        zone = self.company.facts.timezone
        days: dict[str, list[int]] = {}
        charges = self.ledger.charges
        for made, failed in zip(charges.made.tolist(), charges.failed.tolist(), strict=True):
            day = days.setdefault(datetime.fromtimestamp(made, tz=zone).date().isoformat(), [0, 0])
            day[int(failed)] += 1
        lines = [f"{day}  {counts[0]:,} succeeded, {counts[1]:,} failed" for day, counts in reversed(days.items())]
        return page("Payments", "Stripe", [("Days of", str(zone))], "\n".join(lines))

    def subscriptions_page(self, request: Request) -> Response:
        """How many subscriptions run."""
        running = sum(1 for held in self.ledger.subscriptions if held["status"] == "active")
        return page("Subscriptions", "Stripe", [("Active", f"{running:,}")], "")

    def customer_page(self, request: Request) -> Response:
        """One customer as a person sees it."""
        record = self._owner(request.path_params["id"])
        if record is None:
            return page("Customer not found", "Stripe", [], "")
        held = [h for h in self.ledger.subscriptions if h["customer"] == record["id"]]
        facts = [("Email", record["email"] or ""), ("Since", _day(record["created"]))]
        for subscription in held:
            price = subscription["items"]["data"][0]["price"]
            ended = subscription["canceled_at"]
            state = f"cancelled {_day(ended)}" if ended else subscription["status"]
            amount = f"{price['unit_amount'] / 100:,.2f} {price['currency'].upper()} a month"
            facts.append((f"Plan {price['nickname']}", f"{amount}, {state}"))
        return page(record["name"] or record["id"], "Stripe", facts, "")

    def _created(self, request: Request, made: Any) -> tuple[int, int]:
        bounds = {"gt": ("right", 0), "gte": ("left", 0), "lt": ("left", 1), "lte": ("right", 1)}
        ends = [0, len(made)]
        for name, (side, end) in bounds.items():
            given = request.query_params.get(f"created[{name}]")
            if given is not None:
                if not given.isdigit():
                    raise Refusal(400, f"Invalid integer: {given}", f"created[{name}]", "parameter_invalid_integer")
                place = int(np.searchsorted(made, int(given), side=side))  # type: ignore[call-overload]
                ends[end] = place
        return ends[0], ends[1]

    def _place(self, name: str) -> int:
        place = charge_index(name)
        if place is None or place >= len(self.ledger.charges.made):
            _missing("charge", name)
        return place or 0

    def _owner(self, ref: str) -> Json:
        for record in self.ledger.customers:
            if record["id"] == ref:
                return record
        held = next((held for held in self.ledger.subscriptions if held["customer"] == ref), None)
        return customer(ref, held["created"], None, f"{ref[4:].lstrip('0') or '0'}@mail.test") if held else None

    def _expanded(self, request: Request, record: Json, field: str) -> Json:
        if field not in request.query_params.getlist("expand[]"):
            return record
        held = [h for h in self.ledger.subscriptions if h["customer"] == record["id"] and h["status"] != "canceled"]
        url = f"/v1/customers/{record['id']}/subscriptions"
        return {**record, "subscriptions": {"object": "list", "data": held, "has_more": False, "url": url}}


def _guarded(handler: Callable[[Request], Json]) -> Callable[[Request], Response]:
    """Asks for the API key, and says refusals in Stripe's words."""

    def answer(request: Request) -> Response:
        headers = {"request-id": "req_demo0000000000", "stripe-version": _VERSION}
        try:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if not key:
                raise Refusal(401, "You did not provide an API key. You need to provide your API key in the "
                                   "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                                   "YOUR_SECRET_KEY').")  # fmt: skip
            if scheme != "Bearer" or key != CREDENTIALS["token"]:
                raise Refusal(401, f"Invalid API Key provided: {'*' * 8}{key[-4:]}")
            return JSONResponse(handler(request), headers=headers)
        except Refusal as refusal:
            error = {"message": refusal.message, "type": "invalid_request_error"}
            error |= {"param": refusal.param} if refusal.param else {}
            error |= {"code": refusal.code} if refusal.code else {}
            return JSONResponse({"error": error}, refusal.status, headers)

    return answer


def _missing(kind: str, name: str) -> Json:
    raise Refusal(404, f"No such {kind}: '{name}'", "id", "resource_missing")


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", "10")
    if not given.isdigit():
        raise Refusal(400, f"Invalid integer: {given}", "limit", "parameter_invalid_integer")
    if not 1 <= int(given) <= 100:
        raise Refusal(400, "This value must be between 1 and 100 (inclusive).", "limit", "parameter_invalid_integer")
    return int(given)


def _list(url: str, data: list[Json], more: bool) -> Json:
    return {"object": "list", "data": data, "has_more": more, "url": url}


def _paged(request: Request, url: str, records: Sequence[Json]) -> Json:
    limit, start = _limit(request), 0
    after = request.query_params.get("starting_after")
    if after is not None:
        places = [place for place, record in enumerate(records) if record["id"] == after]
        start = places[0] + 1 if places else _missing("object", after)
    return _list(url, list(records[start : start + limit]), start + limit < len(records))


def _found(request: Request, url: str, places: Any, record: Callable[[int], Json]) -> Json:
    """A page of a search, with the number of all matches where `total_count` is expanded."""
    limit = _limit(request)
    cursor = request.query_params.get("page", "0")
    if not cursor.isdigit():
        raise Refusal(400, f"Invalid page token: {cursor}", "page")
    start = int(cursor)
    more = start + limit < len(places)
    shown: Json = {
        "object": "search_result", "url": url, "has_more": more, "next_page": str(start + limit) if more else None,
        "data": [record(int(place)) for place in places[start : start + limit]],
    }  # fmt: skip
    if "total_count" in request.query_params.getlist("expand[]"):
        shown["total_count"] = min(len(places), 10_000)
    return shown


def _clauses(request: Request) -> tuple[list[tuple[bool, str, str, str]], str]:
    """A query's clauses as (negated, field, operator, value), and the one word that joins them."""
    query = request.query_params.get("query")
    if not query:
        raise Refusal(400, "Missing required param: query.", "query", "parameter_missing")
    parts = _SPLIT.split(query.strip())
    words = set(parts[1::2])
    if len(words) > 1:
        raise Refusal(400, "Combining AND and OR in one query is not supported.", "query")
    clauses: list[tuple[bool, str, str, str]] = []
    for part in parts[::2]:
        found = _CLAUSE.match(part)
        if found is None:
            raise Refusal(400, f"We were unable to parse your search query: {part}", "query")
        clauses.append((bool(found[1]), found[2], found[3], found[4] or found[5] or found[6] or ""))
    return clauses, (words or {"AND"}).pop()


def _matching(clauses: Sequence[tuple[bool, str, str, str]], joined: str, columns: dict[str, Any], size: int) -> Any:
    """The places of the records for which all clauses hold, or any of them."""
    result = np.full(size, joined == "AND")
    for negated, field, operator, value in clauses:
        if field not in columns:
            raise Refusal(400, f"Field `{field}` is an unsupported search field.", "query")
        column = columns[field]
        if column.dtype == np.int64:
            if not value.isdigit() or operator == "~":
                raise Refusal(400, f"Field `{field}` takes a number.", "query")
            number = int(value)
            # A record without the field matches no comparison.
            there = column >= 0
            compare = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal, ":": np.equal}
            mask = there & compare[operator](column, number)
        elif operator in (":", "~"):
            if operator == "~" and len(value) < 3:
                raise Refusal(400, "Substring match requires at least 3 characters.", "query")
            wanted = value.lower()
            texts = (str(text).lower() for text in column)
            mask = np.array([text == wanted if operator == ":" else wanted in text for text in texts], dtype=np.bool_)
        else:
            raise Refusal(400, f"Operator {operator} is not supported for `{field}`.", "query")
        mask = ~mask if negated else mask
        result = result & mask if joined == "AND" else result | mask
    return result.nonzero()[0]


def _day(second: int) -> str:
    return datetime.fromtimestamp(second, tz=UTC).date().isoformat()
