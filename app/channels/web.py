"""The web chat as a fold: a run's events → what the page shows. Pure; knows Chainlit's dictionaries, not Chainlit."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from agents.event import Event
from app.channels.chart import figure

NAME = "Deus"
CITATION = re.compile(r"\[(\d{1,3})\](?!\()")
_NAMESPACE = uuid.UUID("5b0f6d5e-9b1b-4b86-8f6d-0c7c2f7f4f0e")
_ENDED = ("done", "failed", "skipped")

Message = dict[str, Any]
Element = dict[str, Any]


@dataclass(frozen=True)
class StepLine:
    """A step as its line in the plan: state is waiting, running, done, failed or skipped."""

    id: str
    title: str = ""
    state: str = "waiting"
    services: tuple[str, ...] = ()
    started: datetime | None = None
    ms: int | None = None
    summary: str = ""


@dataclass(frozen=True)
class RunView:
    """All that the page shows of one run, and nothing about how."""

    run: str
    seq: int = 0
    question: str = ""
    actor: str = ""
    conversation: str = ""
    asked_at: datetime | None = None
    seen_at: datetime | None = None
    steps: tuple[StepLine, ...] = ()
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    artifacts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: str = ""
    complete: bool = False
    citations: Mapping[str, str] = field(default_factory=dict)
    suggestions: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    status: str = "running"
    error: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A run as Chainlit's messages and elements, in the order in which they stand on the page."""

    messages: tuple[Message, ...] = ()
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True)
class Send:
    """One thing to send to a browser: a message (new or changed), more text of one, or an element."""

    what: Literal["message", "token", "element"]
    body: dict[str, Any]


def key(run: str, part: str) -> str:
    """The id of a part of a run on the page: the same after a restart, and a UUID because Chainlit wants one."""
    return str(uuid.uuid5(_NAMESPACE, f"{run}/{part}"))


def fold(view: RunView, event: Event) -> RunView:
    """The view after one more event."""
    if event.kind == "text.delta":
        return _delta(view, event.data)
    if event.seq <= view.seq:
        return view
    handler = _HANDLERS.get(event.kind)
    after = handler(view, event) if handler else view
    return replace(after, seq=event.seq, seen_at=event.at)


def _delta(view: RunView, data: Mapping[str, Any]) -> RunView:
    if view.complete:
        return view
    return replace(view, text=view.text + str(data.get("text", "")))


def _started(view: RunView, event: Event) -> RunView:
    data = event.data
    return replace(
        view,
        question=data.get("text", ""),
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
                title=step.get("title") or step.get("verb", "") or line.title,
                state=step.get("state") or line.state,
                services=_merged(line.services, services),
            )
        )
    return replace(view, steps=tuple(lines))


def _step(view: RunView, step_id: str, **changes: Any) -> RunView:
    if not any(line.id == step_id for line in view.steps):
        view = replace(view, steps=(*view.steps, StepLine(step_id)))
    return replace(view, steps=tuple(replace(line, **changes) if line.id == step_id else line for line in view.steps))


def _step_started(view: RunView, event: Event) -> RunView:
    changes = {"title": event.data["title"]} if event.data.get("title") else {}
    return _step(view, event.data["id"], state="running", started=event.at, **changes)


def _step_finished(view: RunView, event: Event) -> RunView:
    data = event.data
    return _step(
        view, data["id"], state=data.get("state", "done"), ms=data.get("ms"), summary=data.get("summary") or ""
    )


def _call_started(view: RunView, event: Event) -> RunView:
    step, service = event.data.get("step", ""), event.data.get("service", "")
    line = next((line for line in view.steps if line.id == step), None)
    if line is None or not service:
        return view
    return _step(view, step, services=_merged(line.services, (service,)))


def _merged(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return some + tuple(name for name in more if name not in some)


def _evidence(view: RunView, event: Event) -> RunView:
    return replace(view, evidence={**view.evidence, event.data["id"]: event.data})


def _artifact(view: RunView, event: Event) -> RunView:
    data = dict(event.data)
    if data.get("kind") == "chart":
        data["figure"] = figure(data.get("data") or {})
    return replace(view, artifacts={**view.artifacts, data["id"]: data})


def _reset(view: RunView, event: Event) -> RunView:
    return view if view.complete else replace(view, text="")


def _completed(view: RunView, event: Event) -> RunView:
    data = event.data
    return replace(
        view,
        text=data.get("text", ""),
        complete=True,
        citations={str(one["number"]): str(one["evidence"]) for one in data.get("citations", ())},
        suggestions=tuple(data.get("suggestions", ())),
    )


def _asked(view: RunView, event: Event) -> RunView:
    return replace(
        view,
        text=event.data.get("question", ""),
        suggestions=tuple(str(option) for option in event.data.get("options") or ()),
    )


def _noticed(view: RunView, event: Event) -> RunView:
    return replace(view, notices=(*view.notices, event.data.get("text", "")))


def _used(view: RunView, event: Event) -> RunView:
    return replace(view, usage=event.data.get("usage", {}))


def _finished(view: RunView, event: Event) -> RunView:
    data = event.data
    lines = tuple(line if line.state in _ENDED else replace(line, state="skipped") for line in view.steps)
    return replace(
        view,
        status=data.get("status", "answered"),
        error=data.get("error"),
        usage=data.get("usage") or view.usage,
        steps=lines,
    )


def _resumed(view: RunView, event: Event) -> RunView:
    return view if view.complete else replace(view, text="", status="running", error=None)


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
    "input.requested": _asked,
    "notice": _noticed,
    "usage.updated": _used,
}


