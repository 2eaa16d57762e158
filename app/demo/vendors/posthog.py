"""PostHog as its API documents it: the query endpoint, definitions, feature flags with their activity, annotations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.vendors.page import page
from app.demo.vendors.posthog_flags import Flags, Unchanged, time_of, uuid
from app.demo.vendors.posthog_query import Queries, Refusal
from app.demo.vendors.vendor import Demo
from app.demo.world import Member
from tools.posthog.flags import sentence

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
        "feature_flags": lambda request: [flag for flag in served.flags.records if not flag["deleted"]],
        "annotations": lambda request: served.annotations,
    }
    return [
        Route("/api/users/@me/", _guarded(served.me)),
        Route("/api/organizations/{organization}/members/", _guarded(_listed(lambda request: served.members))),
        Route(f"{PROJECT}/", _guarded(served.project)),
        Route(f"{PROJECT}/query/", _guarded_body(served.query), methods=["POST"]),
        Route(f"{PROJECT}/events/values/", _guarded(served.values)),
        Route(f"{PROJECT}/feature_flags/activity/", _guarded(served.activity)),
        Route(f"{PROJECT}/feature_flags/{{flag}}/activity/", _guarded(served.activity)),
        Route(f"{PROJECT}/feature_flags/{{flag}}/", _guarded(served.flag)),
        Route(f"{PROJECT}/feature_flags/{{flag}}/", _guarded_body(served.change_flag), methods=["PATCH"]),
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
        self.flags = Flags(demo.company, _user)
        self.annotations = self._annotations()
        self.members = [
            {"id": uuid(m.id), "user": _user(m), "level": 15 if m.role == "founder" else 1} for m in self.company.people
        ]

    def me(self, request: Request) -> Response:
        """The person to whom the key belongs."""
        return JSONResponse(
            {**_user(self.company.people[0] if self.company.people else None),
             "organization": {"id": uuid(self.company.facts.name), "name": self.company.facts.name},
             "team": {"id": 1, "name": self.company.facts.name}}
        )  # fmt: skip

    def project(self, request: Request) -> Response:
        """The project with the company's timezone."""
        facts = self.company.facts
        return JSONResponse(
            {"id": 1, "uuid": uuid(facts.domain), "organization": uuid(facts.name), "name": facts.name,
             "timezone": str(facts.timezone), "week_start_day": 1, "ingested_event": True, "is_demo": False}
        )  # fmt: skip

    def query(self, request: Request, body: Json) -> Response:
        """Trends, funnels and HogQL counts; anything else is refused in PostHog's words."""
        try:
            return JSONResponse(self.queries.answer(body.get("query") if isinstance(body, dict) else None))
        except Refusal as refusal:
            return _problem(400, "validation_error", refusal.code, refusal.detail, refusal.attr)

    def events(self, request: Request) -> list[Json]:
        """Definitions of events, those whose names hold `search`."""
        search = request.query_params.get("search", "").lower()
        return [
            {"id": uuid(name), "name": name, "description": "", "tags": [], "verified": False, "hidden": False,
             "created_at": time_of(stream.start), "last_seen_at": time_of(self.company.now)}
            for name, stream in self.history.streams.items()
            if search in name.lower()
        ]  # fmt: skip

    def properties(self, request: Request) -> list[Json]:
        """Definitions of properties, those of `event_names` where `filter_by_event_names` says so."""
        wanted = set(json.loads(request.query_params.get("event_names", "[]")))
        narrowed = request.query_params.get("filter_by_event_names", "false") == "true"
        names = {dim for event, s in self.history.streams.items() if event in wanted or not narrowed for dim in s.dims}
        return [
            {"id": uuid(name), "name": name, "is_numerical": False, "property_type": "String", "tags": [],
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
        records = [record for record in self.flags.log if flag in (None, record["item_id"])]
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

    def flag(self, request: Request) -> Response:
        """One flag, by its number."""
        flag = self.flags.get(request.path_params["flag"])
        return JSONResponse(flag) if flag else _problem(404, "invalid_request", "not_found", "Not found.")

    def change_flag(self, request: Request, body: Json) -> Response:
        """Changes the fields of a flag that are sent."""
        flag = self.flags.get(request.path_params["flag"])
        if flag is None:
            return _problem(404, "invalid_request", "not_found", "Not found.")
        try:
            return JSONResponse(self.flags.change(flag, body if isinstance(body, dict) else {}))
        except Unchanged as refused:
            return _problem(refused.status, refused.kind, refused.code, refused.detail, refused.attr)

    def flag_page(self, request: Request) -> Response:
        """A flag as a person sees it, with its changes."""
        flag = self.flags.get(request.path_params["flag"])
        if flag is None:
            return page("Flag not found", "PostHog", [], "")
        lines = [
            f"{entry['created_at']}: {change['field']} {_said(change['before'])} → {_said(change['after'])}"
            f" by {entry['user']['email']}"
            for entry in self.flags.log
            if entry["item_id"] == str(flag["id"])
            for change in entry["detail"]["changes"]
        ]
        facts = [("State", "on" if flag["active"] else "off"), ("Released to", sentence(flag["filters"]))]
        return page(flag["key"], "PostHog", facts, "\n".join(lines))

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
            {"id": number, "content": content, "date_marker": time_of(at), "creation_type": "USR", "scope": "project",
             "dashboard_item": None, "created_by": author, "created_at": time_of(at), "updated_at": time_of(at),
             "deleted": False}
            for number, content, at in sorted(remarks, key=lambda remark: remark[2], reverse=True)
        ]  # fmt: skip


def _guarded(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Asks for the personal API key and for this project, as every private endpoint does."""

    def answer(request: Request) -> Response:
        return _refused(request) or handler(request)

    return answer


def _guarded_body(handler: Callable[[Request, Json], Response]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        refused = _refused(request)
        if refused:
            return refused
        try:
            body = json.loads(await request.body())
        except ValueError:
            return _problem(400, "validation_error", "parse_error", "JSON parse error")
        return await run_in_threadpool(handler, request, body)

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


def _said(value: Json) -> str:
    """A field of a flag as its page shows it."""
    return sentence(value) if isinstance(value, dict) else {True: "on", False: "off"}.get(value, str(value))


def _user(member: Member | None) -> Json:
    if member is None:
        return {"id": 0, "uuid": uuid("nobody"), "distinct_id": "", "first_name": "", "last_name": "", "email": ""}
    first, _, last = member.name.partition(" ")
    number = int(hashlib.sha1(member.id.encode(), usedforsecurity=False).hexdigest()[:6], 16)
    return {
        "id": number, "uuid": uuid(member.id), "distinct_id": member.id, "first_name": first, "last_name": last,
        "email": member.email, "is_email_verified": True, "role_at_organization": member.role,
    }  # fmt: skip
