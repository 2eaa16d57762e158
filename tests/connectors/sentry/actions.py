"""Writes that the demo's Sentry can take, for the contract suite of actions."""

from __future__ import annotations

from typing import Any

from tests.actions import Sample
from tools.kit.action import Change, Landed
from tools.sentry import Sentry
from tools.writes import ErrorsAssign, ErrorsResolve

LATER = ErrorsResolve(ref="PORTAL-2027", in_next_release=True)
SIGNUP, GONE = "PORTAL-2041", "PORTAL-99999"


async def put(sentry: Sentry, change: Change, fields: dict[str, Any]) -> None:
    path = f"{await sentry.organization()}issues/{change.bound['issue']}/"
    await sentry.wire.request("PUT", path, body=fields)


async def opened(sentry: Sentry, change: Change, landed: Landed) -> None:
    await put(sentry, change, {"status": "unresolved"})


async def given_to_ben(sentry: Sentry, change: Change, landed: Landed) -> None:
    await put(sentry, change, {"assignedTo": "ben@acme.test"})


SAMPLES = {
    "errors.resolve": Sample(ErrorsResolve(ref=SIGNUP), opened, (ErrorsResolve(ref=GONE),)),
    "errors.resolve/later": Sample(LATER, opened, (ErrorsResolve(ref="?"),)),
    "errors.assign": Sample(
        ErrorsAssign(ref=SIGNUP, assignee="Sarah"),
        given_to_ben,
        (ErrorsAssign(ref=SIGNUP, assignee="Zebediah"), ErrorsAssign(ref=GONE, assignee="Sarah")),
    ),
    "errors.assign/team": Sample(
        ErrorsAssign(ref=SIGNUP, assignee="#web"), given_to_ben, (ErrorsAssign(ref=SIGNUP, assignee="#sales"),)
    ),
}
