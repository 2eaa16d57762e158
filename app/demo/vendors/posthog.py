"""PostHog as its API documents it: the query endpoint, definitions, feature flags with their activity, annotations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.refs import flag_id
from app.demo.vendors.page import page
from app.demo.vendors.posthog_query import Queries, Refusal
from app.demo.vendors.vendor import Demo
from app.demo.world import Artefact, Member

CREDENTIALS = {"token": "demo-posthog", "project_id": "1"}
PROJECT = "/api/projects/{project}"
Json = Any
Records = Callable[[Request], list[Json]]


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """PostHog's routes: the API below /api, and pages for people below /project."""
    served = PostHog(demo)
    lists: dict[str, Records] = {
        "event_definitions": served.events,
        "property_definitions": served.properties,
        "feature_flags": lambda request: served.flags,
        "annotations": lambda request: served.annotations,
    }
    return [
        Route("/api/users/@me/", _guarded(served.me)),
        Route("/api/organizations/{organization}/members/", _guarded(_listed(lambda request: served.members))),
        Route(f"{PROJECT}/", _guarded(served.project)),
        Route(f"{PROJECT}/query/", _guarded_query(served), methods=["POST"]),
        Route(f"{PROJECT}/events/values/", _guarded(served.values)),
        Route(f"{PROJECT}/feature_flags/activity/", _guarded(served.activity)),
        Route(f"{PROJECT}/feature_flags/{{flag}}/activity/", _guarded(served.activity)),
        *(Route(f"{PROJECT}/{name}/", _guarded(_listed(records))) for name, records in lists.items()),
        Route("/project/1/feature_flags/{flag}", served.flag_page),
        Route("/project/1/annotations/{annotation}", served.annotation_page),
        Route("/project/1/insights/new", served.insight_page),
    ]


