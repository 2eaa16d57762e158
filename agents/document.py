"""What a run left behind, folded from its events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from agents.event import Event
from agents.plan import Plan, Step
from agents.ports import Past
from agents.quote import Quote
from agents.record import Answer, Attachment, Claim, Evidence, Finding, RunDocument, Status, Usage

CITED = {"id", "service", "verb", "ref", "url", "at", "sha256"}


def document(run: str, question: str, events: Iterable[Event], evidence: Iterable[Evidence]) -> RunDocument:
    """The run's document, of as many events as there are."""
    status: Status = "running"
    error: str | None = None
    said: dict[str, Any] = {}
    steps: dict[str, dict[str, Any]] = {}
    usage = Usage()
    dry = False
    approvals: dict[str, dict[str, Any]] = {}
    receipts: dict[str, dict[str, Any]] = {}
    for event in events:
        data = event.data
        if event.kind == "run.started":
            dry = bool(data.get("dry"))
        elif event.kind == "plan.updated":
            for step in data["steps"]:
                shown = {key: step[key] for key in ("id", "verb", "args", "needs", "state")}
                steps.setdefault(step["id"], {**shown, "ms": None})
        elif event.kind == "step.started" and data["id"] in steps:
            steps[data["id"]]["state"] = "running"
        elif event.kind == "step.finished" and data["id"] in steps:
            steps[data["id"]] |= {"state": data["state"], "ms": data["ms"]}
        elif event.kind == "message.completed":
            said = data
        elif event.kind == "approval.requested":
            status, said = "awaiting_approval", data["draft"]
            asked = {name: value for name, value in data.items() if name not in ("draft", "remaining")}
            approvals[data["id"]] = {**asked, "state": "requested"}
        elif event.kind in ("approval.resolved", "approval.expired") and data["id"] in approvals:
            approvals[data["id"]] |= {"state": data["decision"], "by": data["by"]}
        elif event.kind == "receipt.added":
            receipts[data["id"]] = {**data, "undone": False}
        elif event.kind == "undo.finished" and data["id"] in receipts:
            receipts[data["id"]] |= {"undone": receipts[data["id"]]["undone"] or data["ok"]}
        elif event.kind == "usage.updated":
            usage = Usage.model_validate(data["usage"])
        elif event.kind == "run.finished":
            status, error = cast(Status, data["status"]), data.get("error")
            usage = Usage.model_validate(data["usage"])
    claims = tuple(Claim.model_validate(claim) for claim in said.get("claims", ()))
    finding = Finding.model_validate(said["finding"]) if said.get("finding") else None
    cited = {e for claim in claims for e in claim.evidence}
    if finding is not None:
        cited |= {e for cause in finding.causes for e in cause.evidence}
    return RunDocument(
        run=run,
        status=status,
        question=question,
        answer=str(said.get("text", "")),
        claims=claims,
        evidence=tuple(item.model_dump(mode="json", include=CITED) for item in evidence if item.id in cited),
        finding=finding,
        plan=tuple(steps.values()),
        usage=usage,
        error=error,
        suggestions=tuple(said.get("suggestions", ())),
        by=str(said.get("by") or ""),
        approvals=tuple(approvals.values()),
        receipts=tuple(receipts.values()),
        dry=dry,
    )


def past(run: str, question: str, events: Sequence[Event], evidence: Sequence[Evidence]) -> Past:
    """The run as a follow-up sees it."""
    plan, answer, waits, relayed, by = Plan(), None, False, False, ""
    quote: Quote | None = None
    files: tuple[Attachment, ...] = ()
    for event in events:
        if event.kind == "run.started":
            quote = Quote.model_validate(event.data["quoted"]) if event.data.get("quoted") else None
            files = tuple(Attachment.model_validate(one) for one in event.data.get("files") or ())
        elif event.kind == "plan.updated":
            plan = Plan(
                playbook=event.data["playbook"],
                slots=event.data["slots"],
                revision=event.data["revision"],
                steps=tuple(_step(step) for step in event.data["steps"]),
            )
        elif event.kind == "approval.requested":
            draft, waits = event.data["draft"], True
            answer = Answer(
                text=draft.get("text", ""),
                claims=tuple(Claim.model_validate(claim) for claim in draft.get("claims", ())),
            )
        elif event.kind == "message.completed":
            data, waits, by = event.data, False, str(event.data.get("by") or "")
            answer = Answer(
                text=data["text"],
                claims=tuple(Claim.model_validate(claim) for claim in data["claims"]),
                notes=tuple(data["notes"]),
                finding=Finding.model_validate(data["finding"]) if data["finding"] else None,
                suggestions=tuple(data["suggestions"]),
            )
        elif event.kind == "run.finished":
            relayed = event.data["status"] == "relayed"
    if quote is not None and answer is not None:
        # It comes last: what the answer itself cites is what it was about.
        words, record = quote.answer()
        answer, evidence = answer.model_copy(update={"claims": (*answer.claims, *words.claims)}), (*evidence, record)
    return Past(run, question, plan, answer, tuple(evidence), waits, relayed, by, files)


def _step(shown: dict[str, Any]) -> Step:
    return Step.model_validate({key: shown[key] for key in ("id", "verb", "args", "needs", "why", "title")})
