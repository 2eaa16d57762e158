"""Sentry as the demo company's engineers see it: one organization, one project, its issues and their events."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.company import Company
from app.demo.refs import slug
from app.demo.vendors.page import page
from app.demo.vendors.sentry_issues import HOUR, Problem, iso, project
from app.demo.vendors.sentry_writing import Staff, change
from app.demo.vendors.vendor import Demo, Handler

CREDENTIALS: Mapping[str, str] = {"token": "demo-sentry"}

RATE = {
    "X-Sentry-Rate-Limit-Limit": "40",
    "X-Sentry-Rate-Limit-Remaining": "39",
    "X-Sentry-Rate-Limit-ConcurrentLimit": "25",
    "X-Sentry-Rate-Limit-ConcurrentRemaining": "24",
}
_SORTS = frozenset({"date", "freq", "inbox", "new", "recommended", "trends", "user"})


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """The paths of Sentry's API that are asked here, below /api/0, and the pages that its permalinks open."""
    vendor = _Sentry(demo.company)
    org = "/api/0/organizations/{org}"
    return [
        Route("/api/0/organizations/", vendor.api(vendor.organizations)),
        Route(f"{org}/projects/", vendor.api(vendor.projects)),
        Route(f"{org}/issues/", vendor.api(vendor.issues)),
        Route(f"{org}/shortids/{{issue}}/", vendor.api(vendor.short_id)),
        Route(f"{org}/issues/{{issue}}/", vendor.api(vendor.issue)),
        Route(f"{org}/issues/{{issue}}/", _sending(vendor), methods=["PUT"]),
        Route("/api/0/projects/{org}/{project}/members/", vendor.api(vendor.members)),
        Route("/api/0/projects/{org}/{project}/teams/", vendor.api(vendor.teams)),
        Route(f"{org}/issues/{{issue}}/tags/", vendor.api(vendor.tags)),
        Route(f"{org}/issues/{{issue}}/events/", vendor.api(vendor.events)),
        Route(f"{org}/issues/{{issue}}/events/{{event}}/", vendor.api(vendor.event)),
        Route(f"{org}/events-timeseries/", vendor.api(vendor.timeseries)),
        Route("/organizations/{org}/issues/{issue}/", vendor.shown),
        Route("/organizations/{org}/issues/{issue}/events/{event}/", vendor.shown),
    ]


