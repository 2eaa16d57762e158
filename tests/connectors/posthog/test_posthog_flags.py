"""Who gets a flag before and after it is changed, in the demo company and for every person that can be thought of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.companies import BASE
from tests.connectors.writing import KEY, Fresh, there_and_back
from tools.kit.errors import BadArgument
from tools.posthog.flags import differences, excluding, groups, including, readmitting, sentence, shared
from tools.verbs import FlagsHistory, FlagsList
from tools.writes import FlagsSet

AUTH = {"Authorization": "Bearer demo-posthog"}
Person = dict[str, str]


@pytest.fixture
def posthog(acme: Path) -> Fresh:
    return Fresh("posthog", acme)


async def flag(posthog: Fresh, ident: int) -> Any:
    url = f"{BASE}/posthog/api/projects/1/feature_flags/{ident}/"
    return (await posthog.client.get(url, headers=AUTH)).json()


async def test_off_in_germany_excludes_it_and_comes_back_exactly(posthog: Fresh) -> None:
    request = FlagsSet(ref="guided-setup", on=False, where={"country": "de"})
    shown = await posthog.action(request).preview(request)
    former = (await flag(posthog, shown.bound["id"]))["filters"]
    change, _ = await there_and_back(posthog, request)
    assert change.before == {"state": "on", "who gets it": "25 % of everybody"}
    assert change.after == {"state": "on", "who gets it": "25 % where country is not DE"}
    assert change.target.environment == "production"
    assert (await flag(posthog, change.bound["id"]))["filters"] == former


async def test_a_change_is_read_at_once_in_list_and_history(posthog: Fresh) -> None:
    request = FlagsSet(ref="guided-setup", on=False, where={"country": "DE"})
    action = posthog.action(request)
    landed = await action.do(request, await action.preview(request), KEY)
    [listed] = await posthog.connector.call(FlagsList(text="guided"))
    assert listed.where == {"country": "not DE"}  # type: ignore[attr-defined]
    told = await posthog.connector.call(FlagsHistory(key="guided-setup", until=posthog.connector.now()))
    everybody, others = [(one.where, one.before, one.after) for one in told[:2]]  # type: ignore[attr-defined]
    assert everybody == ({}, 25.0, None)
    assert others == ({"country": "not DE"}, None, 25.0)
    assert "country is not DE" in (await posthog.client.get(landed.url)).text


async def test_somebody_s_change_in_between_is_a_conflict_and_the_same_once_more_is_none(posthog: Fresh) -> None:
    request = FlagsSet(ref="guided-setup", share=50)
    action = posthog.action(request)
    change = await action.preview(request)
    await action.do(request, change, KEY)
    await action.do(request, change, KEY)
    other = FlagsSet(ref="guided-setup", share=60)
    late = change.model_copy(update={"bound": {**change.bound, "wanted": {"active": True, "filters": {"groups": []}}}})
    with pytest.raises(BadArgument, match="was updated by"):
        await action.do(other, late, KEY)


async def test_turned_on_again_the_exclusion_goes(posthog: Fresh) -> None:
    for on, said in ((False, "25 % where country is not DE"), (True, "25 % of everybody")):
        request = FlagsSet(ref="guided-setup", on=on, where={"country": "DE"})
        action = posthog.action(request)
        landed = await action.do(request, await action.preview(request), KEY)
        assert landed.state["who gets it"] == said


async def test_a_flag_that_is_off_comes_on_for_those_alone_who_were_named(posthog: Fresh) -> None:
    off = FlagsSet(ref="guided-setup", on=False)
    await posthog.action(off).do(off, await posthog.action(off).preview(off), KEY)
    request = FlagsSet(ref="guided-setup", on=True, where={"country": "DE"})
    change, _ = await there_and_back(posthog, request)
    assert change.after == {"state": "on", "who gets it": "100 % where country is DE"}
    assert "25 % of everybody" in change.warnings[0]
    again = FlagsSet(ref="guided-setup", share=40)
    assert "stays off" in (await posthog.action(again).preview(again)).warnings[0]
    same = FlagsSet(ref="guided-setup", on=False)
    assert (await posthog.action(same).preview(same)).warnings == ("It is so already.",)


GEO = {"$geoip_country_code": "DE", "$geoip_country_name": "Germany"}


@pytest.mark.parametrize(("country", "key"), [("de", "$geoip_country_code"), ("germany", "$geoip_country_name")])
async def test_a_country_is_what_posthog_knows_of_it(country: str, key: str, answered: Any) -> None:
    record = {"id": 7, "key": "new-checkout", "active": True, "version": 3, "filters": {"groups": [{}]}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/feature_flags/7/"):
            return httpx.Response(200, json=record)
        named = request.url.params.get("key", "")
        listed = {
            "feature_flags": [record],
            "property_definitions": [{"name": name} for name in GEO],
            "values": [{"name": GEO[named]}] if named else [],
        }[request.url.path.rstrip("/").rsplit("/", 1)[-1]]
        return httpx.Response(200, json={"results": listed, "next": None})

    connector = await answered("posthog", answer)
    request = FlagsSet(ref="New-Checkout", on=False, where={"country": country})
    change = await connector.writes()["flags.set"](connector).preview(request)
    assert change.after["who gets it"] == f"100 % where {key} is not {GEO[key]}"


async def test_conditions_by_group_have_no_persons(answered: Any) -> None:
    groups_of = {"groups": [{"aggregation_group_type_index": 0, "properties": [], "rollout_percentage": 10}]}
    record = {"id": 7, "key": "f", "active": True, "filters": groups_of}

    def answer(request: httpx.Request) -> httpx.Response:
        one = {"results": [{**record, "name": "country"}], "next": None}
        return httpx.Response(200, json=record if request.url.path.endswith("/7/") else one)

    connector = await answered("posthog", answer)
    request = FlagsSet(ref="f", on=False, where={"country": "country"})
    with pytest.raises(BadArgument, match="released to groups"):
        await connector.writes()["flags.set"](connector).preview(request)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"filters": {}}, 400, "groups are missing"),
        ({"filters": {"groups": [{"rollout_percentage": 101}]}}, 400, "must be between 0 and 100, got 101"),
        ({"filters": {"groups": [{"rollout_percentage": "x"}]}}, 400, "must be a number or null, got str"),
        ({"filters": {"groups": [{"properties": [{"key": "a", "type": "event"}]}]}}, 400, "person, cohort, and flag"),
        (
            {"filters": {"groups": [{"properties": [{"key": "a", "type": "person", "operator": "is"}]}]}},
            400,
            "operator: is",
        ),
    ],
)
async def test_the_demo_refuses_as_posthog_does(body: Any, status: int, detail: str, posthog: Fresh) -> None:
    url = f"{BASE}/posthog/api/projects/1/feature_flags/"
    ident = (await posthog.client.get(url, headers=AUTH)).json()["results"][0]["id"]
    told = await posthog.client.patch(f"{url}{ident}/", json=body, headers=AUTH)
    assert (told.status_code, told.json()["type"]) == (status, "validation_error")
    assert detail in told.json()["detail"]
    assert (await posthog.client.patch(f"{url}1/", json=body, headers=AUTH)).status_code == 404
    assert (await posthog.client.patch(f"{url}{ident}/", json=body)).status_code == 401


KEYS, VALUES = ("country", "plan"), ("DE", "AT", "US")
conditions = st.builds(
    lambda key, values, operator: {"key": key, "value": values, "operator": operator, "type": "person"},
    st.sampled_from(KEYS),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True),
    st.sampled_from(("exact", "is_not")),
)
releases = st.builds(
    lambda found: {"groups": found, "payloads": {"true": "1"}},
    st.lists(
        st.builds(
            lambda properties, share: {"properties": properties, "rollout_percentage": share},
            st.lists(conditions, max_size=2),
            st.sampled_from((None, 0, 25, 100)),
        ),
        max_size=3,
    ),
)
wheres = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), min_size=1)
EVERYONE: list[Person] = [{"country": a, "plan": b} for a in VALUES for b in VALUES]


def share_of(filters: Any, person: Person) -> float:
    """What PostHog gives a person: the largest share of the groups that they are in."""
    shares = [0.0]
    for group in filters["groups"]:
        fits = all((person[c["key"]] in c["value"]) == (c["operator"] == "exact") for c in group["properties"])
        if fits:
            shares.append(100.0 if group["rollout_percentage"] is None else group["rollout_percentage"])
    return max(shares)


def concerned(where: dict[str, str], person: Person) -> bool:
    return all(person[key] == value for key, value in where.items())


@given(releases, wheres)
def test_excluding_takes_the_flag_from_those_alone(filters: Any, where: dict[str, str]) -> None:
    after = excluding(filters, where)
    for person in EVERYONE:
        assert share_of(after, person) == (0 if concerned(where, person) else share_of(filters, person))
    assert excluding(after, where) == after
    assert after["payloads"] == filters["payloads"]


@given(releases, wheres, st.sampled_from((0, 10, 100)))
def test_a_share_for_some_is_theirs_and_nobody_else_s(filters: Any, where: dict[str, str], share: float) -> None:
    after = including(excluding(filters, where), where, share)
    for person in EVERYONE:
        assert share_of(after, person) == (share if concerned(where, person) else share_of(filters, person))


@given(releases, st.sampled_from(KEYS), st.sampled_from(VALUES))
def test_what_was_excluded_can_be_let_in_again(filters: Any, key: str, value: str) -> None:
    plain = {"groups": [g for g in filters["groups"] if not any(c["key"] == key for c in g["properties"])]}
    after = readmitting(excluding(plain, {key: value}), {key: value})
    assert (after or plain) == plain


def test_every_condition_is_said_and_read() -> None:
    def by(operator: str, value: Any, kind: str = "person") -> Any:
        return {"properties": [{"key": "k", "value": value, "operator": operator, "type": kind}], "variant": "b"}

    filters = {"groups": [by("icontains", "x"), by("is_set", None), by("in", 5, "cohort"), by("gt", 3)]}
    said = ("containing x", "set", "in 5", "over 3")
    assert [where["k"] for where, _ in groups(filters)] == list(said)
    assert sentence(filters).startswith("100 % where k is containing x (variant b); 100 % where k is set")
    assert "cohort k is in 5" in sentence(filters)
    assert sentence({}) == sentence(None) == "nobody"
    assert sentence(shared(filters, 7)).count("7 % where") == 4
    assert readmitting(filters, {"k": "x"}) is None


def test_an_exclusion_is_a_difference_of_whom_it_concerns() -> None:
    everybody = {"groups": [{"properties": [], "rollout_percentage": 25}]}
    change = {"field": "filters", "before": everybody, "after": excluding(everybody, {"country": "DE"})}
    assert differences([change]) == [({}, 25.0, None), ({"country": "not DE"}, None, 25.0)]
