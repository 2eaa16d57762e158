"""What evidence bears out: its figures, times, refs and links, and what follows from them by counting. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from agents.proof_mentions import Moment, Number
from agents.record import Evidence

_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
_INSIDE = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
_SPANS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}
# Durations are checked between the few times that a claim's own records carry, not between all points of a series.
_MOST_TIMES = 60


@dataclass(frozen=True)
class Facts:
    """Everything that some evidence states. Times are local to the reader's zone."""

    values: frozenset[float]
    counts: frozenset[int]
    moments: tuple[datetime, ...]
    words: str
    links: frozenset[str]

    def has_link(self, link: str) -> bool:
        """Whether some record has this URL, or a text of it does."""
        return link in self.links or link in self.words

    def has_ref(self, ref: str) -> bool:
        """Whether some record is called so, or its text mentions it."""
        # "#482" is how people write acme/portal#482.
        before = "" if ref.startswith("#") else r"(?<!\w)"
        return re.search(rf"{before}{re.escape(ref)}(?!\w)", self.words) is not None

    def has_time(self, moment: Moment) -> bool:
        """Whether some time of the records reads so, to the precision in which it is written."""
        return any(_reads(stamp, moment) for stamp in self.moments)

    def has_number(self, number: Number) -> bool:
        """Whether a figure is among the values (rounded as written, percent or not), a count, or a duration."""
        if number.percent:
            return any(_rounds(value * 100, number) or _rounds(value, number) for value in self.values)
        if any(_rounds(value, number) for value in self.values):
            return True
        if number.digits == 0 and int(number.value) in self.counts:
            return True
        return number.digits == 0 and (number.unit, int(number.value)) in self._durations

    @cached_property
    def _durations(self) -> frozenset[tuple[str, int]]:
        stamps = sorted(set(self.moments))[-_MOST_TIMES:]
        return frozenset(
            (name, round((b - a) / length)) for a, b in combinations(stamps, 2) for name, length in _SPANS.items()
        )


def gather(evidence: Sequence[Evidence], zone: ZoneInfo, now: datetime) -> Facts:
    """The facts of some pieces of evidence."""
    values: set[float] = set()
    moments = {now.astimezone(zone)}
    words: list[str] = []
    links: set[str] = set()
    counts = {len(evidence)} | {len(item.content) for item in evidence}
    for item in evidence:
        words += [item.ref or "", item.title, item.excerpt]
        moments.add(item.at.astimezone(zone))
        if item.url:
            links.add(item.url)
        for leaf in _leaves([*item.content, item.asked]):
            if isinstance(leaf, bool) or leaf is None:
                continue
            if isinstance(leaf, int | float):
                values.add(float(leaf))
                continue
            text = str(leaf)
            words.append(text)
            if _ISO.match(text):
                moments.add(_local(text, zone))
            else:
                values |= {float(found.replace(",", "")) for found in _INSIDE.findall(text)[:400]}
            if text.startswith(("http://", "https://")):
                links.add(text)
        counts |= {len(part) for part in _lists(item.content)}
        counts |= _group_sizes(item.content)
    distinct = {(item.service, item.ref) for item in evidence}
    counts |= {len(distinct), len({item.service for item in evidence})}
    return Facts(frozenset(values), frozenset(counts), tuple(moments), "\n".join(words), frozenset(links))


def _group_sizes(content: Sequence[Mapping[str, Any]]) -> set[int]:
    """How many records there are, of each kind, in each group that a computation made, and of each kind in a group."""
    sizes: Counter[tuple[str, str, str]] = Counter()
    for record in content:
        inner = record.get("record")
        kind = str((inner if isinstance(inner, dict) else record).get("kind"))
        for key in {
            ("", "", ""),
            ("", "", kind),
            ("g", str(record.get("group")), ""),
            ("g", str(record.get("group")), kind),
        }:
            sizes[key] += 1
    # Of a group that is empty, or of a kind that is not there, there are none.
    return {0, len({str(record.get("ref")) for record in content}), *sizes.values()}


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield str(key)
            yield from _leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _lists(value: Any) -> Iterable[list[Any]]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _lists(part)
    elif isinstance(value, list | tuple):
        yield list(value)
        for part in value:
            yield from _lists(part)


def _local(text: str, zone: ZoneInfo) -> datetime:
    stamp = datetime.fromisoformat(text)
    return stamp.astimezone(zone) if stamp.tzinfo else stamp.replace(tzinfo=zone)


def _rounds(value: float, number: Number) -> bool:
    """Whether a value, its sign dropped, is written as this figure: within half a unit of its last place."""
    tolerance = Decimal(1).scaleb(-number.digits) / 2
    return abs(Decimal(repr(abs(value))) - number.value) <= tolerance + Decimal("1e-9")


def _reads(stamp: datetime, moment: Moment) -> bool:
    for name in ("year", "month", "day"):
        written = getattr(moment, name)
        if written is not None and getattr(stamp, name) != written:
            return False
    if moment.hour is None:
        return True
    written_minutes = moment.hour * 60 + (moment.minute or 0)
    return abs(stamp.hour * 60 + stamp.minute - written_minutes) <= 1
