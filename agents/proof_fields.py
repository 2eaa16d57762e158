"""Which field of a record a figure in a text can stand for, by its unit and the words around it. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Protocol

from agents.proof_computed import COMPUTED, fits, likeness
from agents.proof_mentions import Mentions, Number, reads

_PERCENTAGE = re.compile(r"percent|pct|rollout")
_SHARE = re.compile(
    r"(?:^|_)(?:rate|share|ratio|change|growth|interval|power|confidence|conversion|asked|naive|payments|rest)(?:_|$|\.)"
)
_MONEY = re.compile(r"mrr|amount|price|revenue|arr$")
_PEOPLE_FIELD = re.compile(r"users|people|persons|customers|visitors|accounts|affected|members")
_SPANS = ("weeks", "days", "hours", "minutes")
# What orders or identifies a record counts nothing; it is stated only where it is named.
_LABELS = frozenset(
    {"number", "line", "score", "odds", "direction", "asked_direction", "p_value", "factor", "gain", "during", "place"}
)
_CURRENCIES = {"usd": "$", "eur": "€", "gbp": "£"}
_IN_MONEY = re.compile(r"\s*(?:of )?(?:mrr|dollars?|euros?|pounds?|usd|eur|gbp)\b")
PEOPLE = re.compile(r"\s*(?:more |other |affected )?(?:people|users|persons|visitors|members)\b")
_EVENTS = re.compile(r"\s*(?:more )?(?:events|times|errors|occurrences|exceptions|crashes)\b")

# The words that say that a figure is this field: behind it, or before it. A field that stands here is not meant where
# none of its words does, as long as another one can be.
_BEHIND = {
    "last": r"\W*after\b",
    "rate": r"\W*after\b",
    "average": r"\s*(?:a|per|each|every) (?:day|week|month)|\s*on average",
    "users": r"\s*(?:people|users|persons)\b",
    "count": r"\s*(?:events?|times|errors|occurrences|exceptions)\b",
    "weekly_growth": r"\s*(?:a|per|each|every) week|\s*weekly",
    "cancelled": r"\s*(?:cancel|customers? (?:left|cancelled))",
    "active": r"\s*(?:active|subscriptions?|subscribers)\b",
    "running": r"\s*(?:so far|until now|to date)",
    "expected": r"\s*(?:were |was )?expected",
    "before": r"[^.;,]{0,12}\b(?:before|earlier|previously)\b",
    "mrr": r"\s*(?:a|per) month|\s*mrr|\s*monthly",
    "power": r"\s*(?:chance|power)",
    "points": r"\s*(?:percentage )?points?\b",
}
_MAIN = frozenset({"last", "rate"})
_AHEAD = {
    "average": r"\b(?:average|mean)\b[^.;]{0,8}$",
    "weekly_growth": r"\b(?:weekly|growth|rising by|falling by)\W*$",
    "interval.0": r"\bbetween\W*$",
    "interval.1": r"\bbetween\b[^.;]{0,16}\b(?:and|to)\W*$",
    "before": (
        r"(?:\b(?:after|from|against|versus|vs\.?|compared (?:with|to)|had been|up from|down from)\W*"
        r"|\b(?:before|earlier|previously)\b[^.;]{0,14}\bwas\W*|\bbefore\b[^.;]{0,12})$"
    ),
    "running": r"\brunning \w+ has\W*$",
    "expected": r"\b(?:expected|expectation of)\W*$",
    "power": r"\b(?:chance of|power of)\W*$",
    "rest": r"(?:everyone else|the rest|all others)\b[^.;]{0,16}$",
    "payments": r"\bpayments\b[^.;]{0,16}$",
    "asked": r"\basked\b[^.;]{0,20}$",
    "observed": r"\bobserved\W*$",
    "total": r"\b(?:total|altogether|in all|sum)\b[^.;]{0,16}$",
}
_FELL = re.compile(
    r"\b(?:fell|falls?|falling|dropped|drops?|declined|down|decreased|lost|shrank)(?: by| about| around| some)*\W*$"
)
_ROSE = re.compile(
    r"\b(?:rose|rises?|rising|grew|grows?|growing|up|increased|gained|climbed)(?: by| about| around| some)*\W*$"
)


class Field(Protocol):
    """A figure of a record, as far as its field and record say what it is."""

    @property
    def value(self) -> float: ...
    @property
    def name(self) -> str: ...
    @property
    def owners(self) -> tuple[int, ...]: ...
    @property
    def kind(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def share(self) -> bool: ...
    @property
    def at(self) -> datetime | None: ...
    @property
    def percent(self) -> bool: ...
    @property
    def money(self) -> str: ...


def measure(figure: Field) -> str:
    """What a field counts: `percentage`, `share`, `points`, `money`, `span`, `people`, `label` or `count`."""
    name = figure.name
    if name in _LABELS:
        return "label"
    if _PERCENTAGE.search(name) or (figure.kind == "flag_change" and name in ("before", "after")):
        return "percentage"
    if name == "points":
        return "points"
    if _SHARE.search(name) or (figure.share and name in ("last", "before")):
        return "share"
    if name in _SPANS:
        return "span"
    if _MONEY.search(name) or figure.unit in _CURRENCIES:
        return "money"
    if _PEOPLE_FIELD.search(name) or figure.unit == "users":
        return "people"
    return "count"


def accepts(figure: Field, number: Number, said: Mentions) -> bool:
    """Whether a figure as it is written, with its sign and unit, can be this field at all."""
    if figure.kind in COMPUTED:
        return fits(figure, number, said)
    kind = measure(figure)
    near, ahead = number.near, _ahead(number, said)
    if figure.at is not None and not any(reads(figure.at, moment) for moment in said.times if moment.day):
        return False
    if number.percent:
        return _directed(figure, ahead) and (kind in ("share", "percentage") or _fraction(figure, kind))
    if number.money:
        return kind == "money" and _CURRENCIES.get(figure.unit, number.money) == number.money
    if number.unit:
        return kind == "span" and figure.name == f"{number.unit}s"
    if re.match(_BEHIND["points"], near):
        return kind == "points"
    if kind == "label":
        return re.search(rf"\b{re.escape(figure.name)}\W*$", ahead) is not None
    if kind in ("share", "percentage", "span", "points"):
        return kind == "share" and re.search(r"\b(?:rate|share|ratio|factor) (?:of|is|was)\W*$", ahead) is not None
    if PEOPLE.match(near):
        return kind == "people"
    if _EVENTS.match(near):
        return kind == "count"
    return True


def priced(figure: Field, number: Number) -> bool:
    """Whether a figure that stands for money says so; one of another kind need not."""
    return figure.kind in COMPUTED or measure(figure) != "money" or bool(number.money or _IN_MONEY.match(number.near))


def score(figure: Field, number: Number, said: Mentions) -> float:
    """How well the words around a figure say that it is this field, against the others that it can be."""
    if figure.kind in COMPUTED:
        return likeness(figure, number, said) - 0.1 * len(figure.owners)
    ahead = _ahead(number, said)
    key = "before" if figure.name.endswith("before") else figure.name.replace("rest_interval", "interval")
    if key.startswith("interval.") and figure.value < 0 and not number.sign:
        # Of a fall without its sign, the smaller end is said first.
        key = "interval.1" if key == "interval.0" else "interval.0"
    behind_it, ahead_of_it = _BEHIND.get(key), _AHEAD.get(key)
    named = (
        (behind_it is not None and re.match(behind_it, number.near) is not None)
        or (ahead_of_it is not None and re.search(ahead_of_it, ahead) is not None)
        or _named_in_full(figure.name.rpartition(".")[2], number.near)
    )
    # The main figure of a record needs no words; the others, and what is kept inside a field, do.
    minor = key not in _MAIN and (behind_it or ahead_of_it or "." in key)
    return (2.0 if named else -1.0 if minor else 0.0) - 0.1 * len(figure.owners)


def _named_in_full(name: str, near: str) -> bool:
    return re.match(rf"\s*{re.escape(name.replace('_', ' ').removesuffix('s'))}s?\b", near) is not None


def _fraction(figure: Field, kind: str) -> bool:
    return kind == "count" and not figure.value.is_integer() and abs(figure.value) <= 1


def _directed(figure: Field, ahead: str) -> bool:
    """Whether the verb before a change says the way in which it went."""
    if figure.name not in ("change", "weekly_growth"):
        return True
    return not (figure.value > 0 and _FELL.search(ahead)) and not (figure.value < 0 and _ROSE.search(ahead))


def _ahead(number: Number, said: Mentions) -> str:
    return said.readable[max(0, number.start - 60) : number.start].rstrip("+-−$€£ ")
