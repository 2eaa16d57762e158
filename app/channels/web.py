"""The web chat as a channel: what is known of a run → its page in Chainlit's dictionaries. Pure, without Chainlit."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents.answer_format import link, plain
from agents.event import Event
from app.channels.code_view import live_text
from app.channels.web_code import artifact as code_artifact
from app.channels.web_code import works
from app.channels.web_view import ENDED, RunView, fold, only_output
from app.channels.web_writes import writes_card

NAME = "Deus"
CITATION = re.compile(r"\[(\d{1,3})\](?!\()")
# A place that Slack calls by its id alone.
_IDENT = re.compile(r"[CDG][A-Z0-9]{6,}")
_NAMESPACE = uuid.UUID("5b0f6d5e-9b1b-4b86-8f6d-0c7c2f7f4f0e")

Message = dict[str, Any]
Element = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A run as Chainlit's messages and elements, in the order in which they stand on the page, and what its running
    calls write now."""

    messages: tuple[Message, ...] = ()
    elements: tuple[Element, ...] = ()
    outputs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Send:
    """One thing to send to a browser: a message (new or changed), more text of one, an element, or what a call writes
    while it runs."""

    what: Literal["message", "token", "element", "output"]
    body: dict[str, Any]


def key(run: str, part: str) -> str:
    """The id of a part of a run on the page: the same after a restart, and a UUID because Chainlit wants one."""
    return str(uuid.uuid5(_NAMESPACE, f"{run}/{part}"))


def words(view: RunView) -> str:
    """The message's Markdown: the answer with its citations as links, or what came of the run instead.

    Which number stands for which evidence is known once the message is complete; until then the numbers stay plain.
    """

    def cited(found: re.Match[str]) -> str:
        evidence = view.citations.get(found[1])
        return f"[{found[1]}](#evidence/{view.run}/{evidence})" if evidence else found[0]

    text = CITATION.sub(cited, view.text)
    if view.status == "failed":
        return "\n\n".join(filter(None, (text, view.error or "This could not be answered. Please ask again.")))
    if view.status == "stopped":
        return "\n\n".join(filter(None, (text, "*Stopped before the answer was ready. Ask again to start over.*")))
    if view.standing == "awaiting_approval" and not text:
        return "This waits for a yes before anything is done."
    if view.status == "relayed" and not text:
        return "\n\n".join(f"*{notice}*" for notice in view.notices)
    return text


def quotation(view: RunView) -> str:
    """The message that was asked about, as a quotation in Markdown: somebody else's words, in which nothing is a link
    or a mark; "" where none was."""
    if not view.quoted:
        return ""
    said = view.quoted
    place = str(said.get("channel") or "")
    where = f" in #{plain(place)}" if place and not _IDENT.fullmatch(place) else ""
    url = link(str(said.get("url") or ""))
    about = f"[a message]({url})" if url else "a message"
    # A line that begins with what nobody sees begins no heading and no list.
    lines = [f"> \u2060{plain(line)}" for line in str(said.get("text") or "").splitlines() if line.strip()]
    return "\n".join([f"About {about}{where}:", "", *lines])


def attached(view: RunView) -> str:
    """The names of the files that came with the question; the question is shown as plain text."""
    return f"📎 {', '.join(view.files)}" if view.files else ""


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
        "output": "\n\n".join(filter(None, (quotation(view), view.question, attached(view)))),
        "end": began,
        "streaming": False,
    }
    over = view.standing != "running"
    said = {
        **base,
        "id": answer,
        "name": view.by or NAME,
        "type": "assistant_message",
        "input": "",
        "output": words(view),
        "end": ended if over else None,
        "streaming": not over and not view.complete and not view.drafted,
        "isError": False,
    }
    # What a person wrote in the place of Deus answers no question of its own.
    messages = (asked, said) if view.question else (said,)
    return Page(messages, tuple(_elements(view, answer)), tuple(_outputs(view)))


def _outputs(view: RunView) -> list[dict[str, Any]]:
    running = [call for call in view.code.calls.values() if call.live and call.state == "running"]
    return [
        {"id": key(view.run, f"output/{call.id}"), "run": view.run, "call": call.id, "text": live_text(call)}
        for call in running
    ]


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

    found = [] if view.status == "relayed" else [element("Plan", "plan", _plan(view))]
    found += [element(*drawn) for drawn in works(view)]
    for artifact in view.artifacts.values():
        if (drawn := code_artifact(view, artifact)) is not None:
            found.append(element(*drawn))
            continue
        props = {name: artifact.get(name) for name in ("kind", "title", "alt")}
        if artifact.get("kind") == "chart":
            found.append(element("Chart", str(artifact["id"]), {**props, "figure": artifact["figure"]}))
        elif artifact.get("kind") == "table":
            found.append(element("DataTable", str(artifact["id"]), {**props, "data": artifact.get("data")}))
    if view.writes.asks or view.writes.receipts:
        titles = {line.id: line.title or line.id for line in view.steps}
        failed = {line.id: line.summary for line in view.steps if line.state in ("failed", "skipped")}
        shown = writes_card(view.writes, titles, failed, over=view.status != "running")
        found.append(element("Approvals", "approvals", {**shown, "status": view.standing}))
    if (view.complete or view.drafted) and view.evidence:
        found.append(element("Sources", "sources", _sources(view)))
    if view.suggestions:
        found.append(element("FollowUps", "next", {"suggestions": list(view.suggestions)}))
    return found


def _plan(view: RunView) -> dict[str, Any]:
    over = view.status != "running"
    spent = (view.usage.get("ms") or 0) / 1000
    return {
        "status": view.standing,
        "phase": _phase(view),
        "seconds": spent if over else None,
        "notices": list(view.notices),
        "steps": [
            {
                "id": line.id,
                "title": line.title or line.id,
                "state": "awaiting" if line.id in view.writes.open else line.state,
                "services": list(line.services),
                "ms": line.ms,
                "summary": line.summary,
                "started": line.started.isoformat() if line.started else None,
            }
            for line in view.steps
        ],
    }


def _phase(view: RunView) -> str:
    if view.standing != "running":
        return view.standing
    if not view.steps:
        return "planning"
    if view.code.calls and not view.writes.asks and any(line.state == "running" for line in view.steps):
        return "coding"
    if view.writes.asks and any(line.state == "running" for line in view.steps):
        return "acting"
    if (view.text and not view.drafted) or all(line.state in ENDED for line in view.steps):
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
        if only_output(before, after):
            return changes(Page(outputs=tuple(_outputs(before))), Page(outputs=tuple(_outputs(after))))
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
    sends += [Send("output", output) for output in after.outputs if output not in before.outputs]
    return sends


def _growth(was: Message, now: Message) -> str:
    same = {**was, "output": ""} == {**now, "output": ""}
    grew = now["output"].startswith(was["output"]) and bool(was["output"])
    return now["output"][len(was["output"]) :] if same and grew and now["streaming"] else ""
