"""A draft: the text of an issue or a message, made of records, for a person to look at. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from tools.analysis.ownership import Owner, by_code, name_of
from tools.kit.analysis import Analysis, Frame
from tools.nouns import Commit, Deployment, ErrorGroup, Issue, Message, Noun, Person, PullRequest, Ticket, dump

MOST_TITLE = 200
MOST_QUOTED = 280


class Draft(Noun):
    """What shall be written: `title`, `description` (Markdown) and links beneath. `about` is the record's ref, `owner`
    a name with the reason, `record` the record as its service gave it."""

    kind: ClassVar[str] = "draft"
    description: str = ""
    links: tuple[str, ...] = ()
    priority: str | None = None
    owner: str | None = None
    owned: str = ""
    about: str = ""
    record: dict[str, Any] = Field(default_factory=dict)

    def text(self) -> str:
        return f"{self.title}\n{self.description}"


class AnalyzeDraft(Analysis):
    """Prepare the text of an issue about records of an earlier answer: the main one first, the others as evidence."""

    name = "analyze.draft"
    returns = Draft
    records: tuple[Noun, ...]
    title: str | None = None
    pulls: tuple[PullRequest, ...] = ()
    commits: tuple[Commit, ...] = ()
    people: tuple[Person, ...] = ()
    owner: tuple[Owner, ...] = ()

    def compute(self, frame: Frame) -> Sequence[Noun]:
        if not self.records:
            return []
        first, *others = self.records
        owner = self.owner[0] if self.owner else owner_of(first, self.pulls, self.commits, self.people)
        return [drafted(first, others, frame, owner, title=self.title)]


def drafted(
    first: Noun, others: Sequence[Noun], frame: Frame, owner: Owner | None, *, title: str | None = None
) -> Draft:
    """The draft about a record, with further ones as its evidence."""
    lines = [told(first, frame)]
    if others:
        lines.append("**Evidence**\n" + "\n".join(f"- {_named(one)}" for one in others))
    if owner is not None:
        lines.append(f"{owner.title} {owner.reason}.")
    return Draft(
        service="deus",
        ref=f"draft:{first.ref}",
        url=first.url,
        at=first.at,
        title=(title or heading(first))[:MOST_TITLE],
        description="\n\n".join(line for line in lines if line),
        links=tuple(dict.fromkeys(one.url for one in (first, *others) if one.url)),
        owner=owner.title if owner else None,
        owned=owner.reason if owner else "",
        about=first.ref,
        record=dump(first),
    )


def owner_of(
    record: Noun, pulls: Sequence[PullRequest], commits: Sequence[Commit], people: Sequence[Person]
) -> Owner | None:
    """Who last changed the file that an error is in; None where nothing tells it."""
    if not isinstance(record, ErrorGroup) or not record.culprit:
        return None
    found = by_code([record.culprit], pulls, commits)
    if found is None:
        return None
    change, path = found
    name = name_of(change.author, people)
    called = f"#{change.number}" if isinstance(change, PullRequest) else change.ref[:7]
    return Owner(
        service="deus", ref=change.author, url=change.url, at=change.at, title=name, part=path,
        reason=f"last changed {path}, with {called}", because=change.ref,
    )  # fmt: skip


def heading(record: Noun) -> str:
    """A record's title as an issue's: an error with the file that it is in."""
    if isinstance(record, ErrorGroup) and record.culprit:
        return f"{record.title} in {record.culprit.rpartition('/')[2]}"
    return record.title or record.ref


def told(record: Noun, frame: Frame) -> str:
    """A record in plain words, with its own figures."""
    match record:
        case ErrorGroup():
            place = f"`{record.culprit}`" + (f", `{record.function}`" if record.function else "")
            place += f", line {record.line}" if record.line else ""
            facts = [f"Where: {place}"] if record.culprit else []
            facts += [f"{name}: {value}" for name, value in sorted(record.tags.items())]
            since, last = moment(record.at, frame), moment(record.last_seen, frame)
            seen = f"{record.users:,} people have met this error since {since}; it was last seen {last}."
            return "\n".join([seen, "", *(f"- {fact}" for fact in facts)]).strip()
        case Issue() | Ticket() | PullRequest():
            return f"{_named(record)}\n\n> {quoted(record.body)}" if record.body else _named(record)
        case Message():
            return f"{record.author} wrote on {moment(record.at, frame)}:\n\n> {quoted(record.body)}"
        case Deployment():
            return (
                f"Deployed {record.component} to {record.environment} on {moment(record.at, frame)}: {_named(record)}"
            )
        case _:
            return _named(record)


def quoted(text: str) -> str:
    """The beginning of somebody's words, on one line."""
    words = " ".join(text.split())
    return words if len(words) <= MOST_QUOTED else words[: MOST_QUOTED - 1] + "…"


def moment(at: Any, frame: Frame) -> str:
    """A time in the company's zone, with its day."""
    local = at.astimezone(frame.timezone)
    return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M} {local:%Z}"


def _named(record: Noun) -> str:
    kind = record.kind.replace("_", " ")
    title = re.sub(r"[\[\]]", "", record.title or quoted(record.text())[:80] or record.ref)
    return f"{kind} [{title}]({record.url})" if record.url else f"{kind} {title}"
