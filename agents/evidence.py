"""The evidence of one run while it goes on: ids, the records that claims cite, and a search in big results."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, overload

from pydantic import Field

from agents.record import Evidence
from tools.kit.tool import Verb
from tools.nouns import Noun, dump, load

PLURALS: Mapping[str, str] = {
    "error": "error groups",
    "error_event": "error events",
    "series": "series",
    "code": "pieces of code",
    "person": "people",
    "flag_change": "flag changes",
    "pull_request": "pull requests",
    "pick": "matches",
}
SINGULARS: Mapping[str, str] = {"error": "error group", "code": "piece of code", "pick": "match"}


class EvidenceSearch(Verb):
    """Look through a stored result of this run: the records that hold all the given words, page by page."""

    name = "evidence.search"
    evidence: str = Field(description="the id of the evidence, such as e3")
    words: str = Field(default="", description="words that a record must all hold; every record if empty")
    offset: int = Field(default=0, ge=0, description="skip this many matching records")
    limit: int = Field(default=50, ge=1, le=500)


def canonical(content: Iterable[Mapping[str, Any]]) -> str:
    """JSON that is the same for equal content: sorted keys, no spaces."""
    return json.dumps(list(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def digest(content: Iterable[Mapping[str, Any]]) -> str:
    """The SHA-256 of content in its canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def call_digest(service: str, verb: str, args: Mapping[str, Any]) -> str:
    """The same for the very same call of a service."""
    return digest([{"service": service, "verb": verb, "args": dict(args)}])


def counted(nouns: Sequence[Noun], kind: str) -> str:
    """How many of what: "12 error groups", "1 deployment", "no alerts", "1 workplace, 2 commits"."""
    if not nouns:
        return f"no {_many(kind)}"
    found = Counter(noun.kind for noun in nouns)
    return ", ".join(_one(kind) if count == 1 else f"{count} {_many(kind)}" for kind, count in found.items())


def _one(kind: str) -> str:
    return f"1 {SINGULARS.get(kind) or kind.replace('_', ' ')}"


def _many(kind: str) -> str:
    return PLURALS.get(kind) or f"{kind.replace('_', ' ')}s"


def excerpt(nouns: Sequence[Noun], most: int = 240) -> str:
    """The first records' titles, cut to size."""
    text = "; ".join(" ".join((noun.title or noun.ref).split()) for noun in nouns[:4])
    return text if len(text) <= most else text[: most - 1] + "…"


def search(evidence: Evidence, request: EvidenceSearch) -> list[Noun]:
    """The records of a stored result that hold every word, in their stored order, one page of them."""
    words = request.words.casefold().split()
    found = [record for record in evidence.content if _holds(record, words)]
    return [load(record) for record in found[request.offset : request.offset + request.limit]]


def _holds(record: Mapping[str, Any], words: Sequence[str]) -> bool:
    text = json.dumps(record, ensure_ascii=False).casefold()
    return all(word in text for word in words)


class Citations(Sequence[Evidence]):
    """All evidence of a run, in the order of its numbers; gives out ids and makes the records that claims cite.

    `new` holds what was made here and is not stored yet. Ids stay what they were across a restart, because stored
    evidence is handed in first and a record that was cited before is found again.
    """

    def __init__(self, run: str, stored: Iterable[Evidence] = ()) -> None:
        self.run = run
        self.new: list[Evidence] = []
        self._all: dict[str, Evidence] = {}
        self._by_key: dict[tuple[str, str, str], list[Evidence]] = {}
        self._children: dict[str, str] = {}
        self._number = 0
        for item in stored:
            self._keep(item)

    @overload
    def __getitem__(self, index: int) -> Evidence: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Evidence]: ...
    def __getitem__(self, index: int | slice) -> Evidence | Sequence[Evidence]:
        return list(self._all.values())[index]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Evidence]:
        return iter(list(self._all.values()))

    def get(self, evidence_id: str) -> Evidence | None:
        """The evidence of that id, if the run has it."""
        return self._all.get(evidence_id)

    def record(
        self,
        *,
        step: str,
        service: str,
        verb: str,
        title: str,
        at: datetime,
        nouns: Sequence[Noun],
        asked: Mapping[str, Any],
    ) -> Evidence:
        """A service's whole answer as evidence with the next number. The caller stores it."""
        content = tuple(dump(noun) for noun in nouns)
        only = nouns[0] if len(nouns) == 1 else None
        number = self._number + 1
        item = Evidence(
            id=f"e{number}",
            run=self.run,
            step=step,
            number=number,
            service=service,
            verb=verb,
            title=title,
            ref=only.ref if only else None,
            url=(only.url or None) if only else None,
            at=at,
            sha256=digest(content),
            excerpt=excerpt(nouns),
            asked=dict(asked),
            content=content,
        )
        self._keep(item)
        return item

    def cite(self, noun: Noun) -> str:
        """The id of the evidence for one record. Raises LookupError for a record that no step of this run returned."""
        record = dump(noun)
        holders = self._by_key.get((noun.kind, noun.service, noun.ref), [])
        if not holders:
            raise LookupError(f"No step of run {self.run} returned the {noun.kind} {noun.ref!r} of {noun.service}.")
        parent = next((item for item in reversed(holders) if record in item.content), holders[-1])
        if len(parent.content) == 1:
            return parent.id
        kept = record if record in parent.content else _same(parent, noun)
        sha = digest([kept])
        # The same record may have been cited before, in this process or in one that died.
        if sha in self._children:
            return self._children[sha]
        number = self._number + 1
        item = Evidence(
            id=f"e{number}",
            run=self.run,
            step=parent.step,
            number=number,
            service=noun.service,
            verb=parent.verb,
            title=noun.title or noun.ref,
            ref=noun.ref,
            url=noun.url or None,
            at=noun.at,
            sha256=sha,
            excerpt=excerpt([noun]),
            parent=parent.id,
            asked=parent.asked,
            content=(kept,),
        )
        self._keep(item)
        self.new.append(item)
        return item.id

    def find(self, ref: str) -> Noun | None:
        """A record by its ref, whichever service and kind; None where the run has none of that name."""
        for (_, _, name), holders in self._by_key.items():
            if name == ref:
                record = next(r for r in holders[-1].content if r.get("ref") == ref)
                return load(record)
        return None

    def of_step(self, step_id: str) -> tuple[str, ...]:
        """The ids of the whole answers that a step got, one a service."""
        return tuple(item.id for item in self._all.values() if item.step == step_id and item.parent is None)

    def _keep(self, item: Evidence) -> None:
        self._all[item.id] = item
        self._number = max(self._number, item.number)
        if item.parent is not None:
            self._children[item.sha256] = item.id
            return
        for record in item.content:
            key = (str(record.get("kind")), str(record.get("service")), str(record.get("ref")))
            holders = self._by_key.setdefault(key, [])
            if item not in holders[-1:]:
                holders.append(item)


def _same(parent: Evidence, noun: Noun) -> dict[str, Any]:
    """The stored record of the noun that a computation handed on in another form."""
    wanted = (noun.kind, noun.service, noun.ref)
    return next(r for r in parent.content if (r.get("kind"), r.get("service"), r.get("ref")) == wanted)
