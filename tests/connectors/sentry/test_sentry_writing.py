"""Errors of the demo company that are resolved and given to people, and put back."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.companies import BASE, demo_of
from tests.connectors.writing import KEY, Fresh, there_and_back
from tests.descriptions import description, problems
from tools.kit.errors import BadArgument, NotFound
from tools.verbs import ErrorsGet, ErrorsSearch
from tools.writes import ErrorsAssign, ErrorsResolve

AUTH = {"Authorization": "Bearer demo-sentry"}


@pytest.fixture
def sentry(acme: Path) -> Fresh:
    return Fresh("sentry", acme)


def ref(acme: Path, name: str) -> str:
    return demo_of(acme).company.ref(name).ref


async def test_an_error_is_resolved_and_opened_again(sentry: Fresh, acme: Path) -> None:
    change, _ = await there_and_back(sentry, ErrorsResolve(ref=ref(acme, "err-2041")))
    assert (change.before, change.after) == ({"state": "unresolved"}, {"state": "resolved"})
    assert change.affects == 690


async def test_a_resolved_error_is_no_longer_among_the_unresolved(sentry: Fresh, acme: Path) -> None:
    request = ErrorsResolve(ref=ref(acme, "err-2041"), in_next_release=True)
    action = sentry.action(request)
    landed = await action.do(request, await action.preview(request), KEY)
    assert landed.state == {"state": "resolved in the next release"}
    unresolved = await sentry.connector.call(ErrorsSearch(state="unresolved"))
    assert landed.ref not in [group.ref for group in unresolved]
    [group] = await sentry.connector.call(ErrorsGet(ref=landed.ref))
    assert group.state == "resolved"  # type: ignore[attr-defined]
    assert "resolved" in (await sentry.client.get(landed.url)).text
    assert (await action.preview(request)).warnings[0] == "It is so already."


async def test_an_error_that_goes_on_is_warned_of(sentry: Fresh, acme: Path) -> None:
    company = demo_of(acme).company
    last = {error.id: error.time("last_seen") or company.now for error in company.of_kind("error")}
    for name, at in last.items():
        request = ErrorsResolve(ref=ref(acme, name))
        warnings = (await sentry.action(request).preview(request)).warnings
        assert any("still happens" in warning for warning in warnings) == (company.now - at < timedelta(hours=1))


async def test_an_archived_error_is_archived_again(sentry: Fresh, acme: Path) -> None:
    change, landed = await there_and_back(sentry, ErrorsResolve(ref=ref(acme, "err-2027")))
    assert change.before == {"state": "ignored"}
    assert landed.undo == {"status": "ignored"}


@pytest.mark.parametrize(
    ("assignee", "name"),
    [("Sarah", "Sarah Chen"), ("sarah@acme.test", "Sarah Chen"), ("#web", "#web"), ("web", "#web")],
)
async def test_an_error_is_given_to_a_person_or_a_team(assignee: str, name: str, sentry: Fresh, acme: Path) -> None:
    change, _ = await there_and_back(sentry, ErrorsAssign(ref=ref(acme, "err-2041"), assignee=assignee))
    assert (change.before, change.after, change.people) == ({"assignee": "nobody"}, {"assignee": name}, (name,))


async def test_the_former_assignee_gets_it_back(sentry: Fresh, acme: Path) -> None:
    first = ErrorsAssign(ref=ref(acme, "err-2041"), assignee="#web")
    action = sentry.action(first)
    await action.do(first, await action.preview(first), KEY)
    change, _ = await there_and_back(sentry, ErrorsAssign(ref=ref(acme, "err-2041"), assignee="Priya"))
    assert change.before == {"assignee": "#web"}


async def test_whom_nobody_knows_and_what_is_not_there(sentry: Fresh, acme: Path) -> None:
    unknown = ErrorsAssign(ref=ref(acme, "err-2041"), assignee="Zoe")
    with pytest.raises(BadArgument, match="Sarah Chen"):
        await sentry.action(unknown).preview(unknown)
    gone = ErrorsResolve(ref="PORTAL-99999")
    with pytest.raises(NotFound):
        await sentry.action(gone).preview(gone)


async def test_every_exchange_is_as_sentry_describes_it(sentry: Fresh, acme: Path, shared: Path) -> None:
    spec = description(shared / "vendor" / "specs" / "sentry" / "openapi-derefed.json.gz")
    await there_and_back(sentry, ErrorsAssign(ref=ref(acme, "err-2041"), assignee="Sarah"))
    await there_and_back(sentry, ErrorsResolve(ref=ref(acme, "err-2041"), in_next_release=True))
    found = [
        p for one in sentry.said for p in problems(spec, one.request, one, f"{BASE}/sentry", "https://us.sentry.io")
    ]
    # "Only the attributes submitted are modified", says its prose; its schema wants every one of them.
    known = re.compile(r".*InvalidRequestBody.*is a required property")
    assert [problem for problem in found if not known.match(problem)] == []
    for request in sentry.sent():
        assert set(json.loads(request.content)) <= {"status", "statusDetails", "substatus", "assignedTo"}


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"status": "gone"}, {"status": ['"gone" is not a valid choice.']}),
        ({"assignedTo": "user:999999999"}, {"assignedTo": ["User does not exist"]}),
        ({"assignedTo": "team:77"}, {"assignedTo": ["Team does not exist"]}),
        (
            {"assignedTo": "zoe@acme.test"},
            {"assignedTo": ["Could not parse actor. Format should be `type:id` where type is `team` or `user`."]},
        ),
    ],
)
async def test_the_demo_refuses_in_sentry_s_words(body: object, wrong: object, sentry: Fresh, acme: Path) -> None:
    number = demo_of(acme).company.ref("err-2041").number
    url = f"{BASE}/sentry/api/0/organizations/acme/issues/{number}/"
    told: httpx.Response = await sentry.client.put(url, json=body, headers=AUTH)
    assert (told.status_code, told.json()) == (400, wrong)
    missing = await sentry.client.put(url.replace(number, "99999"), json=body, headers=AUTH)
    assert missing.status_code == 404
