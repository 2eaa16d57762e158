"""Vercel: deployments of every project, with the commit and the pull requests that they carry."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, serves
from tools.kit.paging import by_cursor, first
from tools.kit.wire import WireOptions
from tools.nouns import Deployment, utc
from tools.verbs import DeploysGet, DeploysList

PAGE = 100  # Vercel's bound

_STATES: dict[str, Literal["success", "failed", "building", "cancelled"]] = {
    "READY": "success",
    "ERROR": "failed",
    "CANCELED": "cancelled",
    "DELETED": "cancelled",
}
_MENTION = re.compile(r"(?<![\w/])#(\d+)\b")


class VercelSettings(ServiceSettings):
    """How to reach Vercel."""

    base_url: str = Field(default="https://api.vercel.com", description="the API's address")
    token: SecretStr = Field(description="an access token (Account Settings → Tokens), scoped to your team")
    team: str = Field(default="", description="the team's id (team_…) or slug; left out for a personal account")


class Vercel(Connector):
    """Reads deployments. A Vercel project is one part of the system: web, api, worker.

    What a rollback takes back is read from the deployment's metadata `rollbackOf`, as `vercel deploy --meta` sets it.
    """

    name = "vercel"
    title = "Vercel"
    Settings = VercelSettings

    @classmethod
    def wire_options(cls, settings: VercelSettings) -> WireOptions:
        return WireOptions(
            base_url=settings.base_url,
            auth=Token(settings.token),
            remaining="x-ratelimit-remaining",
            reset="x-ratelimit-reset",
        )

    async def check(self) -> Sight:
        user = (await self.wire.get("v2/user")).data["user"]
        projects = (await self.wire.get("v9/projects", {**self._team(), "limit": PAGE})).data["projects"]
        return Sight(self.settings.team or user["username"], tuple(f"project {p['name']}" for p in projects))

    @serves(DeploysList)
    async def deployments(self, ask: DeploysList) -> Sequence[Deployment]:
        """Vercel filters by time and by production; other environments are chosen here."""
        target = "production" if ask.environment == "production" else None
        params = {**self._team(), "limit": PAGE, "target": target, "since": _ms(ask.since)}
        return await first(self._listed(params, ask), ask.limit)

    @serves(DeploysGet)
    async def deployment(self, ask: DeploysGet) -> Sequence[Deployment]:
        answer = await self.wire.get(f"v13/deployments/{quote(ask.ref, safe='')}", self._team())
        return [_deployment(answer.data)]

    async def _listed(self, params: dict[str, Any], ask: DeploysList) -> AsyncIterator[Deployment]:
        async def page(cursor: str | None) -> Any:
            until = cursor or _ms(ask.until)
            return (await self.wire.get("v6/deployments", {**params, "until": until})).data

        async for answer in by_cursor(page, lambda data: data["pagination"]["next"]):
            for record in answer["deployments"]:
                deployment = _deployment(record)
                wanted = ask.environment in (None, deployment.environment)
                if wanted and (ask.since is None or ask.since <= deployment.at):
                    yield deployment

    def _team(self) -> dict[str, str]:
        if not self.settings.team:
            return {}
        return {"teamId" if self.settings.team.startswith("team_") else "slug": self.settings.team}


def _deployment(record: Any) -> Deployment:
    meta = record.get("meta") or {}
    message = str(meta.get("githubCommitMessage") or "")
    repo = f"{meta.get('githubOrg')}/{meta.get('githubRepo')}"
    numbers = [str(meta["githubPrId"])] if meta.get("githubPrId") else []
    numbers += [number for number in _MENTION.findall(message) if number not in numbers]
    ready, creator = record.get("ready"), record.get("creator") or {}
    return Deployment(
        service="vercel",
        ref=record.get("uid") or record["id"],
        url=record["inspectorUrl"],
        at=utc((record.get("created") or record["createdAt"]) / 1000),
        title=message.partition("\n")[0] or record["name"],
        component=record["name"],
        environment=_environment(record),
        state=_STATES.get(record.get("readyState") or record["state"], "building"),
        sha=meta.get("githubCommitSha"),
        pulls=tuple(f"{repo}#{number}" for number in numbers) if meta.get("githubRepo") else (),
        author=meta.get("githubCommitAuthorName") or creator.get("username"),
        rollback_of=meta.get("rollbackOf"),
        ready_at=utc(ready / 1000) if ready else None,
    )


def _environment(record: Any) -> Literal["production", "preview", "staging"]:
    """A deployment without a target, or with a custom environment's, is a preview."""
    target = record.get("target")
    return target if target in ("production", "staging") else "preview"


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
