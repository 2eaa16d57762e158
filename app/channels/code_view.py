"""What a run does in sandboxes, folded from its events: calls with their state, what they write, how they end. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agents.event import Event
from app.channels.terminal_text import one_line, printed, revealed, tail

SAYS = "agent.says"
OUTPUT = 4_000  # characters of a call's output that are kept
LIVE = 3_000  # characters of a running call's output that are shown
_RAW = 12_000  # characters that are kept of what a running call writes, as it writes them


@dataclass(frozen=True)
class CallLine:
    """A call as its line: state is running, done, failed or cut (it never ended). `live` is what it writes, raw."""

    id: str
    step: str
    verb: str = ""
    text: str = ""
    state: str = "running"
    started: datetime | None = None
    ms: int | None = None
    summary: str = ""
    error: str = ""
    output: str = ""
    live: str = ""


@dataclass(frozen=True)
class CodeWork:
    """The calls of a run by id, in their order."""

    calls: Mapping[str, CallLine] = field(default_factory=dict)

    def of(self, step: str) -> tuple[CallLine, ...]:
        """The calls of one step."""
        return tuple(one for one in self.calls.values() if one.step == step)

    def silent(self) -> CodeWork:
        """Without what the running calls write."""
        return CodeWork({name: replace(one, live="") if one.live else one for name, one in self.calls.items()})

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that have calls."""
        return tuple(dict.fromkeys(one.step for one in self.calls.values()))


def written(work: CodeWork, data: Mapping[str, Any]) -> CodeWork:
    """After output.delta: more text of a call that runs. What comes of any other call is too late, and left out."""
    call = work.calls.get(str(data.get("call")))
    if call is None or call.state != "running":
        return work
    return _with(work, replace(call, live=tail(call.live + str(data.get("text", "")), _RAW)))


def fold_code(work: CodeWork, event: Event) -> CodeWork:
    """The work after one more stored event; of other kinds it knows nothing."""
    data = event.data
    if event.kind == "call.started" and _in_sandbox(data):
        return _with(work, _begun(event))
    if event.kind == "call.finished" and (str(data.get("id")) in work.calls or _in_sandbox(data)):
        known = work.calls.get(str(data["id"]), CallLine(str(data["id"]), str(data.get("step", ""))))
        return _with(work, _ended(known, data))
    if event.kind == "step.started":
        # It is done anew, as after a restart: the calls of the attempt before count no more.
        return CodeWork({name: one for name, one in work.calls.items() if one.step != data.get("id")})
    if event.kind in ("run.finished", "run.resumed"):
        return _cut(work, None)
    if event.kind == "step.finished":
        return _cut(work, data.get("id"))
    return work


def _in_sandbox(data: Mapping[str, Any]) -> bool:
    verb = str(data.get("verb") or "")
    return data.get("service") == "sandbox" or verb.startswith("sandbox.") or verb == SAYS


def _begun(event: Event) -> CallLine:
    data = event.data
    verb = str(data.get("verb") or "")
    args = data.get("args") if isinstance(data.get("args"), Mapping) else {}
    return CallLine(str(data["id"]), str(data.get("step", "")), verb, _said(verb, args or {}), started=event.at)


def _ended(call: CallLine, data: Mapping[str, Any]) -> CallLine:
    ok = bool(data.get("ok"))
    return replace(
        call,
        state="done" if ok else "failed",
        ms=data.get("ms") if isinstance(data.get("ms"), int) else None,
        summary=_news(call, data.get("summary")),
        error=_news(call, data.get("error")),
        output="" if call.verb == SAYS else tail(printed(str(data.get("output") or "")), OUTPUT),
        live="",
    )


def _news(call: CallLine, told: object) -> str:
    """What is told of a call's end, without what its line says already."""
    said = one_line(told or "")
    head, colon, rest = said.partition(": ")
    return rest if colon and call.text.endswith(f"· {head}") else said


def _said(verb: str, args: Mapping[str, Any]) -> str:
    """What is done, in a line: the command, the path, the pattern. What an agent says is kept whole."""
    if verb == SAYS:
        return revealed(str(args.get("text") or ""))[:OUTPUT]
    command = args.get("command") or args.get("argv")
    if command:
        told = one_line(" ".join(map(str, command)) if isinstance(command, list | tuple) else command)
        return f"{told} · {one_line(args['what'])}" if args.get("what") else told
    path, pattern = (one_line(args.get(name) or "") for name in ("path", "pattern"))
    if pattern:
        return f"{pattern} in {path}" if path and path != "." else pattern
    if path:
        return f"{path}:{args['start']}" if isinstance(args.get("start"), int) and args["start"] > 1 else path
    return one_line(", ".join(f"{name}: {value}" for name, value in args.items()))


def live_text(call: CallLine) -> str:
    """What a running call has written last, as a terminal would show it."""
    return tail(printed(call.live), LIVE)


def word(call: CallLine) -> str:
    """What kind of call it is, in a word: search, read, edit, run, test, says."""
    found = re.search(r"([a-z_]+)$", call.verb)
    return found[1].replace("_", " ") if found else "call"


def _cut(work: CodeWork, step: object | None) -> CodeWork:
    """Calls that run no longer: their step, or the whole run, is over."""
    return CodeWork(
        {
            name: replace(one, state="cut", live="") if one.state == "running" and step in (None, one.step) else one
            for name, one in work.calls.items()
        }
    )


def _with(work: CodeWork, call: CallLine) -> CodeWork:
    return CodeWork({**work.calls, call.id: call})
