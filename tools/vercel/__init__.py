"""Vercel: deployments of every project, with the commit and the pull requests that they carry, and which is live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, serves
from tools.kit.paging import by_cursor, first
from tools.kit.wire import WireOptions
from tools.nouns import Deployment
from tools.verbs import DeploysGet, DeploysList
from tools.vercel.deployment import deployment_of
from tools.vercel.writing import ACTIONS

PAGE = 100  # Vercel's bound


class VercelSettings(ServiceSettings):
    """How to reach Vercel."""

    base_url: str = Field(default="https://api.vercel.com", description="the API's address")
    token: SecretStr = Field(
        description="an access token (Account Settings → Tokens), scoped to your team; it may do what its owner may: "
        "rolling back, promoting and redeploying want a role that may deploy to production"
    )
    team: str = Field(default="", description="the team's id (team_…) or slug; left out for a personal account")


class Vercel(Connector):
    """Reads deployments. A Vercel project is one part of the system: web, api, worker.

    What a rollback takes back is read from the deployment's metadata `rollbackOf`, as `vercel deploy --meta` sets it.
    """

    name = "vercel"
    title = "Vercel"
    Settings = VercelSettings
    actions = ACTIONS

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
        projects = (await self.wire.get("v9/projects", {**self.team(), "limit": PAGE})).data["projects"]
        return Sight(self.settings.team or user["username"], tuple(f"project {p['name']}" for p in projects))

    @serves(DeploysList)
    async def deployments(self, ask: DeploysList) -> Sequence[Deployment]:
        """Vercel filters by time and by production; other environments are chosen here."""
        target = "production" if ask.environment == "production" else None
        records = self.records(target=target, since=_ms(ask.since), until=_ms(ask.until))
        return await first(_wanted(records, ask), ask.limit)

    @serves(DeploysGet)
    async def deployment(self, ask: DeploysGet) -> Sequence[Deployment]:
        return [deployment_of(await self.record(ask.ref))]

    async def record(self, ref: str) -> Any:
        """One deployment as Vercel has it."""
        return (await self.wire.get(f"v13/deployments/{quote(ref, safe='')}", self.team())).data

    async def records(self, *, until: int | None = None, **params: Any) -> AsyncIterator[Any]:
        """Deployments as Vercel has them, newest first; times are milliseconds since the epoch."""

        async def page(cursor: str | None) -> Any:
            asked = {**self.team(), "limit": PAGE, **params, "until": cursor or until}
            return (await self.wire.get("v6/deployments", asked)).data

        async for answer in by_cursor(page, lambda data: data["pagination"]["next"]):
            for record in answer["deployments"]:
                yield record

    def team(self) -> dict[str, str]:
        """The parameters that name the team."""
        if not self.settings.team:
            return {}
        return {"teamId" if self.settings.team.startswith("team_") else "slug": self.settings.team}

    def query(self, **more: str) -> str:
        """The query of an address to which something is sent: the team and `more`; "" if there is neither."""
        encoded = urlencode({**more, **self.team()})
        return f"?{encoded}" if encoded else ""


async def _wanted(records: AsyncIterator[Any], ask: DeploysList) -> AsyncIterator[Deployment]:
    async for record in records:
        deployment = deployment_of(record)
        wanted = ask.environment in (None, deployment.environment)
        if wanted and (ask.since is None or ask.since <= deployment.at):
            yield deployment


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
