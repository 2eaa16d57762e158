"""How Deus ties an issue of Linear to another one (a relation) or to a page elsewhere (an attachment)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tools.kit.action import Action, Change, Landed, Repeat
from tools.kit.errors import BadArgument, NotFound
from tools.linear.records import IDENTIFIER, Record, pull_of
from tools.linear.writing import issue_at, made, made_id, target_of
from tools.writes import IssuesLink

if TYPE_CHECKING:
    from tools.linear import Linear

if TYPE_CHECKING:
    pass

TIES = """
query Ties($id: String!) {
  issue(id: $id) {
    id
    relations(first: 100) { nodes { id type relatedIssue { id } } }
    inverseRelations(first: 100) { nodes { id type issue { id } } }
    attachments(first: 100) { nodes { id url title } }
  }
}
"""
RELATION = "query Relation($id: String!) { issueRelation(id: $id) { id type relatedIssue { identifier } } }"
RELATE = (
    "mutation Relate($input: IssueRelationCreateInput!) { issueRelationCreate(input: $input) "
    "{ success issueRelation { id type relatedIssue { identifier } } } }"
)
UNRELATE = "mutation Unrelate($id: String!) { issueRelationDelete(id: $id) { success } }"
ATTACHMENT = "query Attachment($id: String!) { attachment(id: $id) { id url title } }"
ATTACH = (
    "mutation Attach($input: AttachmentCreateInput!) "
    "{ attachmentCreate(input: $input) { success attachment { id url title } } }"
)
DETACH = "mutation Detach($id: String!) { attachmentDelete(id: $id) { success } }"


class LinkIssue(Action["Linear", IssuesLink]):
    """A relation to another issue, or an attachment with a URL. What is tied already stays as it is."""

    connector: Linear
    verb = IssuesLink
    repeat: ClassVar[Repeat] = "idempotent"

    async def preview(self, request: IssuesLink) -> Change:
        linear = self.connector
        record = await issue_at(linear, request.ref)
        ties = (await linear.ask(TIES, {"id": record["id"]}))["issue"]
        warnings: list[str] = []
        if _is_issue(request.to, record["url"]):
            other = await issue_at(linear, request.to)
            if other["id"] == record["id"]:
                raise BadArgument(f"{other['identifier']} cannot be tied to itself.", service=linear.name)
            bound: Record = {"relatedIssueId": other["id"], "type": request.relation}
            after: dict[str, Any] = {request.relation: other["identifier"]}
            there = _relation(ties, other["id"], request.relation)
            if request.relation == "duplicate":
                warnings.append(f"Linear closes {record['identifier']} as a duplicate; undoing does not reopen it.")
        else:
            if not request.to.startswith(("http://", "https://")):
                raise BadArgument(f"{request.to!r} is neither an issue of Linear nor a URL.", service=linear.name)
            same = next((one for one in ties["attachments"]["nodes"] if one["url"] == request.to), None)
            there = same["id"] if same else None
            title = same["title"] if same else request.title or pull_of(request.to) or request.to.partition("://")[2]
            bound = {"url": request.to, **({"title": title} if not request.title or same else {})}
            after = {"link": request.to, "title": title}
        if there:
            warnings.append(f"{record['identifier']} is tied to it already.")
        return Change(
            target=target_of(record), before=after if there else dict.fromkeys(after), after=after,
            bound={"issueId": record["id"], "there": there, **bound}, warnings=tuple(warnings),
            undo="" if there else "The link is removed.",
        )  # fmt: skip

    async def do(self, request: IssuesLink, change: Change, key: str) -> Landed:
        linear, ident = self.connector, made_id(key)
        variables = {"id": ident, **{name: value for name, value in change.bound.items() if name != "there"}}
        if change.bound["there"]:
            state = dict(change.after)
            ident = change.bound["there"]
        elif "url" in variables:
            told = {"input": {"title": request.title, **variables}}
            state = _attached(await made(linear, ATTACH, told, "attachmentCreate.attachment", ATTACHMENT, ident))
        else:
            told = {"input": variables}
            state = _related(await made(linear, RELATE, told, "issueRelationCreate.issueRelation", RELATION, ident))
        return Landed(
            ref=change.target.ref, url=change.target.url, title=change.target.title, state=state, undo={"id": ident},
            said=f"Linear tied {change.target.ref} to it.",
        )  # fmt: skip

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            if "url" in change.bound:
                return _attached((await self.connector.ask(ATTACHMENT, {"id": landed.undo["id"]}))["attachment"])
            return _related((await self.connector.ask(RELATION, {"id": landed.undo["id"]}))["issueRelation"])
        except NotFound:
            return None

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        if await self.state(change, landed) is not None:
            await self.connector.ask(DETACH if "url" in change.bound else UNRELATE, {"id": landed.undo["id"]})


def _is_issue(to: str, url: str) -> bool:
    """Whether this is an identifier, or the URL of an issue in the same workspace as the issue at `url`."""
    home = re.split(r"/issue/", url)[0]
    return bool(IDENTIFIER.fullmatch(to.strip()) or (to.startswith(f"{home}/issue/") and IDENTIFIER.search(to)))


def _relation(ties: Record, other: str, kind: str) -> str | None:
    """The id of the relation of this kind that is there already; "related" holds both ways."""
    mine = [node for node in ties["relations"]["nodes"] if (node["relatedIssue"]["id"], node["type"]) == (other, kind)]
    if kind == "related":
        others = ties["inverseRelations"]["nodes"]
        mine += [node for node in others if (node["issue"]["id"], node["type"]) == (other, kind)]
    return mine[0]["id"] if mine else None


def _related(record: Record) -> dict[str, Any]:
    return {record["type"]: record["relatedIssue"]["identifier"]}


def _attached(record: Record) -> dict[str, Any]:
    return {"link": record["url"], "title": record["title"]}
