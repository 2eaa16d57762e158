"""Verifying the chain finds every single change; what goes into it holds neither words nor secrets."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.audit import Anchor, AuditEntry, AuditRow, canonical, chained, digest, genesis, verify
from agents.audit_facts import HIDDEN, entry_of, shown
from agents.audit_ocsf import ocsf
from agents.event import KINDS, Event, Kind
from tools.writes import PullsMerge

AT = datetime(2026, 11, 18, 15, 4, 5, 678, tzinfo=UTC)
WORKSPACE = "w1"
TOKENS = (
    "ghp_abcdEFGH0123456789abcdEFGH0123",
    "xoxb-1234567890-abcdefghij",
    "sk_live_51Habcdefghijkl",
    "lin_api_abcdefghijklmnop",
    "Bearer abc.def-ghi_jkl",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "postgresql://deus:hunter22@db.test/deus",
    "hvs.CAESIabcdefghijkl",
)

entries = st.builds(
    AuditEntry,
    kind=st.sampled_from(["turn", "write", "decision"]),
    at=st.just(AT),
    actor=st.text(max_size=8),
    run=st.none() | st.text(max_size=8),
    data=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.none(), max_size=3),
)
chains = st.lists(entries, min_size=1, max_size=9).map(lambda many: chained(many, 0, genesis(WORKSPACE)))


def head_of(rows: list[AuditRow]) -> Anchor:
    return Anchor(workspace=WORKSPACE, n=rows[-1].n, hash=rows[-1].hash, at=rows[-1].at)


@given(chains)
def test_a_chain_as_it_was_made_has_no_fault(rows: list[AuditRow]) -> None:
    anchors = [Anchor(workspace=WORKSPACE, n=row.n, hash=row.hash, at=row.at) for row in rows]
    assert verify(rows, WORKSPACE, anchors, head_of(rows)) is None


@given(chains, st.data())
def test_any_single_change_is_found_where_it_is(rows: list[AuditRow], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(["at", "kind", "actor", "run", "data", "previous", "hash"]))
    old = getattr(rows[index], name)
    new = data.draw(st.text(max_size=70).filter(lambda text: text != old))
    other: dict[str, Any] = {name: new}
    changed = [*rows[:index], dataclasses.replace(rows[index], **other), *rows[index + 1 :]]
    fault = verify(changed, WORKSPACE, (), head_of(rows))
    assert fault is not None
    assert fault.n == index + 1


@given(chains, st.data())
def test_any_single_deletion_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    fault = verify([*rows[:index], *rows[index + 1 :]], WORKSPACE, (), head_of(rows))
    assert fault is not None
    assert (fault.kind, fault.n) == ("truncated" if index == len(rows) - 1 else "missing", index + 1)


@given(chains.filter(lambda rows: len(rows) > 1), st.data())
def test_any_swap_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=2, max_size=2)))
    moved = list(rows)
    moved[first], moved[second] = moved[second], moved[first]
    fault = verify(moved, WORKSPACE, (), head_of(rows))
    assert fault is not None
    assert (fault.kind, fault.n) == ("reordered", first + 1)


@given(chains, st.data())
def test_a_chain_written_anew_from_a_row_on_differs_from_any_later_anchor(
    rows: list[AuditRow], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    forged = [AuditEntry("forged", AT, "eve") for _ in rows[index:]]
    previous = rows[index - 1].hash if index else genesis(WORKSPACE)
    anew = [*rows[:index], *chained(forged, index, previous)]
    assert verify(anew, WORKSPACE, (), head_of(anew)) is None
    anchored = data.draw(st.integers(index, len(rows) - 1))
    fault = verify(anew, WORKSPACE, [head_of(rows[: anchored + 1])], head_of(anew))
    assert fault is not None
    assert (fault.kind, fault.n) == ("rewritten", anchored + 1)


@given(chains)
def test_a_chain_of_another_workspace_is_not_taken_for_this_one(rows: list[AuditRow]) -> None:
    assert verify(rows, "w2") is not None
    fault = verify(rows, WORKSPACE, [Anchor(workspace="w2", n=1, hash=rows[0].hash, at="")])
    assert fault is not None
    assert fault.kind == "foreign"


@given(chains)
def test_a_hash_can_be_made_again_from_an_exported_line(rows: list[AuditRow]) -> None:
    for row in rows:
        line = json.loads(canonical(row.line()))
        told = line.pop("hash")
        remade = AuditRow(**{**line, "data": canonical(line["data"])}, hash="")
        assert digest(remade) == told


@pytest.mark.parametrize("token", TOKENS)
def test_what_looks_like_a_secret_is_not_shown(token: str) -> None:
    told = {"note": f"use {token} please", "word": token, "list": [token], "nested": {"a": {"b": token}}}
    for begins in (0, 200):
        text = canonical(shown(told, begins))
        assert token not in text
        assert token.split()[-1] not in text
    assert shown({"token": "abc", "password": 7, "api_key": "x", "tokens_in": 4}) == {
        "token": HIDDEN,
        "password": 7,
        "api_key": HIDDEN,
        "tokens_in": 4,
    }


def test_words_become_digests_and_names_stay() -> None:
    kept = shown({"verb": "issues.create", "title": "Signup form is broken", "url": "https://x.test/a?key=1#b"})
    assert kept["verb"] == "issues.create"
    assert kept["url"] == "https://x.test/a"
    assert set(kept["title"]) == {"sha256", "chars"}
    assert shown("Signup form is broken", 10)["begins"] == "Signup for"
    assert shown([float("nan"), 1.5, None, True]) == ["nan", 1.5, None, True]


def event(kind: Kind, **data: Any) -> Event:
    return Event(run="run_1", seq=3, at=AT, kind=kind, data=data)


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("run.started", {"actor": "ann", "channel": "web", "conversation": "c", "text": "Why?"}, "turn"),
        ("call.started", {"id": "s.x", "step": "s", "service": "x", "verb": "v", "args": {}}, "tool.called"),
        ("call.finished", {"id": "s.x", "step": "s", "service": "x", "ok": True}, "tool.answered"),
        ("call.finished", {"id": "s.x", "step": "s", "service": "x", "ok": False, "error": "no"}, "failure"),
        ("model.called", {"model": "m", "workflow": "plan", "prompt": "0" * 64, "tokens_in": 1}, "model.called"),
        ("model.called", {"model": "m", "error": "Timeout"}, "failure"),
        ("step.finished", {"id": "s", "state": "failed", "summary": "no"}, "failure"),
        ("step.finished", {"id": "s", "verb": PullsMerge.name, "state": "skipped", "summary": "never"}, "refusal"),
        ("message.completed", {"text": "Because.", "claims": [], "citations": []}, "answer"),
        ("approval.requested", {"id": "a", "verb": "issues.create", "draft": {"text": "no"}}, "proposal"),
        ("approval.resolved", {"id": "a", "state": "approved", "by": "bob"}, "decision"),
        ("approval.expired", {"id": "a", "by": ""}, "decision"),
        ("receipt.added", {"id": "e1", "verb": "issues.create"}, "write"),
        ("undo.finished", {"effect": "k", "state": "undone"}, "undo"),
        ("undo.finished", {"effect": "k", "ok": False, "drift": ["title"]}, "refusal"),
        ("run.finished", {"status": "answered"}, "run.finished"),
        ("run.finished", {"status": "failed", "error": "x"}, "failure"),
    ],
)
def test_every_kind_of_fact_has_its_entry(kind: Kind, data: dict[str, Any], told: str) -> None:
    entry = entry_of(event(kind, **data), "ann")
    assert entry is not None
    assert entry.kind == told
    assert entry.actor == (data["by"] or "deus" if "by" in data else "ann")
    assert "draft" not in entry.data
    assert entry.data["seq"] == 3


@given(st.sampled_from(sorted(KINDS)), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
))  # fmt: skip
def test_whatever_an_event_says_can_be_chained(kind: Kind, value: Any) -> None:
    said = value if isinstance(value, dict) else {"text": value, "args": value, "by": value}
    entry = entry_of(event(kind, **said), "ann")
    if entry is not None:
        rows = chained([entry], 0, genesis(WORKSPACE))
        assert verify(rows, WORKSPACE) is None


def test_an_ocsf_event_has_what_its_class_requires() -> None:
    told = {"service": "linear", "verb": "issues.create", "begins": "x"}
    row = chained([AuditEntry("write", AT, "ann", "run_1", told)], 0, genesis(WORKSPACE))[0]
    made = ocsf(row, WORKSPACE)
    required = {"activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint"}
    assert required | {"time", "type_uid"} <= set(made)
    assert (made["class_uid"], made["activity_id"], made["type_uid"]) == (6003, 1, 600301)
    assert made["api"]["operation"] == "issues.create"
    assert made["metadata"]["version"] == "1.6.0"
    assert made["metadata"]["product"]["vendor_name"]
    assert made["time"] == round(AT.timestamp() * 1000)
    assert made["unmapped"]["hash"] == row.hash