def words(view: RunView) -> str:
    """The message's Markdown: the answer with its citations as links, or what came of the run instead.

    Which number stands for which evidence is known once the message is complete; until then the numbers stay plain.
    """

    def link(found: re.Match[str]) -> str:
        evidence = view.citations.get(found[1])
        return f"[{found[1]}](#evidence/{view.run}/{evidence})" if evidence else found[0]

    text = CITATION.sub(link, view.text)
    if view.status == "failed":
        return "\n\n".join(filter(None, (text, view.error or "This could not be answered. Please ask again.")))
    if view.status == "stopped":
        return "\n\n".join(filter(None, (text, "*Stopped before the answer was ready. Ask again to start over.*")))
    if view.status == "awaiting_approval" and not text:
        return "This waits for an approval before anything is done."
    return text


def page(view: RunView, question_id: str | None = None) -> Page:
    """The run as it stands on the page. `question_id` is the question's message where the browser chose its id."""
    if not view.conversation:
        return Page()
    answer = key(view.run, "answer")
    began = view.asked_at.isoformat() if view.asked_at else None
    ended = view.seen_at.isoformat() if view.seen_at else None
    base: dict[str, Any] = {
        "threadId": view.conversation,
        "parentId": None,
        "createdAt": began,
        "start": began,
        "metadata": {},
    }
    asked = {
        **base,
        "id": question_id or key(view.run, "question"),
        "name": view.actor,
        "type": "user_message",
        "input": "",
        "output": view.question,
        "end": began,
        "streaming": False,
    }
    over = view.status != "running"
    said = {
        **base,
        "id": answer,
        "name": NAME,
        "type": "assistant_message",
        "input": "",
        "output": words(view),
        "end": ended if over else None,
        "streaming": not over and not view.complete,
        "isError": False,
    }
    return Page((asked, said), tuple(_elements(view, answer)))


def _elements(view: RunView, answer: str) -> list[Element]:
    def element(name: str, part: str, props: dict[str, Any]) -> Element:
        return {
            "id": key(view.run, part),
            "threadId": view.conversation,
            "type": "custom",
            "name": name,
            "display": "inline",
            "forId": answer,
            "mime": "application/json",
            "props": {"run": view.run, **props},
        }

    found = [element("Plan", "plan", _plan(view))]
    for artifact in view.artifacts.values():
        props = {name: artifact.get(name) for name in ("kind", "title", "alt")}
        if artifact.get("kind") == "chart":
            found.append(element("Chart", str(artifact["id"]), {**props, "figure": artifact["figure"]}))
        elif artifact.get("kind") == "table":
            found.append(element("DataTable", str(artifact["id"]), {**props, "data": artifact.get("data")}))
    if view.complete and view.evidence:
        found.append(element("Sources", "sources", _sources(view)))
    if view.suggestions:
        found.append(element("FollowUps", "next", {"suggestions": list(view.suggestions)}))
    return found


def _plan(view: RunView) -> dict[str, Any]:
    over = view.status != "running"
    spent = (view.usage.get("ms") or 0) / 1000
    return {
        "status": view.status,
        "phase": _phase(view),
        "seconds": spent if over else None,
        "notices": list(view.notices),
        "steps": [
            {
                "id": line.id,
                "title": line.title or line.id,
                "state": line.state,
                "services": list(line.services),
                "ms": line.ms,
                "summary": line.summary,
                "started": line.started.isoformat() if line.started else None,
            }
            for line in view.steps
        ],
    }


def _phase(view: RunView) -> str:
    if view.status != "running":
        return view.status
    if not view.steps:
        return "planning"
    if view.text or all(line.state in _ENDED for line in view.steps):
        return "writing"
    return "looking"


def _sources(view: RunView) -> dict[str, Any]:
    numbers = {evidence: int(number) for number, evidence in view.citations.items()}
    shown = ("id", "title", "service", "ref", "url", "excerpt", "at")
    items = [
        {**{name: item.get(name) for name in shown}, "number": numbers.get(item["id"])}
        for item in view.evidence.values()
    ]
    items.sort(key=lambda item: (item["number"] is None, item["number"]))
    return {"items": items}


class Web:
    """The web chat as a channel."""

    def __init__(self, question_id: str | None = None) -> None:
        self._question_id = question_id

    def begin(self, run: str) -> RunView:
        return RunView(run)

    def fold(self, view: RunView, event: Event) -> RunView:
        return fold(view, event)

    def effects(self, before: RunView, after: RunView) -> Sequence[Send]:
        return changes(page(before, self._question_id), page(after, self._question_id))


def changes(before: Page, after: Page) -> list[Send]:
    """What to send so that a browser which shows one page shows the other."""
    sends: list[Send] = []
    old = {message["id"]: message for message in before.messages}
    for message in after.messages:
        was = old.get(message["id"])
        if was is None:
            sends.append(Send("message", message))
        elif was != message:
            grown = _growth(was, message)
            sends.append(Send("token", {"id": message["id"], "token": grown}) if grown else Send("message", message))
    shown = {element["id"]: element for element in before.elements}
    sends += [Send("element", element) for element in after.elements if shown.get(element["id"]) != element]
    return sends


def _growth(was: Message, now: Message) -> str:
    same = {**was, "output": ""} == {**now, "output": ""}
    grew = now["output"].startswith(was["output"]) and bool(was["output"])
    return now["output"][len(was["output"]) :] if same and grew and now["streaming"] else ""
