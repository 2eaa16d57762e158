"""Vercel as the demo company deploys with it: one project for every part of its system."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
    """The documented paths of api.vercel.com that are asked here, and the pages that inspectorUrl opens."""
    vendor = _Vercel(demo.company)
    return [
        Route("/v2/user", vendor.api(vendor.user)),
        Route("/v2/teams", vendor.api(vendor.teams)),
        Route("/v9/projects", vendor.api(vendor.projects)),
        Route("/v9/projects/{project}", vendor.api(vendor.project)),
        *(
            Route(f"/{version}/projects/{{project}}/{how}/{{name}}", vendor.api(vendor.point), methods=["POST"])
            for version, how in (("v1", "rollback"), ("v9", "rollback"), ("v10", "promote"))
        ),
        Route("/v13/deployments", _sending(vendor), methods=["POST"]),
        Route("/v12/deployments/{name}/cancel", vendor.api(vendor.cancel), methods=["PATCH"]),
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
        self.records += [self._first(name, number) for number, name in enumerate(self.names)]
        self.pointed: dict[str, dict[str, Any]] = {}
        self.begun: dict[str, float] = {}
        self.changes = 0

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
        count = {"count": len(self.names), "next": None, "prev": None}
        return JSONResponse({"projects": [self._project(name) for name in self.names], "pagination": count})

    def project(self, request: Request) -> Response:
        name = self._named(request)
        return JSONResponse(self._project(name)) if name else _error(404, "not_found", "Project not found.")

    def point(self, request: Request) -> Response:
        """Leads production to a finished build for it: a rollback to what has served, a promotion to any.

        The statuses are documented; Vercel publishes no code of an error's body for them.
        """
        name, wanted = self._named(request), request.path_params["name"]
        if name is None:
            return _error(404, "not_found", "Project not found.")
        record = next((r for r in self.live() if r["uid"] == wanted and r["name"] == name), None)
        if record is None:
            return _error(404, "not_found", "Deployment not found")
        if record["readyState"] != "READY" or record["target"] != "production":
            return _error(422, "unprocessable_entity", "The deployment is not a ready production deployment.")
        served = self._serving(name)
        if served == wanted:
            return _error(409, "conflict", "The deployment is already serving production.")
        how = "rollback" if "/rollback/" in request.url.path else "promote"
        self.pointed[name] = {
            "fromDeploymentId": served, "toDeploymentId": wanted, "jobStatus": "succeeded", "type": how,
            "requestedAt": self._moment(),
        }  # fmt: skip
        return Response(status_code=201)

    def create(self, sent: Any) -> Response:
        """Builds the commit of an earlier deployment again; anything else a demo company cannot build."""
        if not isinstance(sent, dict) or not isinstance(sent.get("name"), str):
            return _error(400, "bad_request", "Invalid request: missing required property `name`.")
        unknown = set(sent) - {"name", "deploymentId", "meta", "target", "project", "withLatestCommit"}
        if unknown:
            return _error(400, "bad_request", f"Invalid request: should NOT have additional property `{min(unknown)}`.")
        meta = sent.get("meta") or {}
        if not all(isinstance(value, str) for value in meta.values()):
            return _error(400, "bad_request", "Invalid request: `meta` values should be strings.")
        if sent.get("target") not in (None, "production", "staging"):
            return _error(400, "bad_request", "Invalid request: `target` should be one of production, staging.")
        old = next((r for r in self.records if r["uid"] == sent.get("deploymentId")), None)
        if old is None:
            return _error(404, "not_found", "Deployment not found")
        created = self._moment()
        number = self.changes
        uid = f"{old['uid'][:-4]}{number:04d}"
        changed = {
            "uid": uid, "url": f"{old['name']}-{uid[4:13]}-{number}.vercel.app", "created": created,
            "buildingAt": created, "source": "redeploy", "target": sent.get("target"), "state": "BUILDING",
            "readyState": "BUILDING", "aliasAssigned": None, "meta": {**old["meta"], **meta},
            "inspectorUrl": f"{self.company.public_url}/vercel/{self.slug}/{old['name']}/{uid[4:]}",
        }  # fmt: skip
        record = {**{key: value for key, value in old.items() if key != "ready"}, **changed}
        self.records.insert(0, record)
        self.begun[uid] = time.monotonic()
        return JSONResponse(_single(record))

    def cancel(self, request: Request) -> Response:
        """Ends a build that goes on; one that has ended cannot be cancelled."""
        found = next((r for r in self.live() if r["uid"] == request.path_params["name"]), None)
        if found is None:
            return _error(404, "not_found", "Deployment not found")
        if found["readyState"] != "BUILDING":
            return _error(400, "bad_request", "The deployment is not being built any more.")
        record = next(r for r in self.records if r["uid"] == found["uid"])
        record.update(state="CANCELED", readyState="CANCELED")
        self.begun.pop(found["uid"], None)
        return JSONResponse(_single(record))

    def live(self) -> list[dict[str, Any]]:
        """The deployments as they are by now: what was redeployed is ready after the time that a build takes."""
        for record in self.records:
            began = self.begun.get(record["uid"])
            if began is not None and time.monotonic() - began > BUILD.total_seconds():
                ready = record["created"] + round(BUILD.total_seconds() * 1000)
                record.update(state="READY", readyState="READY", ready=ready, aliasAssigned=ready)
        return self.records

    def deployments(self, request: Request) -> Response:
        ask = request.query_params
        try:
            limit = int(ask.get("limit", "20"))
            since, until = int(ask.get("since", "0")), int(ask.get("until", str(1 << 62)))
        except ValueError:
            return _error(400, "bad_request", "Invalid request: limit, since and until should be numbers.")
        if not 1 <= limit <= 100:
            return _error(400, "bad_request", "Invalid request: limit should be between 1 and 100.")
        wanted = {
            "target": ask.get("target"), "projectId": ask.get("projectId"), "name": ask.get("app"),
            "readyState": ask.get("state"),
        }  # fmt: skip
        found = [
            record
            for record in self.live()
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
        record = next((r for r in self.live() if name in (r["uid"], r["url"])), None)
        return JSONResponse(_single(record)) if record else _error(404, "not_found", "Deployment not found")

    def shown(self, request: Request) -> Response:
        """The page of a deployment."""
        record = next((r for r in self.live() if r["uid"] == f"dpl_{request.path_params['name']}"), None)
        if record is None:
            return Response("Not found", 404)
        facts = [
            ("Deployment", record["uid"]),
            ("Project", record["name"]),
            ("Environment", record["target"] or "preview"),
            ("Serves production", "yes" if self._serving(record["name"]) == record["uid"] else ""),
            ("State", record["readyState"]),
            ("Created", datetime.fromtimestamp(record["created"] / 1000, UTC).isoformat()),
            ("Commit", record["meta"]["githubCommitSha"]),
            ("By", record["meta"].get("githubCommitAuthorName", "")),
        ]
        artefact = self.artefacts.get(record["uid"])
        message = record["meta"]["githubCommitMessage"]
        return page(self._title(artefact) if artefact else message.partition("\n")[0], "Vercel", facts, message)

    def _moment(self) -> int:
        """When a change happens: the company's time stands still, and changes come one after the other before now."""
        self.changes += 1
        return _ms(self.company.now) - 1000 + self.changes

    def _named(self, request: Request) -> str | None:
        asked = request.path_params["project"]
        return next((name for name in self.names if asked in (name, f"prj_{name}")), None)

    def _serving(self, name: str) -> str | None:
        """What was put into production by hand, or the newest build for it; a rollback keeps newer ones away."""
        pointed = self.pointed.get(name)
        ready = [r for r in self.live() if r["name"] == name and r["target"] == "production" and "ready" in r]
        newer = bool(ready) and pointed is not None and ready[0]["created"] > pointed["requestedAt"]
        if pointed and (pointed["type"] == "rollback" or not newer):
            return str(pointed["toDeploymentId"])
        return str(ready[0]["uid"]) if ready else None

    def _project(self, name: str) -> dict[str, Any]:
        served = next((r for r in self.live() if r["uid"] == self._serving(name)), None)
        keys = ("url", "readyState", "target", "meta", "aliasAssigned", "creator")
        live = {"id": served["uid"], "createdAt": served["created"], **{k: served[k] for k in keys}} if served else None
        return {
            "id": f"prj_{name}", "name": name, "accountId": self.team, "targets": {"production": live} if live else {},
            "lastAliasRequest": self.pointed.get(name),
        }  # fmt: skip

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

    def _first(self, name: str, number: int) -> dict[str, Any]:
        """What served a project when the world begins: there is always something to go back to."""
        at, company = self.company.now - timedelta(days=self.company.days + 1, minutes=number), self.company
        sha = hashlib.sha1(f"{company.facts.name}/{name}".encode(), usedforsecurity=False).hexdigest()
        owner, repo = company.facts.repo.split("/")
        uid, ready = f"dpl_{sha[:24]}", at + BUILD
        return {
            "uid": uid, "name": name, "projectId": f"prj_{name}", "url": f"{name}-{sha[:9]}.vercel.app",
            "created": _ms(at), "buildingAt": _ms(at), "ready": _ms(ready), "source": "git", "state": "READY",
            "readyState": "READY", "type": "LAMBDAS", "target": "production", "aliasAssigned": _ms(ready),
            "aliasError": None, "inspectorUrl": f"{company.public_url}/vercel/{self.slug}/{name}/{sha[:24]}",
            "creator": {"uid": "demo", "username": self.slug, "email": f"deploys@{company.facts.domain}"},
            "meta": {
                "githubDeployment": "1", "githubOrg": owner, "githubRepo": repo, "githubCommitOrg": owner,
                "githubCommitRepo": repo, "githubCommitRef": "main", "githubCommitSha": sha,
                "githubCommitMessage": f"Release of {at:%-d %B}",
            },
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


def _sending(vendor: _Vercel) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            sent = json.loads(await request.body())
        except ValueError:
            sent = None
        return vendor.api(lambda _: vendor.create(sent))(request)

    return answer


def _single(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it is asked for alone: its id and time have other names than in a list."""
    detail = {key: value for key, value in record.items() if key not in ("uid", "created", "state")}
    return {**detail, "id": record["uid"], "createdAt": record["created"]}


def _error(status: int, code: str, message: str, **more: Any) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, **more}}, status)


def _at(artefact: Artefact) -> datetime:
    assert artefact.at is not None
    return artefact.at


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
