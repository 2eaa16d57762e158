"""The computed verb of the weekly report: the company's numbers in the order in which its own document lists them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import AwareDatetime

from tools.analysis.labels import label
from tools.analysis.report import SURE, WEEK, Trend
from tools.analysis.words import words
from tools.kit.analysis import Analysis, Frame
from tools.nouns import ErrorGroup, Noun, dump

# A document counts as the report's own from so many of its numbers on.
LISTED = 3
# An error that fewer people met explains no week.
PEOPLE = 20
_PHRASE = re.compile(r"(?<![\w-])(?=([a-z][\w-]*(?: [a-z][\w-]*)?))")
_RATE = re.compile(r"(?P<what>[\w-]+) rate\b", re.IGNORECASE)


class ReportLine(Noun):
    """A number of the week against the week before. A `rate` is one count over another, `of` says which.

    `change` is relative, `points` the change of a rate in percentage points; `clear` where it is more than noise;
    `error` is the dump of the error of most people that began in these weeks, where the number clearly fell.
    """

    kind: ClassVar[str] = "report_line"
    metric: str
    label: str
    unit: str = "events"
    last: float
    before: float
    change: float | None
    clear: bool
    rate: bool = False
    points: float | None = None
    of: str = ""
    since: AwareDatetime
    until: AwareDatetime
    error: dict[str, Any] | None = None


class AnalyzeReport(Analysis):
    """Order the week's numbers as the company's report lists them, with its rates; all where no document does."""

    name = "analyze.report"
    returns = ReportLine
    trends: tuple[Trend, ...] = ()
    documents: tuple[Noun, ...] = ()
    errors: tuple[ErrorGroup, ...] = ()
    until: AwareDatetime | None = None

    def compute(self, frame: Frame) -> Sequence[Noun]:
        best: list[tuple[int, Trend | tuple[Trend, Trend]]] = []
        for document in self.documents:
            listed = listing(document.text(), self.trends)
            if len(listed) > len(best):
                best = listed
        chosen = [what for _, what in best] if len(best) >= LISTED else list(self.trends)
        return [line(what, self.errors) if isinstance(what, Trend) else rate_line(*what) for what in chosen]


def listing(text: str, trends: Sequence[Trend]) -> list[tuple[int, Trend | tuple[Trend, Trend]]]:
    """The numbers that a document names, by where it names them: each metric once, and rates over the one before."""
    lowered = text.lower()
    found: dict[int, tuple[int, Trend]] = {}
    for trend in trends:
        place, extra = _place(lowered, trend)
        if place is not None and (place not in found or extra < found[place][0]):
            found[place] = (extra, trend)
    ordered: list[tuple[int, Trend | tuple[Trend, Trend]]] = []
    for place, (_, trend) in sorted(found.items()):
        rate = _RATE.match(lowered, place)
        before = next((t for _, t in reversed(ordered) if isinstance(t, Trend)), None)
        ordered.append((place, (trend, before) if rate is not None and before is not None else trend))
    return ordered


def _place(text: str, trend: Trend) -> tuple[int | None, int]:
    """Where a text names a metric, and how many of the metric's words it leaves out there."""
    own = [*dict.fromkeys([*words(trend.label), *words(label(trend.metric))])]
    spots = []
    for match in _PHRASE.finditer(text):
        said = words(match.group(1))
        hits = sum(any(_alike(word, other) for other in said) for word in own)
        if hits and any(_alike(said[0], word) for word in own):
            spots.append((len(own) - hits, match.start()))
    if not spots:
        return None, 0
    extra, place = min(spots)
    return place, extra


def _alike(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) >= 5 and (one.startswith(other) or other.startswith(one)))


def line(trend: Trend, errors: Sequence[ErrorGroup]) -> ReportLine:
    """A metric's line; a clear fall with the error of most people that began in its weeks."""
    error = None
    if trend.clear and trend.last < trend.before:
        began = [e for e in errors if trend.since - WEEK <= e.at < trend.until and e.users >= PEOPLE]
        error = max(began, key=lambda e: e.users, default=None)
    return ReportLine(
        service="deus",
        ref=f"report:{trend.ref.partition(':')[2]}",
        url=trend.url,
        at=trend.at,
        title=trend.label,
        metric=trend.metric,
        label=trend.label,
        unit=trend.unit,
        last=trend.last,
        before=trend.before,
        change=trend.change,
        clear=trend.clear,
        since=trend.since,
        until=trend.until,
        error=dump(error) if error is not None else None,
    )


def rate_line(part: Trend, whole: Trend) -> ReportLine:
    """The line of one metric over another; clear where the two weeks' shares differ by more than chance."""
    last = part.last / whole.last if whole.last else 0.0
    before = part.before / whole.before if whole.before else 0.0
    both = whole.last + whole.before
    share = (part.last + part.before) / both if both else 0.0
    spread = 0.0
    if whole.last and whole.before and 0 < share < 1:
        spread = math.sqrt(share * (1 - share) * (1 / whole.last + 1 / whole.before))
    name = re.sub(r"s$", "", part.label)
    return ReportLine(
        service="deus",
        ref=f"report:{part.metric}/{whole.metric}",
        url=part.url,
        at=part.at,
        title=f"{name} rate",
        metric=part.metric,
        label=f"{name} rate",
        last=last,
        before=before,
        change=(last - before) / before if before else None,
        clear=bool(spread) and abs(last - before) > SURE * spread,
        rate=True,
        points=(last - before) * 100,
        of=f"{part.label.lower()} per {re.sub(r's$', '', whole.label.lower())}",
        since=part.since,
        until=part.until,
    )
