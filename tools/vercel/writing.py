"""What can be changed at Vercel: which deployment serves production, and building a commit again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.errors import BadArgument, NotFound
from tools.kit.tool import Write
from tools.nouns import Deployment
from tools.vercel.deployment import deployment_of
from tools.vercel.production import Production, point, production, serving_now
from tools.writes import DeploysPromote, DeploysRedeploy, DeploysRollback

if TYPE_CHECKING:
    from tools.vercel import Vercel

ROLLBACK, PROMOTE = "v1/rollback", "v10/promote"
LOOKED_BACK = timedelta(days=30)  # how far back a redeployment is looked for by its key
NAMED = 10  # deployments that a warning lists


class _Point(Action[Any, Any]):
    """Production is led to another deployment. Doing it twice does it once: what serves is looked at first."""

    connector: Vercel
    repeat: ClassVar[Repeat] = "idempotent"
    how: ClassVar[str]

    def shown(self, served: Production, target: Deployment, warnings: Sequence[str]) -> Change:
        """What serves now, what will, and what goes with it."""
        taken_back = served.since(target)
        between = [one for one in taken_back if one.ref != served.serving.ref]
        lost = [f"Takes back as well: {_list(between)}."] if between else []
        won = served.up_to(target)
        lost += [f"What went before it goes live with it: {_list(won)}."] if won else []
        return Change(
            target=Target(
                service="vercel",
                kind="deployment",
                ref=target.ref,
                title=f"{served.name} in production",
                url=target.url,
                environment="production",
            ),
            before={"serves production": _label(served.serving)},
            after={"serves production": _label(target)},
            bound={"project": served.project, "from": served.serving.ref, "to": target.ref},
            affects=max(1, len(taken_back), len(won) + 1),
            undo=f"promote {_label(served.serving)} again",
            warnings=(*lost, *warnings),
        )

    async def do(self, request: Write, change: Change, key: str) -> Landed:
        moved = await point(self.connector, change.bound["project"], change.bound["to"], self.how)
        now = await self._state(change)
        said = f"Vercel has led all domains of {change.target.title} there." if moved else "It serves already."
        return Landed(
            ref=change.target.ref,
            url=change.target.url,
            title=change.target.title,
            state=now or {},
            said=said,
            undo={"to": change.bound["from"]},
        )

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        return await self._state(change)

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        await point(self.connector, change.bound["project"], landed.undo["to"], PROMOTE)

    async def _state(self, change: Change) -> dict[str, Any] | None:
        ref = await serving_now(self.connector, change.bound["project"])
        if ref is None:
            return None
        return {"serves production": _label(deployment_of(await self.connector.record(ref)))}

    def _unclear(self, why: str) -> BadArgument:
        return BadArgument(why, service=self.connector.name)


class Rollback(_Point):
    """Vercel's instant rollback: the domains lead to an earlier build, nothing is built."""

    verb = DeploysRollback
    how = ROLLBACK

    async def preview(self, request: DeploysRollback) -> Change:
        served = await production(self.connector, request.component)
        bad = self._bad(served, request.bad)
        target = self._named(served, request.to) if request.to else self._before(served, bad)
        warning = f"New deployments of {served.name} do not go live by themselves until one is promoted."
        return self.shown(served, target, [warning])

    def _bad(self, served: Production, ref: str | None) -> Deployment:
        """The deployment that is at fault, which must be in what serves now."""
        if ref is None:
            return served.serving
        bad = next((one for one in served.finished if one.ref == ref), None)
        if bad is None:
            raise self._unclear(f"{ref} is no finished production deployment of {served.name}.")
        if bad.at > served.serving.at:
            raise self._unclear(f"{_label(bad)} does not serve production: {_label(served.serving)} does.")
        return bad

    def _named(self, served: Production, ref: str) -> Deployment:
        target = next((one for one in served.finished if one.ref == ref), None)
        if target is None:
            raise self._unclear(f"{ref} is no finished production deployment of {served.name}.")
        if target.at >= served.serving.at:
            raise self._unclear(f"{_label(target)} is not older than {_label(served.serving)}, which serves now.")
        return target

    def _before(self, served: Production, bad: Deployment) -> Deployment:
        """The newest one before the bad one that carries another commit, and that nobody had gone back from."""
        left = {one.rollback_of for one in served.finished if one.rollback_of}
        older = (one for one in served.finished if one.at < bad.at and one.ref not in left)
        target = next((one for one in older if one.sha is None or one.sha != bad.sha), None)
        if target is None:
            raise self._unclear(f"There is no finished production deployment of {served.name} before {_label(bad)}.")
        return target


