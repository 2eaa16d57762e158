"""Sentry: errors, how often they happen, whom they concern, and where in the code they are thrown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, matches, serves, together
from tools.kit.errors import NotFound
from tools.kit.paging import by_link, first
from tools.kit.wire import Answer, WireOptions
from tools.nouns import ErrorEvent, ErrorGroup, utc
from tools.sentry.writing import ACTIONS
from tools.verbs import ErrorsEvents, ErrorsGet, ErrorsSearch

Level = Literal["fatal", "error", "warning", "info"]
State = Literal["unresolved", "resolved", "ignored"]
Hours = tuple[tuple[datetime, int], ...]

PERIOD = timedelta(days=90)  # the longest that Sentry keeps events on most plans
RECENT = timedelta(days=14)
DETAILED = 30  # issues of one search whose tags and hours are fetched: two requests each
SERIES_AT_ONCE = 10  # Sentry's bound on topEvents
COMMON = 0.6  # a tag's value speaks for an issue when this share of its events has it
_LEVELS: dict[str, Level] = {"fatal": "fatal", "error": "error", "warning": "warning"}
_STATES: dict[str, State] = {"resolved": "resolved", "ignored": "ignored"}
_FIELDS = frozenset({"level", "release", "environment"})  # said by the noun itself


class SentrySettings(ServiceSettings):
    """How to reach Sentry."""

    base_url: str = Field(
        default="https://sentry.io/api/0", description="the API's address; your own host if you run Sentry yourself"
    )
    token: SecretStr = Field(
        description="an internal integration's token with org:read, project:read and event:read, and to resolve and "
        "assign errors event:write (Settings → Developer Settings → Internal Integration)"
    )
    organization: str = Field(default="", description="the organization's slug; the token's only one if left out")


class Sentry(Connector):
    """Reads one organization's issues and events."""

    name = "sentry"
    title = "Sentry"
    Settings = SentrySettings
    actions = ACTIONS

    @classmethod
    def wire_options(cls, settings: SentrySettings) -> WireOptions:
        return WireOptions(
            base_url=settings.base_url,
            auth=Token(settings.token),
            remaining="x-sentry-rate-limit-remaining",
            reset="x-sentry-rate-limit-reset",
        )

    async def check(self) -> Sight:
        organization = await self.organization()
        projects = (await self.wire.get(f"{organization}projects/")).data
        return Sight(organization.split("/")[1], tuple(f"project {project['slug']}" for project in projects))

    @serves(ErrorsSearch)
    async def search(self, ask: ErrorsSearch) -> Sequence[ErrorGroup]:
        """Sentry ranks by users concerned; words are matched here, as Sentry only finds whole phrases."""
        organization = await self.organization()
        until = ask.until or self.now()
        since = ask.since or until - PERIOD
        wanted = {"is": None if ask.state == "all" else ask.state, "level": ask.level, "release": ask.release}
        query = " ".join(f'{key}:"{value}"' for key, value in wanted.items() if value)
        params = {"query": query, "sort": "user", "limit": 100, "start": _iso(since), "end": _iso(until)}
        found = await first(self._issues(f"{organization}issues/", params, ask.text), ask.limit)
        recent = max(since, until - PERIOD) if ask.since else until - RECENT
        shown = found[:DETAILED]
        async with asyncio.TaskGroup() as group:
            hours = group.create_task(self._hours(organization, shown, recent, until))
            details = [group.create_task(self._detail(organization, issue)) for issue in shown]
        happened = hours.result()
        detailed = [_group(task.result(), happened.get(task.result()["shortId"], ())) for task in details]
        return [*detailed, *(_group(issue, ()) for issue in found[DETAILED:])]

    @serves(ErrorsGet)
    async def get(self, ask: ErrorsGet) -> Sequence[ErrorGroup]:
        organization = await self.organization()
        issue = await self.find(organization, ask.ref)
        async with asyncio.TaskGroup() as group:
            detail = group.create_task(self._detail(organization, issue))
            hours = group.create_task(self._hours(organization, [issue], self.now() - RECENT, self.now()))
            latest = group.create_task(self.wire.get(f"{organization}issues/{issue['id']}/events/latest/"))
        frames = _frames(latest.result().data)
        line = next((frame["lineNo"] for frame in reversed(frames) if frame.get("inApp", True)), None)
        return [_group(detail.result(), hours.result().get(issue["shortId"], ()), line)]

    @serves(ErrorsEvents)
    async def events(self, ask: ErrorsEvents) -> Sequence[ErrorEvent]:
        organization = await self.organization()
        issue = await self.find(organization, ask.ref)
        path = f"{organization}issues/{issue['id']}/events/"
        pages = by_link(self.wire, path, {"full": "true", "per_page": min(ask.limit, 100)})
        return [_event(record, issue) for record in await first(_records(pages), ask.limit)]

    async def organization(self) -> str:
        """The path below which the organization's records are."""
        slug = self.settings.organization
        if not slug:
            seen = (await self.wire.get("organizations/")).data
            if not seen:
                raise NotFound("Sentry shows no organization to this token.", service=self.name)
            slug = seen[0]["slug"]
        return f"organizations/{quote(slug, safe='')}/"

    async def find(self, organization: str, ref: str) -> Any:
        """An issue by its short id (PORTAL-2041) or its number."""
        if ref.isdigit():
            return (await self.wire.get(f"{organization}issues/{ref}/")).data
        try:
            found = (await self.wire.get(f"{organization}shortids/{quote(ref.upper(), safe='')}/")).data
        except NotFound:
            raise NotFound(f"Sentry has no issue {ref}.", service=self.name) from None
        return found["group"]

    async def _issues(self, path: str, params: dict[str, Any], text: str) -> AsyncIterator[Any]:
        async for issue in _records(by_link(self.wire, path, params)):
            if matches(text, issue["title"], issue.get("culprit"), str(issue.get("metadata")), issue["shortId"]):
                yield issue

    async def _detail(self, organization: str, issue: Any) -> Any:
        """The issue with its first release, and what its events have in common as `common`.

        `/issues/{id}/tags/` is what Sentry's own pages read; its description publishes it one tag at a time only.
        """
        path = f"{organization}issues/{issue['id']}/"
        answer, tags = await together([self.wire.get(path), self.wire.get(f"{path}tags/")])
        return {**issue, **answer.data, "common": dict(_common(tags.data))}

    async def _hours(
        self, organization: str, issues: Sequence[Any], since: datetime, until: datetime
    ) -> dict[str, Hours]:
        """Events an hour of each issue, by short id."""
        names = [str(issue["shortId"]) for issue in issues]
        batches = [names[i : i + SERIES_AT_ONCE] for i in range(0, len(names), SERIES_AT_ONCE)]
        asked: dict[str, Any] = {
            "dataset": "errors", "yAxis": "count()", "groupBy": ["issue"], "sort": "-count()", "interval": 3600,
            "topEvents": SERIES_AT_ONCE, "excludeOther": "1", "start": _iso(since), "end": _iso(until),
        }  # fmt: skip
        answers = await together(
            self.wire.get(f"{organization}events-timeseries/", {**asked, "query": f"issue:[{','.join(batch)}]"})
            for batch in batches
        )
        return {
            str(series["groupBy"][0]["value"]): tuple(
                (utc(point["timestamp"] / 1000), round(point["value"])) for point in series["values"]
            )
            for answer in answers
            for series in answer.data["timeSeries"]
        }


