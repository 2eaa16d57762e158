"""The questions that the worlds list beside their main one: what is cited is what a reader would look for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.scenarios.playbooks.company import OpenCompany, company_of

WORLDS = sorted((SHARED / "worlds").glob("*.yaml"))

pytestmark = pytest.mark.skipif(not WORLDS, reason=f"no worlds below {SHARED}")


@pytest.fixture(scope="module", params=WORLDS, ids=lambda path: path.stem)
def company(request: pytest.FixtureRequest) -> Iterator[OpenCompany]:
    path: Path = request.param
    with company_of(path) as opened:
        yield opened


def test_the_other_questions_cite_what_they_should_and_the_gate_drops_nothing(
    company: OpenCompany, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "agents.proof")
    for other in company.world.truth.get("others", ()):
        said = company.ask(other["question"])
        assert said.status in ("answered", "awaiting_approval"), (other["question"], said.text)
        assert set(other["cites"]) <= said.artefacts, (other["question"], said.text)
        assert not set(other["not"] or ()) & said.artefacts, (other["question"], said.text)
    assert company.ask(company.world.truth["question"]).document["claims"]
    assert [record.getMessage() for record in caplog.records if record.name == "agents.proof"] == []
