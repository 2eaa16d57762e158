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
        if not opened.world.truth.get("others"):
            pytest.skip("this world lists no other questions")
        yield opened


def test_every_other_question_cites_what_it_should_and_nothing_that_it_should_not(
    company: OpenCompany, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "agents.proof")
    for other in company.world.truth["others"]:
        said = company.ask(other["question"])
        assert said.status == "answered", (other["question"], said.text)
        assert set(other["cites"]) <= said.artefacts, (other["question"], said.text)
        assert not set(other["not"] or ()) & said.artefacts, (other["question"], said.text)
    assert [record.getMessage() for record in caplog.records if record.name == "agents.proof"] == []
