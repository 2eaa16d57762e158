"""PostHog's query API over a history's counts: trends, funnels and the HogQL that the connector sends.

The history counts by quarter of an hour; every event bears the time at which its quarter began.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from app.demo.history import Counts, History, StreamCounts
from tools.kit.buckets import bucket_of
from tools.nouns import Grain

Json = Any
Counted = dict[tuple[str | None, ...], dict[int, int]]
OTHER = "$$_posthog_breakdown_other_$$"
MAX_ROWS = 50_000
_RELATIVE = re.compile(r"^-(\d+)([hdwm])$")
_NAME = r"(?:`(?P<quoted>(?:[^`\\]|\\.)+)`|(?P<plain>[A-Za-z_$][\w$]*))"
_DIMENSION = re.compile(rf"properties\.{_NAME} AS (?P<alias>d\d+), ")
_CONDITION = re.compile(
    rf"(?:(?P<column>event|timestamp)|properties\.{_NAME}) (?P<operator>=|>=|<) "
    r"(?P<value>toDateTime\([^()]*, 'UTC'\)|\{\w+\}|'(?:[^'\\]|\\.)*')(?: AND |$)"
)
_STARTS: Mapping[str, Grain] = {
    "toStartOfInterval(timestamp, toIntervalMinute(15))": "minute",
    "toStartOfHour(timestamp)": "hour",
    "toStartOfDay(timestamp)": "day",
}
_STATEMENT = re.compile(
    r"^SELECT (?P<keys>(?:d\d+, )*)groupArray\(bucket\), groupArray\(n\) FROM \("
    r"SELECT (?P<dims>.*?)toUnixTimestamp\((?P<start>.+?)\) AS bucket, count\(\) AS n FROM events"
    r" WHERE (?P<where>.+) GROUP BY (?P<inner>(?:d\d+, )*)bucket\)"
    r"(?: GROUP BY (?P<outer>d\d+(?:, d\d+)*))? LIMIT (?P<limit>\d+)$"
)
_PLACEHOLDER = re.compile(r"^\{(\w+)\}$")


class Refusal(Exception):
    """A query that PostHog would not run; `detail` says why."""

    def __init__(self, detail: str, code: str = "invalid_input", attr: str | None = None) -> None:
        super().__init__(detail)
        self.detail, self.code, self.attr = detail, code, attr


@dataclass(frozen=True)
class Selection:
    """Which events a query counts: the event, the values of its properties, the time [since, until)."""

    event: str
    since: datetime
    until: datetime
    where: Mapping[str, Sequence[str]]


class Queries:
    """Answers queries over one history in the project's timezone, up to its `now`."""

    def __init__(self, history: History, zone: ZoneInfo, now: datetime) -> None:
        self.history, self.zone, self.now = history, zone, now
        self._begun: dict[tuple[str, Grain], Counts] = {}

    def answer(self, query: Json) -> Json:
        """The answer to a query object. Raises Refusal for what is not understood."""
        kinds: Mapping[str, Callable[[Json], Json]] = {
            "TrendsQuery": self._trends,
            "FunnelsQuery": self._funnel,
            "HogQLQuery": self._hogql,
        }
        kind = str(query.get("kind")) if isinstance(query, dict) else ""
        if kind not in kinds:
            raise Refusal(f"Unsupported query kind: {kind}", attr="query")
        return {**kinds[kind](query), "error": None, "is_cached": False, "timings": []}

    def counted(self, selection: Selection, by: Sequence[str], grain: Grain) -> Counted:
        """Counts by combination of `by` and by the second at which the bucket begins; what is not there is zero."""
        stream = self.history.streams.get(selection.event)
        if stream is None or any(dim not in stream.dims for dim in selection.where):
            return {}
        counts, bins = self._selected(stream, selection)
        known = [dim for dim in by if dim in stream.dims]
        others = tuple(axis + 1 for axis, dim in enumerate(stream.dims) if dim not in known)
        counts = counts.sum(axis=others)
        kept = [dim for dim in stream.dims if dim in known]
        counts = np.moveaxis(counts, [kept.index(dim) + 1 for dim in known], range(1, len(known) + 1))
        starts = self._starts(stream, grain)[bins]
        seconds, first = np.unique(starts, return_index=True)
        if not len(seconds):
            return {}
        sums = np.add.reduceat(counts, first, axis=0)
        values = [stream.dims[dim] for dim in known]
        found: Counted = {}
        for cell in product(*(range(len(v)) for v in values)):
            column = sums.reshape(len(seconds), -1)[:, np.ravel_multi_index(cell, sums.shape[1:]) if cell else 0]
            nonzero = column.nonzero()[0]
            if len(nonzero):
                named = dict(zip(known, (v[i] for v, i in zip(values, cell, strict=True)), strict=True))
                found[tuple(named.get(dim) for dim in by)] = dict(
                    zip(seconds[nonzero].tolist(), column[nonzero].tolist(), strict=True)
                )
        return found

    def _selected(self, stream: StreamCounts, selection: Selection) -> tuple[Counts, slice]:
        first, last = (
            int(np.clip(-((stream.start - moment) // stream.step), 0, len(stream.counts)))
            for moment in (selection.since, min(selection.until, self.now))
        )
        bins = slice(first, max(first, last))
        counts = stream.counts[bins]
        for axis, (dim, values) in enumerate(stream.dims.items(), start=1):
            if dim in selection.where:
                wanted = np.array([value in selection.where[dim] for value in values])
                counts = counts * wanted.reshape((-1,) + (1,) * (counts.ndim - 1 - axis))
        return counts, bins

    def _starts(self, stream: StreamCounts, grain: Grain) -> Counts:
        """The second at which the bucket of every bin begins."""
        key = (f"{stream.start}{len(stream.counts)}", grain)
        if key not in self._begun:
            moments = (stream.start + i * stream.step for i in range(len(stream.counts)))
            begun = [int(bucket_of(moment, grain, self.zone).timestamp()) for moment in moments]
            self._begun[key] = np.array(begun, dtype=np.int64)
        return self._begun[key]

    def _trends(self, query: Json) -> Json:
        grain = query.get("interval", "day")
        if grain not in ("hour", "day", "week", "month"):
            raise Refusal(f'"{grain}" is not a valid choice.', attr="interval")
        since, until = self._range(query)
        limit = int((query.get("breakdownFilter") or {}).get("breakdown_limit") or 25)
        axis = self._axis(since, until, grain)
        results: list[Json] = []
        for order, node in enumerate(_nodes(query)):
            by = _breakdowns(query)
            counted = self.counted(Selection(node["event"], since, until, _exact(query, node)), by, grain)
            ranked = sorted(counted.items(), key=lambda entry: -sum(entry[1].values())) if by else []
            series = [(list(values), counts) for values, counts in ranked[:limit]]
            if ranked[limit:]:
                rest: dict[int, int] = {}
                for _, counts in ranked[limit:]:
                    for second, count in counts.items():
                        rest[second] = rest.get(second, 0) + count
                series.append(([OTHER] * len(by), rest))
            for values, counts in series if by else [([], counted.get((), {}))]:
                results.append(_trend(node, order, axis, grain, self.zone, counts, values))
        return {"results": results, "hasMore": False, "hogql": None, "modifiers": None}

    def _axis(self, since: datetime, until: datetime, grain: Grain) -> list[int]:
        seconds: list[int] = []
        at = since
        while at <= until:
            second = int(bucket_of(at, grain, self.zone).timestamp())
            if not seconds or second != seconds[-1]:
                seconds.append(second)
            at += timedelta(hours=1)
        return seconds

    def _funnel(self, query: Json) -> Json:
        since, until = self._range(query)
        steps: list[Json] = []
        for order, node in enumerate(_nodes(query)):
            counted = self.counted(Selection(node["event"], since, until, _exact(query, node)), (), "day")
            count = sum(counted.get((), {}).values())
            # Who takes a step took those before it.
            count = min(count, steps[-1]["count"]) if steps else count
            steps.append(
                {
                    "action_id": node["event"], "name": node["event"], "custom_name": node.get("custom_name"),
                    "order": order, "count": count, "type": "events", "people": [],
                    "average_conversion_time": None, "median_conversion_time": None,
                }
            )  # fmt: skip
        return {"results": steps, "hogql": None, "modifiers": None, "isUdf": True}

    def _hogql(self, query: Json) -> Json:
        statement = _hogql_statement(str(query.get("query", "")), query.get("values") or {})
        counted = self.counted(statement.selection, statement.by, statement.grain)
        rows = [[*values, list(counts), list(counts.values())] for values, counts in counted.items()]
        if not statement.by and not rows:
            rows = [[[], []]]
        keys = [f"d{i}" for i in range(len(statement.by))]
        kept = rows[: statement.limit]
        return {
            "columns": [*keys, "groupArray(bucket)", "groupArray(n)"],
            "types": [*([key, "Nullable(String)"] for key in keys), ["groupArray(bucket)", "Array(UInt32)"],
                      ["groupArray(n)", "Array(UInt64)"]],
            "results": kept,
            "hasMore": len(rows) > len(kept),
            "limit": statement.limit,
            "offset": 0,
            "query": query["query"],
            "hogql": query["query"],
        }  # fmt: skip

    def _range(self, query: Json) -> tuple[datetime, datetime]:
        given = query.get("dateRange") or {}
        since = self._moment(given.get("date_from") or "-7d", "date_from")
        until = self._moment(given["date_to"], "date_to") if given.get("date_to") else self.now
        if not given.get("explicitDate"):
            since = bucket_of(since, "day", self.zone)
            until = bucket_of(until, "day", self.zone) + timedelta(days=1) - timedelta(microseconds=1)
        return since, until

    def _moment(self, text: str, attr: str) -> datetime:
        relative = _RELATIVE.match(text)
        if relative:
            hours = {"h": 1, "d": 24, "w": 168, "m": 720}[relative[2]]
            return self.now - timedelta(hours=hours * int(relative[1]))
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError:
            raise Refusal(f"Invalid date: {text}", attr=attr) from None
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=self.zone)


@dataclass(frozen=True)
class Statement:
    """What a HogQL statement of the known form asks for."""

    selection: Selection
    by: tuple[str, ...]
    grain: Grain
    limit: int


def _hogql_statement(text: str, values: Mapping[str, Any]) -> Statement:
    found = _STATEMENT.match(text)
    if found is None:
        raise Refusal("Syntax error: this project answers counts of events by bucket and property only.", attr="query")
    dims = _all(_DIMENSION, found["dims"])
    by = tuple(_property(dim) for dim in dims)
    keys = [f"d{i}" for i in range(len(by))]
    listed = [[key for key in (found[name] or "").split(", ") if key] for name in ("keys", "inner", "outer")]
    if any(named != keys for named in [*listed, [dim["alias"] for dim in dims]]):
        raise Refusal("Column in SELECT is neither aggregated nor in GROUP BY.", attr="query")
    if found["start"] not in _STARTS:
        raise Refusal(f"Unsupported function call: {found['start']}", attr="query")
    where: dict[str, Sequence[str]] = {}
    times: dict[str, datetime] = {}
    event = None
    for condition in _all(_CONDITION, found["where"]):
        column, compared, value = condition["column"], condition["operator"], condition["value"]
        if column == "event" and compared == "=":
            event = _constant(value, values)
        elif column == "timestamp" and compared != "=" and value.startswith("toDateTime("):
            said = value.removeprefix("toDateTime(").removesuffix(", 'UTC')")
            times[compared] = datetime.fromisoformat(_constant(said, values)).replace(tzinfo=UTC)
        elif column is None and compared == "=":
            where[_property(condition)] = (_constant(value, values),)
        else:
            raise Refusal(f"Unsupported condition: {condition[0]}", attr="query")
    if event is None or len(times) != 2:
        raise Refusal("Give the event and both ends of the period.", attr="query")
    limit = min(int(found["limit"]), MAX_ROWS)
    return Statement(Selection(event, times[">="], times["<"], where), by, _STARTS[found["start"]], limit)


def _all(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """What `text` is made of, piece by piece; nothing may be left over."""
    found: list[re.Match[str]] = []
    place = 0
    while place < len(text):
        piece = pattern.match(text, place)
        if piece is None:
            raise Refusal(f"Syntax error near: {text[place : place + 40]}", attr="query")
        found.append(piece)
        place = piece.end()
    return found


def _property(piece: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", piece["quoted"]) if piece["quoted"] else str(piece["plain"])


def _constant(text: str, values: Mapping[str, Any]) -> str:
    placeholder = _PLACEHOLDER.match(text)
    if placeholder:
        if placeholder[1] not in values:
            raise Refusal(f"Placeholder {{{placeholder[1]}}} is not available in this context.", attr="query")
        return str(values[placeholder[1]])
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    raise Refusal(f"Unsupported constant: {text}", attr="query")


def _nodes(query: Json) -> list[Json]:
    nodes = query.get("series")
    if not isinstance(nodes, list) or not nodes or not all(isinstance(n, dict) and n.get("event") for n in nodes):
        raise Refusal("This field is required.", "required", "series")
    return nodes


def _exact(query: Json, node: Json) -> dict[str, list[str]]:
    where: dict[str, list[str]] = {}
    for condition in [*(query.get("properties") or ()), *(node.get("properties") or ())]:
        if condition.get("operator", "exact") != "exact":
            raise Refusal(f"Unsupported operator: {condition['operator']}", attr="properties")
        value = condition["value"]
        where[condition["key"]] = [str(v) for v in value] if isinstance(value, list) else [str(value)]
    return where


def _breakdowns(query: Json) -> list[str]:
    chosen = query.get("breakdownFilter") or {}
    listed = [entry["property"] for entry in chosen.get("breakdowns") or ()]
    if len(listed) > 3:
        raise Refusal("List should have at most 3 items after validation", "too_long", "breakdownFilter.breakdowns")
    return listed or ([chosen["breakdown"]] if chosen.get("breakdown") else [])


def _trend(
    node: Json, order: int, axis: Sequence[int], grain: Grain, zone: ZoneInfo, counts: Mapping[int, int], values: Json
) -> Json:
    local = [datetime.fromtimestamp(second, tz=zone) for second in axis]
    data = [counts.get(second, 0) for second in axis]
    said = "::".join(map(str, values))
    return {
        "action": {"id": node["event"], "type": "events", "order": order, "name": node["event"], "math": "total"},
        "label": said or node["event"],
        "count": sum(data),
        "data": data,
        "days": [f"{at:%Y-%m-%d %H:%M:%S}" if grain == "hour" else f"{at:%Y-%m-%d}" for at in local],
        "labels": [f"{at.day}-{at:%b-%Y}" + (f" {at:%H:%M}" if grain == "hour" else "") for at in local],
        **({"breakdown_value": values if len(values) > 1 else values[0]} if values else {}),
    }
