"""`deus policy`: what may be written here, whether a file can be taken, and what would happen to a write."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agents.policy import Ask, Policy, Verdict
    from agents.rules import When
    from app.settings import Settings

cli = typer.Typer(help="Look at the rules of what may be written, try a file, explain what would happen.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[Path | None, typer.Option("--file", help="This file's rules instead of those that hold.")]
SAID = {"allow": "is done at once", "ask": "asks", "shadow": "is only shown", "deny": "is not done"}
OUTCOMES = {
    "allow": "It would be done at once.",
    "ask": "People would be asked.",
    "shadow": "It would be shown as in a dry run, and not done.",
    "deny": "It would not be done.",
}


@cli.command("show")
def show(as_json: AsJson = False, file: File = None) -> None:
    """Print the rules that hold, in order; the first that fits a write decides, and none means no."""
    policy = _policy(file)[0]
    if as_json:
        print(policy.model_dump_json(indent=2))
        return
    if any(rule.then == "allow" for rule in policy.rules):
        print(f"By itself Deus does what is of {policy.threshold} risk at most, ordered, and free of untrusted text.")
    else:
        print("By itself Deus changes nothing.")
    hours = policy.hours
    print(f"People are at work {', '.join(hours.days)} from {hours.begin:%H:%M} to {hours.until:%H:%M}.\n")
    for n, rule in enumerate(policy.rules, start=1):
        unless = "".join(f", unless {_conditions(one)}" for one in rule.unless)
        print(f"{n:>3}. {rule.name}: {_conditions(rule.when)}{unless} → {SAID[rule.then]}")


@cli.command("check")
def check(file: Path) -> None:
    """Try a file without using it: it is taken whole, or refused with the line that is wrong."""
    policy = _policy(file)[0]
    print(f"{file} can be used: {len(policy.rules)} rules.")


@cli.command("explain")
def explain(
    verb: Annotated[str, typer.Argument(help="What would be done: issues.create, deploys.rollback …")],
    connector: Annotated[str, typer.Option(help="The service at which.")],
    target: Annotated[str, typer.Option(help="The ref, channel or component that it is about.")] = "",
    environment: Annotated[str, typer.Option(help="production, staging …; counts as production if left out.")] = "",
    channel: Annotated[str, typer.Option(help="Where the order comes from: web, slack, api …")] = "web",
    requester: Annotated[str, typer.Option(help="Who orders it.")] = "",
    text: Annotated[str, typer.Option(help="Words of its arguments, for rules that look at words.")] = "",
    affects: Annotated[int, typer.Option(min=0, help="How many records or people it touches.")] = 1,
    at: Annotated[str, typer.Option(help="An ISO time; now if left out.")] = "",
    undo: Annotated[bool, typer.Option(help="Whether it can be taken back.")] = True,
    tainted: Annotated[bool, typer.Option("--tainted", help="Text that somebody else wrote decides it.")] = False,
    as_json: AsJson = False,
    file: File = None,
) -> None:
    """Say what would happen to a write, and which rule says so."""
    from agents.policy import judge

    policy, settings = _policy(file)
    given = {"target": target, "environment": environment, "text": text, "affects": affects, "undo": undo}
    who = requester or os.environ.get("USER") or "cli"
    asked = _ask(verb, connector, given, _moment(at, settings), tainted=tainted, channel=channel, requester=who)
    verdict = judge(asked, policy)
    print(verdict.model_dump_json(indent=2) if as_json else _told(verdict))


def _policy(file: Path | None) -> tuple[Policy, Settings]:
    from app.policy_file import policy_of
    from app.settings import load_settings

    settings = load_settings(os.environ)
    return policy_of(settings, file), settings


def _ask(
    verb: str,
    connector: str,
    given: Mapping[str, Any],
    at: datetime,
    *,
    tainted: bool,
    channel: str,
    requester: str,
) -> Ask:
    """The write that is asked about, as far as the command line tells."""
    from agents.approval import Source
    from agents.policy import ask_of
    from agents.taint import Taint
    from tools.catalog import connectors
    from tools.kit.action import Change, Target
    from tools.kit.errors import UserMustMend
    from tools.kit.tool import Write, verbs

    if connector not in connectors():
        raise UserMustMend(f"There is no connector {connector}.", remedy=f"There are: {', '.join(connectors())}.")
    kind = verbs(Write).get(verb)
    if kind is None:
        raise UserMustMend(f"{verb} is nothing that can be done.", remedy=f"There are: {', '.join(verbs(Write))}.")
    named = Target(
        service=connector, kind=verb.partition(".")[0], ref=given["target"], environment=given["environment"] or None
    )
    change = Change(
        target=named,
        after={"text": given["text"]} if given["text"] else {},
        affects=given["affects"],
        undo="It can be taken back." if given["undo"] else "",
    )
    source = (Source(title="text that somebody else wrote"),) if tainted else ()
    return ask_of(
        kind,
        service=connector,
        args={"to": given["target"]} if given["target"] else {},
        change=change,
        taint=Taint(existence=source),
        requester=requester,
        channel=channel,
        workspace="",
        at=at,
        explicit=not tainted,
    )


def _moment(text: str, settings: Settings) -> datetime:
    from zoneinfo import ZoneInfo

    from app.clock import clock_of
    from tools.kit.errors import UserMustMend

    zone = ZoneInfo(settings.timezone)
    if not text:
        return clock_of(settings.clock).now().astimezone(zone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserMustMend(f"--at {text} is no ISO time.", remedy="Write it like 2026-11-20T17:30.") from error
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)


def _told(verdict: Verdict) -> str:
    lines = [OUTCOMES[verdict.decision], f"Rule: {verdict.rule or 'none'}"]
    lines += [f"Risk: {verdict.risk.level}", *(f"  {reason}" for reason in verdict.risk.reasons)]
    if verdict.decision == "ask":
        whom = "anyone" if "*" in verdict.deciders else ", ".join(verdict.deciders)
        barred = f", but not {', '.join(verdict.barred)}" if verdict.barred else ""
        lines.append(f"Deciders: {whom}{barred}; {verdict.needed} must say yes within {_span(verdict)}")
    return "\n".join([*lines, "Why:", *(f"  {reason}" for reason in verdict.why)])


def _span(verdict: Verdict) -> str:
    hours = verdict.expires_in.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"


def _conditions(when: When) -> str:
    found: list[str] = []
    for name, value in when.model_dump(mode="json", exclude_defaults=True).items():
        values = ", ".join(map(str, value)) if isinstance(value, list) else json.dumps(value)
        found.append(f"{name.replace('_', ' ')} {values}")
    return " and ".join(found) or "everything"
