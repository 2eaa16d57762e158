"""PagerDuty as the demo company is paged by it: an incident for each alert, and incidents told in notes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.company import Company
from app.demo.vendors.page import page
from app.demo.vendors.vendor import Demo, Handler
from app.demo.world import Artefact, Member

CREDENTIALS: Mapping[str, str] = {"token": "demo-pagerduty"}

LONGEST = timedelta(days=180)
PER_MINUTE = 960


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """The documented paths of api.pagerduty.com that a reader needs, and the pages that html_url opens."""
    vendor = _PagerDuty(demo.company)
    return [
        Route("/incidents", vendor.api(vendor.incidents)),
        Route("/incidents/{name}", vendor.incident),
        Route("/incidents/{name}/alerts", vendor.api(vendor.alerts)),
        Route("/incidents/{name}/notes", vendor.api(vendor.notes)),
        Route("/services", vendor.api(vendor.services)),
        Route("/users", vendor.api(vendor.users)),
        Route("/alerts/{name}", vendor.alert_page),
        Route("/users/{name}", vendor.user_page),
    ]


class _PagerDuty:
    def __init__(self, company: Company) -> None:
        self.company = company
        self.base = f"{company.public_url}/pagerduty"
        told = sorted([*company.of_kind("alert"), *company.of_kind("incident")], key=_at)
        self.artefacts = {self._incident_id(artefact): artefact for artefact in told}
        self.records = [self._incident(n, artefact) for n, artefact in enumerate(told, 1)][::-1]

    def api(self, handler: Handler) -> Handler:
        """Wants the key, and adds the rate-limit headers."""

        def answer(request: Request) -> Response:
            if request.headers.get("authorization") != f"Token token={CREDENTIALS['token']}":
                return _error(401, 2006, "Authentication Failed")
            response = handler(request)
            response.headers["ratelimit-limit"] = str(PER_MINUTE)
            response.headers["ratelimit-remaining"] = str(PER_MINUTE - 1)
            response.headers["ratelimit-reset"] = "30"
            return response

        return answer

    def incidents(self, request: Request) -> Response:
        ask = request.query_params
        found = self.records
        if ask.get("date_range") != "all":
            try:
                until = _moment(ask["until"]) if "until" in ask else self.company.now
                since = _moment(ask["since"]) if "since" in ask else until - timedelta(days=30)
            except ValueError:
                return _error(400, 2001, "Invalid Input Provided", ["Since and until must be valid dates."])
            if until - since > LONGEST:
                return _error(400, 2001, "Invalid Input Provided", ["The date range may not exceed 180 days."])
            found = [record for record in found if since <= _moment(record["created_at"]) < until]
        statuses, urgencies = ask.getlist("statuses[]"), ask.getlist("urgencies[]")
        found = [r for r in found if not statuses or r["status"] in statuses]
        found = [r for r in found if not urgencies or r["urgency"] in urgencies]
        if ask.get("sort_by", "created_at:asc") != "created_at:desc":
            found = found[::-1]
        return self._paged(request, "incidents", found)

    def incident(self, request: Request) -> Response:
        """The same path serves the API's readers and people: who sends no key sees a page."""
        artefact = self.artefacts.get(request.path_params["name"])
        if "authorization" in request.headers:
            record = next((r for r in self.records if r["id"] == request.path_params["name"]), None)
            return self.api(lambda _: JSONResponse({"incident": record}) if record else _missing())(request)
        return self._page(artefact) if artefact else Response("Not found", 404)

    def alerts(self, request: Request) -> Response:
        artefact = self.artefacts.get(request.path_params["name"])
        if artefact is None:
            return _missing()
        return self._paged(request, "alerts", [self._alert(artefact)] if artefact.kind == "alert" else [])

    def notes(self, request: Request) -> Response:
        artefact = self.artefacts.get(request.path_params["name"])
        if artefact is None:
            return _missing()
        ended = self._resolved(artefact)
        note = {
            "id": _ident("P", artefact.id, 6),
            "user": {"id": "PDEMO", "type": "user_reference", "summary": "On call", "self": None, "html_url": None},
            "content": self.company.words(artefact["text"]),
            "created_at": _iso(ended or _at(artefact)),
        }
        # What was learnt is written down once it is over.
        told = artefact["text"] and (ended or artefact["resolved"] is None)
        return JSONResponse({"notes": [note] if told else []})

    def services(self, request: Request) -> Response:
        names = sorted({str(artefact["service"]) for artefact in self.artefacts.values()})
        services = [{**self._service(name), "type": "service", "name": name, "status": "active"} for name in names]
        return self._paged(request, "services", services)

    def users(self, request: Request) -> Response:
        wanted = request.query_params.get("query", "").casefold()
        people = [m for m in self.company.people if wanted in f"{m.name} {m.email}".casefold()]
        return self._paged(request, "users", [self._user(member) for member in people])

    def alert_page(self, request: Request) -> Response:
        name = request.path_params["name"]
        found = [a for a in self.artefacts.values() if a.kind == "alert" and self.company.ref(a.id).ref == name]
        return self._page(found[0]) if found else Response("Not found", 404)

    def user_page(self, request: Request) -> Response:
        ids = {_ident("P", member.id, 6): member for member in self.company.people}
        member = ids.get(request.path_params["name"])
        if member is None:
            return Response("Not found", 404)
        facts = [("E-mail", member.email), ("Role", member.role), ("Team", member.team or "")]
        return page(member.name, "PagerDuty", facts, "")

    def _page(self, artefact: Artefact) -> Response:
        ended = self._resolved(artefact)
        facts = [
            ("Service", str(artefact["service"])),
            ("Severity", str(artefact["severity"] or "")),
            ("Began", _iso(_at(artefact))),
            ("Resolved", _iso(ended) if ended else "not yet"),
        ]
        text = self.company.words(artefact["text"]) if ended or artefact["resolved"] is None else ""
        return page(self.company.words(str(artefact["title"])), "PagerDuty", facts, text)

    def _paged(self, request: Request, name: str, records: Sequence[Any]) -> Response:
        """Classic pagination: `limit` of at most 100, `offset`, and `more`; `total` only if it is asked for."""
        try:
            limit = int(request.query_params.get("limit", "25"))
            offset = int(request.query_params.get("offset", "0"))
        except ValueError:
            return _error(400, 2001, "Invalid Input Provided", ["Limit and offset must be numbers."])
        if not 0 < limit <= 100 or not 0 <= offset <= 10_000 - limit:
            return _error(400, 2001, "Invalid Input Provided", ["Limit must be 1 to 100, offset below 10000."])
        total = len(records) if request.query_params.get("total") == "true" else None
        shown = records[offset : offset + limit]
        more = offset + limit < len(records)
        return JSONResponse({name: shown, "limit": limit, "offset": offset, "total": total, "more": more})

    def _incident_id(self, artefact: Artefact) -> str:
        return self.company.ref(artefact.id).ref if artefact.kind == "incident" else _ident("Q", artefact.id, 13)

    def _incident(self, number: int, artefact: Artefact) -> dict[str, Any]:
        ended, fired = self._resolved(artefact), int(artefact.kind == "alert")
        ident, title = self._incident_id(artefact), self.company.words(str(artefact["title"]))
        high = artefact.kind == "incident" or artefact["severity"] == "critical"
        changed, url = _iso(ended or _at(artefact)), f"{self.base}/incidents/{ident}"
        return {
            "id": ident, "type": "incident", "summary": f"[#{number}] {title}", "self": url, "html_url": url,
            "incident_number": number, "title": title,
            "created_at": _iso(_at(artefact)), "updated_at": changed, "status": "resolved" if ended else "triggered",
            "incident_key": _ident("", artefact.id, 32).lower(), "service":
            self._service(str(artefact["service"])), "assignments": [], "assigned_via": "escalation_policy",
            "last_status_change_at": changed, "resolved_at": _iso(ended) if ended else None, "alert_counts":
            {"all": fired, "triggered": 0 if ended else fired, "resolved": fired if ended else 0}, "is_mergeable": True,
            "teams": [], "pending_actions": [], "acknowledgements": [], "urgency": "high" if high else "low",
        }  # fmt: skip

    def _alert(self, artefact: Artefact) -> dict[str, Any]:
        ref, ended = self.company.ref(artefact.id), self._resolved(artefact)
        incident = self._incident_id(artefact)
        return {
            "id": ref.ref, "type": "alert", "summary": self.company.words(str(artefact["title"])),
            "self": f"{self.base}/incidents/{incident}/alerts/{ref.ref}", "html_url": ref.url,
            "created_at": _iso(_at(artefact)), "status": "resolved" if ended else "triggered",
            "alert_key": _ident("", artefact.id, 32).lower(), "service": self._service(str(artefact["service"])),
            "body": {"type": "alert_body", "contexts": [], "details": {}}, "incident":
            {"id": incident, "type": "incident_reference", "self": f"{self.base}/incidents/{incident}"},
            "suppressed": False, "severity": artefact["severity"],
        }  # fmt: skip

    def _service(self, name: str) -> dict[str, Any]:
        ident = _ident("P", name, 6)
        url = f"{self.base}/services/{ident}"
        return {"id": ident, "type": "service_reference", "summary": name, "self": url, "html_url": url}

    def _user(self, member: Member) -> dict[str, Any]:
        ident = _ident("P", member.id, 6)
        team = {"id": _ident("P", member.team or "", 6), "type": "team_reference", "summary": member.team}
        return {
            "id": ident, "type": "user", "summary": member.name, "name": member.name, "email": member.email,
            "job_title": member.role, "role": "user", "time_zone": str(self.company.facts.timezone),
            "self": f"{self.base}/users/{ident}", "html_url": f"{self.base}/users/{ident}",
            "teams": [team] if member.team else [],
        }  # fmt: skip

    def _resolved(self, artefact: Artefact) -> datetime | None:
        ended = artefact.time("resolved")
        return ended if ended and ended <= self.company.now else None


def _ident(letter: str, name: str, count: int) -> str:
    """An id in PagerDuty's shape: upper-case letters and digits."""
    return letter + hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest().upper()[: count - len(letter)]


def _missing() -> Response:
    return _error(404, 2100, "Not Found")


def _error(status: int, code: int, message: str, errors: Sequence[str] = ()) -> Response:
    listed = {"errors": list(errors)} if errors else {}
    return JSONResponse({"error": {"message": message, "code": code, **listed}}, status)


def _at(artefact: Artefact) -> datetime:
    assert artefact.at is not None
    return artefact.at


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
