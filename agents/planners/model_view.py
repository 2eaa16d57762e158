"""What a model is shown: the verbs, the company, earlier turns, results cut to size. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from agents.approval import Source
from agents.plan import Plan
from agents.ports import Past, Situation, StepResult
from agents.record import Evidence
from tools.kit.tool import Verb

# A value that is one short word, and a ref as services issue them: neither has room for a sentence.
_WORD = re.compile(r"\w{1,20}")
_REF = re.compile(r"[\w./#:-]{1,80}")
# A file's name of a few words.
_FILE = re.compile(r"(?=.{1,40}$)[^\W_]+(?:[._-][^\W_]+){0,4}")
MOST_RESULTS = 24_000
MOST_RECORDS = 12
MOST_TEXT = 300
MOST_CODE = 3000
MOST_PRINTED = 6000
MOST_ROWS = 40


def verbs_text(verbs: Mapping[str, type[Verb]], mode: Literal["read", "write"] = "read") -> str:
    """Each verb of a mode with its arguments and what it is for, a line each."""
    return "\n".join(
        f"{name}({', '.join(_argument(field, spec) for field, spec in verb.model_fields.items())}): "
        f"{' '.join((verb.__doc__ or '').split())}"
        for name, verb in sorted(verbs.items())
        if verb.mode == mode
    )


def company_text(situation: Situation, *, unread: bool = False) -> str:
    """The names that the company knows. Where `unread`, without property values that may be sentences: whoever visits a
    site can put such values there."""
    metrics = {
        name: {
            dim: [value for value in values if not unread or _WORD.fullmatch(value)][:12]
            for dim, values in dims.items()
        }
        for name, dims in situation.metrics.items()
    }
    known = {
        "metrics": metrics,
        **({"asker": situation.me} if situation.me else {}),
        "people": situation.people[:60],
        "milestones": situation.milestones[:40],
        "teams": situation.teams[:40],
        "components": situation.components[:40],
    }
    return json.dumps(known, ensure_ascii=False)


def past_text(situation: Situation) -> str:
    """The conversation's earlier questions with the beginnings of their answers, and what people said there."""
    lines = []
    for run in situation.past:
        text = _cut(run.answer.text if run.answer else "", 1200)
        if run.relayed:
            lines.append(f"{run.by} wrote: {text}" if run.by else f"Said to a person: {run.question}")
        else:
            lines.append(f"Q: {run.question}\nA: {text}")
    return "\n".join(lines)


def asked_text(situation: Situation) -> str:
    """The conversation's earlier questions and which records the answers cited, without a word that stands in them."""
    lines = []
    for run in situation.answered[-3:]:
        cited = {e for claim in (run.answer.claims if run.answer else ()) for e in claim.evidence}
        refs = [
            f"{record.get('kind')} {record.get('ref')}"
            for item in run.evidence
            if item.id in cited and len(item.content) == 1
            for record in item.content
            if _REF.fullmatch(str(record.get("ref")))
        ]
        lines.append(f"Q: {run.question}\nRecords of the answer: {', '.join(dict.fromkeys(refs)) or 'none'}")
    return "\n".join(lines)


def texts_read(situation: Situation) -> tuple[Source, ...]:
    """The untrusted texts that `past_text` and `context_text` show: earlier answers and recalled context."""
    answers = [
        Source(service="deus", title=_titled(run), excerpt=_cut(run.answer.text if run.answer else run.question, 240))
        for run in situation.past
        if run.relayed or (run.answer and run.answer.text)
    ]
    pieces = [
        Source(service=piece.source, title=piece.title, url=piece.url, excerpt=_cut(piece.text, 240))
        for piece in situation.recalled[:6]
    ]
    return (*answers, *pieces)


def _titled(run: Past) -> str:
    if run.relayed:
        return f"What {run.by} wrote in this conversation" if run.by else "What was said to a person here"
    return f"The answer to “{run.question}”"


def context_text(situation: Situation) -> str:
    """What the context store found, with where it is from."""
    return "\n\n".join(f"[{piece.title}] {_cut(piece.text, 600)}" for piece in situation.recalled[:6])


def plan_text(plan: Plan, results: Mapping[str, StepResult]) -> str:
    """The steps as they ran, a line each."""
    lines = []
    for step in plan.steps:
        result = results.get(step.id)
        state = result.state if result else "waiting"
        shown: dict[str, Any] = {"id": step.id, "verb": step.verb, "state": state}
        if result is not None and result.state == "failed":
            # Whoever planned it may mend it.
            shown |= {"args": _short(step.args, MOST_CODE), "error": _cut(result.error or "", MOST_CODE)}
        lines.append(json.dumps(shown, ensure_ascii=False))
    return "\n".join(lines)


def files_text(situation: Situation) -> str:
    """The files that the question is about, a line each. A name that has room for a sentence is left out: somebody else
    may have given it."""
    lines = []
    for number, file in enumerate(situation.files, 1):
        ending = file.name.rpartition(".")[2]
        plain = (
            file.name if _FILE.fullmatch(file.name) else f"file {number}.{ending if _WORD.fullmatch(ending) else ''}"
        )
        lines.append(json.dumps({"id": file.id, "name": plain, "type": file.media, "bytes": file.size}))
    return "\n".join(lines) or "none"


def results_text(evidence: Iterable[Evidence], most: int = MOST_RESULTS) -> str:
    """Whole answers of services, cut to size: their ids, how many records, the first ones."""
    parts: list[str] = []
    left = most
    whole = [item for item in evidence if item.parent is None]
    for item in whole:
        room = max(400, left // max(1, len(whole) - len(parts)))
        records = [json.dumps(_short(r), ensure_ascii=False, default=str) for r in item.content[:MOST_RECORDS]]
        hidden = len(item.content) - len(records)
        body = _cut("\n".join(records), room)
        more = f"\n… {hidden} more: look with evidence.search" if hidden > 0 else ""
        parts.append(f"{item.id} ({item.service}, {item.verb}, {len(item.content)} records):\n{body}{more}")
        left -= len(parts[-1])
    return "\n\n".join(parts)


def _argument(name: str, spec: Any) -> str:
    return name if spec.is_required() else f"{name}?"


def _short(record: Mapping[str, Any], most: int = MOST_TEXT) -> dict[str, Any]:
    """A record without what a model has no use for, long texts and lists cut."""
    kept: dict[str, Any] = {}
    if record.get("kind") == "output":
        return {"kind": "output", "printed": _cut(str(record.get("printed") or ""), MOST_PRINTED)}
    if record.get("kind") == "table":
        said = {name: record.get(name) for name in ("kind", "ref", "title", "columns", "rows_in_all")}
        return {**said, "rows": list(record.get("rows") or ())[:MOST_ROWS]}
    for name, value in record.items():
        if value in (None, "", [], {}, ()) or name in ("points", "chart", "patch"):
            continue
        if isinstance(value, str):
            kept[name] = _cut(value, most)
        elif isinstance(value, list):
            kept[name] = [_short(part) if isinstance(part, dict) else part for part in value[:8]]
        elif isinstance(value, dict):
            kept[name] = _short(value)
        else:
            kept[name] = value
    if record.get("kind") == "series":
        points = record.get("points") or []
        kept["points"] = [[p["at"], p["value"]] for p in points[-28:]]
    return kept


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
