"""What a demo company's Stripe account holds: charges and subscriptions as arrays, made into records when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.demo.history import PaymentCounts
from app.demo.vendors.vendor import Demo
from app.demo.world import Artefact

Json = Any
Seconds = NDArray[np.int64]
_DAY = 86_400
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True)
class Charges:
    """All charges in order of time. `made` is in seconds since the epoch."""

    made: Seconds
    failed: NDArray[np.bool_]
    amount: Seconds
    currency: Sequence[str]


class Ledger:
    """One account. Subscriptions come and go at the rate of the stream `subscription_cancelled` where there is one,
    and each that ends is followed by one that begins, so that their number stays what the world says."""

    def __init__(self, demo: Demo) -> None:
        self.company, self.history = demo.company, demo.history
        self.now = int(demo.company.now.timestamp())
        self.customers = [self._customer(artefact) for artefact in demo.company.of_kind("customer")]

    @cached_property
    def charges(self) -> Charges:
        """Charges spread evenly over the hour in which they were counted."""
        parts = [_spread(payments, self.now) for payments in self.history.payments.values()]
        made = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, dtype=np.int64)
        failed = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, dtype=np.bool_)
        amounts, currencies = [], []
        for (times, _), payments in zip(parts, self.history.payments.values(), strict=True):
            amounts.append(np.full(len(times), round(payments.amount * 100), dtype=np.int64))
            currencies += [payments.currency] * len(times)
        order = np.argsort(made, kind="stable")
        amount = np.concatenate(amounts) if amounts else made
        return Charges(made[order], failed[order], amount[order], [currencies[i] for i in order])

    @cached_property
    def subscriptions(self) -> list[Json]:
        """Every subscription, newest first: those of named customers, and those of people who pay by themselves."""
        found = [self._named(artefact) for artefact in self.company.of_kind("customer")]
        for payments in self.history.payments.values():
            if payments.subscriptions is not None:
                running = sum(1 for held in found if held["status"] == "active")
                found += self._unnamed(payments, max(0, payments.subscriptions - running))
        return sorted(found, key=lambda held: held["created"], reverse=True)

    @cached_property
    def prices(self) -> list[Json]:
        """One price for every plan that somebody pays, and one for those who pay by themselves."""
        found = {
            held["items"]["data"][0]["price"]["id"]: held["items"]["data"][0]["price"] for held in self.subscriptions
        }
        return list(found.values())

    @cached_property
    def products(self) -> dict[str, Json]:
        """The products of the prices by id."""
        return {price["product"]: _product(price["product"], price["nickname"]) for price in self.prices}

    def charge(self, index: int) -> Json:
        """The record of a charge by its place in time."""
        charges = self.charges
        made, failed, amount = int(charges.made[index]), bool(charges.failed[index]), int(charges.amount[index])
        return {
            "id": charge_id(index), "object": "charge", "amount": amount, "amount_captured": 0 if failed else amount,
            "amount_refunded": 0, "billing_details": {"email": None, "name": None, "phone": None},
            "captured": not failed, "created": made, "currency": charges.currency[index],
            "description": "Subscription update", "disputed": False, "livemode": True, "metadata": {},
            "failure_code": "card_declined" if failed else None,
            "failure_message": "Your card was declined." if failed else None,
            "paid": not failed, "refunded": False, "status": "failed" if failed else "succeeded",
        }  # fmt: skip

    def _customer(self, artefact: Artefact) -> Json:
        return customer(
            self.company.ref(artefact.id).ref, self._since(artefact), str(artefact["name"]), artefact["email"]
        )

    def _since(self, artefact: Artefact) -> int:
        return int(artefact.at.timestamp()) if artefact.at else self.now - 365 * _DAY

    def _named(self, artefact: Artefact) -> Json:
        payments = next(iter(self.history.payments.values()), None)
        currency = payments.currency if payments else "usd"
        plan = str(artefact["plan"] or "plan")
        cents = round(float(artefact["mrr"] or 0) * 100)
        cancelled = artefact.time("cancelled")
        ended = int(cancelled.timestamp()) if cancelled and cancelled <= self.company.now else None
        ref = self.company.ref(artefact.id).ref
        return self._subscription(ref[4:], ref, self._since(artefact), ended, _price(plan, cents, currency))

    def _unnamed(self, payments: PaymentCounts, running: int) -> list[Json]:
        cents = round(payments.amount * 100)
        price = _price("standard", cents, payments.currency)
        first = int(payments.start.timestamp())
        ends = self._ends(first, running)
        rng = np.random.default_rng([running, len(ends)])
        # Those who left in these weeks came before them; one new subscription follows each that ended.
        left = [(int(first - rng.integers(1, 500) * _DAY), end) for end in ends]
        came = [(min(end + int(rng.integers(60, 3600)), self.now), None) for end in ends]
        stayed = [(int(first - rng.integers(1, 900 * _DAY)), None) for _ in range(max(0, running - len(came)))]
        every: list[tuple[int, int | None]] = [*left, *came[:running], *stayed]
        return [
            self._subscription(f"{i:014d}", f"cus_{i:014d}", created, ended, price)
            for i, (created, ended) in enumerate(every)
        ]

    def _ends(self, first: int, running: int) -> list[int]:
        stream = self.history.streams.get("subscription_cancelled")
        if stream is None:
            each = round(running * 0.03 / 30) or 1
            days = (self.now - first) // _DAY
            return [first + day * _DAY + (i + 1) * _DAY // (each + 1) for day in range(days) for i in range(each)]
        counts = stream.counts.reshape(len(stream.counts), -1).sum(axis=1)
        begun = int(stream.start.timestamp())
        step = int(stream.step.total_seconds())
        return [
            min(begun + int(i) * step + 60 * n, self.now) for i in counts.nonzero()[0] for n in range(int(counts[i]))
        ]

    def _subscription(self, number: str, owner: str, created: int, ended: int | None, price: Json) -> Json:
        began = created + (self.now - created) // (30 * _DAY) * 30 * _DAY
        item = {"id": f"si_{number}", "object": "subscription_item", "created": created, "metadata": {},
                "price": price, "quantity": 1, "subscription": f"sub_{number}", "tax_rates": []}  # fmt: skip
        return {
            "id": f"sub_{number}", "object": "subscription", "automatic_tax": {"enabled": False},
            "billing_cycle_anchor": created, "cancel_at_period_end": False, "canceled_at": ended, "ended_at": ended,
            "collection_method": "charge_automatically", "created": created, "currency": price["currency"],
            "current_period_start": began, "current_period_end": began + 30 * _DAY, "customer": owner,
            "items": {"object": "list", "data": [item], "has_more": False,
                      "url": f"/v1/subscription_items?subscription=sub_{number}"},
            "livemode": True, "metadata": {}, "start_date": created, "status": "canceled" if ended else "active",
        }  # fmt: skip


def customer(ref: str, created: int, name: str | None, email: str | None) -> Json:
    """A customer's record without subscriptions."""
    return {
        "id": ref, "object": "customer", "balance": 0, "created": created, "currency": None,
        "delinquent": False, "description": None, "email": email, "livemode": True, "metadata": {}, "name": name,
        "phone": None,
    }  # fmt: skip


