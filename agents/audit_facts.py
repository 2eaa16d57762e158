"""What of a run belongs into the audit log: events → entries, words as digests, secrets never."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from agents.audit import AuditEntry
from agents.event import Event
from tools.kit.tool import Write, verbs

HIDDEN = "•••"
# Of the text of a write, so many characters stay readable; of other text none.
BEGINS = 200
WRITES = frozenset({"proposal", "decision", "write", "undo", "refusal"})
# A word up to this length is shown as it is: an id, a name, a state, a day.
WORD = 96
MOST = 50
SECRET_NAMES = re.compile(r"token|secret|password|passwd|authorization|cookie|credential|api_?key|private_?key", re.I)
SECRET_FORMS = re.compile(
    r"(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|[sr]k_(?:live|test)_|sk-|lin_(?:api|oauth)_|sntry[su]_|ntn_|"
    r"secret_|phx_|phc_|AKIA|ASIA|hvs\.|ya29\.|AIza)[A-Za-z0-9_\-.=]{8,}"
    r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*"
    r"|(?:Bearer|Basic) [A-Za-z0-9_\-.=+/]{8,}"
    r"|://[^/\s:@]+:[^/\s@]+@"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
)
RANDOM = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9_\-+/=]{24,}")


def entry_of(event: Event, actor: str) -> AuditEntry | None:
    """The audit entry of a run's event, or None for one that only shows what others say. `actor` asked the run."""
    told = FACTS.get(event.kind)
    if told is None:
        return None
    made = told(event.data)
    if made is None:
        return None
    kind, data = made
    kept = shown({**data, "seq": event.seq}, BEGINS if kind in WRITES else 0)
    if kind == "turn" and event.data.get("name"):
        # Names have blanks, and are no text that anybody wrote.
        kept["name"] = SECRET_FORMS.sub(HIDDEN, str(event.data["name"]))[:WORD]
    # The answer's `by` is a name for people to read; its run is that person's.
    who = actor if event.kind == "message.completed" else _who(event.data, actor)
    return AuditEntry(kind, event.at, who, event.run, kept)


# A model is shared by all runs; this takes what its gateway tells of each call to the run that it serves.
current_model_calls: ContextVar[Callable[..., None] | None] = ContextVar("current_model_calls", default=None)
# The same for what leaves a sandbox: each request, allowed or refused, is told to the run that the sandbox serves.
current_egress: ContextVar[Callable[..., None] | None] = ContextVar("current_egress", default=None)


def digested(text: str, begins: int = 0) -> dict[str, Any]:
    """A text's hash and length, and, if wanted, its beginning without what looks like a secret."""
    told: dict[str, Any] = {"sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), "chars": len(text)}
    return told | ({"begins": SECRET_FORMS.sub(HIDDEN, text)[:begins]} if begins else {})


def shown(value: Any, begins: int = 0, name: str = "") -> Any:
    """A value as the audit log may keep it: words and numbers stay, longer text becomes its digest, secrets go."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if SECRET_NAMES.search(name) and not name.startswith("tokens_"):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): shown(item, begins, str(key)) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        kept = [shown(item, begins, name) for item in value[:MOST]]
        return [*kept, f"and {len(value) - MOST} more"] if len(value) > MOST else kept
    return _text(str(value), begins)


def _text(text: str, begins: int) -> Any:
    if re.match(r"https?://", text):
        text = re.split(r"[?#]", text, maxsplit=1)[0]
    plain = len(text) <= WORD and not re.search(r"\s", text) and not SECRET_FORMS.search(text)
    return text if plain and not RANDOM.fullmatch(text) else digested(text, begins)


def _who(data: Mapping[str, Any], actor: str) -> str:
    """Whoever decided or undid is named by the event itself, time's passing is ours; whoever asked caused the rest."""
    by = data.get("by") or data.get("actor")
    if "by" in data and not by:
        return "deus"
    return by if isinstance(by, str) else actor


def _picked(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names if data.get(name) is not None}


Made = tuple[str, dict[str, Any]] | None


def _turn(data: Mapping[str, Any]) -> Made:
    # What a person writes in the place of Deus is told with its text, and notes with what they tell.
    if data.get("channel") == "inbox":
        return None
    kept = _picked(data, "channel", "conversation", "role", "audience", "forked_from")
    return "turn", {**kept, "text": digested(str(data.get("text", "")))}


def _resumed(data: Mapping[str, Any]) -> Made:
    return "run.resumed", _picked(data, "reason")


def _finished(data: Mapping[str, Any]) -> Made:
    return "failure" if data.get("status") == "failed" else "run.finished", _picked(data, "status", "error", "usage")


def _called(data: Mapping[str, Any]) -> Made:
    return "tool.called", _picked(data, "id", "step", "service", "verb", "args")


def _answered(data: Mapping[str, Any]) -> Made:
    kind = "tool.answered" if data.get("ok") else "failure"
    return kind, _picked(data, "id", "step", "service", "ok", "error", "ms")


def _step(data: Mapping[str, Any]) -> Made:
    # A write that is skipped was refused: by the rules, by people, or because its time was over.
    kinds = {"failed": "failure"} | ({"skipped": "refusal"} if data.get("verb") in verbs(Write) else {})
    kind = kinds.get(str(data.get("state")))
    return (kind, _picked(data, "id", "state", "summary")) if kind else None


def _said(data: Mapping[str, Any]) -> Made:
    said = digested(str(data.get("text", "")))
    if data.get("by"):
        return "conversation.written", {"text": said}
    return "answer", {"text": said, "claims": len(data.get("claims") or ()), "cited": len(data.get("citations") or ())}


def _model(data: Mapping[str, Any]) -> Made:
    kept = _picked(data, "model", "workflow", "tokens_in", "tokens_out", "usd", "prompt", "chars", "error")
    return "failure" if data.get("error") else "model.called", kept


def _egress(data: Mapping[str, Any]) -> Made:
    names = ("task", "method", "host", "path", "verdict", "why", "status", "sent", "received", "ms")
    return "egress" if data.get("verdict") == "allowed" else "egress.refused", _picked(data, *names)


def _whole(kind: str) -> Callable[[Mapping[str, Any]], Made]:
    """Keeps all that the event says of what Deus was about to write, or wrote, and who said yes; not the answer."""
    return lambda data: (kind, {name: value for name, value in data.items() if name != "draft"})


def _undone(data: Mapping[str, Any]) -> Made:
    refused = data.get("ok") is False or data.get("state") in ("refused", "failed") or bool(data.get("drift"))
    return "refusal" if refused else "undo", dict(data)


FACTS: Mapping[str, Callable[[Mapping[str, Any]], Made]] = {
    "run.started": _turn,
    "run.resumed": _resumed,
    "run.finished": _finished,
    "call.started": _called,
    "call.finished": _answered,
    "model.called": _model,
    "egress.requested": _egress,
    "step.finished": _step,
    "message.completed": _said,
    "approval.requested": _whole("proposal"),
    "approval.resolved": _whole("decision"),
    "approval.expired": _whole("decision"),
    "receipt.added": _whole("write"),
    "undo.finished": _undone,
}
