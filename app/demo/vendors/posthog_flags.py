"""Feature flags of the demo's PostHog: how they stand, how they are changed, and the log of their changes."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.demo.company import Company
from app.demo.refs import flag_id
from app.demo.world import Artefact, Member

Json = Any

CHANGEABLE = frozenset({"active", "filters", "name", "deleted", "ensure_experience_continuity"})
OPERATORS = frozenset(
    {
        "exact", "is_not", "icontains", "not_icontains", "regex", "not_regex", "gt", "gte", "lt", "lte", "is_set",
        "is_not_set", "is_date_before", "is_date_after", "in", "not_in",
    }
)  # fmt: skip


class Unchanged(Exception):
    """A change that PostHog refuses: status, type, code, detail and the field that is at fault."""

    def __init__(self, status: int, kind: str, code: str, detail: str, attr: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.kind, self.code, self.detail, self.attr = status, kind, code, detail, attr


class Flags:
    """The flags of one company. `by` is whose key it is that changes them."""

    def __init__(self, company: Company, user: Callable[[Member | None], Json]) -> None:
        self.company, self.user = company, user
        self.by = user(company.people[0] if company.people else None)
        changes = sorted(company.of_kind("flag_change"), key=lambda change: change.at or company.now, reverse=True)
        self.records = [self._flag(key, changes) for key in dict.fromkeys(change["flag"] for change in changes)]
        self.log = [self._logged(change) for change in changes]
        self._changed = 0

    def get(self, ident: str) -> Json | None:
        """A flag by its number."""
        return next((flag for flag in self.records if str(flag["id"]) == ident), None)

    def change(self, flag: Json, sent: Mapping[str, Json]) -> Json:
        """Changes what is sent, and logs it. Raises Unchanged as PostHog's validation and its conflicts do."""
        fields = {name: copy.deepcopy(value) for name, value in sent.items() if name in CHANGEABLE}
        if "filters" in fields:
            _check(fields["filters"])
            for group in fields["filters"]["groups"]:
                group.setdefault("aggregation_group_type_index", None)
        version, original = sent.get("version", -1), sent.get("original_flag") or {}
        if version not in (-1, flag["version"]):
            theirs = [
                name
                for name, value in fields.items()
                if name in original and value != original[name] and original[name] != flag[name] and value != flag[name]
            ]
            if theirs:
                who = (flag["last_modified_by"] or {}).get("email") or "another user"
                detail = (
                    f"The feature flag was updated by {who} since you started editing it. Please refresh and try again."
                )
                raise Unchanged(409, "server_error", "error", detail)
        changes = [
            {"type": "FeatureFlag", "action": "changed", "field": name, "before": flag[name], "after": value}
            for name, value in fields.items()
            if flag.get(name) != value
        ]
        flag.update(fields, version=flag["version"] + 1, last_modified_by=self.by)
        if changes:
            self.log.insert(0, self._entry(flag, changes))
        return flag

    def _entry(self, flag: Json, changes: list[Json]) -> Json:
        # The company's time stands still: changes come right before its now, one after the other.
        self._changed += 1
        at = self.company.now - timedelta(seconds=1) + timedelta(milliseconds=self._changed)
        ident = uuid(f"{flag['key']}/{self._changed}")
        return _activity(ident, flag["key"], self.by, at, changes)

    def _flag(self, key: str, changes: list[Artefact]) -> Json:
        latest, *earlier = [change for change in changes if change["flag"] == key]
        first = earlier[-1] if earlier else latest
        made = first.at - timedelta(days=1 if not first["from"] else 7) if first.at else self.company.now
        author = self.user(self.company.member(first["author"]))
        return {
            "id": flag_id(key), "key": key, "name": key.replace("-", " ").capitalize(), "active": True,
            "deleted": False, "filters": _filters(latest, latest["to"]), "created_at": time_of(made),
            "created_by": author, "last_modified_by": author, "version": len(earlier) + 1, "experiment_set": [],
            "rollout_percentage": None, "is_simple_flag": not latest["where"], "ensure_experience_continuity": False,
        }  # fmt: skip

    def _logged(self, change: Artefact) -> Json:
        filters = [
            {"type": "FeatureFlag", "action": "changed", "field": "filters",
             "before": _filters(change, change["from"]), "after": _filters(change, change["to"])}
        ]  # fmt: skip
        ident, author = self.company.ref(change.id).number, self.user(self.company.member(change["author"]))
        return _activity(ident, change["flag"], author, change.at, filters)


def uuid(name: str) -> str:
    """An identifier that stays the same."""
    sha = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return f"{sha[:8]}-{sha[8:12]}-4{sha[13:16]}-8{sha[17:20]}-{sha[20:32]}"


def time_of(at: datetime | None) -> str | None:
    """A time as PostHog writes it."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def _activity(ident: str, key: str, user: Json, at: datetime | None, changes: list[Json]) -> Json:
    return {
        "id": ident, "user": user, "unread": False, "is_system": False, "activity": "updated", "scope": "FeatureFlag",
        "item_id": str(flag_id(key)), "created_at": time_of(at),
        "detail": {"name": key, "short_id": None, "type": None, "changes": changes},
    }  # fmt: skip


def _filters(change: Artefact, share: Any) -> Json:
    conditions = [
        {"key": key, "value": [str(value)], "operator": "exact", "type": "person"}
        for key, value in (change["where"] or {}).items()
    ]
    group = {
        "variant": None,
        "properties": conditions,
        "rollout_percentage": share,
        "aggregation_group_type_index": None,
    }
    return {"groups": [group], "payloads": {}, "multivariate": None}


def _check(filters: Json) -> None:
    """What PostHog's serializer says of release conditions."""
    if not isinstance(filters, dict) or not isinstance(filters.get("groups"), list):
        raise _invalid("Filters are not valid (groups are missing)")
    for number, group in enumerate(filters["groups"]):
        share = group.get("rollout_percentage")
        if share is not None and (isinstance(share, bool) or not isinstance(share, (int, float))):
            raise _invalid(f"groups[{number}].rollout_percentage must be a number or null, got {type(share).__name__}")
        if share is not None and not 0 <= share <= 100:
            raise _invalid(f"groups[{number}].rollout_percentage must be between 0 and 100, got {share}")
        for condition in group.get("properties") or ():
            if condition.get("type") not in ("person", "cohort", "flag"):
                said = "person-aggregated conditions can only use person, cohort, and flag properties"
                raise _invalid(f"Filters are not valid ({said})")
            if condition.get("operator") not in {None, *OPERATORS}:
                raise _invalid(f"Invalid operator: {condition['operator']}", "invalid_operator")


def _invalid(detail: str, code: str = "invalid_input") -> Unchanged:
    return Unchanged(400, "validation_error", code, detail, "filters")