def charge_id(index: int) -> str:
    """A charge's id, which holds its place in time."""
    return f"ch_3{index:023d}"


def charge_index(name: str) -> int | None:
    """The place in time that a charge's id holds."""
    return int(name[4:]) if name.startswith("ch_3") and name[4:].isdigit() else None


def _price(plan: str, cents: int, currency: str) -> Json:
    key = _token(f"{plan}/{cents}/{currency}", 14)
    return {
        "id": f"price_{key}", "object": "price", "active": True, "billing_scheme": "per_unit", "created": 1_600_000_000,
        "currency": currency, "livemode": True, "lookup_key": None, "metadata": {}, "nickname": plan,
        "product": f"prod_{_token(plan, 14)}", "type": "recurring", "unit_amount": cents,
        "unit_amount_decimal": str(cents), "tax_behavior": "unspecified",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed", "meter": None},
    }  # fmt: skip


def _product(name: str, title: str) -> Mapping[str, Any]:
    return {
        "id": name, "object": "product", "active": True, "created": 1_600_000_000, "images": [], "livemode": True,
        "metadata": {}, "name": title.capitalize(), "updated": 1_600_000_000, "description": None, "url": None,
        "marketing_features": [], "shippable": None,
    }  # fmt: skip


def _token(text: str, length: int) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)[:length]


def _spread(payments: PaymentCounts, now: int) -> tuple[Seconds, NDArray[np.bool_]]:
    """When each charge was made, and whether it failed; failures lie evenly among the others of their hour."""
    tried = payments.succeeded + payments.failed
    start, step = int(payments.start.timestamp()), int(payments.step / timedelta(seconds=1))
    hour = np.repeat(np.arange(len(tried)), tried)
    place = np.arange(len(hour)) - np.repeat(np.cumsum(tried) - tried, tried)
    begins = start + hour * step
    length = np.minimum(step, now - begins)
    made = begins + ((place + 0.5) * length / tried[hour]).astype(np.int64)
    share = payments.failed[hour] / tried[hour]
    failed = np.floor((place + 1) * share + 1e-9) > np.floor(place * share + 1e-9)
    return made.astype(np.int64), failed
