"""PagerDuty: alerts that fired, incidents that people worked on, and who is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, matches, serves, together
from tools.kit.paging import by_offset, first
from tools.kit.wire import WireOptions
from tools.nouns import Alert, Incident, Person, utc
from tools.verbs import AlertsList, IncidentsSearch, PeopleFind

Severity = Literal["critical", "warning", "info"]

PAGE = 100
LONGEST = timedelta(days=180)  # PagerDuty answers for six months at most in one question
LOOKED_AT = 500  # incidents of one search whose notes are read
_SEVERITIES: dict[str, Severity] = {"critical": "critical", "error": "critical", "warning": "warning", "info": "info"}


class PagerDutySettings(ServiceSettings):
    """How to reach PagerDuty."""

    base_url: str = Field(
        default="https://api.pagerduty.com", description="the API's address; https://api.eu.pagerduty.com in the EU"
    )
    token: SecretStr = Field(description="a read-only REST API key (Integrations → API Access Keys)")


class PagerDuty(Connector):
    """Reads incidents. Monitors open one for each alert; incidents proper have none, or notes that tell their story."""

    name = "pagerduty"
    title = "PagerDuty"
    Settings = PagerDutySettings

    @classmethod
    def wire_options(cls, settings: PagerDutySettings) -> WireOptions:
        return WireOptions(
            base_url=settings.base_url,
            auth=Token(settings.token, scheme="Token token="),
            headers={"Accept": "application/vnd.pagerduty+json;version=2"},
            remaining="ratelimit-remaining",
            reset="ratelimit-reset",
            reset_is_delta=True,
        )

    async def check(self) -> Sight:
        services = (await self.wire.get("services", {"limit": PAGE})).data["services"]
        return Sight("PagerDuty account", tuple(f"service {service['name']}" for service in services))

    @serves(AlertsList)
    async def alerts(self, ask: AlertsList) -> Sequence[Alert]:
        return await first(self._alerts(ask.since, ask.until), ask.limit)

    @serves(IncidentsSearch)
    async def incidents(self, ask: IncidentsSearch) -> Sequence[Incident]:
        return await first(self._told(ask), ask.limit)

    @serves(PeopleFind)
    async def people(self, ask: PeopleFind) -> Sequence[Person]:
        async def page(offset: int) -> Any:
            return (await self.wire.get("users", {"limit": PAGE, "offset": offset})).data

        found: list[Person] = []
        async for answer in by_offset(page, lambda data: data["more"], PAGE):
            found += [
                person for user in answer["users"] if matches(ask.text, (person := _person(user)).name, person.email)
            ]
        return found[: ask.limit]

    async def _alerts(self, since: datetime | None, until: datetime | None) -> AsyncIterator[Alert]:
        async for incidents in self._pages(since, until):
            fired = [incident for incident in incidents if incident["alert_counts"]["all"]]
            answers = await together(self.wire.get(f"incidents/{i['id']}/alerts", {"limit": PAGE}) for i in fired)
            for incident, answer in zip(fired, answers, strict=True):
                for alert in answer.data["alerts"]:
                    yield _alert(alert, incident)

    async def _told(self, ask: IncidentsSearch) -> AsyncIterator[Incident]:
        looked_at = 0
        async for incidents in self._pages(ask.since, ask.until):
            notes = await together(self.wire.get(f"incidents/{i['id']}/notes") for i in incidents)
            for record, said in zip(incidents, notes, strict=True):
                incident = _incident(record, said.data["notes"])
                proper = incident.body or not record["alert_counts"]["all"]
                if proper and matches(ask.text, incident.title, incident.body):
                    yield incident
            looked_at += len(incidents)
            if looked_at >= LOOKED_AT:
                return

    async def _pages(self, since: datetime | None, until: datetime | None) -> AsyncIterator[list[Any]]:
        """Incidents of a period page by page, newest first; of all time up to `until` where it has no start."""
        end = until or self.now()
        periods: list[dict[str, str]] = [{"date_range": "all"}]
        if since is not None:
            periods = [{"since": _iso(start), "until": _iso(stop)} for start, stop in _windows(since, end)]
        for period in periods:

            async def page(offset: int, period: dict[str, str] = period) -> Any:
                asked: dict[str, str | int] = {**period, "limit": PAGE, "offset": offset, "sort_by": "created_at:desc"}
                return (await self.wire.get("incidents", asked)).data

            async for answer in by_offset(page, lambda data: data["more"], PAGE):
                yield [i for i in answer["incidents"] if _at(i) < end and (since is None or since <= _at(i))]


def _windows(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """A period in parts that PagerDuty accepts, the latest first."""
    while since < until:
        start = max(since, until - LONGEST)
        yield start, until
        until = start


def _alert(alert: Any, incident: Any) -> Alert:
    by_urgency = "critical" if incident.get("urgency") == "high" else "warning"
    return Alert(
        service="pagerduty",
        ref=alert["id"],
        url=alert["html_url"],
        at=alert["created_at"],
        title=alert["summary"],
        component=alert["service"]["summary"],
        severity=_SEVERITIES.get(alert.get("severity") or by_urgency, "warning"),
        resolved_at=_resolved(incident) if alert["status"] == "resolved" else None,
    )


def _incident(incident: Any, notes: Any) -> Incident:
    told = sorted(notes, key=lambda note: str(note["created_at"]))
    return Incident(
        service="pagerduty",
        ref=incident["id"],
        url=incident["html_url"],
        at=incident["created_at"],
        title=incident["title"],
        component=incident["service"]["summary"],
        body="\n\n".join(note["content"] for note in told),
        resolved_at=_resolved(incident),
    )


def _resolved(incident: Any) -> Any:
    """When an incident ended; older accounts tell it as the last change of its status."""
    if incident["status"] != "resolved":
        return None
    return incident.get("resolved_at") or incident["last_status_change_at"]


def _person(user: Any) -> Person:
    teams = user.get("teams") or []
    return Person(
        service="pagerduty",
        ref=user["id"],
        url=user["html_url"],
        at=utc(0),
        title=user["name"],
        name=user["name"],
        email=user.get("email"),
        role=user.get("job_title"),
        team=teams[0]["summary"] if teams else None,
    )


def _at(incident: Any) -> datetime:
    return datetime.fromisoformat(incident["created_at"])


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
