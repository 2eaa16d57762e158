"""What the web chat knows of a run, folded from its events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agents.event import Event
from app.channels.chart import figure
from app.channels.code_view import SAYS, CodeWork, fold_code, written
from app.channels.diff_view import diff_shown
from app.channels.terminal_text import one_line, printed
from app.channels.tests_view import shown_tests
from app.channels.web_writes import Writes, fold_writes

_SHOWN: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"diff": diff_shown, "tests": shown_tests}
LONGEST = 1000  # characters of a step's title or summary
ENDED = ("done", "failed", "skipped")


@dataclass(frozen=True)
class StepLine:
    """A step as its line in the plan: state is waiting, running, awaiting (a decision), done, failed or skipped."""

    id: str
    title: str = ""
    verb: str = ""
    state: str = "waiting"
    services: tuple[str, ...] = ()
    started: datetime | None = None
    ms: int | None = None
    summary: str = ""


@dataclass(frozen=True)
class RunView:
    """All that the page shows of one run, and nothing about how.

    `drafted` says that the text is what was known when the run began to wait: it stands until something new comes.
    `by` is the name of the person who wrote the text; nobody's for Deus. `quoted` is the message that was asked about.
    `waits` are the notices of steps that wait for a sandbox, which are no news once they work.
    """

    run: str
    seq: int = 0
    question: str = ""
    quoted: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    actor: str = ""
    conversation: str = ""
    asked_at: datetime | None = None
    seen_at: datetime | None = None
    steps: tuple[StepLine, ...] = ()
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    artifacts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: str = ""
    by: str = ""
    complete: bool = False
    drafted: bool = False
    citations: Mapping[str, str] = field(default_factory=dict)
    suggestions: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    waits: Mapping[str, str] = field(default_factory=dict)
    status: str = "running"
    error: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    writes: Writes = field(default_factory=Writes)
    code: CodeWork = field(default_factory=CodeWork)

    @property
    def standing(self) -> str:
        """How the run stands: its status, or awaiting_approval as long as anything waits for a decision."""
        return "awaiting_approval" if self.status == "running" and self.writes.open else self.status


def fold(view: RunView, event: Event) -> RunView:
    """The view after one more event."""
    if event.kind == "text.delta":
        return _delta(view, event.data)
    if event.kind == "output.delta":
        return replace(view, code=written(view.code, event.data))
    if event.seq <= view.seq:
        return view
    handler = _HANDLERS.get(event.kind)
    after = handler(view, event) if handler else view
    after = replace(after, writes=fold_writes(after.writes, event), code=fold_code(view.code, event))
    return replace(after, seq=event.seq, seen_at=event.at)


def only_output(before: RunView, after: RunView) -> bool:
    """Whether nothing differs between two views but what running calls write."""
    return replace(after, code=before.code) == before and before.code.silent() == after.code.silent()


def _delta(view: RunView, data: Mapping[str, Any]) -> RunView:
    if view.complete:
        return view
    said = str(data.get("text", ""))
    if view.drafted:
        return replace(view, text=said, drafted=False, citations={})
    return replace(view, text=view.text + said)


def _started(view: RunView, event: Event) -> RunView:
    data = event.data
    return replace(
        view,
        question=data.get("text", ""),
        quoted=data.get("quoted") or {},
        files=tuple(str(one.get("name")) for one in data.get("files") or ()),
        actor=data.get("actor", ""),
        conversation=data.get("conversation", ""),
        asked_at=event.at,
    )


def _planned(view: RunView, event: Event) -> RunView:
    known = {line.id: line for line in view.steps}
    lines = []
    for step in event.data.get("steps", ()):
        line = known.pop(step["id"], StepLine(step["id"]))
        services = step.get("service") or ()
        services = tuple(services.split(", ")) if isinstance(services, str) else tuple(services)
        lines.append(
            replace(
                line,
                title=one_line(step.get("title") or step.get("verb", "") or line.title, LONGEST),
                verb=step.get("verb", "") or line.verb,
                state=_told(line.state, step.get("state")),
                services=_merged(line.services, services),
            )
        )
    return replace(view, steps=tuple(lines))


def _told(known: str, said: str | None) -> str:
    """A process that goes on with a run says “waiting” of all its steps, those that have ended long ago included."""
    return known if not said or said == "waiting" else said


def _step(view: RunView, step_id: str, **changes: Any) -> RunView:
    if not any(line.id == step_id for line in view.steps):
        view = replace(view, steps=(*view.steps, StepLine(step_id)))
    return replace(view, steps=tuple(replace(line, **changes) if line.id == step_id else line for line in view.steps))


def _step_started(view: RunView, event: Event) -> RunView:
    changes = {"title": one_line(event.data["title"], LONGEST)} if event.data.get("title") else {}
    return _step(view, event.data["id"], state="running", started=event.at, **changes)


def _step_finished(view: RunView, event: Event) -> RunView:
    data = event.data
    return _step(
        view,
        data["id"],
        state=data.get("state", "done"),
        ms=data.get("ms"),
        summary=one_line(data.get("summary") or "", LONGEST),
    )


def _call_started(view: RunView, event: Event) -> RunView:
    step, service = event.data.get("step", ""), event.data.get("service", "")
    view = _waits_no_longer(view, step)
    line = next((line for line in view.steps if line.id == step), None)
    if line is None or not service or event.data.get("verb") == SAYS:
        return view
    return _step(view, step, services=_merged(line.services, (service,)))


def _merged(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return some + tuple(name for name in more if name not in some)


def _evidence(view: RunView, event: Event) -> RunView:
    return replace(view, evidence={**view.evidence, event.data["id"]: event.data})


def _artifact(view: RunView, event: Event) -> RunView:
    data = dict(event.data)
    data |= {name: one_line(data[name], 2000) for name in ("title", "alt") if isinstance(data.get(name), str)}
    if data.get("kind") in ("chart", "table"):
        data["data"] = _plain(data.get("data") or {})
    if data.get("kind") == "chart":
        data["figure"] = figure(data.get("data") or {})
    elif data.get("kind") in _SHOWN and isinstance(data.get("data"), Mapping):
        # Once, for it may be long, and the view is drawn at each event.
        data["shown"] = _SHOWN[data["kind"]](data["data"])
    return replace(view, artifacts={**view.artifacts, data["id"]: data})


def _plain(value: Any) -> Any:
    """Data without what steers or hides in its texts: a program in a sandbox may have made it."""
    if isinstance(value, str):
        return printed(value)
    if isinstance(value, Mapping):
        return {printed(str(name)): _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _reset(view: RunView, event: Event) -> RunView:
    return view if view.complete or view.drafted else replace(view, text="")


def _approval_asked(view: RunView, event: Event) -> RunView:
    """A write waits for a decision; the draft says what is known so far."""
    data = event.data
    view = _step(view, data["step"], state="awaiting")
    draft = data.get("draft") or {}
    if view.complete or not draft.get("text"):
        return view
    return replace(view, text=draft["text"], drafted=True, citations=_numbered(draft))


def _approval_settled(view: RunView, event: Event) -> RunView:
    data = event.data
    return view if data.get("decision") == "requested" else _step(view, data["step"], state="waiting")


def _numbered(said: Mapping[str, Any]) -> dict[str, str]:
    return {str(one["number"]): str(one["evidence"]) for one in said.get("citations", ())}


def _completed(view: RunView, event: Event) -> RunView:
    data = event.data
    return replace(
        view,
        text=data.get("text", ""),
        by=str(data.get("by") or ""),
        complete=True,
        drafted=False,
        citations=_numbered(data),
        suggestions=tuple(data.get("suggestions", ())),
    )


def _asked(view: RunView, event: Event) -> RunView:
    return replace(
        view,
        text=event.data.get("question", ""),
        suggestions=tuple(str(option) for option in event.data.get("options") or ()),
    )


def _noticed(view: RunView, event: Event) -> RunView:
    text, (step, _, why) = event.data.get("text", ""), str(event.data.get("id") or "").rpartition(":")
    waits = {**view.waits, step: text} if why == "waits" else view.waits
    return replace(view, notices=(*view.notices, text), waits=waits)


def _waits_no_longer(view: RunView, step: str) -> RunView:
    if step not in view.waits:
        return view
    left = list(view.notices)
    left.remove(view.waits[step])
    return replace(view, notices=tuple(left), waits={name: one for name, one in view.waits.items() if name != step})


def _used(view: RunView, event: Event) -> RunView:
    return replace(view, usage=event.data.get("usage", {}))


def _finished(view: RunView, event: Event) -> RunView:
    """What was streamed of an answer that never came is gone, for whoever comes later does not see it either."""
    data = event.data
    half = data.get("status") in ("failed", "stopped") and not (view.complete or view.drafted)
    view = replace(view, text="") if half else view
    lines = tuple(line if line.state in ENDED else replace(line, state="skipped") for line in view.steps)
    return replace(
        view,
        status=data.get("status", "answered"),
        error=data.get("error"),
        usage=data.get("usage") or view.usage,
        steps=lines,
    )


def _resumed(view: RunView, event: Event) -> RunView:
    """The run goes on. What was said whole stands until something else is said; half a text is written anew."""
    dropped = event.data.get("dropped") or ()
    lines = tuple(replace(line, state="waiting", ms=None) if line.id in dropped else line for line in view.steps)
    view = replace(view, status="running", error=None, steps=lines)
    if "dropped" in event.data:
        return replace(view, complete=False, drafted=bool(view.text))
    return view if view.complete or view.drafted else replace(view, text="")


_HANDLERS: Mapping[str, Callable[[RunView, Event], RunView]] = {
    "run.started": _started,
    "run.resumed": _resumed,
    "run.finished": _finished,
    "plan.updated": _planned,
    "step.started": _step_started,
    "step.finished": _step_finished,
    "call.started": _call_started,
    "evidence.added": _evidence,
    "artifact.created": _artifact,
    "text.reset": _reset,
    "message.completed": _completed,
    "approval.requested": _approval_asked,
    "approval.resolved": _approval_settled,
    "approval.expired": _approval_settled,
    "input.requested": _asked,
    "notice": _noticed,
    "usage.updated": _used,
}
