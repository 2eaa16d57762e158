"""What evidence bears out: its figures, times, refs and links, and what follows from them by counting. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from agents.answer_format import link
from agents.proof_mentions import WORDS, Moment, Number
from agents.record import Evidence

_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
_INSIDE = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
# So many times of a record at most, that a long list of them makes no duration true.
_MOST_TIMES = 12
_SPANS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}
_SPELLED = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
# What is kept to be drawn, or by the hour, states nothing by itself.
_NOT_STATED = frozenset({"chart", "recent"})
# The words by which a duration says from which time of a record it counts.
_SINCE = {"overdue": "due", "open for": "at", "waiting for": "at", "waited": "at"}
_PERCENTAGE = re.compile(r"percent|pct|rollout")
_PERCENT_IN_TEXT = re.compile(r"(\d+(?:\.\d+)?)\s?%")


@dataclass(frozen=True)
class Facts:
    """Everything that some evidence states. Times are local to the reader's zone."""

    values: frozenset[float]
    percentages: frozenset[float]
    counts: frozenset[int]
    sizes: Mapping[tuple[str, str], int]
    moments: tuple[datetime, ...]
    durations: Mapping[tuple[str, int], frozenset[tuple[str, str]]]
    words: str
    links: frozenset[str]

    def has_link(self, link: str) -> bool:
        """Whether some record has this URL."""
        return link in self.links

    def has_ref(self, ref: str) -> bool:
        """Whether some record is called so, or its text mentions it."""
        # "#482" is how people write acme/portal#482.
        before = "" if ref.startswith("#") else r"(?<!\w)"
        return re.search(rf"{before}{re.escape(ref)}(?!\w)", self.words) is not None

    def has_words(self, quoted: str) -> bool:
        """Whether some record says these words, as they are; a cut quotation may end in dots."""
        return quoted.removesuffix("...").removesuffix("…").strip() in self._line

    @cached_property
    def _line(self) -> str:
        return " ".join(self.words.replace("`", "’").split())

    def has_time(self, moment: Moment) -> bool:
        """Whether some time of the records reads so, to the precision in which it is written."""
        return any(_reads(stamp, moment) for stamp in self.moments)

    def has_number(self, number: Number) -> bool:
        """Whether a figure is among the values (rounded as written), a percentage, a count or a duration."""
        if number.percent:
            shares = any(_rounds(value * 100, number) for value in self.values)
            return shares or any(_rounds(value, number) for value in self.percentages)
        if number.unit and number.digits == 0:
            pairs = self.durations.get((number.unit, int(number.value)), frozenset())
            bound = [key for words, key in _SINCE.items() if words in f"{number.before} {number.near}"]
            if any((key, "now") in pairs for key in bound) or (pairs and not bound):
                return True
        whole = number.digits == 0 and not number.unit
        if whole and (sizes := self._sizes_near(number.near)) is not None:
            return int(number.value) in sizes
        if any(_rounds(value, number) for value in self.values):
            return True
        return whole and int(number.value) in self.counts

    def _sizes_near(self, near: str) -> set[int] | None:
        """How many there are of what the words after a figure name, a group or a kind; None where they name neither."""
        groups = {group for group, _ in self.sizes if group and _names(group, near)}
        kinds = {kind for _, kind in self.sizes if kind and _names(kind.replace("_", " "), near)}
        if groups:
            sizes = {kind: size for (group, kind), size in self.sizes.items() if group in groups}
            return {0, *(size for kind, size in sizes.items() if kind in kinds or not kinds)}
        if kinds and any(group for group, _ in self.sizes):
            return {size for (group, kind), size in self.sizes.items() if kind in kinds}
        return None


