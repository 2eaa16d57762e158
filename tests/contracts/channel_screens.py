"""Runs as they were recorded, the channels that there are, and what each shows of them.

`python -m tests.contracts.channel_screens` writes down what they show now; look it over before it is committed.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import app.channels
from agents.event import EPHEMERAL, Event
from agents.ports import Turn
from app.channels.channel import Channel
from tests.channels.code_script import Emitted, code_script, hostile
from tests.channels.script import NOW
from tests.channels.test_approvals import BEGUN, REST, event
from tests.channels.test_web import EVENTS

GOLDEN = Path(__file__).with_name("channel_golden")
HOME = "https://deus.test"
RUN = "r1"
RECORDING = Path(__file__).parents[1] / "channels" / "recorded_fix.json"

_TABLE = {
    "columns": ["Segment", {"key": "after", "label": "After"}],
    "rows": [{"Segment": "Safari", "after": 35}, ["Chrome", 252.5]],
}


def _why() -> list[Event]:
    """A why-answer with its chart, and a table beside it."""
    at = next(n for n, one in enumerate(EVENTS) if one.kind == "text.delta")
    drawn = {"id": "a2", "kind": "table", "title": "By segment", "data": _TABLE, "alt": "Safari fell, Chrome did not."}
    table = Event(run=RUN, seq=EVENTS[at].seq + 1, at=EVENTS[at].at, kind="artifact.created", data=drawn)
    later = [one.model_copy(update={"seq": one.seq + 1}) for one in EVENTS[at:]]
    return [*EVENTS[:at], table, *later]


def _started(text: str, **more: Any) -> Event:
    return event(1, "run.started", **{"actor": "ann", "channel": "web", "conversation": "c", "text": text, **more})


def _cut_short(status: str, error: str | None) -> list[Event]:
    steps = [{"id": "s1", "title": "Read the issues", "verb": "issues.search", "state": "waiting"}]
    return [
        _started("What is open?"),
        event(2, "plan.updated", revision=1, steps=steps),
        event(3, "step.started", id="s1", title="Read the issues"),
        event(3, "text.delta", text="There are "),
        event(4, "notice", text="Linear could not be asked.", level="warning"),
        event(5, "run.finished", status=status, error=error, usage={}),
    ]


def _numbered(script: Iterable[Emitted]) -> list[Event]:
    """A script's events as a log numbers them."""
    events, stored = list[Event](), 0
    for _, kind, data in script:
        stored += kind not in EPHEMERAL
        shown: Any = {"kind": kind, "data": data}
        events.append(event(max(stored, 1), "notice").model_copy(update=shown))
    return events


def _recorded() -> list[Event]:
    """A fix as the demo company's own run told it, with a scripted model, from its sandboxes to its pull request."""
    told = json.loads(RECORDING.read_text(encoding="utf-8"))
    return [Event.model_validate(one) for one in told]


def _stopped_in_a_call() -> list[Event]:
    events = _numbered(code_script(MEND))
    at = max(n for n, one in enumerate(events) if one.kind == "output.delta") + 1
    return [*events[:at], event(events[at - 1].seq + 1, "run.finished", status="stopped", error=None, usage={})]


def _begun_anew() -> list[Event]:
    """A restart in the middle of a call: its step is done again from its beginning."""
    events = _numbered(code_script(MEND))
    at = next(n for n, one in enumerate(events) if one.data.get("call") == "fix.4") + 2
    again = next(n for n, one in enumerate(events) if one.kind == "step.started" and one.data["id"] == "fix")
    resumed = event(events[at - 1].seq + 1, "run.resumed", reason="Deus was started again")
    shift = resumed.seq + 1 - events[again].seq
    return [*events[:at], resumed, *(one.model_copy(update={"seq": one.seq + shift}) for one in events[again:])]


MEND = Turn("Fix the auth bug from Sentry", "ann", "web", "c", NOW)
_SAID: Mapping[str, Any] = {"claims": [], "citations": [], "suggestions": []}
RECORDED: Mapping[str, Sequence[Event]] = {
    "why": _why(),
    "waiting": BEGUN,
    "escalated": [*BEGUN, *REST[:-2]],
    "taken back": [*BEGUN, *REST],
    "failed": _cut_short("failed", "Linear could not be asked."),
    "stopped": _cut_short("stopped", None),
    "taken over": [
        _started("", actor="omar@acme.test", channel="inbox"),
        event(2, "notice", text="Omar has this conversation now.", level="info"),
        event(3, "run.finished", status="relayed", error=None, usage={}),
    ],
    "relayed": [
        _started("", actor="omar@acme.test", channel="inbox"),
        event(2, "message.completed", text="I am looking into *this*.", by="Omar <Haddad>", **_SAID),
        event(3, "run.finished", status="relayed", error=None, usage={}),
    ],
    "mended": _numbered(code_script(MEND)),
    "stopped in a call": _stopped_in_a_call(),
    "begun anew": _begun_anew(),
    "hostile": _numbered(hostile(MEND)),
    "recorded": _recorded(),
}


_FOLDS = re.compile(r"def effects\(|\(Screens\[")


def found() -> dict[str, Channel[Any, Any]]:
    """Every class in app/channels that begins, folds and has effects, by its name."""
    channels: dict[str, Channel[Any, Any]] = {}
    for module in pkgutil.iter_modules(app.channels.__path__):
        path = Path(str(app.channels.__path__[0])) / f"{module.name}.py"
        # Others are not loaded for this: some need seconds.
        if module.name == "channel" or not path.is_file() or not _FOLDS.search(path.read_text(encoding="utf-8")):
            continue
        inside = vars(importlib.import_module(f"app.channels.{module.name}")).values()
        for one in inside:
            own = (
                inspect.isclass(one) and one.__module__ == f"app.channels.{module.name}" and not inspect.isabstract(one)
            )
            if own and all(callable(getattr(one, name, None)) for name in ("begin", "fold", "effects")):
                needed = [p for p in inspect.signature(one).parameters.values() if p.default is p.empty]
                channels[one.__name__] = one(*[HOME for _ in needed])
    return channels


def folded(channel: Channel[Any, Any], events: Sequence[Event]) -> Any:
    view = channel.begin(RUN)
    for one in events:
        view = channel.fold(view, one)
    return view


def stored(events: Sequence[Event]) -> list[Event]:
    """Without what may be lost."""
    return [one for one in events if one.kind not in EPHEMERAL]


def drawn(channel: Channel[Any, Any], events: Sequence[Event]) -> Any:
    """All that somebody sees who comes when these events have happened."""
    return plain(channel.effects(channel.begin(RUN), folded(channel, events)))


def plain(value: Any) -> Any:
    """A value as JSON keeps it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def main() -> None:
    """Writes down what every channel shows."""
    GOLDEN.mkdir(exist_ok=True)
    for name, channel in found().items():
        shown = {about: drawn(channel, stored(events)) for about, events in RECORDED.items()}
        text = json.dumps(shown, indent=1, ensure_ascii=False, sort_keys=True)
        (GOLDEN / f"{name.lower()}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