class PostHog:
    """One project, whose records are made once."""

    def __init__(self, demo: Demo) -> None:
        self.company, self.history = demo.company, demo.history
        self.queries = Queries(demo.history, demo.company.facts.timezone, demo.company.now)
        self.changes = sorted(
            self.company.of_kind("flag_change"), key=lambda change: change.at or self.company.now, reverse=True
        )
        self.flags = self._flags()
        self.log = [self._logged(change) for change in self.changes]
        self.annotations = self._annotations()
        self.members = [
            {"id": _uuid(m.id), "user": _user(m), "level": 15 if m.role == "founder" else 1}
            for m in self.company.people
        ]

    def me(self, request: Request) -> Response:
        """The person to whom the key belongs."""
        return JSONResponse(
            {**_user(self.company.people[0] if self.company.people else None),
             "organization": {"id": _uuid(self.company.facts.name), "name": self.company.facts.name},
             "team": {"id": 1, "name": self.company.facts.name}}
        )  # fmt: skip

    def project(self, request: Request) -> Response:
        """The project with the company's timezone."""
        facts = self.company.facts
        return JSONResponse(
            {"id": 1, "uuid": _uuid(facts.domain), "organization": _uuid(facts.name), "name": facts.name,
             "timezone": str(facts.timezone), "week_start_day": 1, "ingested_event": True, "is_demo": False}
        )  # fmt: skip

    def query(self, body: Json) -> Response:
        """Trends, funnels and HogQL counts; anything else is refused in PostHog's words."""
        try:
            return JSONResponse(self.queries.answer(body.get("query") if isinstance(body, dict) else None))
        except Refusal as refusal:
            return _problem(400, "validation_error", refusal.code, refusal.detail, refusal.attr)

    def events(self, request: Request) -> list[Json]:
        """Definitions of events, those whose names hold `search`."""
        search = request.query_params.get("search", "").lower()
        return [
            {"id": _uuid(name), "name": name, "description": "", "tags": [], "verified": False, "hidden": False,
             "created_at": _time(stream.start), "last_seen_at": _time(self.company.now)}
            for name, stream in self.history.streams.items()
            if search in name.lower()
        ]  # fmt: skip

    def properties(self, request: Request) -> list[Json]:
        """Definitions of properties, those of `event_names` where `filter_by_event_names` says so."""
        wanted = set(json.loads(request.query_params.get("event_names", "[]")))
        narrowed = request.query_params.get("filter_by_event_names", "false") == "true"
        names = {dim for event, s in self.history.streams.items() if event in wanted or not narrowed for dim in s.dims}
        return [
            {"id": _uuid(name), "name": name, "is_numerical": False, "property_type": "String", "tags": [],
             "is_seen_on_filtered_events": narrowed or None}
            for name in sorted(names)
        ]  # fmt: skip

    def values(self, request: Request) -> Response:
        """The values of a property that were seen."""
        key, event = request.query_params.get("key"), request.query_params.get("event_name")
        if not key:
            return _problem(400, "validation_error", "required", "This field is required.", "key")
        found = {
            value: None
            for name, stream in self.history.streams.items()
            if event in (None, name)
            for value in stream.dims.get(key, ())
        }
        return JSONResponse({"results": [{"name": value} for value in found], "refreshing": False})

    def activity(self, request: Request) -> Response:
        """The activity log of all flags or of one, newest first, by page number."""
        flag = request.path_params.get("flag")
        records = [record for record in self.log if flag in (None, record["item_id"])]
        try:
            limit, number = (
                int(request.query_params.get(name, default)) for name, default in (("limit", 10), ("page", 1))
            )
        except ValueError:
            return _problem(400, "validation_error", "invalid", "A valid integer is required.", "page")
        start = (number - 1) * limit
        more = start + limit < len(records)
        return JSONResponse(
            {"results": records[start : start + limit], "total_count": len(records),
             "next": str(request.url.include_query_params(page=number + 1)) if more else None,
             "previous": str(request.url.include_query_params(page=number - 1)) if number > 1 else None}
        )  # fmt: skip

    def flag_page(self, request: Request) -> Response:
        """A flag as a person sees it, with its changes."""
        flag = next((flag for flag in self.flags if str(flag["id"]) == request.path_params["flag"]), None)
        if flag is None:
            return page("Flag not found", "PostHog", [], "")
        changes = [change for change in self.changes if change["flag"] == flag["key"]]
        lines = [
            f"{_time(change.at)}: {change['from']}% → {change['to']}% {_who(change)} by {self._author(change)['email']}"
            for change in changes
        ]
        groups = [f"{group['rollout_percentage']}%" for group in flag["filters"]["groups"]]
        return page(flag["key"], "PostHog", [("Released to", ", ".join(groups))], "\n".join(lines))

    def annotation_page(self, request: Request) -> Response:
        """An annotation as a person sees it."""
        number = request.path_params["annotation"]
        found = next((record for record in self.annotations if str(record["id"]) == number), None)
        if found is None:
            return page("Annotation not found", "PostHog", [], "")
        return page(found["content"], "PostHog", [("At", found["date_marker"])], "")

    def insight_page(self, request: Request) -> Response:
        """The daily totals of the events of an insight's address."""
        try:
            events = [str(event["id"]) for event in json.loads(request.query_params.get("events", "[]"))]
        except (ValueError, TypeError, KeyError):
            events = []
        lines: list[str] = []
        for event in events:
            found = self.queries.answer(
                {"kind": "TrendsQuery", "series": [{"event": event}], "dateRange": {"date_from": "-55d"}}
            )
            [trend] = found["results"]
            lines += [
                event,
                *(f"{day}  {count:,}" for day, count in zip(trend["days"], trend["data"], strict=True)),
                "",
            ]
        return page("Insight", "PostHog", [("Events", ", ".join(events))], "\n".join(lines))

    def _flags(self) -> list[Json]:
        flags: list[Json] = []
        for key in dict.fromkeys(change["flag"] for change in self.changes):
            latest, *earlier = [change for change in self.changes if change["flag"] == key]
            first = earlier[-1] if earlier else latest
            made = first.at - timedelta(days=1 if not first["from"] else 7) if first.at else self.company.now
            flags.append(
                {"id": flag_id(key), "key": key, "name": key.replace("-", " ").capitalize(), "active": True,
                 "deleted": False, "filters": _filters(latest, latest["to"]), "created_at": _time(made),
                 "created_by": self._author(first), "rollout_percentage": None, "is_simple_flag": not latest["where"]}
            )  # fmt: skip
        return flags

    def _logged(self, change: Artefact) -> Json:
        return {
            "id": self.company.ref(change.id).number,
            "user": self._author(change),
            "unread": False,
            "is_system": False,
            "activity": "updated",
            "scope": "FeatureFlag",
            "item_id": str(flag_id(change["flag"])),
            "detail": {
                "name": change["flag"],
                "short_id": None,
                "type": None,
                "changes": [
                    {"type": "FeatureFlag", "action": "changed", "field": "filters",
                     "before": _filters(change, change["from"]), "after": _filters(change, change["to"])}
                ],
            },
            "created_at": _time(change.at),
        }  # fmt: skip

    def _annotations(self) -> list[Json]:
        """A campaign is two remarks, as a company writes them: one where it started, one where it ended."""
        remarks: list[tuple[int, str, datetime]] = []
        for campaign in self.company.of_kind("campaign"):
            number = int(self.company.ref(campaign.id).number)
            source = f" ({campaign['source']})" if campaign["source"] else ""
            title = f"{self.company.words(campaign['title'])}{source}"
            until = campaign.time("until")
            if campaign.at:
                remarks.append((number, f"{title}: started", campaign.at))
            if until and until <= self.company.now:
                remarks.append((number + 1_000_000, f"{title}: ended", until))
        author = _user(self.company.people[0] if self.company.people else None)
        return [
            {"id": number, "content": content, "date_marker": _time(at), "creation_type": "USR", "scope": "project",
             "dashboard_item": None, "created_by": author, "created_at": _time(at), "updated_at": _time(at),
             "deleted": False}
            for number, content, at in sorted(remarks, key=lambda remark: remark[2], reverse=True)
        ]  # fmt: skip

    def _author(self, change: Artefact) -> Json:
        return _user(self.company.member(change["author"]))


