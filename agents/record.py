"""What a run leaves behind: evidence, claims, the finding, usage, and the document that every door prints."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

# relayed: a person said it, or answers it.
Status = Literal[
    "running", "answered", "abstained", "awaiting_approval", "awaiting_input", "failed", "stopped", "relayed"
]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Attachment(Frozen):
    """A file as a turn names it; `size` in bytes."""

    id: str
    name: str = ""
    size: int = 0
    media: str = ""


class Evidence(Frozen):
    """A stored tool result, or one record of it (`parent`). `id` is e1, e2 … within its run; `sha256` is of `content`.

    `asked` says what was asked (verb arguments and the requests sent, without secrets); `content` holds the nouns as
    `tools.nouns.dump` writes them (a list), whole. `unchecked` maps a service to the reason why it could not be asked.
    """

    id: str
    run: str
    step: str
    number: int
    service: str
    verb: str
    title: str
    ref: str | None = None
    url: str | None = None
    at: AwareDatetime
    sha256: str
    excerpt: str = ""
    parent: str | None = None
    asked: dict[str, Any] = Field(default_factory=dict)
    content: tuple[dict[str, Any], ...] = ()


class Claim(Frozen):
    """A sentence (Markdown) with the evidence that bears it. `section` groups claims under a heading when shown."""

    text: str
    kind: Literal["fact", "computed", "hypothesis"]
    evidence: tuple[str, ...] = ()
    section: str = ""


class Cause(Frozen):
    """A candidate cause: an artefact's `ref`, or a label in FORMAT.md's words where there is none. Score in [0, 1]."""

    ref: str | None
    label: str
    score: float
    evidence: tuple[str, ...] = ()


class Finding(Frozen):
    """What an analysis of a metric computed. `change` and `interval` are relative (-0.2 is a fall by a fifth)."""

    happened: bool | None
    metric: str
    change: float | None = None
    interval: tuple[float, float] | None = None
    onset: AwareDatetime | None = None
    recovered: AwareDatetime | None = None
    where: dict[str, str] | None = None
    causes: tuple[Cause, ...] = ()
    unchecked: tuple[str, ...] = ()


class Usage(Frozen):
    """What a run has cost so far."""

    model_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    tool_calls: int = 0
    ms: int = 0


class Answer(Frozen):
    """The proven answer: Markdown made of the claims that stand, the claims, and what to ask next.

    `text` carries citations as [1], [2] …, numbers of evidence; `artifacts` are {id, kind, title, data, alt}. `notes`
    say what could not be looked at and why, `preface` what the product says of itself: neither needs evidence.
    """

    text: str
    claims: tuple[Claim, ...] = ()
    preface: str = ""
    notes: tuple[str, ...] = ()
    finding: Finding | None = None
    artifacts: tuple[dict[str, Any], ...] = ()
    suggestions: tuple[str, ...] = ()
    abstained: bool = False


class RunDocument(Frozen):
    """What `deus ask --json` and `POST /api/runs` print.

    `evidence` lists what claims cite, `plan` the steps as run, `suggestions` what can be said next or instead.
    `approvals` are those that were asked for, each with its state; `receipts` what was done. While the run waits, the
    answer is what is known so far. Of a `dry` run nothing was written; the answer says what would have been. `by` is
    the person who wrote the answer of a relayed run.
    """

    run: str
    status: Status
    question: str
    answer: str
    claims: tuple[Claim, ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()
    finding: Finding | None = None
    plan: tuple[dict[str, Any], ...] = ()
    usage: Usage = Usage()
    error: str | None = None
    suggestions: tuple[str, ...] = ()
    approvals: tuple[dict[str, Any], ...] = ()
    receipts: tuple[dict[str, Any], ...] = ()
    dry: bool = False
    by: str = ""
