"""That something was merged, rolled back or closed stands with a record in that state, and with no text about one."""

from __future__ import annotations

import pytest

from agents.proof_states import unborne

TOLD = {"kind": "message", "body": "acme/portal#484 was merged, web was rolled back, ACME-311 was closed."}


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("acme/portal#484 was merged.", {"kind": "pull_request", "state": "merged"}),
        ("#484 wurde am Montag gemergt.", {"kind": "receipt", "verb": "pulls.merge"}),
        ("#484 fue fusionado.", {"kind": "commit"}),
        ("web has been rolled back.", {"kind": "deployment"}),
        ("ACME-311 is now closed.", {"kind": "issue", "state": "done"}),
        ("ACME-311 está cerrada.", {"kind": "issue", "closed_at": "2026-11-01T00:00:00Z"}),
    ],
)
def test_a_record_in_that_state_bears_it_out(text: str, record: dict[str, str]) -> None:
    assert unborne(text, [TOLD]) is not None
    assert unborne(text, [TOLD, {"kind": "issue", "state": "open"}]) is not None
    assert unborne(text, [TOLD, record]) is None


@pytest.mark.parametrize("text", ["Tom says “#484 was merged”.", "The merged queue is slow.", "3 issues are open."])
def test_what_others_say_is_theirs(text: str) -> None:
    assert unborne(text, [TOLD]) is None


def test_a_dry_run_closes_nothing() -> None:
    assert unborne("ACME-311 was closed.", [{"kind": "receipt", "verb": "issues.update", "dry": True}]) is not None
