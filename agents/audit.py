"""The audit chain: entries become rows, each bound to the one before by its hash, and what verifying finds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class AuditEntry:
    """One fact for the audit log: what happened, when, who caused it, in which run. `data` holds no secret."""

    kind: str
    at: datetime
    actor: str
    run: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditRow:
    """A row of the chain as it is kept: `at` and `data` are the very text that was hashed."""

    n: int
    at: str
    kind: str
    actor: str
    run: str | None
    data: str
    previous: str
    hash: str

    def line(self) -> dict[str, Any]:
        """The row as an export shows it, `data` as an object."""
        return {**vars(self), "data": json.loads(self.data)}


class Anchor(BaseModel):
    """The chain's head at one moment, kept where whoever can change the chain cannot change it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    workspace: str
    n: int = Field(ge=0)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with a chain, first: `n` is the row at which it shows."""

    kind: Literal["changed", "missing", "reordered", "truncated", "rewritten", "foreign"]
    n: int
    sentence: str


def canonical(data: Any) -> str:
    """JSON with sorted keys, without blanks, in ASCII: equal data is equal text. Raises ValueError for NaN."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def genesis(workspace: str) -> str:
    """What the first row of a workspace's chain follows."""
    return hashlib.sha256(f"deus audit {workspace}".encode()).hexdigest()


def digest(row: AuditRow) -> str:
    """The hash that a row must have: sha256 of the canonical JSON of all its other fields."""
    text = canonical({"actor": row.actor, "at": row.at, "data": 0, "kind": row.kind, "n": row.n,
                      "previous": row.previous, "run": row.run})  # fmt: skip
    head, _, tail = text.partition('"data":0,"kind"')
    return hashlib.sha256(f'{head}"data":{row.data},"kind"{tail}'.encode()).hexdigest()


def chained(entries: Sequence[AuditEntry], last: int, previous: str) -> list[AuditRow]:
    """The rows of entries that follow the row `last`, whose hash is `previous`."""
    rows: list[AuditRow] = []
    for n, entry in enumerate(entries, last + 1):
        at = entry.at.astimezone(UTC).strftime(FORMAT)
        bare = AuditRow(n, at, entry.kind, entry.actor, entry.run, canonical(entry.data), previous, "")
        previous = digest(bare)
        rows.append(AuditRow(**{**vars(bare), "hash": previous}))
    return rows


class Verification:
    """Takes a chain's rows in their order, one page after the other, and finds the first fault."""

    def __init__(self, workspace: str, anchors: Iterable[Anchor] = ()) -> None:
        self.rows = 0
        self.previous = genesis(workspace)
        self._anchors: dict[int, list[Anchor]] = {}
        self._foreign: Fault | None = None
        for anchor in anchors:
            self._anchors.setdefault(anchor.n, []).append(anchor)
            if anchor.workspace != workspace and self._foreign is None:
                words = f"The anchor of row {anchor.n} is of the workspace {anchor.workspace}, not of {workspace}."
                self._foreign = Fault("foreign", anchor.n, words)

    def take(self, row: AuditRow) -> Fault | None:
        """The fault that this row shows, if it shows one; nothing may be taken after it."""
        if self._foreign is not None:
            return self._foreign
        expected = self.rows + 1
        if row.n > expected:
            last = row.n - 1
            which = f"Row {expected} is" if last == expected else f"Rows {expected} to {last} are"
            return Fault("missing", expected, f"{which} missing.")
        if row.n < expected:
            return Fault("reordered", row.n, f"Row {row.n} comes after row {self.rows}.")
        fault = self._altered(row)
        if fault is None:
            self.rows, self.previous = row.n, row.hash
            fault = self._against_anchors()
        return fault

    def end(self, head: Anchor | None = None) -> Fault | None:
        """The fault that shows only at the end: rows that the chain's own head or an anchor knows and that are gone."""
        if self._foreign is not None:
            return self._foreign
        if self.rows == 0 and (fault := self._against_anchors()) is not None:
            return fault
        known = [*(n for n in self._anchors if n > self.rows), *([head.n] if head and head.n > self.rows else [])]
        if known:
            words = f"The chain ends with row {self.rows}; there was a row {max(known)}."
            return Fault("truncated", self.rows + 1, words)
        if head is not None and (head.n, head.hash) != (self.rows, self.previous):
            words = f"The chain's head names row {head.n}, and the last row is {self.rows}: the head was changed."
            return Fault("changed", self.rows, words)
        return None

    def _altered(self, row: AuditRow) -> Fault | None:
        if row.previous != self.previous:
            return Fault(
                "reordered", row.n, f"Row {row.n} does not follow the row before it: it was moved or replaced."
            )
        if row.hash != digest(row):
            return Fault("changed", row.n, f"Row {row.n} ({row.kind}, {row.at}) was changed: its hash is another.")
        return None

    def _against_anchors(self) -> Fault | None:
        for anchor in self._anchors.get(self.rows, ()):
            if anchor.hash != self.previous:
                words = f"Row {self.rows} is not the one that was anchored at {anchor.at}: the chain was rewritten."
                return Fault("rewritten", self.rows, words)
        return None


def verify(
    rows: Iterable[AuditRow], workspace: str, anchors: Iterable[Anchor] = (), head: Anchor | None = None
) -> Fault | None:
    """The first fault of a whole chain, or None. A row that is not in its place but further on is reordered."""
    verification, rest = Verification(workspace, anchors), iter(rows)
    for row in rest:
        fault = verification.take(row)
        if fault is not None and fault.kind == "missing" and any(later.n == fault.n for later in rest):
            return Fault("reordered", fault.n, f"Row {fault.n} is not in its place but after row {row.n}.")
        if fault is not None:
            return fault
    return verification.end(head)
