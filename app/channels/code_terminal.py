"""Code work in a terminal: each call as it ends, then what was changed, what the tests say, what it cost. Pure.

Nothing of what a sandbox wrote steers the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.event import Event
from app.channels.approval_terminal import plain
from app.channels.code_brief import briefs, cost
from app.channels.code_view import SAYS, CallLine, word
from app.channels.web_view import RunView, fold

_MARKS = {"done": "✓", "failed": "✗", "cut": "–", "running": "…"}


def viewed(run: str, events: Sequence[Event]) -> RunView:
    """What is known of a run."""
    view = RunView(run)
    for event in events:
        view = fold(view, event)
    return view


def ended(view: RunView, event: Event) -> str:
    """The line of the call that this event, which the view has seen already, ended; "" for any other event."""
    call = view.code.calls.get(str(event.data.get("id"))) if event.kind == "call.finished" else None
    return line(call) if call is not None else ""


def line(call: CallLine) -> str:
    """A call as a line."""
    if call.verb == SAYS:
        return plain(f"    “{' '.join(call.text.split())}”")
    took = f" ({call.ms / 1000:.1f} s)" if call.ms is not None else ""
    said = call.error or call.summary
    done = f"{word(call)} {call.text}".strip()
    return plain(f"    {_MARKS[call.state]} {done}{f': {said}' if said else ''}{took}")


def summary(view: RunView) -> str:
    """What came of the work, in short; "" where nothing ran in a sandbox."""
    lines = []
    for one in briefs(view):
        lines.append(
            f"{one.sign} {one.title}: {one.word.upper()}. {one.said}" if one.word else f"± {one.title}: {one.said}"
        )
        lines += [f"  {one.meaning}"] if one.verdict in ("refuted", "untested") else []
    spent = cost(view)
    lines += [f"  {spent}"] if spent else []
    return plain("\n".join(lines))


def calls(view: RunView) -> str:
    """All calls of a run, a line each."""
    return "\n".join(line(one) for one in view.code.calls.values())
