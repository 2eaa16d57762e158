"""What escalating the critical bugs comes to: issues to create, issues to raise, and the notice of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from tools.analysis.draft import Draft, drafted, owner_of
from tools.analysis.links import join, key
from tools.analysis.ownership import name_of
from tools.analysis.work import CLOSED
from tools.kit.analysis import Analysis, Frame
from tools.nouns import Commit, ErrorGroup, Issue, Noun, Person, Pick, PullRequest, dump

MOST = 5


class AnalyzeEscalation(Analysis):
    """Prepare the escalation of what is critical: the issues to create, those to raise, or the notice to the team."""

    name = "analyze.escalation"
    returns = Draft
    critical: tuple[Pick, ...] = ()
    issues: tuple[Issue, ...] = ()
    pulls: tuple[PullRequest, ...] = ()
    commits: tuple[Commit, ...] = ()
    people: tuple[Person, ...] = ()
    only: tuple[str, ...] = Field(default=(), description="refs of those that are meant; all if empty")
    part: Literal["create", "raise", "notice"]

    def compute(self, frame: Frame) -> Sequence[Noun]:
        chosen = [pick.noun for pick in self.critical if pick.group == "critical"]
        named = [record for record in (*chosen, *self.issues) if record.ref in self.only]
        chosen = list({key(record): record for record in named}.values()) or chosen
        errors = [record for record in chosen if isinstance(record, ErrorGroup)]
        tracked = self._tracked(errors)
        created = [error for error in errors if key(error) not in tracked][:MOST]
        urgent = [record for record in chosen if isinstance(record, Issue)]
        urgent += [issue for issue in tracked.values() if issue not in urgent]
        if self.part == "create":
            return [self._create(error, frame) for error in created]
        if self.part == "raise":
            return [self._raise(issue) for issue in urgent if issue.priority != "urgent"][:MOST]
        return self._notice(urgent, created, frame) if urgent or created else []

    def _tracked(self, errors: Sequence[ErrorGroup]) -> dict[tuple[str, str], Issue]:
        """The open issue that is about an error, by the error."""
        open_issues = {key(issue): issue for issue in self.issues if issue.state not in CLOSED}
        # A pull request joins an error to the issue that it closes as well.
        joined = join([*errors, *open_issues.values()])
        found = {}
        for error in errors:
            own = [open_issues[other] for other in sorted(joined.get(key(error), ())) if other in open_issues]
            if own:
                found[key(error)] = own[0]
        return found

    def _create(self, error: ErrorGroup, frame: Frame) -> Draft:
        owner = owner_of(error, self.pulls, self.commits, self.people)
        changes = [pull for pull in self.pulls if owner is not None and pull.ref == owner.because]
        return drafted(error, changes, frame, owner).model_copy(update={"priority": "urgent"})

    def _raise(self, issue: Issue) -> Draft:
        return Draft(
            service="deus", ref=f"raise:{issue.ref}", url=issue.url, at=issue.at, title=issue.title,
            priority="urgent", owner=self._owner(issue), about=issue.ref, record=dump(issue),
        )  # fmt: skip

    def _notice(self, urgent: Sequence[Issue], created: Sequence[ErrorGroup], frame: Frame) -> list[Noun]:
        lines = [f"- {_link(issue)}: {self._owner(issue) or 'nobody'} has it" for issue in urgent]
        for error in created:
            owner = owner_of(error, self.pulls, self.commits, self.people)
            lines.append(
                f"- {_link(error)}: {error.users:,} people met it; {owner.title if owner else 'nobody'} has it"
            )
        n = len(urgent) + len(created)
        head = f"**{n} critical bug{' is' if n == 1 else 's are'} escalated**"
        text = "\n".join([head, *lines])
        title = "Notice of the escalation"
        return [
            Draft(service="deus", ref="notice", url="", at=frame.now, title=title, description=text, about="notice")
        ]

    def _owner(self, issue: Issue) -> str | None:
        return name_of(issue.assignee, self.people) if issue.assignee else None


def _link(record: Noun) -> str:
    title = record.title.replace("[", "(").replace("]", ")")
    return f"[{record.ref} {title}]({record.url})" if isinstance(record, Issue) else f"[{title}]({record.url})"
