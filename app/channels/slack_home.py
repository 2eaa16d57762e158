"""The App Home: what waits for a yes, what was asked last, which services are connected. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.approval import Approval, may_decide
from agents.conversation import RunSummary
from app.channels.slack_cards import asking
from app.channels.slack_post import Block, context, section
from app.channels.slack_text import cut, escape, link

# https://docs.slack.dev/reference/views/home-tab-views
BLOCKS = 100
MOST_RUNS = 10
MOST_WAITING = 10
# What is kept free for the sections that follow the asks: headings, runs, services, a last word.
_REST = 12 + MOST_RUNS
_STATUS = {
    "running": ":hourglass_flowing_sand:",
    "awaiting_approval": ":raised_hand:",
    "answered": ":white_check_mark:",
    "abstained": ":grey_question:",
    "failed": ":x:",
    "stopped": ":black_square_for_stop:",
    "relayed": ":speech_balloon:",
}


@dataclass(frozen=True)
class Homely:
    """What somebody's Home shows. `decides` is whether their role says yes or no at all; `services` are states by
    title, "" for one that works and None for one that was not looked at yet."""

    name: str
    actor: str
    decides: bool
    runs: Sequence[RunSummary] = ()
    waiting: Sequence[Approval] = ()
    services: Mapping[str, str | None] = field(default_factory=dict)


def home(shown: Homely, address: str) -> dict[str, Any]:
    """The view, for views.publish."""
    blocks = [
        _heading("Deus"),
        section(f"Hello {escape(shown.name)}. Write to me, name me in a channel, or type `/deus` and a question."),
        {"type": "divider"},
        _heading("Waiting for a yes"),
        *_waiting(shown, address),
        {"type": "divider"},
        _heading("What you asked last"),
        *_runs(shown.runs, address),
        {"type": "divider"},
        _heading("Connected services"),
        *_services(shown.services),
        context(link(address, "Open Deus")),
    ]
    return {"type": "home", "blocks": blocks[:BLOCKS]}


def decidable(approval: Approval, shown: Homely) -> bool:
    """Whether somebody gets buttons for an approval."""
    return shown.decides and may_decide(approval.proposal, shown.actor)


def _waiting(shown: Homely, address: str) -> list[Block]:
    """The asks, whole as in a thread as long as they fit; the others with the way to them."""
    if not shown.waiting:
        return [section("Nothing waits for anybody.")]
    blocks: list[Block] = []
    for number, approval in enumerate(shown.waiting[:MOST_WAITING]):
        left = BLOCKS - _REST - len(blocks) - (len(shown.waiting) - number)
        drawn = _ask(approval, address) if decidable(approval, shown) else []
        blocks += drawn if drawn and len(drawn) <= left else [_line(approval, address)]
    hidden = len(shown.waiting) - MOST_WAITING
    if hidden > 0:
        blocks.append(context(link(f"{address}/approvals", f"{hidden} more in Deus")))
    return blocks


def _ask(approval: Approval, address: str) -> list[Block]:
    proposal = approval.proposal
    decided = sum(one.choice == "approve" for one in approval.decisions)
    ask = {
        **proposal.model_dump(mode="json"),
        "digest": proposal.digest,
        "state": approval.state,
        "more": proposal.needed - decided,
    }
    return list(asking(ask, {}, address, over=False, together=()).blocks)


def _line(approval: Approval, address: str) -> Block:
    proposal = approval.proposal
    named = link(f"{address}/approvals#{approval.id}", cut(proposal.title, 150))
    return section(f":raised_hand: {named} – asked for {escape(proposal.requester)}")


def _runs(runs: Sequence[RunSummary], address: str) -> list[Block]:
    if not runs:
        return [section("You have not asked me anything yet.")]
    return [
        section(
            f"{_STATUS.get(one.status, ':white_circle:')} "
            f"{link(f'{address}/runs/{one.run}', cut(' '.join(one.question.split()), 150))}"
        )
        for one in runs[:MOST_RUNS]
    ]


def _services(services: Mapping[str, str | None]) -> list[Block]:
    if not services:
        return [section("None yet. Run `deus connect` where Deus is installed.")]
    lines = [_service(title, trouble) for title, trouble in services.items()]
    return [section("\n".join(lines))]


def _service(title: str, trouble: str | None) -> str:
    if trouble is None:
        return f":white_circle: {escape(title)}: being looked at"
    if trouble:
        return f":warning: {escape(title)}: {escape(cut(trouble, 200))}"
    return f":large_green_circle: {escape(title)}"


def _heading(words: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": words, "emoji": False}}
