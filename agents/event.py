"""What a run emits: an append-only log of numbered events, and the kinds that there are."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

VERSION = 1

Kind = Literal[
    "run.started",
    "run.resumed",
    "run.finished",
    "plan.updated",
    "step.started",
    "step.finished",
    "call.started",
    "call.finished",
    "output.delta",
    "model.called",
    "egress.requested",
    "evidence.added",
    "artifact.created",
    "text.delta",
    "text.reset",
    "message.completed",
    "approval.requested",
    "approval.resolved",
    "approval.expired",
    "receipt.added",
    "undo.finished",
    "input.requested",
    "input.resolved",
    "notice",
    "usage.updated",
    "feedback.received",
]
KINDS: frozenset[str] = frozenset(get_args(Kind))

# Deltas may be lost; everything else is kept for ever.
EPHEMERAL: frozenset[str] = frozenset({"text.delta", "output.delta"})


class Event(BaseModel):
    """An immutable fact of a run. `seq` runs 1, 2, 3 … without gaps in its run and is the SSE id; `data` is by kind:

    - run.started: actor, its name and role, audience (if others read along), channel, conversation, text, dry, quoted
      and files [{id, name, size, media}] (if any) · run.resumed: reason · run.finished: status (answered, abstained,
      failed, stopped, relayed), error (a safe sentence or null), usage
    - plan.updated: revision, steps [{id, title, verb, state (waiting, running, done, failed, skipped), needs, service}]
    - step.started: id, title · step.finished: id, state, summary, ms
    - call.started: id, step, service, verb, args · call.finished: id, step, service, ok, summary, error, ms
    - output.delta: call, stream (out, err), text: what a call in a sandbox writes, as it comes
    - model.called: model, workflow, prompt (its sha256), chars, tokens_in, tokens_out, usd, error
    - egress.requested: method, host, path, verdict (allowed, refused, cut), why, status, sent, received, ms, task
    - evidence.added: id, number, title, service, verb, ref, url, excerpt, at
    - artifact.created: id, kind (chart, table, file, code, diff, tests), title, data, alt
    - text.delta: text · text.reset: {} · message.completed: text (Markdown), claims,
      citations [{number, evidence}], suggestions, by (who wrote it in Deus' place, if anybody did)
    - approval.requested: id, digest, step, title, service, verb, args, change, risk, why, sources, requester,
      asker (who that is, in words), deciders, barred, needed, at, expires_at, draft {text, claims, citations},
      remaining (0 with the last one of a batch) · approval.resolved, approval.expired: id, step, decision, by, channel,
      edited, more_needed
    - receipt.added: id, step, service, verb, title, ref, url, said, at, approved_by, allowed_by, undo, undo_until,
      before, after, verified · undo.finished: id, step, title, service, by, channel, ok, summary, drift
    - input.requested: id, question, options · notice: text, level, id · usage.updated: usage
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    v: int = VERSION
    run: str
    seq: int = Field(ge=1)
    at: AwareDatetime
    kind: Kind
    data: dict[str, Any] = Field(default_factory=dict)


def pauses(event: Event) -> bool:
    """Whether nothing more comes of the run by itself: it has ended, or it waits for a person."""
    if event.kind == "approval.requested":
        return not event.data.get("remaining")
    return event.kind == "run.finished"
