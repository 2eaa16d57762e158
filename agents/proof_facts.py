"""What evidence bears out: its figures, times, refs and links, and what follows from them by counting. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from agents.answer_format import link
from agents.proof_computed import COMPUTED, texts
from agents.proof_computed import moments as stamps_of
from agents.proof_fields import PEOPLE
from agents.proof_figures import NOT_STATED, Figures
from agents.proof_mentions import Mentions, Moment, Number, reads
from agents.record import Evidence

_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
# So many times of a record at most, that a long list of them makes no duration true.
_MOST_TIMES = 12
_SPANS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}
# The words by which a duration says from which time of a record it counts.
_SINCE = {"overdue": "due", "open for": "at", "waiting for": "at", "waited": "at"}
_SOURCES = re.compile(r"\s*(?:services?|sources?|tools?|places?|records?)\b")
_THING = re.compile(r"[\s*_]*(?!(?:after|and|at|before|from|in|of|on|or|to|by|is|was)\b)[^\W\d_]")
_PEOPLE = frozenset({"person", "customer"})


@dataclass(frozen=True)
class Facts:
    """Everything that some evidence states. Times are local to the reader's zone."""

    figures: Figures
    counts: frozenset[int]
    sources: frozenset[int]
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
        return any(reads(stamp, moment) for stamp in self.moments)

    def has_number(self, number: Number, said: Mentions) -> bool:
        """Whether a figure is how many there are of what it names, a duration, or what a fitting field holds."""
        whole = number.digits == 0 and not (number.percent or number.money or number.sign)
        if number.unit and whole and not self.figures.spans(number, said) and self._lasts(number, said):
            return True
        if whole and not number.unit:
            sizes = self._sizes_near(number.near)
            if sizes is not None:
                return int(number.value) in sizes
        borne = self.figures.bear(number, said)
        if borne is not None:
            return borne
        return whole and not number.unit and int(number.value) in self._counted(number.near)

    def _counted(self, near: str) -> frozenset[int]:
        """How many there are of what stands behind a figure, if that is a thing that can be counted."""
        if _SOURCES.match(near):
            return self.sources
        if not _THING.match(near) or (
            PEOPLE.match(near) and any(kind not in _PEOPLE for _, kind in self.sizes if kind)
        ):
            return frozenset()
        return self.counts

    def _lasts(self, number: Number, said: Mentions) -> bool:
        """Whether two times of a record lie so far apart: those that the words around the duration name."""
        pairs = self.durations.get((number.unit, int(number.value)), frozenset())
        around = f"{said.readable[max(0, number.start - 40) : number.start]} {number.near}"
        bound = [key for words, key in _SINCE.items() if words in around]
        return any((key, "now") in pairs for key in bound) if bound else bool(pairs)

    def _sizes_near(self, near: str) -> set[int] | None:
        """How many there are of what the words after a figure name, a group or a kind; None where they name neither."""
        groups = {group for group, _ in self.sizes if group and _names(group, near)}
        kinds = {kind for _, kind in self.sizes if kind and _names(kind.replace("_", " "), near)}
        if groups:
            sizes = {kind: size for (group, kind), size in self.sizes.items() if group in groups}
            # A group's artefacts belong to its issues, which are what is counted where there are any.
            of = kinds or ({"issue"} if any(group and kind == "issue" for group, kind in self.sizes) else {""})
            return {sum(size for kind, size in sizes.items() if kind in of)}
        if kinds and any(group for group, _ in self.sizes):
            return {size for (group, kind), size in self.sizes.items() if kind in kinds}
        return None


def gather(evidence: Sequence[Evidence], zone: ZoneInfo, now: datetime) -> Facts:
    """The facts of some pieces of evidence. Where a computation is cited, the points of series are its sources only."""
    computed = any(item.service == "deus" for item in evidence)
    figures = Figures(zone)
    moments = {now.astimezone(zone)}
    durations: dict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
    words: list[str] = []
    links: set[str] = set()
    for item in evidence:
        words += [item.ref or "", item.title, item.excerpt]
        moments.add(item.at.astimezone(zone))
        links |= {link(url) for url in [item.url or "", *_urls(item.content)] if url}
        skipped = NOT_STATED | ({"points"} if computed else frozenset())
        for record in item.content:
            figures.add(record, skipped)
            if record.get("kind") in COMPUTED:
                moments |= {_local(one, zone) for one in stamps_of(record)}
                words += texts(record)
                continue
            stamps: list[tuple[str, datetime]] = [("now", now.astimezone(zone))]
            for key, leaf in _leaves(record, "", skipped):
                if isinstance(leaf, int | float) or leaf is None:
                    continue
                text = str(leaf)
                words.append(text)
                if _ISO.match(text):
                    stamps.append((key, _local(text, zone)))
            moments |= {stamp for _, stamp in stamps}
            for (key, one), (other, two) in combinations(stamps[:_MOST_TIMES], 2):
                for name, length in _SPANS.items():
                    count = round(abs(two - one) / length)
                    # Less than half of a unit is none, which is only said of the shortest.
                    if count or name == "minute":
                        durations[name, count].add((other, key))
        for _, leaf in _leaves(item.asked, "", frozenset({"code"})):
            words.append(str(leaf))
            if _ISO.match(str(leaf)):
                moments.add(_local(str(leaf), zone))
    sizes = _sizes([record for item in evidence for record in item.content])
    counts = {
        len(item.content)
        for item in evidence
        if (item.service == "deus" or not computed) and not any(r.get("kind") in COMPUTED for r in item.content)
    }
    if len({group for group, _ in sizes if group}) > 1:
        # Of what is sorted into groups, a group of which nothing is there has none.
        counts.add(0)
    return Facts(
        figures=figures,
        counts=frozenset(counts),
        sources=frozenset({len(evidence), len({item.service for item in evidence})}),
        sizes=sizes,
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
