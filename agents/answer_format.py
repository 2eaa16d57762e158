"""How figures, times and names are written in an answer: the filters of the playbooks' answer templates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from agents.evidence import PLURALS
from tools.analysis.labels import label
from tools.nouns import Noun, Person, Pick, PullRequest, Table, dump

_MARKDOWN = str.maketrans({c: "\\" + c for c in "\\`*_[]<>|~"})
# Pages make links of bare addresses; a word joiner, which is not seen, keeps them words.
_ADDRESS = re.compile(r"(?i)(?<=http)(?=s?:/)|(?<=https)(?=:/)|(?<=ftp)(?=:/)|(?<=www)(?=\.)|(?<=@)(?=\w)")
_JOINER = "\u2060"
_SPELLED = {"github": "GitHub", "posthog": "PostHog", "pagerduty": "PagerDuty"}
_CURRENCIES = {"usd": "$", "eur": "€", "gbp": "£"}


def titled(service: str) -> str:
    """A service as it writes itself; one without letters inside that are capital just begins with one."""
    return _SPELLED.get(service, service.capitalize())


def plain(value: object) -> str:
    """Words from outside made harmless in Markdown: one line, no links, no markup, no address that becomes a link."""
    return _ADDRESS.sub(_JOINER, " ".join(str(value).split())).translate(_MARKDOWN)


def link(url: str) -> str:
    """A record's address as the target of a Markdown link; nowhere ("") if it is no web address."""
    if not re.match(r"https?://[^/\s]", url):
        return ""
    return quote(url, safe="%/:?#@!$&*+,;=~-._'")


def code(value: object) -> str:
    """Words from outside as a code span."""
    return f"`{' '.join(str(value).split()).replace('`', '’')}`"


def fenced(value: str, language: str = "") -> str:
    """Lines from outside as a block of code that nothing in them can end."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", value))])
    return f"{fence}{language}\n{value.strip(chr(10))}\n{fence}"


def amount(value: float, unit: str = "") -> str:
    """A count, or an amount of money with its sign: $1,234."""
    return f"{_CURRENCIES.get(unit.lower(), '')}{value:,.0f}"


def short(noun: Noun) -> str:
    """What people call a record: its ref, the bare number of a pull request."""
    return f"#{noun.number}" if isinstance(noun, PullRequest) else noun.ref


def tally(records: Iterable[Noun]) -> str:
    """How many there are of which kind: "2 errors, 1 issue and 1 pull request"."""
    parts = []
    for kind, n in Counter(record.kind for record in records).items():
        words = kind.replace("_", " ")
        many = words + "s" if kind in ("error", "pull_request") else PLURALS.get(kind, words + "s")
        parts.append(f"{n} {words if n == 1 else many}")
    return listed(parts)


def percent(value: float, digits: int = 0) -> str:
    """0.216 → 22 %, without its sign."""
    return f"{abs(value) * 100:.{digits}f}%"


def signed(value: float, digits: int = 0) -> str:
    """-0.216 → −22%."""
    return f"{'−' if value < 0 else '+'}{abs(value) * 100:.{digits}f}%"


def signed_points(value: float, digits: int = 1) -> str:
    """-0.42 → −0.4: percentage points with their sign."""
    return f"{'−' if value < 0 else '+'}{abs(value):.{digits}f}"


def count(value: float, digits: int = 0) -> str:
    """12345.6 → 12,346."""
    return f"{value:,.{digits}f}"


def cell(value: object) -> str:
    """A table's cell: numbers with no more decimals than they need, words made harmless."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain(value)
    if isinstance(value, int) or value.is_integer():
        return f"{value:,.0f}"
    digits = 2 if abs(value) >= 1 else 6
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")


def listed(values: Iterable[object], word: str = "and") -> str:
    """a, b and c."""
    parts = [str(value) for value in values]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def where(values: Mapping[str, str] | None) -> str:
    """{browser: Safari, country: DE} → "browser Safari, country DE"; nothing selected is "everyone"."""
    if not values:
        return "everyone"
    return ", ".join(f"{dim} {plain(value)}" for dim, value in values.items())


def span(value: timedelta | float) -> str:
    """A duration in its largest sensible unit: 35 minutes, 3 hours, 5 days. A bare number is seconds."""
    seconds = abs(value.total_seconds() if isinstance(value, timedelta) else value)
    for name, length in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 1.5 * length or (name == "minute"):
            n = round(seconds / length)
            return f"{n} {name}{'' if n == 1 else 's'}"
    return "0 minutes"


def names_of(people: Iterable[Noun]) -> Mapping[str, str]:
    """The full name behind each login that some service knows, in lower case."""
    known = [person for person in people if isinstance(person, Person)]
    by_mail = {p.email.lower(): p.name for p in known if p.email and " " in p.name}
    found: dict[str, str] = {}
    for person in known:
        name = person.name if " " in person.name else by_mail.get((person.email or "").lower(), person.name)
        for login in (person.handle, person.ref):
            if login and (" " in name or login.lower() not in found):
                found[login.lower()] = name
    return found


def environment(zone: ZoneInfo, now: datetime, people: Mapping[str, str] | None = None) -> SandboxedEnvironment:
    """The sandboxed Jinja environment of answer templates; times are written in `zone`, people by their names."""

    def local(value: datetime | str) -> datetime:
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(zone)

    def day(value: datetime | str) -> str:
        stamp = local(value)
        year = f" {stamp.year}" if abs((now - stamp).days) > 300 else ""
        return f"{stamp:%a} {stamp.day} {stamp:%b}{year}"

    def moment(value: datetime | str) -> str:
        return f"{day(value)}, {local(value):%H:%M}"

    def ago(value: datetime | str) -> str:
        stamp = local(value)
        return f"{span(now - stamp)} ago" if stamp <= now else f"in {span(stamp - now)}"

    filters: dict[str, Callable[..., Any]] = {
        "plain": plain,
        "link": link,
        "code": code,
        "fenced": fenced,
        "amount": amount,
        "short": short,
        "label": label,
        "who": lambda login: (people or {}).get(str(login).lower(), login),
        "percent": percent,
        "signed": signed,
        "signed_points": signed_points,
        "count": count,
        "cell": cell,
        "listed": listed,
        "where": where,
        "span": span,
        "day": day,
        "moment": moment,
        "clock": lambda value: f"{local(value):%H:%M}",
        "dumped": dump,
        "ago": ago,
    }
    made = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(filters)
    made.globals.update(now=now, group=group, nouns=nouns, of_kind=of_kind, tally=tally, part=part, lines=lines)
    return made


def group(picks: Iterable[Noun], name: str) -> list[Pick]:
    """The picks of one group."""
    return [pick for pick in picks if isinstance(pick, Pick) and pick.group == name]


def nouns(picks: Iterable[Noun]) -> list[Noun]:
    """The records that picks stand for."""
    return [pick.noun if isinstance(pick, Pick) else pick for pick in picks]


def part(records: Iterable[Noun], name: str) -> list[Table]:
    """The tables of one part of a result."""
    return [record for record in records if isinstance(record, Table) and record.part == name]


def lines(records: Iterable[Noun], name: str) -> list[dict[str, Any]]:
    """The rows of those tables, each with its table and its cells by their columns' places."""
    return [{"table": table, "cells": row} for table in part(records, name) for row in table.rows]


def of_kind(records: Iterable[Noun], kind: str) -> list[Noun]:
    """The records of one kind."""
    return [record for record in records if record.kind == kind]
