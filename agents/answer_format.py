"""How figures, times and names are written in an answer: the filters of the playbooks' answer templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from tools.nouns import Noun, Pick, dump

_MARKDOWN = str.maketrans({c: "\\" + c for c in "\\`*_[]<>|"})


def plain(value: object) -> str:
    """Words from outside made harmless in Markdown: one line, no links, no markup."""
    return " ".join(str(value).split()).translate(_MARKDOWN)


def percent(value: float, digits: int = 0) -> str:
    """0.216 → 22 %, without its sign."""
    return f"{abs(value) * 100:.{digits}f}%"


def signed(value: float, digits: int = 0) -> str:
    """-0.216 → −22%."""
    return f"{'−' if value < 0 else '+'}{abs(value) * 100:.{digits}f}%"


def count(value: float, digits: int = 0) -> str:
    """12345.6 → 12,346."""
    return f"{value:,.{digits}f}"


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


def environment(zone: ZoneInfo, now: datetime) -> SandboxedEnvironment:
    """The sandboxed Jinja environment of answer templates; times are written in `zone`."""

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
        "percent": percent,
        "signed": signed,
        "count": count,
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
    made.globals.update(now=now, group=group, nouns=nouns, of_kind=of_kind)
    return made


def group(picks: Iterable[Noun], name: str) -> list[Pick]:
    """The picks of one group."""
    return [pick for pick in picks if isinstance(pick, Pick) and pick.group == name]


def nouns(picks: Iterable[Noun]) -> list[Noun]:
    """The records that picks stand for."""
    return [pick.noun if isinstance(pick, Pick) else pick for pick in picks]


def of_kind(records: Iterable[Noun], kind: str) -> list[Noun]:
    """The records of one kind."""
    return [record for record in records if record.kind == kind]
