"""Vercel as the demo company deploys with it: one project for every part of its system."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.company import Company
from app.demo.refs import slug
from app.demo.vendors.page import page
from app.demo.vendors.vendor import Demo, Handler
from app.demo.world import Artefact

CREDENTIALS: Mapping[str, str] = {"token": "demo-vercel"}

BUILD = timedelta(seconds=95)
PER_MINUTE = 500
_STATES = {"success": "READY", "failed": "ERROR", "cancelled": "CANCELED", "building": "BUILDING"}


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """The documented paths of api.vercel.com that a reader needs, and the pages that inspectorUrl opens."""
    vendor = _Vercel(demo.company)
    return [
        Route("/v2/user", vendor.api(vendor.user)),
        Route("/v2/teams", vendor.api(vendor.teams)),
        Route("/v9/projects", vendor.api(vendor.projects)),
        Route("/v6/deployments", vendor.api(vendor.deployments)),
        Route("/v7/deployments", vendor.api(vendor.deployments)),
        Route("/v13/deployments/{name}", vendor.api(vendor.deployment)),
        Route("/{team}/{project}/{name}", vendor.shown),
    ]


class _Vercel:
    def __init__(self, company: Company) -> None:
        self.company = company
        self.slug = slug(company.facts.name)
        self.team = f"team_{self.slug}"
        deployed = sorted(company.of_kind("deployment"), key=_at, reverse=True)
        self.records = [self._record(artefact) for artefact in deployed]
        self.artefacts = {company.ref(artefact.id).ref: artefact for artefact in deployed}
        self.names = sorted({str(artefact["service"]) for artefact in deployed})

    def api(self, handler: Handler) -> Handler:
        """Wants the token and a team that exists, and adds the rate-limit headers."""

        def answer(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {CREDENTIALS['token']}":
                return _error(403, "forbidden", "Not authorized", invalidToken=True)
            team = request.query_params.get("teamId") or request.query_params.get("slug")
            if team not in (None, self.team, self.slug):
                return _error(403, "forbidden", "Not authorized: Trying to access resource under another scope.")
            response = handler(request)
            response.headers["x-ratelimit-limit"] = str(PER_MINUTE)
            response.headers["x-ratelimit-remaining"] = str(PER_MINUTE - 1)
            response.headers["x-ratelimit-reset"] = str(int(time.time()) + 60)
            return response

        return answer

    def user(self, request: Request) -> Response:
        user = {"id": "demo", "username": self.slug, "name": self.company.facts.name, "defaultTeamId": self.team}
        return JSONResponse({"user": {**user, "email": f"deploys@{self.company.facts.domain}"}})

    def teams(self, request: Request) -> Response:
        team = {"id": self.team, "slug": self.slug, "name": self.company.facts.name}
        return JSONResponse({"teams": [team], "pagination": {"count": 1, "next": None, "prev": None}})

    def projects(self, request: Request) -> Response:
        projects = [{"id": f"prj_{name}", "name": name, "accountId": self.team} for name in self.names]
        count = {"count": len(projects), "next": None, "prev": None}
        return JSONResponse({"projects": projects, "pagination": count})

    def deployments(self, request: Request) -> Response:
        ask = request.query_params
        try:
            limit = int(ask.get("limit", "20"))
            since, until = int(ask.get("since", "0")), int(ask.get("until", str(1 << 62)))
        except ValueError:
            return _error(400, "bad_request", "Invalid request: limit, since and until should be numbers.")
        if not 1 <= limit <= 100:
            return _error(400, "bad_request", "Invalid request: limit should be between 1 and 100.")
        wanted = {"target": ask.get("target"), "projectId": ask.get("projectId"), "name": ask.get("app")}
        found = [
            record
            for record in self.records
            if since <= record["created"] < until
            and all(value is None or record[key] == value for key, value in wanted.items())
        ]
        shown = found[:limit]
        following = shown[-1]["created"] if len(found) > limit else None
        previous = shown[0]["created"] if shown else None
        pagination = {"count": len(shown), "next": following, "prev": previous}
        return JSONResponse({"pagination": pagination, "deployments": shown})

    def deployment(self, request: Request) -> Response:
        name = request.path_params["name"]
        record = next((r for r in self.records if name in (r["uid"], r["url"])), None)
        if record is None:
            return _error(404, "not_found", "Deployment not found")
        detail = {key: value for key, value in record.items() if key not in ("uid", "created", "state")}
        return JSONResponse({**detail, "id": record["uid"], "createdAt": record["created"]})

    def shown(self, request: Request) -> Response:
        """The page of a deployment."""
        artefact = self.artefacts.get(f"dpl_{request.path_params['name']}")
        if artefact is None:
            return Response("Not found", 404)
        record = next(r for r in self.records if r["uid"] == self.company.ref(artefact.id).ref)
        facts = [
            ("Deployment", record["uid"]),
            ("Project", record["name"]),
            ("Environment", record["target"] or "preview"),
            ("State", record["readyState"]),
            ("Created", _at(artefact).isoformat()),
            ("Commit", record["meta"]["githubCommitSha"]),
            ("By", record["meta"].get("githubCommitAuthorName", "")),
        ]
        return page(self._title(artefact), "Vercel", facts, record["meta"]["githubCommitMessage"])

    def _title(self, artefact: Artefact) -> str:
        pulls = [pull for name in artefact["prs"] or () if (pull := self.company.get(str(name)))]
        title = artefact["title"] or (pulls[-1]["title"] if pulls else f"Deploy {artefact['service']}")
        return self.company.words(str(title))

    def _record(self, artefact: Artefact) -> dict[str, Any]:
        """One deployment as the list shows it. Times are milliseconds since the epoch."""
        company, at = self.company, _at(artefact)
        ref, state = company.ref(artefact.id), _STATES.get(str(artefact["state"]), "READY")
        ready = at + BUILD
        if ready > company.now:
            state = "BUILDING"
        owner, repo = company.facts.repo.split("/")
        done = {"ready": _ms(ready)} if state == "READY" else {}
        project, name = str(artefact["service"]), ref.ref.removeprefix("dpl_")
        meta = self._meta(artefact, owner, repo)
        return {
            "uid": ref.ref, "name": project, "projectId": f"prj_{project}", "url": f"{project}-{name[:9]}.vercel.app",
            "created": _ms(at), "buildingAt": _ms(at), **done, "source": "git", "state": state, "readyState": state,
            "type": "LAMBDAS", "target": "production" if artefact["environment"] == "production" else None,
            "aliasAssigned": _ms(ready) if state == "READY" else None, "aliasError": None, "inspectorUrl": ref.url,
            "creator": {"uid": "demo", "username": self.slug, "email": f"deploys@{company.facts.domain}"}, "meta": meta,
        }  # fmt: skip

    def _meta(self, artefact: Artefact, owner: str, repo: str) -> dict[str, str]:
        company = self.company
        pulls = [str(name) for name in artefact["prs"] or () if company.get(str(name))]
        mentions = " ".join(f"(#{company.ref(name).number})" for name in pulls)
        last = company.get(pulls[-1]) if pulls else None
        author = company.member(str(last["author"])) if last else None
        rolled = artefact["rollback_of"]
        return {
            "githubDeployment": "1", "githubOrg": owner, "githubRepo": repo, "githubCommitOrg": owner,
            "githubCommitRepo": repo, "githubCommitRef": "main", "githubCommitSha": company.sha(artefact.id),
            "githubCommitMessage": f"{self._title(artefact)} {mentions}".strip(),
            **({"githubPrId": company.ref(pulls[-1]).number} if pulls else {}),
            **({"githubCommitAuthorName": author.name, "githubCommitAuthorLogin": author.id} if author else {}),
            **({"rollbackOf": company.ref(str(rolled)).ref} if rolled else {}),
        }  # fmt: skip


def _error(status: int, code: str, message: str, **more: Any) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, **more}}, status)


def _at(artefact: Artefact) -> datetime:
    assert artefact.at is not None
    return artefact.at


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
