"""Taking something back in Teams where the rules want a yes for it: the question comes into the same conversation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.channels.fake_teams import Shown
from tests.scenarios.slack.test_undo_asked import POLICY
from tests.scenarios.teams.tenant import Tenant, buttons, tenant_of, words
from tests.scenarios.teams.test_writes import newest, ordered
from tests.scenarios.writes.office import until

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture(scope="module")
def tenant(acme: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    path = tmp_path_factory.mktemp("rules") / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    with tenant_of(acme, DEUS_POLICY=str(path)) as opened:
        yield opened


def asks(tenant: Tenant, conversation: str) -> list[Shown]:
    shown = [one for one in tenant.teams.standing(conversation) if "take back" in words(one.card).casefold()]
    return [one for one in shown if "Reject" in [button["title"] for button in buttons(one.card)]]


def test_what_an_undo_asks_comes_into_the_conversation_and_a_yes_there_takes_it_back(tenant: Tenant) -> None:
    talk, ask, _ = ordered(tenant, "broken footer")
    tenant.press(ask, "Approve")
    receipt = newest(tenant, talk, "Take it back", "done:")

    pressed = tenant.press(receipt, "Take it back").json()
    assert pressed["type"] == "application/vnd.microsoft.card.adaptive"
    assert "Taken back" not in words(pressed["value"])
    (card,) = until(lambda: asks(tenant, talk))
    assert "taking back is looked at" in words(card.card)

    again = tenant.press(receipt, "Take it back").json()
    assert again["type"] == "application/vnd.microsoft.activity.message"
    assert "waits for a yes" in again["value"]
    assert len(asks(tenant, talk)) == 1, "pressed twice, it is asked about once"

    tenant.press(card, "Approve")
    until(lambda: "Taken back by" in words(receipt.card))
    assert "Take it back" not in [one["title"] for one in buttons(receipt.card)]
