"""What can be changed at Sentry: whether an error counts as resolved, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.choice import person
from tools.kit.connector import together
from tools.kit.errors import NotFound
from tools.writes import ErrorsAssign, ErrorsResolve

if TYPE_CHECKING:
    from tools.sentry import Sentry

STILL = timedelta(hours=1)  # an error that happened so lately goes on
NOBODY = "nobody"


@dataclass(frozen=True)
class Actor:
    """A person or a team as Sentry assigns to them; `ident` is `user:12` or `team:3`."""

    ident: str
    name: str
    others: tuple[str, ...]


class _Set(Action[Any, Any]):
    """A field of an issue is set. Setting it twice sets it once."""

    connector: Sentry
    repeat: ClassVar[Repeat] = "idempotent"

    async def read(self, ref: str) -> Any:
        """The issue in full, by its short id or number."""
        organization = await self.connector.organization()
        found = await self.connector.find(organization, ref)
        return (await self.connector.wire.get(f"{organization}issues/{found['id']}/")).data

    def words(self, issue: Any) -> dict[str, Any]:
        """The touched field as people say it."""
        raise NotImplementedError

    def shown(self, issue: Any, after: str, asked: Mapping[str, Any], former: Mapping[str, Any]) -> Change:
        """`asked` is what is sent, `former` what puts the field back."""
        before = self.words(issue)
        return Change(
            target=Target(
                service="sentry", kind="error", ref=issue["shortId"], title=issue["title"], url=issue["permalink"]
            ),
            before=before,
            after=dict.fromkeys(before, after),
            bound={"issue": issue["id"], "asked": dict(asked), "former": dict(former)},
            affects=max(1, issue.get("userCount") or 0),
            undo=f"{next(iter(before))} is {next(iter(before.values()))} again",
        )

    async def do(self, request: Any, change: Change, key: str) -> Landed:
        words = self.words(await self._put(change, change.bound["asked"]))
        [(field, value)] = words.items()
        return Landed(
            ref=change.target.ref,
            url=change.target.url,
            title=change.target.title,
            state=words,
            said=f"Sentry has {change.target.ref} with {field} {value}.",
            undo=dict(change.bound["former"]),
        )

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            return self.words(await self.read(change.bound["issue"]))
        except NotFound:
            return None

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        await self._put(change, landed.undo)

    async def _put(self, change: Change, fields: Mapping[str, Any]) -> Any:
        """Sends the fields, and nothing that is not in them changes; gives the issue as it is then."""
        path = f"{await self.connector.organization()}issues/{change.bound['issue']}/"
        return (await self.connector.wire.request("PUT", path, body=dict(fields))).data


class Resolve(_Set):
    """Sentry opens a resolved issue by itself when it happens again."""

    verb = ErrorsResolve

    async def preview(self, request: ErrorsResolve) -> Change:
        issue = await self.read(request.ref)
        after = "resolved in the next release" if request.in_next_release else "resolved"
        details = {"statusDetails": {"inNextRelease": True}} if request.in_next_release else {}
        former = {"status": issue["status"]}
        if issue["status"] == "ignored" and issue.get("substatus"):
            former["substatus"] = issue["substatus"]
        change = self.shown(issue, after, {"status": "resolved", **details}, former)
        return change.model_copy(update={"warnings": tuple(self._warnings(issue, change))})

    def words(self, issue: Any) -> dict[str, Any]:
        details = issue.get("statusDetails") or {}
        later = issue["status"] == "resolved" and details.get("inNextRelease")
        return {"state": "resolved in the next release" if later else issue["status"]}

    def _warnings(self, issue: Any, change: Change) -> list[str]:
        found = []
        if change.before == change.after:
            found.append("It is so already.")
        last = datetime.fromisoformat(issue["lastSeen"]) if issue.get("lastSeen") else None
        if last is not None and self.connector.now() - last < STILL:
            found.append(f"It still happens: last at {last:%H:%M} UTC. Sentry opens it again when it happens next.")
        return found


class Assign(_Set):
    """Only members and teams of the issue's project can have it."""

    verb = ErrorsAssign

    async def preview(self, request: ErrorsAssign) -> Change:
        issue = await self.read(request.ref)
        known = await self._actors(issue["project"]["slug"])
        chosen = person(request.assignee, known, lambda one: (one.name, *one.others), service=self.connector.name)
        now = issue["assignedTo"]
        former = f"{now['type']}:{now['id']}" if now else ""
        change = self.shown(issue, chosen.name, {"assignedTo": chosen.ident}, {"assignedTo": former})
        already = ("It is so already.",) if change.before == change.after else ()
        return change.model_copy(update={"people": (chosen.name,), "affects": 1, "warnings": already})

    def words(self, issue: Any) -> dict[str, Any]:
        now = issue["assignedTo"]
        if not now:
            return {"assignee": NOBODY}
        return {"assignee": _team(now["name"]) if now["type"] == "team" else now["name"]}

    async def _actors(self, project: str) -> list[Actor]:
        """The people and teams of a project; an invited person without an account cannot have an issue yet."""
        organization = (await self.connector.organization()).split("/")[1]
        path = f"projects/{organization}/{quote(project, safe='')}/"
        members, teams = await together([self.connector.wire.get(f"{path}{kind}/") for kind in ("members", "teams")])
        people = [
            Actor(f"user:{user['id']}", user["name"], (user["email"], user["username"]))
            for user in (member["user"] for member in members.data)
            if user
        ]
        return people + [
            Actor(f"team:{team['id']}", _team(team["slug"]), (team["slug"], team["name"])) for team in teams.data
        ]


def _team(slug: str) -> str:
    return f"#{slug}"


ACTIONS = (Resolve, Assign)
