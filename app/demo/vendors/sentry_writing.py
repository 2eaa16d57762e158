"""What can be changed at the demo's Sentry: an issue's status and its assignee, checked as Sentry checks them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.demo.company import Company
from app.demo.vendors.sentry_issues import Problem, iso
from app.demo.world import Member

STATUSES = ("resolved", "unresolved", "ignored", "resolvedInNextRelease", "muted")
_UNREADABLE = "Could not parse actor. Format should be `type:id` where type is `team` or `user`."


class Staff:
    """The people and teams to whom issues can be given, as Sentry lists them for the one project."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.teams = sorted({member.team for member in company.people if member.team})

    def members(self) -> list[dict[str, Any]]:
        joined = iso(self.company.now - timedelta(days=400))
        flags = dict.fromkeys(
            ("idp:provisioned", "idp:role-restricted", "sso:linked", "sso:invalid", "member-limit:restricted",
             "partnership:restricted"), False
        )  # fmt: skip
        return [
            {"id": f"1{user_number(member)}", "email": member.email, "name": member.name, "orgRole": "member",
             "pending": False, "expired": False, "flags": flags, "dateCreated": joined, "inviteStatus": "approved",
             "inviterName": None, "externalUsers": [], "user": {
                "id": user_number(member), "name": member.name, "username": member.id, "email": member.email,
                "avatarUrl": "", "isActive": True, "isSuspended": False, "hasPasswordAuth": True, "isManaged": False,
                "dateJoined": joined, "lastLogin": None, "has2fa": True, "lastActive": None, "isSuperuser": False,
                "isStaff": False, "experiments": {}, "emails": [],
                "avatar": {"avatarType": "letter_avatar", "avatarUuid": None}}}
            for member in self.company.people
        ]  # fmt: skip

    def listed_teams(self) -> list[dict[str, Any]]:
        return [
            {"id": str(number), "slug": team, "name": team, "dateCreated": iso(self.company.now - timedelta(days=900)),
             "isMember": False, "teamRole": None, "flags": {}, "access": [], "hasAccess": True, "isPending": False,
             "memberCount": sum(member.team == team for member in self.company.people),
             "avatar": {"avatarType": "letter_avatar", "avatarUuid": None}}
            for number, team in enumerate(self.teams, 1)
        ]  # fmt: skip

    def actor(self, ident: str) -> dict[str, Any]:
        """Whom `user:12`, `team:3`, a user's number, name or address means. Raises ValueError in Sentry's words."""
        kind, _, number = ident.rpartition(":")
        if kind == "team":
            if not number.isdigit() or not 1 <= int(number) <= len(self.teams):
                raise ValueError("Team does not exist" if number.isdigit() else _UNREADABLE)
            return {"type": "team", "id": number, "name": self.teams[int(number) - 1]}
        found = next((m for m in self.company.people if number in (user_number(m), m.id, m.email)), None)
        if found is None or kind not in ("", "user"):
            raise ValueError("User does not exist" if kind == "user" and number.isdigit() else _UNREADABLE)
        return {"type": "user", "id": user_number(found), "name": found.name, "email": found.email}


def change(problem: Problem, sent: Mapping[str, Any], staff: Staff) -> dict[str, list[str]]:
    """Changes an issue as it was sent; what is wrong with it by field, and then nothing is changed."""
    wrong: dict[str, list[str]] = {}
    changed: dict[str, Any] = {}
    status, details = sent.get("status"), sent.get("statusDetails") or {}
    if status is not None and status not in STATUSES:
        wrong["status"] = [f'"{status}" is not a valid choice.']
    elif status is not None:
        later = status == "resolvedInNextRelease" or bool(details.get("inNextRelease"))
        known = {"resolvedInNextRelease": "resolved", "muted": "ignored"}
        changed["status"] = known.get(status, status)
        changed["statusDetails"] = {"inNextRelease": True} if later and changed["status"] == "resolved" else {}
        changed["substatus"] = {"ignored": "archived_until_escalating", "unresolved": "ongoing"}.get(changed["status"])
        if sent.get("substatus") is not None:
            changed["substatus"] = sent["substatus"]
    if "assignedTo" in sent:
        try:
            changed["assignedTo"] = staff.actor(str(sent["assignedTo"])) if sent["assignedTo"] else None
        except ValueError as error:
            wrong["assignedTo"] = [str(error)]
    if not wrong:
        problem.note(changed)
    return wrong


def user_number(member: Member) -> str:
    """Sentry's number for a person."""
    return str(int(hashlib.sha1(member.id.encode(), usedforsecurity=False).hexdigest()[:6], 16) + 1)