async def _records(pages: AsyncIterator[Answer]) -> AsyncIterator[Any]:
    async for page in pages:
        for record in page.data:
            yield record


def _group(issue: Any, hours: Hours, line: int | None = None) -> ErrorGroup:
    lifetime = issue.get("lifetime") or issue
    release = issue.get("firstRelease")
    return ErrorGroup(
        service="sentry",
        ref=issue["shortId"],
        url=issue["permalink"],
        at=lifetime["firstSeen"],
        last_seen=lifetime["lastSeen"],
        title=issue["title"],
        culprit=issue["metadata"].get("filename") or issue["culprit"] or "",
        function=issue["metadata"].get("function"),
        line=line,
        level=_LEVELS.get(issue["level"], "info"),
        state=_STATES.get(issue["status"], "unresolved"),
        count=int(lifetime["count"]),
        users=lifetime["userCount"],
        release=release["version"] if release else None,
        tags=issue.get("common", {}),
        recent=hours,
    )


def _common(tags: Any) -> Iterator[tuple[str, str]]:
    """The tags that most events of an issue share, with the shared value."""
    for tag in tags:
        top = (tag.get("topValues") or [{}])[0]
        if tag["key"] not in _FIELDS and top.get("value") and top["count"] >= COMMON * tag["totalValues"]:
            yield tag["key"], str(top["value"])


def _event(event: Any, issue: Any) -> ErrorEvent:
    frames = [
        f"{f.get('filename') or f.get('module')}:{f.get('lineNo')} in {f.get('function')}" for f in _frames(event)
    ]
    return ErrorEvent(
        service="sentry",
        ref=event["eventID"],
        url=f"{issue['permalink']}events/{event['eventID']}/",
        at=event["dateCreated"],
        title=event["title"],
        group=issue["shortId"],
        message=event.get("message") or event["metadata"].get("value") or "",
        frames=tuple(frames),
        tags={tag["key"]: tag["value"] for tag in event["tags"]},
    )


def _frames(event: Any) -> list[Any]:
    """The stack of an event's exception, innermost frame last."""
    for entry in event.get("entries") or ():
        if entry["type"] == "exception":
            stack = entry["data"]["values"][-1].get("stacktrace") or {}
            return [frame for frame in stack.get("frames") or () if frame]
    return []


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
