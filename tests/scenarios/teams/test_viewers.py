"""A company in which those whom Teams brings along may look, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.teams.tenant import Tenant, buttons, tenant_of

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture(scope="module")
def strict(acme: Path) -> Iterator[Tenant]:
    """Where those whom Teams brings along may look, and nothing more."""
    with tenant_of(acme, DEUS_PEOPLE_ROLE="viewer") as opened:
        yield opened


def test_who_may_not_decide_is_told_so(strict: Tenant) -> None:
    told = strict.deus.post("/api/runs", json={"question": "Create an issue for the torn page"}).json()
    assert told["status"] == "awaiting_approval"
    talk = strict.say("Create an issue for the broken footer")["conversation"]["id"]
    answer = strict.answer(talk)
    assert not [one for one in buttons(answer.card) if one["type"] == "Action.Execute"]
    (run,) = (one for one in strict.runs() if one["question"] == "Create an issue for the broken footer")
    assert not [one for one in strict.deus.get("/api/approvals").json() if one["run"] == run["run"]]