class _Sentry:
    def __init__(self, company: Company) -> None:
        self.company = company
        self.problems = [Problem(company, artefact) for artefact in company.of_kind("error")]
        self.slug = slug(company.facts.name)
        self.project = project(company)
        self.staff = Staff(company)

    def api(self, handler: Handler) -> Handler:
        """Wants the token and the organization, and adds the rate-limit headers."""

        def answer(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {CREDENTIALS['token']}":
                return _error(401, "Invalid token")
            if request.path_params.get("org", self.slug) not in (self.slug, "1"):
                return _error(404, "The requested resource does not exist")
            response = handler(request)
            reset = int(datetime.now(UTC).timestamp()) + 1
            response.headers.update({**RATE, "X-Sentry-Rate-Limit-Reset": str(reset)})
            return response

        return answer

    def organizations(self, request: Request) -> Response:
        url = f"{self.company.public_url}/sentry"
        organization = {
            "id": "1", "slug": self.slug, "name": self.company.facts.name, "dateCreated": iso(self._founded),
            "status": {"id": "active", "name": "active"}, "isEarlyAdopter": False, "require2FA": False,
            "avatar": {"avatarType": "letter_avatar", "avatarUuid": None}, "hasAuthProvider": False,
            "allowMemberInvite": True, "allowMemberProjectCreation": True, "allowSuperuserAccess": False,
            "features": [], "links": {"organizationUrl": url, "regionUrl": url},
        }  # fmt: skip
        return JSONResponse([organization])

    def projects(self, request: Request) -> Response:
        project = {
            **self.project, "team": None, "teams": [], "isBookmarked": False, "isMember": True, "access": [],
            "hasAccess": True, "dateCreated": iso(self._founded), "environments": ["production"], "eventProcessing":
            {"symbolicationDegraded": False}, "features": [], "firstEvent": None, "firstTransactionEvent": False,
            "hasSessions": False, "hasProfiles": False, "hasReplays": False, "hasFeedbacks": False, "hasFlags": False,
            "hasMonitors": False, "hasMinifiedStackTrace": False, "hasInsightsHttp": False, "hasInsightsDb": False,
            "hasInsightsAssets": False, "hasInsightsAppStart": False, "hasInsightsScreenLoad": False,
            "hasInsightsVitals": False, "hasInsightsCaches": False, "hasInsightsQueues": False,
            "hasInsightsAgentMonitoring": False, "hasInsightsMCP": False, "hasLogs": False, "hasTraceMetrics": False,
            "hasNewFeedbacks": False, "hasCustomMetrics": False, "hasUserReports": False,
            "platforms": ["javascript"], "latestRelease": None,
        }  # fmt: skip
        return JSONResponse([project])

    def issues(self, request: Request) -> Response:
        ask = request.query_params
        found = self._problem(ask.get("query", "")) if ask.get("shortIdLookup") == "1" else None
        if found:
            return JSONResponse([found.listed(None)])
        try:
            period = self._period(ask)
            limit = int(ask.get("limit", "100"))
            query = ask.get("query", "is:unresolved")
            offset = int(ask.get("cursor", "0:0:0").split(":")[1])
        except (ValueError, IndexError):
            return _error(400, "Invalid parameters")
        if not 1 <= limit <= 100:
            return _error(400, "limit must be between 1 and 100")
        if ask.get("sort", "date") not in _SORTS:
            return _error(400, "sort: not a valid choice")
        since, until = period
        matched = [p for p in self.problems if p.first < until and p.last >= since and p.matches(query)]
        keys = {
            "user": lambda p: p.artefact["users"] or 0,
            "freq": lambda p: p.count(since, until),
            "new": lambda p: p.first,
        }
        matched.sort(key=keys.get(ask.get("sort", "date"), lambda p: p.last), reverse=True)
        listed = [p.listed(period) for p in matched[offset : offset + limit]]
        return self._paged(request, listed, offset, limit, len(matched))

    def members(self, request: Request) -> Response:
        return self._of_project(request, self.staff.members())

    def teams(self, request: Request) -> Response:
        return self._of_project(request, self.staff.listed_teams())

    def _of_project(self, request: Request, records: list[dict[str, Any]]) -> Response:
        known = request.path_params["project"] in (self.project["id"], self.project["slug"])
        return JSONResponse(records) if known else _error(404, "The requested resource does not exist")

    def change(self, request: Request, sent: Any) -> Response:
        """Changes the attributes that are sent, and no others."""
        problem = self._problem(request.path_params["issue"])
        if problem is None:
            return _error(404, "The requested resource does not exist")
        if not isinstance(sent, dict):
            return _error(400, "JSON parse error")
        wrong = change(problem, sent, self.staff)
        return JSONResponse(wrong, 400) if wrong else JSONResponse(problem.base())

    def short_id(self, request: Request) -> Response:
        problem = self._problem(request.path_params["issue"])
        if problem is None or request.path_params["issue"].isdigit():
            return _error(404, "The requested resource does not exist")
        return JSONResponse(
            {
                "organizationSlug": self.slug,
                "projectSlug": self.project["slug"],
                "groupId": problem.number,
                "group": problem.base(),
                "shortId": problem.short,
            }
        )

    def issue(self, request: Request) -> Response:
        problem = self._problem(request.path_params["issue"])
        if problem is None:
            return _error(404, "The requested resource does not exist")
        return JSONResponse(
            {
                **problem.base(),
                "activity": [
                    *problem.history,
                    {"id": "0", "type": "first_seen", "user": None, "data": {}, "dateCreated": iso(problem.first)},
                ],
                "seenBy": [],
                "participants": [],
                "userReportCount": 0,
                "firstRelease": problem.first_release(),
                "lastRelease": problem.first_release(),
                "tags": [
                    {"key": key, "name": key.title(), "totalValues": sum(problem.hours.values())}
                    for key in problem.tags
                ],
                "stats": {"24h": problem.stats(24, HOUR), "30d": problem.stats(30, 24 * HOUR)},
            }
        )

    def tags(self, request: Request) -> Response:
        problem = self._problem(request.path_params["issue"])
        if problem is None:
            return _error(404, "The requested resource does not exist")
        total = sum(problem.hours.values())
        seen = {"firstSeen": iso(problem.first), "lastSeen": iso(problem.last)}
        return JSONResponse(
            [
                {
                    "key": key,
                    "name": key.title(),
                    "uniqueValues": 1,
                    "totalValues": total,
                    "topValues": [{"key": key, "name": value, "value": value, "count": total, **seen}],
                }
                for key, value in problem.tags.items()
            ]
        )

    def events(self, request: Request) -> Response:
        problem = self._problem(request.path_params["issue"])
        if problem is None:
            return _error(404, "The requested resource does not exist")
        try:
            limit = min(int(request.query_params.get("per_page", "100")), 100)
            offset = int(request.query_params.get("cursor", "0:0:0").split(":")[1])
        except (ValueError, IndexError):
            return _error(400, "Invalid parameters")
        full = request.query_params.get("full") in ("1", "true")
        happened = problem.events()
        listed = [problem.event(at, name, full) for at, name in happened[offset : offset + limit]]
        return self._paged(request, listed, offset, limit, len(happened))

    def event(self, request: Request) -> Response:
        problem = self._problem(request.path_params["issue"])
        if problem is None:
            return _error(404, "The requested resource does not exist")
        happened = problem.events()
        wanted = request.path_params["event"]
        known = {**{name: (at, name) for at, name in happened}, "latest": happened[0], "recommended": happened[0]}
        chosen = {**known, "oldest": happened[-1]}.get(wanted)
        if chosen is None:
            return _error(404, "Event not found")
        release = problem.first_release()
        extra = {
            "dateReceived": iso(chosen[0]), "contexts": {}, "context": {}, "size": 4096, "dist": None, "packages": {},
            "sdk": None, "errors": [], "occurrence": None, "_meta": {}, "type": "error", "nextEventID": None,
            "previousEventID": None, "userReport": None, "sdkUpdates": [], "resolvedWith": [], "release": release and
            {**release, "id": 1, "commitCount": 1, "data": {}, "deployCount": 1, "lastCommit": None, "lastDeploy": None,
             "status": "open", "userAgent": None, "versionInfo": None},
        }  # fmt: skip
        return JSONResponse({**problem.event(*chosen, full=True), **extra})

    def timeseries(self, request: Request) -> Response:
        ask = request.query_params
        if ask.get("dataset") != "errors":
            return _error(400, "dataset: this demo holds errors only")
        try:
            since, until = self._period(ask)
            step = int(ask.get("interval", "3600"))
            top = int(ask.get("topEvents", "5"))
        except ValueError:
            return _error(400, "Invalid parameters")
        if not 1 <= top <= 10:
            return _error(400, "topEvents must be between 1 and 10")
        if ask.getlist("groupBy") != ["issue"] or step % HOUR or (until - since).total_seconds() / step > 10_000:
            return _error(400, "Your interval and date range would create too many results.")
        matched = [p for p in self.problems if p.matches(ask.get("query", "")) and p.count(since, until)]
        matched.sort(key=lambda p: p.count(since, until), reverse=True)
        starts = range(int(since.timestamp()) // step * step, int(until.timestamp()), step)
        now = self.company.now.timestamp()
        return JSONResponse(
            {
                "timeSeries": [
                    {
                        "yAxis": "count()",
                        "groupBy": [{"key": "issue", "value": problem.short}],
                        "meta": {
                            "order": order, "isOther": False, "interval": step * 1000, "valueType": "integer",
                            "valueUnit": None,
                        },
                        "values": [
                            {
                                "timestamp": start * 1000,
                                "value": sum(problem.hours.get(start + h, 0) for h in range(0, step, HOUR)),
                                "incomplete": start + step > now,
                            }
                            for start in starts
                        ],
                    }
                    for order, problem in enumerate(matched[:top])
                ],
                "meta": {"dataset": "errors", "start": since.timestamp() * 1000, "end": until.timestamp() * 1000},
            }
        )  # fmt: skip

    def shown(self, request: Request) -> Response:
        """The page of an issue, or of one event of it."""
        problem = self._problem(request.path_params["issue"])
        if problem is None:
            return Response("Not found", 404)
        a = problem.artefact
        facts = [
            ("Issue", problem.short),
            ("Where", f"{a['culprit']}:{a['line'] or ''} {a['function'] or ''}".strip()),
            ("Level", str(a["level"])),
            ("State", problem.status),
            ("Assignee", str((problem.changed.get("assignedTo") or {}).get("name", ""))),
            ("Events", str(sum(problem.hours.values()))),
            ("Users", str(a["users"] or 0)),
            ("First seen", iso(problem.first)),
            ("Last seen", iso(problem.last)),
            *((f"Tag {key}", value) for key, value in problem.tags.items()),
        ]
        return page(self.company.words(str(a["title"])), "Sentry", facts, "")

    @property
    def _founded(self) -> datetime:
        return self.company.now - timedelta(days=1000)

    def _problem(self, name: str) -> Problem | None:
        return next((p for p in self.problems if name.upper() in (p.number, p.short)), None)

    def _period(self, ask: Mapping[str, str]) -> tuple[datetime, datetime]:
        """The period asked for; 90 days if none is. Raises ValueError for times that cannot be read."""
        if span := ask.get("statsPeriod"):
            units = {"s": 1, "m": 60, "h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}
            return self.company.now - timedelta(seconds=int(span[:-1]) * units.get(span[-1], HOUR)), self.company.now
        if not ask.get("start"):
            return self.company.now - timedelta(days=90), self.company.now
        since, until = (datetime.fromisoformat(ask[name]) for name in ("start", "end"))
        return tuple(t if t.tzinfo else t.replace(tzinfo=UTC) for t in (since, until))  # type: ignore[return-value]

    def _paged(self, request: Request, records: list[Any], offset: int, limit: int, total: int) -> Response:
        """Sentry names both neighbours always, and says in `results` whether they hold anything."""
        links = []
        for relation, start, results in (
            ("previous", max(0, offset - limit), offset > 0),
            ("next", offset + limit, offset + limit < total),
        ):
            cursor = f"0:{start}:{int(relation == 'previous')}"
            url = request.url.include_query_params(cursor=cursor)
            links.append(f'<{url}>; rel="{relation}"; results="{str(results).lower()}"; cursor="{cursor}"')
        return JSONResponse(records, headers={"Link": ", ".join(links)})


def _sending(vendor: _Sentry) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            sent = json.loads(await request.body())
        except ValueError:
            sent = None
        return vendor.api(lambda asked: vendor.change(asked, sent))(request)

    return answer


def _error(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status)
