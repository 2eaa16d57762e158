"""Who reads along in Teams, and what people write in the place of Deus."""

from __future__ import annotations

import pytest

from tests.channels.fake_teams import TENANT
from tests.scenarios.teams.tenant import Tenant, said, words
from tests.scenarios.writes.office import until

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


def test_what_a_person_writes_is_shown_under_their_name_and_deus_stays_silent(tenant: Tenant) -> None:
    asked = tenant.say("Which customers are affected by the export bug?")
    talk = asked["conversation"]["id"]
    tenant.answer(talk)
    (run,) = (one for one in tenant.runs() if one["question"].startswith("Which customers are affected"))
    place = f"/api/inbox/{run['conversation']}"
    assert tenant.deus.post(f"{place}/take", json={"actor": "lena@acme.com"}).status_code == 200
    until(lambda: any("Lena Fischer" in said(one) for one in tenant.teams.standing(talk)))
    written = tenant.deus.post(f"{place}/write", json={"text": "I will call them.", "actor": "lena@acme.com"})
    assert written.status_code == 201, written.text
    until(lambda: "I will call them." in tenant.teams.standing(talk)[-1].text)
    shown = tenant.teams.standing(talk)
    assert shown[-1].text.startswith("**Lena Fischer:** ")
    before = len(shown)
    tenant.say("Thank you!")
    until(lambda: any(one["question"] == "Thank you!" for one in tenant.runs()))
    assert tenant.deus.post(f"{place}/hand-back", json={"actor": "lena@acme.com"}).status_code == 200
    tenant.say("What's our churn rate trending?")
    until(lambda: any("hurn" in said(one) for one in tenant.teams.standing(talk)[before:]))
    assert not any("Thank you" in said(one) for one in tenant.teams.standing(talk)[before:])


def test_in_a_group_with_a_guest_nothing_of_the_company_is_told(tenant: Tenant) -> None:
    guest = tenant.teams.join("29:visitor", "Eve", email="eve@evil.test", userRole="guest")
    group = {"id": "19:with-a-guest@thread.v2", "conversationType": "groupChat", "isGroup": True, "tenantId": TENANT}
    tenant.teams.groups[str(group["id"])] = [tenant.lena["id"], tenant.omar["id"], guest["id"]]
    tenant.mention("Which customers pay the most?", group, tenant.omar)
    answer = tenant.answer(str(group["id"]))
    (run,) = (one for one in tenant.runs() if one["question"] == "Which customers pay the most?")
    evidence = [
        one for one in tenant.deus.get(f"/api/runs/{run['run']}").json()["evidence"] if one["service"] != "deus"
    ]
    assert evidence == []
    assert words(answer.card)
    pages = [path for method, path, _ in tenant.teams.asked if path.endswith("/pagedmembers")]
    assert len(pages) >= 2
