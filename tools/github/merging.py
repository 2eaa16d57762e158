"""How Deus merges a pull request at GitHub: the commit that was shown, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tools.github.mark import Record
from tools.github.pulls import pull_at, target_of
from tools.kit.action import Action, Change, Landed, Repeat
from tools.kit.errors import BadArgument, NotFound, StepFailed
from tools.kit.paging import all_by_link
from tools.kit.pulls import checks_of
from tools.writes import PullsMerge

if TYPE_CHECKING:
    from tools.github import GitHub


class MergePull(Action["GitHub", PullsMerge]):
    """A merge of the head that was shown. Sent again, it finds the same head merged; another head is refused."""

    connector: GitHub
    verb = PullsMerge
    repeat: ClassVar[Repeat] = "idempotent"

    async def preview(self, request: PullsMerge) -> Change:
        path, record = await pull_at(self.connector, request.ref)
        target, head = target_of(record), record["head"]["sha"]
        if record["state"] != "open":
            said = "merged" if record["merged_at"] else "closed"
            raise BadArgument(f"{target.ref} is {said} already.", service=self.connector.name)
        return Change(
            target=target, before={"state": "open", "head": head}, after={"state": "merged", "head": head},
            bound={"path": path, "sha": head, "method": request.method},
            people=((record.get("user") or {}).get("login", "ghost"),),
            warnings=(
                f"It goes into {record['base']['ref']}. A merge cannot be taken back by itself; "
                "a pull request that reverts it is the way.",
                *await self._warnings(path, record),
            ),
        )  # fmt: skip

    async def _warnings(self, path: str, record: Record) -> list[str]:
        warnings: list[str] = []
        checks = await self._checks(path, record["head"]["sha"])
        if red := _red(checks):
            warnings.append(f"Checks are red: {', '.join(red)}.")
        if pending := [name for name, conclusion in checks if conclusion is None]:
            warnings.append(f"Checks are running: {', '.join(pending)}.")
        last: dict[str, str] = {}
        for review in await all_by_link(self.connector.wire, f"{path}/reviews", 300):
            if review["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
                last[(review.get("user") or {}).get("login", "ghost")] = review["state"]
        against = [who for who, verdict in last.items() if verdict == "CHANGES_REQUESTED"]
        if against:
            warnings.append(f"{len(against)} review asks for changes: {', '.join(against)}." if len(against) == 1 else
                            f"{len(against)} reviews ask for changes: {', '.join(against)}.")  # fmt: skip
        if "APPROVED" not in last.values():
            warnings.append("Nobody has approved it.")
        if record.get("mergeable") is False:
            warnings.append("It conflicts with the branch that it goes into.")
        if record.get("draft"):
            warnings.append("It is a draft.")
        return warnings

    async def blocked(self, request: PullsMerge, change: Change) -> str | None:
        record = (await self.connector.wire.get(change.bound["path"])).data
        if record.get("merged_at"):
            return None
        self._passable(record, change)
        checks = await self._checks(change.bound["path"], change.bound["sha"])
        if red := _red(checks):
            raise self._failed(f"{change.target.ref} was not merged: the check {', '.join(red)} failed.")
        pending = [name for name, conclusion in checks if conclusion is None]
        return f"Checks are running: {', '.join(pending)}." if request.when_green and pending else None

    def _passable(self, record: Record, change: Change) -> None:
        """Raises StepFailed for what waiting does not mend."""
        ref = change.target.ref
        if record["state"] != "open":
            raise self._failed(f"{ref} was closed without being merged.")
        if record["head"]["sha"] != change.bound["sha"]:
            raise self._failed(f"{ref} has new commits since it was shown ({record['head']['sha'][:7]}).")
        if record.get("draft"):
            raise self._failed(f"{ref} is a draft.")
        if record.get("mergeable") is False:
            raise self._failed(f"{ref} conflicts with {record['base']['ref']}.")

    async def do(self, request: PullsMerge, change: Change, key: str) -> Landed:
        path = change.bound["path"]
        body = {"sha": change.bound["sha"], "merge_method": change.bound["method"]}
        try:
            answer = (await self.connector.wire.request("PUT", f"{path}/merge", body=body)).data
        except BadArgument as refused:
            record = (await self.connector.wire.get(path)).data
            if not record.get("merged_at"):
                self._passable(record, change)
                raise self._failed(f"GitHub did not merge {change.target.ref}: {refused.message}") from refused
            if record["head"]["sha"] != change.bound["sha"]:
                raise self._failed(f"{change.target.ref} was merged with other commits than were shown.") from refused
            answer = {"sha": record["merge_commit_sha"], "merged": True}
        if not answer["merged"]:
            raise self._failed(f"GitHub did not merge {change.target.ref}.")
        return Landed(
            ref=change.target.ref, url=change.target.url, title=change.target.title, state=dict(change.after),
            said=f"GitHub merged {change.target.ref} as {str(answer['sha'])[:7]}.",
        )  # fmt: skip

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            record = (await self.connector.wire.get(change.bound["path"])).data
        except NotFound:
            return None
        return {"state": "merged" if record.get("merged_at") else record["state"], "head": record["head"]["sha"]}

    async def _checks(self, path: str, head: str) -> list[tuple[str, str | None]]:
        return await self.connector.checks(f"{path.partition('/pulls/')[0]}/commits/{head}")

    def _failed(self, message: str) -> StepFailed:
        return StepFailed(message, service=self.connector.name)


def _red(checks: list[tuple[str, str | None]]) -> list[str]:
    return [name for name, conclusion in checks if checks_of([conclusion]) == "failure"]
