"""PostHog: what people did in the product, feature flags and who gets them, remarks on the time axis."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr

from tools import verbs
from tools.kit.auth import Token
from tools.kit.buckets import buckets, gapless
from tools.kit.connector import Connector, LinkedSettings, Sight, matches, numbered, serves, together
from tools.kit.errors import NotFound
from tools.kit.paging import by_cursor
from tools.kit.wire import Json, Params, WireOptions
from tools.nouns import Annotation, Flag, FlagChange, Funnel, FunnelStep, Grain, Metric, Point, Series, utc
from tools.posthog.flags import differences, groups
from tools.posthog.writing import ACTIONS

# Weeks and months are summed from days, because each project chooses the day on which its weeks begin.
_START_OF: dict[Grain, str] = {
    "minute": "toStartOfInterval(timestamp, toIntervalMinute(15))",
    "hour": "toStartOfHour(timestamp)",
    **dict.fromkeys(("day", "week", "month"), "toStartOfDay(timestamp)"),
}
_MAX_ROWS = 50_000  # PostHog's own ceiling for one HogQL answer
_PROPERTIES_WITH_VALUES = 40  # its values endpoint allows 60 requests a minute
_REMARK = re.compile(r"^(?P<title>.+?)(?: \((?P<source>[^()]+)\))?: (?P<what>started|ended)$")


class PostHog(Connector):
    """Product analytics. Days, weeks and months are the project's own, in its timezone."""

    name = "posthog"
    title = "PostHog"
    actions = ACTIONS

    class Settings(LinkedSettings):
        base_url: str = Field("https://us.posthog.com", description="us.posthog.com, eu.posthog.com or your own host")
        token: SecretStr = Field(
            description="a personal API key with read scopes, and feature_flag:write to change flags: Settings → "
            "Personal API keys"
        )
        project_id: str = Field(description="the number in the project's address: /project/<number>")

    @classmethod
    def wire_options(cls, settings: Settings) -> WireOptions:
        return WireOptions(base_url=settings.base_url, auth=Token(settings.token), timeout=30.0)

    _timezone: ZoneInfo | None = None

    async def check(self) -> Sight:
        project, events, flags = await together(
            [self.get(""), self.get("event_definitions/", {"limit": 1}), self.get("feature_flags/", {"limit": 1})]
        )
        seen = numbered(events["count"], "event type"), numbered(flags["count"], "feature flag")
        return Sight(project["name"], seen)

    @serves(verbs.MetricsList)
    async def metrics(self, request: verbs.MetricsList) -> Sequence[Metric]:
        """Every kind of event with its text properties; values are given for the first 40 properties by name."""
        events = [record async for record in self.pages("event_definitions/", {"limit": 100})]
        properties = await together(self._properties(event["name"]) for event in events)
        known = sorted({name for names in properties for name in names}, key=lambda name: (name.startswith("$"), name))
        listed = await together(self.values(name) for name in known[:_PROPERTIES_WITH_VALUES])
        values = dict(zip(known, listed, strict=False))
        return [
            Metric(
                service=self.name,
                ref=event["name"],
                url=self._insight(event["name"]),
                at=event.get("created_at") or utc(0),
                title=event["name"],
                name=event["name"],
                description=event.get("description") or "",
                dims={name: values.get(name, ()) for name in names},
            )
            for event, names in zip(events, properties, strict=True)
        ]

    @serves(verbs.MetricsSeries)
    async def series(self, request: verbs.MetricsSeries) -> Sequence[Series]:
        """One series from the bucket of `since` to `until` or now; NotFound if the project knows no such event."""
        return await self._series(request, ())

    @serves(verbs.MetricsBreakdown)
    async def breakdown(self, request: verbs.MetricsBreakdown) -> Sequence[Series]:
        """One series per combination of values that occurred, in one query; `minute` gives quarter hours."""
        return await self._series(request, request.by)

    @serves(verbs.MetricsFunnel)
    async def funnel(self, request: verbs.MetricsFunnel) -> Sequence[Funnel]:
        """How many took each step, in order, within [since, until)."""
        until = min(request.until or self.now(), self.now())
        # PostHog counts both ends in; a millisecond keeps the end out.
        last = (until - timedelta(milliseconds=1)).isoformat()
        exact = {"operator": "exact", "type": "event"}
        found = await self._query(
            {
                "kind": "FunnelsQuery",
                "series": [{"kind": "EventsNode", "event": step, "name": step} for step in request.steps],
                "dateRange": {"date_from": request.since.isoformat(), "date_to": last, "explicitDate": True},
                "properties": [{"key": key, "value": [value], **exact} for key, value in request.where.items()],
                "funnelsFilter": {"funnelVizType": "steps", "funnelOrderType": "ordered"},
            }
        )
        steps = sorted(found["results"], key=lambda step: step["order"])
        return [
            Funnel(
                service=self.name,
                ref=" → ".join(request.steps),
                url=self._insight(*request.steps, insight="FUNNELS"),
                at=request.since,
                until=until,
                title=f"Funnel {' → '.join(request.steps)}",
                where=request.where,
                steps=tuple(
                    FunnelStep(metric=name, count=step["count"])
                    for name, step in zip(request.steps, steps, strict=True)
                ),
            )
        ]

    @serves(verbs.FlagsList)
    async def flags(self, request: verbs.FlagsList) -> Sequence[Flag]:
        """Flags as they stand; one that is released to several groups of people appears once for each."""
        found = [
            Flag(
                service=self.name,
                ref=record["key"],
                url=self.url(f"feature_flags/{record['id']}"),
                at=record["created_at"],
                title=record.get("name") or record["key"],
                key=record["key"],
                rollout=rollout if record["active"] else 0.0,
                where=where,
                active=record["active"],
            )
            async for record in self.pages("feature_flags/", {"limit": 100})
            if matches(request.text, record["key"], record.get("name"))
            for where, rollout in groups(record.get("filters"))
        ]
        return sorted(found, key=lambda flag: flag.at, reverse=True)[: request.limit]

    @serves(verbs.FlagsHistory)
    async def flag_changes(self, request: verbs.FlagsHistory) -> Sequence[FlagChange]:
        """Changes of who gets a flag, from the project's activity log."""
        found: list[FlagChange] = []
        async for record in self.pages("feature_flags/activity/", {"limit": 100, "page": 1}):
            at = datetime.fromisoformat(record["created_at"])
            if request.since and at < request.since:
                break
            if (request.until and at >= request.until) or (request.key and record["detail"]["name"] != request.key):
                continue
            found.extend(self._changes(record))
            if len(found) >= request.limit:
                break
        return found[: request.limit]

    @serves(verbs.AnnotationsList)
    async def annotations(self, request: verbs.AnnotationsList) -> Sequence[Annotation]:
        """Remarks that touch the period. "Title (source): started" and "Title (source): ended" are one, with an end."""
        records = [record async for record in self.pages("annotations/", {"limit": 100})]
        remarks = [self._annotation(one) for one in records if not one.get("deleted") and one["date_marker"]]
        since, until = request.since or utc(0), request.until or self.now()
        touching = [
            remark
            for remark, goes_on in _fold(sorted(remarks, key=lambda remark: remark.at))
            if remark.at < until and (goes_on or (remark.until or remark.at) >= since)
        ]
        return touching[::-1][: request.limit]

    async def get(self, path: str, params: Params | None = None) -> Json:
        """What stands below the project at `path`."""
        return (await self.wire.get(f"/api/projects/{self.settings.project_id}/{path}", params)).data

    async def _query(self, query: Json) -> Json:
        body = {"query": query, "refresh": "blocking"}
        return (await self.wire.post(f"/api/projects/{self.settings.project_id}/query/", body)).data

    async def pages(self, path: str, params: Params) -> AsyncIterator[Json]:
        """The records of a list below the project, page after page."""

        async def fetch(following: str | None) -> Json:
            return (await self.wire.get(following)).data if following else await self.get(path, params)

        async for page in by_cursor(fetch, lambda page: page.get("next")):
            for record in page["results"]:
                yield record

    async def _zone(self) -> ZoneInfo:
        if self._timezone is None:
            self._timezone = ZoneInfo((await self.get(""))["timezone"])
        return self._timezone

    async def _properties(self, event: str) -> list[str]:
        params: Params = {"event_names": json.dumps([event]), "filter_by_event_names": "true", "limit": 100}
        found = [record async for record in self.pages("property_definitions/", params)]
        return [p["name"] for p in found if not p.get("is_numerical") and p.get("property_type") in (None, "String")]

    async def values(self, key: str, like: str | None = None) -> tuple[str, ...]:
        """Values of a property that were seen, of many the commonest; those that are like `like`, if it is given."""
        found = await self.get("events/values/", {"key": key, "value": like})
        return tuple(str(record["name"]) for record in (found["results"] if isinstance(found, dict) else found))

    async def _counts(
        self, request: verbs.MetricsSeries | verbs.MetricsBreakdown, by: Sequence[str], since: datetime, until: datetime
    ) -> dict[tuple[str, ...], dict[datetime, int]]:
        """Counts by bucket for each combination of `by` that occurred; PostHog answers one row for each."""
        dims = "".join(f"properties.{_quoted(name)} AS d{i}, " for i, name in enumerate(by))
        keys = "".join(f"d{i}, " for i in range(len(by)))
        filters = "".join(f" AND properties.{_quoted(name)} = {{w{i}}}" for i, name in enumerate(request.where))
        inner = (
            f"SELECT {dims}toUnixTimestamp({_START_OF[request.grain]}) AS bucket, count() AS n FROM events"
            f" WHERE event = {{event}} AND timestamp >= toDateTime({{since}}, 'UTC')"
            f" AND timestamp < toDateTime({{until}}, 'UTC'){filters} GROUP BY {keys}bucket"
        )
        outer = f" GROUP BY {keys.rstrip(', ')}" if by else ""
        found = await self._query(
            {
                "kind": "HogQLQuery",
                "query": f"SELECT {keys}groupArray(bucket), groupArray(n) FROM ({inner}){outer} LIMIT {_MAX_ROWS}",
                "values": {
                    "event": request.metric,
                    "since": f"{utc(since.timestamp()):%Y-%m-%d %H:%M:%S}",
                    "until": f"{utc(until.timestamp()):%Y-%m-%d %H:%M:%S}",
                    **{f"w{i}": value for i, value in enumerate(request.where.values())},
                },
            }
        )
        return {
            tuple("" if value is None else str(value) for value in row[: len(by)]): {
                utc(second): int(count) for second, count in zip(row[-2], row[-1], strict=True)
            }
            for row in found["results"]
        }

    async def _series(self, request: verbs.MetricsSeries | verbs.MetricsBreakdown, by: Sequence[str]) -> list[Series]:
        zone = await self._zone()
        until = min(request.until or self.now(), self.now())
        axis = buckets(request.since, until, request.grain, zone)
        counted = await self._counts(request, by, axis[0], until) if axis else {}
        if axis and not any(any(counts.values()) for counts in counted.values()):
            # A misspelt event would otherwise look like one that never happened.
            alike = self.pages("event_definitions/", {"search": request.metric, "limit": 100})
            if request.metric not in [event["name"] async for event in alike]:
                raise NotFound(f"PostHog knows no event {request.metric!r}; metrics.list names all.", service=self.name)
        # Most buckets of a fine breakdown are empty, and share one point each.
        empty = [Point(at=at, value=0.0) for at in axis]
        found: list[Series] = []
        for values, counts in sorted(counted.items()):
            numbers = zip(empty, gapless(counts, axis, request.grain, zone), strict=True)
            where = {**request.where, **dict(zip(by, values, strict=True))}
            said = ", ".join(f"{name} {value or '(none)'}" for name, value in where.items())
            found.append(
                Series(
                    service=self.name,
                    ref=request.metric,
                    url=self._insight(request.metric),
                    at=axis[0],
                    title=f"{request.metric} by {request.grain}" + (f" where {said}" if said else ""),
                    metric=request.metric,
                    grain=request.grain,
                    timezone=str(zone),
                    where=where,
                    points=tuple(Point(at=zero.at, value=number) if number else zero for zero, number in numbers),
                )
            )
        return found

    def _changes(self, record: Json) -> list[FlagChange]:
        """One change for every group of people whose share changed."""
        detail, user = record["detail"], record.get("user") or {}
        return [
            FlagChange(
                service=self.name,
                ref=record["id"],
                url=self.url(f"feature_flags/{record['item_id']}?activity={record['id']}"),
                at=record["created_at"],
                title=f"{detail['name']}: " + " → ".join("—" if s is None else f"{s:g}%" for s in (before, after)),
                key=detail["name"],
                before=before,
                after=after,
                where=where,
                author=user.get("email") or user.get("first_name"),
            )
            for where, before, after in differences(detail.get("changes") or ())
        ]

    def _annotation(self, record: Json) -> Annotation:
        return Annotation(
            service=self.name,
            ref=f"annotation-{record['id']}",
            url=self.url(f"annotations/{record['id']}"),
            at=record["date_marker"],
            title=record["content"] or "",
            body=record["content"] or "",
        )

    def url(self, path: str) -> str:
        """The page of something in the project."""
        return f"{self.settings.site()}/project/{self.settings.project_id}/{path}"

    def _insight(self, *events: str, insight: str = "TRENDS") -> str:
        asked = json.dumps([{"id": event, "type": "events", "order": i} for i, event in enumerate(events)])
        return self.url(f"insights/new?{urlencode({'insight': insight, 'events': asked})}")


def _fold(remarks: Sequence[Annotation]) -> list[tuple[Annotation, bool]]:
    """Remarks in order of time, an end joined to the start of the same name; True where something still goes on."""
    folded: list[tuple[Annotation, bool]] = []
    open_at: dict[str, int] = {}
    for remark in remarks:
        said = _REMARK.match(remark.title)
        if said is None:
            folded.append((remark, False))
            continue
        starts, name = said["what"] == "started", remark.title.rpartition(": ")[0]
        if not starts and name in open_at:
            place = open_at.pop(name)
            folded[place] = (folded[place][0].model_copy(update={"until": remark.at}), False)
            continue
        open_at |= {name: len(folded)} if starts else {}
        told = {"title": said["title"], "where": {"source": said["source"]} if said["source"] else {}}
        folded.append((remark.model_copy(update=told), starts))
    return folded


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
