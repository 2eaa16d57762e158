"""An issue of Sentry: an error of the world, with the hours in which it happened, as Sentry's records show it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np

from app.demo.company import Company
from app.demo.world import Artefact

HOUR = 3600
EVENTS_KEPT = 100
_TERM = re.compile(r'(!?)([A-Za-z][\w.]*):("[^"]*"|\[[^\]]*\]|\S+)')


@dataclass(frozen=True)
class Problem:
    """One issue of Sentry: an error of the world, with the hours in which it happened."""

    company: Company
    artefact: Artefact
    changed: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return str(self.changed.get("status") or self.artefact["state"] or "unresolved")

    def note(self, fields: Mapping[str, Any]) -> None:
        """Changes fields of the issue, and remembers it among its activity."""
        before = {"status": self.status, "assignedTo": self.changed.get("assignedTo")}
        self.changed.update(fields)
        kinds = {"resolved": "set_resolved", "unresolved": "set_unresolved", "ignored": "set_ignored"}
        found = [kinds[self.status]] if before["status"] != self.status else []
        if "assignedTo" in fields and before["assignedTo"] != fields["assignedTo"]:
            found.append("assigned" if fields["assignedTo"] else "unassigned")
        for kind in found:
            self.history.insert(
                0, {"id": str(len(self.history) + 1), "type": kind, "user": None, "data": {},
                    "dateCreated": iso(self.company.now)}
            )  # fmt: skip

    @property
    def number(self) -> str:
        return self.company.ref(self.artefact.id).number

    @property
    def short(self) -> str:
        return self.company.ref(self.artefact.id).ref

    @cached_property
    def first(self) -> datetime:
        assert self.artefact.at is not None
        return self.artefact.at

    @cached_property
    def last(self) -> datetime:
        return min(self.artefact.time("last_seen") or self.company.now, self.company.now)

    @cached_property
    def release(self) -> str | None:
        name = self.artefact["release"]
        return self.company.sha(str(name)) if name and self.company.get(str(name)) else None

    @cached_property
    def tags(self) -> dict[str, str]:
        tags = {str(key): str(value) for key, value in (self.artefact["tags"] or {}).items()}
        if self.release:
            tags["release"] = self.release
        return {**tags, "environment": "production", "level": str(self.artefact["level"])}

    @cached_property
    def hours(self) -> dict[int, int]:
        """Events by the hour's start in seconds since the epoch, from first to last seen."""
        first, last = int(self.first.timestamp()), int(self.last.timestamp())
        starts = np.arange(first - first % HOUR, last + 1, HOUR)
        share = (np.minimum(starts + HOUR, last) - np.maximum(starts, first)) / HOUR
        rng = np.random.default_rng(int(self.company.sha(self.artefact.id)[:15], 16))
        counts = rng.poisson(float(self.artefact["per_hour"] or 1) * np.clip(share, 0, 1))
        counts[[0, -1]] = np.maximum(counts[[0, -1]], 1)
        return dict(zip(starts.tolist(), counts.tolist(), strict=True))

    def count(self, since: datetime, until: datetime) -> int:
        return sum(n for start, n in self.hours.items() if since.timestamp() - HOUR < start < until.timestamp())

    def events(self) -> list[tuple[datetime, str]]:
        """When the latest events happened and their ids, newest first; the last of all is the first that was seen."""
        gap = timedelta(seconds=HOUR / max(float(self.artefact["per_hour"] or 1), 0.01))
        total = sum(self.hours.values())
        kept = [self.last - gap * i for i in range(min(total, EVENTS_KEPT)) if self.last - gap * i > self.first]
        sha = self.company.sha(self.artefact.id)
        return [(at, f"{i:04x}{sha[:28]}") for i, at in enumerate([*kept, self.first])]

    def first_release(self) -> dict[str, Any] | None:
        deployed = self.company.get(str(self.artefact["release"]))
        if not self.release or deployed is None or deployed.at is None:
            return None
        at = iso(deployed.at)
        return {
            "version": self.release, "shortVersion": self.release[:7], "dateCreated": at, "dateReleased": at,
            "ref": self.release, "url": None,
        }  # fmt: skip

    def stats(self, count: int, step: int) -> list[list[int]]:
        end = int(self.company.now.timestamp()) // step * step + step
        starts = range(end - count * step, end, step)
        return [[start, sum(self.hours.get(start + h, 0) for h in range(0, step, HOUR))] for start in starts]

    def base(self) -> dict[str, Any]:
        a = self.artefact
        title = self.company.words(str(a["title"]))
        kind, _, value = title.partition(": ") if ": " in title else ("Error", "", title)
        seen = {"firstSeen": iso(self.first), "lastSeen": iso(self.last)}
        return {
            "id": self.number, "shareId": None, "shortId": self.short, "title": title, "culprit": a["culprit"],
            "permalink": self.company.ref(a.id).url, "logger": None, "level": a["level"],
            "status": self.status, "statusDetails": self.changed.get("statusDetails", {}),
            "substatus": self.changed.get("substatus"), "isPublic": False,
            "platform": "javascript", "priority": {"warning": "low"}.get(str(a["level"]), "high"),
            "priorityLockedAt": None, "seerFixabilityScore": None, "seerAutofixLastTriggered": None,
            "seerExplorerAutofixLastTriggered": None, "project": project(self.company), "type": "error",
            "issueType": "error", "issueCategory": "error",
            "metadata": {"type": kind, "value": value, "filename": a["culprit"],
            **({"function": a["function"]} if a["function"] else {})}, "numComments": 0,
            "assignedTo": self.changed.get("assignedTo"),
            "isBookmarked": False, "isSubscribed": False, "subscriptionDetails": None, "hasSeen": True,
            "annotations": [], "isUnhandled": True, "count": str(sum(self.hours.values())),
            "userCount": a["users"] or 0, **seen,
        }  # fmt: skip

    def listed(self, period: tuple[datetime, datetime] | None) -> dict[str, Any]:
        base = self.base()
        lifetime = {key: base[key] for key in ("count", "userCount", "firstSeen", "lastSeen")} | {"stats": None}
        return {
            **base, "count": str(self.count(*period)) if period else base["count"], "lifetime": lifetime,
            "filtered": None, "sessionCount": 0,
            "inbox": {"reason": 0, "reason_details": dict.fromkeys(("until", "count", "window", "user_count",
            "user_window")), "date_added": base["firstSeen"]}, "owners": {"type": "codeowners", "owner": "team:1",
            "date_added": base["firstSeen"]}, "integrationIssues": [],
            "sentryAppIssues": [], "latestEventHasAttachments": False, "matchingEventId": None,
            "matchingEventEnvironment": None, "derivedData": {"blocker": "none", "progress": "none", "status": "open",
            "viewCount": 0, "hasOpenFixPr": False, "isAssigned": False, "hasRootCause": False,
            "lastCompletedAutofixStep": "none", "lastProgressedAt": None}, "stats": {"24h": self.stats(24, HOUR)},
        }  # fmt: skip

    def event(self, at: datetime, name: str, full: bool) -> dict[str, Any]:
        base, a = self.base(), self.artefact
        frame = {"filename": a["culprit"], "absPath": f"/{a['culprit']}", "module": None, "inApp": True, "colNo": None,
                 "lineNo": a["line"], "function": a["function"], "context": [], "vars": None}  # fmt: skip
        outer = {
            **frame,
            "filename": "<runtime>",
            "absPath": "<runtime>",
            "lineNo": None,
            "function": "dispatch",
            "inApp": False,
        }
        value = {
            "type": base["metadata"]["type"],
            "value": base["metadata"]["value"],
            "stacktrace": {"frames": [outer, frame]},
        }
        event = {
            "id": name, "eventID": name, "groupID": self.number, "projectID": "1", "event.type": "error",
            "message": "", "title": base["title"], "location": a["culprit"], "culprit": a["culprit"],
            "user": None, "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
            "platform": "javascript", "dateCreated": iso(at), "crashFile": None, "metadata": base["metadata"],
        }  # fmt: skip
        return {**event, "entries": [{"type": "exception", "data": {"values": [value]}}]} if full else event

    def matches(self, query: str) -> bool:
        """Sentry's search syntax: key:value terms, all of which must hold, and the rest as one phrase."""
        a = self.artefact
        fields = {**self.tags, "is": self.status, "issue": self.short,
                  "firstRelease": self.release or "", "error.type": str(a["title"]).partition(":")[0]}  # fmt: skip
        for negated, key, raw in _TERM.findall(query):
            wanted = [part.strip().strip('"') for part in raw.strip("[]").split(",")]
            if (fields.get(key) in wanted) == bool(negated):
                return False
        phrase = " ".join(_TERM.sub("", query).split()).strip('"').casefold()
        return phrase in f"{a['title']} {a['culprit']} {a['function'] or ''}".casefold()


def project(company: Company) -> dict[str, Any]:
    """The one project of the demo: the repository."""
    name = company.facts.repo.split("/")[-1]
    return {"id": "1", "name": name, "slug": name, "platform": "javascript"}


def iso(moment: datetime) -> str:
    """A time as Sentry writes it."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
