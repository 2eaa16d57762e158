"""Which deployment serves a project's production, which ones did before, and how another one is put there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tools.kit.errors import BadArgument, Malformed, NotFound, TimedOut, Unavailable
from tools.nouns import Deployment
from tools.vercel.deployment import deployment_of

if TYPE_CHECKING:
    from tools.vercel import Vercel

LOOKED_AT = 300  # production deployments of a project among which the one to go back to is looked for
LOOKS, PAUSE = 60, 1.0  # how often, and every how many seconds, Vercel is asked whether the domains have moved


@dataclass(frozen=True)
class Production:
    """A project's finished production deployments, newest first, and the one that serves."""

    project: str
    name: str
    serving: Deployment
    finished: Sequence[Deployment]
    by_hand: bool

    def since(self, target: Deployment) -> list[Deployment]:
        """What is taken back when `target` serves in place of what serves now: newest first."""
        return [one for one in self.finished if target.at < one.at <= self.serving.at]

    def up_to(self, target: Deployment) -> list[Deployment]:
        """What goes live along with a `target` that is newer than what serves now: newest first, without it."""
        return [one for one in self.finished if self.serving.at < one.at < target.at]


async def production(connector: Vercel, component: str) -> Production:
    """Production of the project of this name or id. Raises BadArgument if there is none, or nothing serves it."""
    project = await _project(connector, component)
    serving = _serving(project)
    if serving is None:
        raise BadArgument(f"No deployment serves {project['name']} in production.", service=connector.name)
    finished: list[Deployment] = []
    async for record in connector.records(projectId=project["id"], target="production", state="READY"):
        finished.append(deployment_of(record))
        if len(finished) == LOOKED_AT:
            break
    current = next((one for one in finished if one.ref == serving), None)
    if current is None:
        current = deployment_of(await connector.record(serving))
    return Production(project["id"], project["name"], current, finished, _by_hand(project))


async def serving_now(connector: Vercel, project: str) -> str | None:
    """The id of the deployment that serves the project; None if there is none or the project is gone."""
    try:
        return _serving(await _read(connector, project))
    except NotFound:
        return None


async def point(connector: Vercel, project: str, deployment: str, how: str) -> bool:
    """Lets a deployment serve production and waits until all domains lead there; False if it served already.

    `how` is the method's path: v1/…/rollback or v10/…/promote. Raises TimedOut if Vercel does not say in a minute how
    it went, and Unavailable if it says that it failed.
    """
    before = await _read(connector, project)
    if _serving(before) == deployment:
        return False
    if not _under_way(before, deployment):
        version, _, method = how.partition("/")
        path = f"{version}/projects/{quote(project, safe='')}/{method}/{quote(deployment, safe='')}"
        answer = await connector.wire.post(path + connector.query(), {}, repeat=False)
        if answer.status not in (201, 202):
            raise Malformed(f"Vercel answered {answer.status} where it publishes 201.", service=connector.name)
    for _ in range(LOOKS):
        asked = (await _read(connector, project)).get("lastAliasRequest") or {}
        if asked.get("toDeploymentId") == deployment and asked.get("jobStatus") in ("succeeded", "skipped"):
            return True
        if asked.get("toDeploymentId") == deployment and asked.get("jobStatus") == "failed":
            raise Unavailable("Vercel could not lead all domains to the deployment.", service=connector.name)
        await connector.wire.pause(PAUSE)
    raise TimedOut("Vercel has not said yet whether all domains lead to the deployment.", service=connector.name)


async def _project(connector: Vercel, component: str) -> Any:
    try:
        return await _read(connector, component)
    except NotFound:
        listed = (await connector.wire.get("v9/projects", {**connector.team(), "limit": 100})).data["projects"]
    named = next((one["id"] for one in listed if one["name"].casefold() == component.strip().casefold()), None)
    if named is None:
        names = ", ".join(one["name"] for one in listed) or "none"
        raise BadArgument(f"Vercel has no project {component!r}; there are: {names}.", service=connector.name)
    return await _read(connector, named)


async def _read(connector: Vercel, project: str) -> Any:
    return (await connector.wire.get(f"v9/projects/{quote(project, safe='')}", connector.team())).data


def _under_way(project: Any, deployment: str) -> bool:
    asked = project.get("lastAliasRequest") or {}
    return asked.get("toDeploymentId") == deployment and asked.get("jobStatus") in ("pending", "in-progress")


def _by_hand(project: Any) -> bool:
    """Whether production was rolled back: then new deployments do not go live by themselves."""
    asked = project.get("lastAliasRequest") or {}
    return asked.get("type") == "rollback" and asked.get("jobStatus") == "succeeded"


def _serving(project: Any) -> str | None:
    """The deployment that serves: what was put there by hand, until a later deployment has gone live by itself."""
    live = (project.get("targets") or {}).get("production") or {}
    asked = project.get("lastAliasRequest") or {}
    later = asked.get("requestedAt", 0) >= live.get("createdAt", 0)
    if asked.get("jobStatus") == "succeeded" and (later or _by_hand(project)):
        return str(asked["toDeploymentId"])
    return live.get("id")
