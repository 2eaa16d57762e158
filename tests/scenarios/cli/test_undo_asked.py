"""`deus approvals undo` where the rules want a yes for it: the question is shown, with how it is answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scenarios.cli.test_approvals_command import driven, found, workspace
from tests.scenarios.slack.test_undo_asked import POLICY

__all__ = ["workspace"]
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


def test_without_a_server_the_question_is_shown_and_a_yes_takes_it_back(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "policy.yaml").write_text(POLICY, encoding="utf-8")
    monkeypatch.setenv("DEUS_POLICY", str(workspace / "policy.yaml"))
    shown = driven("ask", "Create an issue for the broken footer", "--quiet")
    assert "This waits for a yes:" in shown
    run = found("approvals", "list")[0]["run"]
    driven("approvals", "approve", "--run", run, "--yes", "--wait")
    (effect,) = found("approvals", "receipts", run)

    asked = driven("approvals", "undo", effect["key"], "--yes")
    assert "waits for a yes" in asked
    assert "Take back:" in asked
    assert "taking back is looked at" in asked
    asking = re.search(r"deus approvals approve --run (\S+) --wait", asked)
    assert asking is not None, asked
    assert found("approvals", "receipts", run)[0]["state"] == "done"

    again = driven("approvals", "undo", effect["key"], "--yes")
    assert asking[0] in again, "asked twice, it is one question"
    done = driven("approvals", "approve", "--run", asking[1], "--yes", "--wait")
    assert "Taken back" in done
    assert found("approvals", "receipts", run)[0]["state"] == "undone"