def gather(evidence: Sequence[Evidence], zone: ZoneInfo, now: datetime) -> Facts:
    """The facts of some pieces of evidence. Where a computation is cited, the points of series are its sources only."""
    computed = any(item.service == "deus" for item in evidence)
    values: set[float] = set()
    percentages: set[float] = set()
    moments = {now.astimezone(zone)}
    durations: dict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
    words: list[str] = []
    links: set[str] = set()
    counts = {0, len(evidence), *(len(item.content) for item in evidence)}
    for item in evidence:
        words += [item.ref or "", item.title, item.excerpt]
        moments.add(item.at.astimezone(zone))
        links |= {link(url) for url in [item.url or "", *_urls(item.content)] if url}
        skipped = _NOT_STATED | ({"points"} if computed else frozenset())
        for record in item.content:
            stamps: list[tuple[str, datetime]] = [("now", now.astimezone(zone))]
            for key, leaf in _leaves(record, "", skipped):
                if isinstance(leaf, bool) or leaf is None:
                    continue
                if isinstance(leaf, int | float):
                    (percentages if _PERCENTAGE.search(key) else values).add(float(leaf))
                    values.add(float(leaf))
                    continue
                text = str(leaf)
                words.append(text)
                if _ISO.match(text):
                    stamps.append((key, _local(text, zone)))
                elif not text.startswith(("http://", "https://")):
                    values |= {float(found.replace(",", "")) for found in _INSIDE.findall(text)[:400]}
                    values |= {float(WORDS[found.lower()]) for found in _SPELLED.findall(text)}
                    percentages |= {float(found) for found in _PERCENT_IN_TEXT.findall(text)[:100]}
            moments |= {stamp for _, stamp in stamps}
            for (key, one), (other, two) in combinations(stamps[:_MOST_TIMES], 2):
                for name, length in _SPANS.items():
                    durations[name, round(abs(two - one) / length)].add((other, key))
        for _, leaf in _leaves(item.asked, "", frozenset()):
            words.append(str(leaf))
            if _ISO.match(str(leaf)):
                moments.add(_local(str(leaf), zone))
    counts |= {len({(item.service, item.ref) for item in evidence}), len({item.service for item in evidence})}
    return Facts(
        values=frozenset(values),
        percentages=frozenset(percentages),
        counts=frozenset(counts),
        sizes=_sizes([record for item in evidence for record in item.content]),
        moments=tuple(moments),
        durations={key: frozenset(found) for key, found in durations.items()},
        words="\n".join(words),
        links=frozenset(links),
    )


def _sizes(content: Sequence[Mapping[str, Any]]) -> Mapping[tuple[str, str], int]:
    """How many records there are: (group, kind) → size; a group in all has no kind, a kind in all has no group."""
    sizes: Counter[tuple[str, str]] = Counter()
    for record in content:
        inner = record.get("record")
        kind = str((inner if isinstance(inner, dict) else record).get("kind"))
        group = str(record.get("group") or "")
        for key in {("", kind), (group, ""), (group, kind)} - {("", "")}:
            sizes[key] += 1
    return sizes


def _names(what: str, text: str) -> bool:
    """Whether a text names a group or a kind, in the singular or the plural."""
    return re.search(rf"\b{re.escape(what.lower().removesuffix('s'))}(?:e?s)?\b", text) is not None


def _leaves(value: Any, key: str, skipped: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """The values inside a record with the keys that hold them; keys are words too."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in skipped:
                yield "", str(name)
                yield from _leaves(part, str(name), skipped)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part, key, skipped)
    else:
        yield key, value


def _urls(value: Any) -> Iterator[str]:
    """The addresses of records, not those that their texts mention."""
    if isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, str) and key == "url":
                yield part
            else:
                yield from _urls(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _urls(part)


def _local(text: str, zone: ZoneInfo) -> datetime:
    stamp = datetime.fromisoformat(text)
    return stamp.astimezone(zone) if stamp.tzinfo else stamp.replace(tzinfo=zone)


def _rounds(value: float, number: Number) -> bool:
    """Whether a value, its sign dropped, is written as this figure: within half a unit of its last place."""
    tolerance = Decimal(1).scaleb(-number.digits) / 2
    return abs(Decimal(repr(abs(value))) - number.value) <= tolerance + Decimal("1e-9")


def _reads(stamp: datetime, moment: Moment) -> bool:
    if moment.weekday is not None and stamp.weekday() != moment.weekday:
        return False
    for name in ("year", "month", "day"):
        written = getattr(moment, name)
        if written is not None and getattr(stamp, name) != written:
            return False
    if moment.hour is None:
        return True
    written_minutes = moment.hour * 60 + (moment.minute or 0)
    return abs(stamp.hour * 60 + stamp.minute - written_minutes) <= 1
