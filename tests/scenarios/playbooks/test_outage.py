"""A service that is down is named as not checked; what the others say is still told."""

from __future__ import annotations

from pathlib import Path

from app.demo.world import Outage
from tests.scenarios.playbooks.company import company_of


def test_what_could_not_be_checked_is_said_and_nothing_is_made_of_it(acme: Path) -> None:
    down = (Outage(tool="github", since=None, until=None, answer="503"),)
    with company_of(acme, outages=down) as company:
        blockers = company.ask("What's blocking the auth milestone?")
        documents = company.ask("Find documents about pricing")
    assert blockers.status == "answered"
    assert {"iss-290", "iss-295", "iss-301"} <= blockers.artefacts
    assert "**Not checked**" in blockers.text
    assert "I could not check GitHub: it answered 503." in blockers.text
    assert "GitHub" in documents.text
    assert documents.status == "abstained"
    assert "found nothing" in documents.text
