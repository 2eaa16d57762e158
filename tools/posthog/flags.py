"""Who gets a feature flag at PostHog: its release conditions, as the product reads, says and changes them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from tools.nouns import Where

Json = Any

_NOT = "not "
_OPERATORS = {
    "exact": "", "is_not": _NOT, "icontains": "containing ", "not_icontains": "not containing ", "regex": "matching ",
    "not_regex": "not matching ", "gt": "over ", "gte": "at least ", "lt": "under ", "lte": "at most ",
    "is_date_before": "before ", "is_date_after": "after ",
}  # fmt: skip
_UNVALUED = {"is_set": "set", "is_not_set": "not set"}


def groups(filters: Json) -> list[tuple[Where, float]]:
    """The groups of people that a flag's filters release it to, with the percentage of each."""
    found: list[tuple[Where, float]] = []
    for group in (filters or {}).get("groups") or ():
        where = {str(condition["key"]): _value(condition) for condition in group.get("properties") or ()}
        found.append((where, _share(group)))
    return found


def differences(changes: Sequence[Json]) -> list[tuple[Where, float | None, float | None]]:
    """Whom a record of the activity log gave another share of a flag: who, the share before, the share after."""
    found: list[tuple[Where, float | None, float | None]] = []
    for change in changes:
        old, new = change.get("before"), change.get("after")
        if change["field"] == "active":
            found.append(({}, 100.0 if old else 0.0, 100.0 if new else 0.0))
        elif change["field"] == "filters":
            was, becomes = ({frozenset(where.items()): share for where, share in groups(side)} for side in (old, new))
            changed = [who for who in {**was, **becomes} if was.get(who) != becomes.get(who)]
            found += [(dict(who), was.get(who), becomes.get(who)) for who in changed]
    return found


def sentence(filters: Json) -> str:
    """ "25 % of everybody; 50 % where country is RO": who gets the flag while it is on."""
    said = []
    for group in (filters or {}).get("groups") or ():
        conditions = [f"{_name(c)} {_said(c)}" for c in group.get("properties") or ()]
        whom = f"where {' and '.join(conditions)}" if conditions else "of everybody"
        variant = f" (variant {group['variant']})" if group.get("variant") else ""
        said.append(f"{_share(group):g} % {whom}{variant}")
    return "; ".join(said) or "nobody"


def shared(filters: Json, share: float) -> Json:
    """Every group gets the flag by this share."""
    return _with(filters, [{**group, "rollout_percentage": share} for group in _copied(filters)])


def excluding(filters: Json, where: Where) -> Json:
    """Nobody whom `where` selects gets the flag any more; everybody else as before.

    Whoever is to be left out has all the values of `where`; so each group goes on for those who lack one of them.
    """
    found: list[Json] = []
    for group in _copied(filters):
        if any(_rules_out(group, key, value) for key, value in where.items()):
            found.append(group)
            continue
        # A value that the group asks for by name says nothing more once it is excluded: then the others decide.
        narrowed = [one for key, value in where.items() if (one := _without(group, key, value)) is not None]
        found += narrowed or [{**group, "rollout_percentage": 0}]
    return _with(filters, found)


def readmitting(filters: Json, where: Where) -> Json | None:
    """The filters without their exclusion of these values; None if nothing excludes them."""
    if len(where) != 1:
        return None
    [(key, value)] = where.items()
    found, changed = _copied(filters), False
    for group in found:
        for condition in list(group["properties"]):
            if condition["key"] == key and condition.get("operator") == "is_not" and value in _values(condition):
                rest = [one for one in _values(condition) if one != value]
                changed = True
                if rest:
                    condition["value"] = rest
                else:
                    group["properties"].remove(condition)
    return _with(filters, found) if changed else None


def including(filters: Json, where: Where, share: float) -> Json:
    """Those whom `where` selects get the flag by this share, as a group of their own; the others as before."""
    own = [exact(key, value) for key, value in where.items()]
    group = {"variant": None, "properties": own, "rollout_percentage": share}
    kept = [one for one in _copied(filters) if not _same(one, where)]
    return _with(filters, [group, *kept])


def exact(key: str, value: str) -> Json:
    """The condition that a person's property has a value."""
    return {"key": key, "value": [value], "operator": "exact", "type": "person"}


def _without(group: Json, key: str, value: str) -> Json | None:
    """The group for those who do not have this value; None if nobody of it is left."""
    group = copy.deepcopy(group)
    for condition in group["properties"]:
        if condition["key"] != key:
            continue
        if _operator(condition) == "exact":
            condition["value"] = [one for one in _values(condition) if one != value]
            return group if condition["value"] else None
        if _operator(condition) == "is_not":
            condition["value"] = [*_values(condition), value]
            return group
    group["properties"].append({**exact(key, value), "operator": "is_not"})
    return group


def _rules_out(group: Json, key: str, value: str) -> bool:
    """Whether the group has nobody with this value as it is."""
    return any(
        condition["key"] == key
        and (
            (_operator(condition) == "exact" and value not in _values(condition))
            or (_operator(condition) == "is_not" and value in _values(condition))
        )
        for condition in group["properties"]
    )


def _same(group: Json, where: Where) -> bool:
    conditions = group["properties"]
    found = {c["key"]: _values(c) for c in conditions if _operator(c) == "exact"}
    return len(conditions) == len(found) and found == {key: [value] for key, value in where.items()}


def _copied(filters: Json) -> list[Json]:
    found = copy.deepcopy((filters or {}).get("groups") or [])
    for group in found:
        group["properties"] = group.get("properties") or []
    return list(found)


def _with(filters: Json, found: list[Json]) -> Json:
    return {**copy.deepcopy(filters or {}), "groups": found}


def _share(group: Json) -> float:
    share = group.get("rollout_percentage")
    return 100.0 if share is None else float(share)


def _operator(condition: Json) -> str:
    return condition.get("operator") or "exact"


def _values(condition: Json) -> list[str]:
    value = condition.get("value")
    return [str(one) for one in value] if isinstance(value, list) else [] if value is None else [str(value)]


def _value(condition: Json) -> str:
    """A condition's value as a noun carries it: "DE", "not DE", "DE, AT", "over 5"."""
    operator = _operator(condition)
    if operator in _UNVALUED:
        return _UNVALUED[operator]
    return _OPERATORS.get(operator, f"{operator} ") + ", ".join(_values(condition))


def _said(condition: Json) -> str:
    operator = _operator(condition)
    if operator in _UNVALUED:
        return f"is {_UNVALUED[operator]}"
    joined = " or ".join(_values(condition))
    return f"is {_OPERATORS.get(operator, f'{operator} ')}{joined}"


def _name(condition: Mapping[str, Json]) -> str:
    kind, key = condition.get("type"), str(condition["key"])
    return key if kind in (None, "person") else f"{kind} {key}"