def _guarded(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Asks for the personal API key and for this project, as every private endpoint does."""

    def answer(request: Request) -> Response:
        return _refused(request) or handler(request)

    return answer


def _guarded_query(served: PostHog) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        refused = _refused(request)
        if refused:
            return refused
        try:
            body = json.loads(await request.body())
        except ValueError:
            return _problem(400, "validation_error", "parse_error", "JSON parse error")
        return await run_in_threadpool(served.query, body)

    return answer


def _refused(request: Request) -> Response | None:
    given = request.headers.get("authorization")
    if not given:
        detail = "Authentication credentials were not provided."
        return _problem(401, "authentication_error", "not_authenticated", detail)
    if given != f"Bearer {CREDENTIALS['token']}":
        detail = "Personal API key found in request Authorization header is invalid."
        return _problem(401, "authentication_error", "authentication_failed", detail)
    if request.path_params.get("project", "1") not in ("1", "@current"):
        return _problem(404, "invalid_request", "not_found", "Project not found.")
    return None


def _problem(status: int, kind: str, code: str, detail: str, attr: str | None = None) -> Response:
    return JSONResponse({"type": kind, "code": code, "detail": detail, "attr": attr}, status)


def _listed(records: Records) -> Callable[[Request], Response]:
    """A list by limit and offset, as Django REST framework pages it."""

    def answer(request: Request) -> Response:
        try:
            found = records(request)
            limit, offset = (int(request.query_params.get(k, d)) for k, d in (("limit", 100), ("offset", 0)))
        except ValueError:
            return _problem(400, "validation_error", "invalid", "A valid value is required.")
        limit = max(1, limit)
        more, before = offset + limit < len(found), offset > 0
        return JSONResponse(
            {"count": len(found), "results": found[offset : offset + limit],
             "next": str(request.url.include_query_params(limit=limit, offset=offset + limit)) if more else None,
             "previous": str(request.url.include_query_params(limit=limit, offset=max(0, offset - limit)))
             if before else None}
        )  # fmt: skip

    return answer


def _filters(change: Artefact, share: Any) -> Json:
    conditions = [
        {"key": key, "value": [str(value)], "operator": "exact", "type": "person"}
        for key, value in (change["where"] or {}).items()
    ]
    group = {"variant": None, "properties": conditions, "rollout_percentage": share}
    return {"groups": [group], "payloads": {}, "multivariate": None}


def _who(change: Artefact) -> str:
    return ", ".join(f"{key} {value}" for key, value in (change["where"] or {}).items()) or "of everyone"


def _user(member: Member | None) -> Json:
    if member is None:
        return {"id": 0, "uuid": _uuid("nobody"), "distinct_id": "", "first_name": "", "last_name": "", "email": ""}
    first, _, last = member.name.partition(" ")
    number = int(hashlib.sha1(member.id.encode(), usedforsecurity=False).hexdigest()[:6], 16)
    return {
        "id": number, "uuid": _uuid(member.id), "distinct_id": member.id, "first_name": first, "last_name": last,
        "email": member.email, "is_email_verified": True, "role_at_organization": member.role,
    }  # fmt: skip


def _uuid(name: str) -> str:
    sha = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return f"{sha[:8]}-{sha[8:12]}-4{sha[13:16]}-8{sha[17:20]}-{sha[20:32]}"


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