class Promote(_Point):
    """A build for production that does not serve it yet, or not any more, is put there without being built again."""

    verb = DeploysPromote
    how = PROMOTE

    async def preview(self, request: DeploysPromote) -> Change:
        record = await self.connector.record(request.ref)
        target, served = deployment_of(record), await production(self.connector, record["projectId"])
        if target.environment != "production":
            raise self._unclear(
                f"{_label(target)} is a {target.environment} build; production wants a build of its own."
            )
        if target.state in ("failed", "cancelled"):
            raise self._unclear(f"{_label(target)} has {target.state}; there is nothing to serve.")
        if target.ref == served.serving.ref:
            raise self._unclear(f"{_label(target)} serves production already.")
        return self.shown(served, target, [])

    async def blocked(self, request: DeploysPromote, change: Change) -> str | None:
        building = deployment_of(await self.connector.record(change.bound["to"])).state == "building"
        return f"{change.target.ref} is being built." if building else None


class Redeploy(Action[Any, DeploysRedeploy]):
    """The same commit built again. The key travels in the deployment's metadata and is looked up there."""

    connector: Vercel
    verb = DeploysRedeploy
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: DeploysRedeploy) -> Change:
        record = await self.connector.record(request.ref)
        old = deployment_of(record)
        warnings = []
        if old.environment == "production":
            served = await production(self.connector, record["projectId"])
            if served.by_hand:
                warnings.append("Production was rolled back: the new build does not go live until it is promoted.")
            else:
                warnings.append(f"Once built it serves production in place of {_label(served.serving)}.")
        return Change(
            target=Target(
                service="vercel",
                kind="deployment",
                title=f"{old.component} in {old.environment}",
                url=old.url,
                environment=old.environment,
            ),
            after={"new deployment": _build(record)},
            bound={
                "deployment": old.ref,
                "project": record["projectId"],
                "name": record["name"],
                "target": record.get("target"),
            },
            undo="cancel the build while it runs",
            warnings=tuple(warnings),
        )

    async def do(self, request: DeploysRedeploy, change: Change, key: str) -> Landed:
        body = {
            "deploymentId": change.bound["deployment"],
            "name": change.bound["name"],
            "meta": {"action": "redeploy", "deusKey": key},
            **({"target": change.bound["target"]} if change.bound["target"] else {}),
        }
        path = f"v13/deployments{self.connector.query(forceNew='1')}"
        return _landed((await self.connector.wire.post(path, body, repeat=False)).data)

    async def find(self, request: DeploysRedeploy, change: Change, key: str) -> Landed | None:
        """Looks for the key among the project's deployments of the last thirty days."""
        since = round((self.connector.now() - LOOKED_BACK).timestamp() * 1000)
        async for record in self.connector.records(projectId=change.bound["project"], since=since):
            if (record.get("meta") or {}).get("deusKey") == key:
                return _landed(record)
        return None

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            return _landed(await self.connector.record(landed.ref)).state
        except NotFound:
            return None

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        now = deployment_of(await self.connector.record(landed.ref))
        if now.state in ("cancelled", "failed"):
            return
        if now.state == "success":
            raise BadArgument(
                f"{now.ref} has been built; roll {now.component} back instead.", service=self.connector.name
            )
        await self.connector.wire.request("PATCH", f"v12/deployments/{landed.ref}/cancel{self.connector.query()}")


def _landed(record: Any) -> Landed:
    deployment = deployment_of(record)
    return Landed(
        ref=deployment.ref,
        url=deployment.url,
        title=f"{deployment.component} in {deployment.environment}",
        state={"new deployment": _build(record)},
        said=f"Vercel builds {deployment.ref}." if deployment.state == "building" else f"Vercel has {deployment.ref}.",
    )


def _build(record: Any) -> str:
    """A build in words that hold from its beginning on, unless it fails or is cancelled."""
    deployment = deployment_of(record)
    said = f"{deployment.title} ({(deployment.sha or '')[:7] or 'no commit'}) for {deployment.environment}"
    return f"{said}, {deployment.state}" if deployment.state in ("failed", "cancelled") else said


def _label(deployment: Deployment) -> str:
    """“Faster sign-up (#482)” (a1b2c3d, 18 Nov 14:02 UTC, dpl_…)."""
    commit = [deployment.sha[:7]] if deployment.sha else []
    return f"“{deployment.title}” ({', '.join([*commit, f'{deployment.at:%-d %b %H:%M} UTC', deployment.ref])})"


def _list(deployments: Sequence[Deployment]) -> str:
    named = "; ".join(_label(one) for one in deployments[:NAMED])
    return f"{named}; and {len(deployments) - NAMED} more" if len(deployments) > NAMED else named


ACTIONS = (Rollback, Promote, Redeploy)
