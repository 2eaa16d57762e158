"""Rights are never more than the less of who asks and who reads along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.identity import ROLES, Role, least, rank
from agents.rights import (
    Reading,
    Rights,
    Sources,
    Trace,
    builds_on,
    may_decide,
    may_write,
    reads_all,
    sees,
)

SERVICES = ("stripe", "linear", "github", "sentry")
roles = st.sampled_from(ROLES)
audiences = st.one_of(st.none(), roles)
names = st.sampled_from((*SERVICES, "*", "st*", "nothing"))
lists = st.lists(names, max_size=3).map(tuple)
sources = st.builds(Sources, allow=st.one_of(st.just(("*",)), lists), deny=lists)
readings = st.builds(Reading, roles=st.dictionaries(st.sampled_from(("viewer", "agent")), sources))
people = st.sampled_from(("ann", "bob", "vic"))
traces = st.builds(
    Trace,
    run=st.just("r1"),
    conversation=st.sampled_from(("c1", "c2")),
    actor=people,
    role=st.one_of(st.none(), roles),
    audience=audiences,
    sources=st.frozensets(st.sampled_from(SERVICES), max_size=3),
    relayed=st.booleans(),
)


@given(roles, audiences, readings, st.sampled_from(SERVICES))
def test_a_run_reads_no_more_than_its_asker_and_no_more_than_its_audience(
    asker: Role, audience: Role | None, reading: Reading, service: str
) -> None:
    together = Rights(asker, audience, reading)
    assert not together.reads(service) or Rights(asker, None, reading).reads(service)
    if audience is not None:
        assert not together.reads(service) or Rights(audience, None, reading).reads(service)
    assert rank(together.reader) == min(rank(asker), rank(audience or asker))


@given(roles, roles, readings, st.sampled_from(SERVICES))
def test_what_is_closed_to_a_role_is_closed_to_those_below(
    one: Role, other: Role, reading: Reading, service: str
) -> None:
    low, high = sorted((one, other), key=rank)
    assert not reading.opens(low, service) or reading.opens(high, service)
    assert reading.opens("admin", service)
    assert not reading.opens("visitor", service)


@given(roles, audiences, readings)
def test_nobody_writes_decides_or_reads_others_by_reading_along(
    asker: Role, audience: Role | None, reading: Reading
) -> None:
    assert Rights(asker, audience, reading).writes == may_write(asker) == (asker in ("agent", "admin"))
    assert may_decide(asker) == reads_all(asker) == (asker in ("agent", "admin"))


@given(roles, audiences, readings, people, traces)
def test_what_comes_back_was_open_to_all_who_read_it_now(
    asker: Role, audience: Role | None, reading: Reading, who: str, trace: Trace
) -> None:
    rights = Rights(asker, audience, reading)
    if not builds_on(rights, {who}, "c1", trace):
        return
    assert all(rights.reads(service) for service in trace.sources)
    if rank(rights.reader) < rank("agent"):
        assert rank(trace.reader) <= rank(rights.reader)
        assert trace.conversation == "c1" or (trace.actor == who and audience is None)


@given(roles, audiences, audiences, readings, people, traces)
def test_more_readers_never_bring_more_back(
    asker: Role, audience: Role | None, more: Role | None, reading: Reading, who: str, trace: Trace
) -> None:
    wider = Rights(asker, least((audience, more)), reading)
    if audience is not None and builds_on(wider, {who}, "c1", trace):
        assert builds_on(Rights(asker, audience, reading), {who}, "c1", trace)


@given(roles, roles, st.booleans(), readings, people, traces)
def test_a_higher_role_sees_what_a_lower_one_sees(
    one: Role, other: Role, taking_part: bool, reading: Reading, who: str, trace: Trace
) -> None:
    low, high = sorted((one, other), key=rank)
    if sees(low, {who}, taking_part, trace, reading):
        assert sees(high, {who}, taking_part, trace, reading)


@pytest.mark.parametrize(
    ("role", "actor", "taking_part", "audience", "seen"),
    [
        ("admin", "ann", False, None, True),
        ("agent", "ann", False, None, True),
        ("viewer", "vic", False, None, True),
        ("viewer", "ann", True, None, False),
        ("viewer", "ann", True, "agent", False),
        ("viewer", "ann", True, "viewer", True),
        ("viewer", "ann", False, "viewer", False),
        ("visitor", "vic", False, "visitor", True),
        ("visitor", "ann", True, "viewer", False),
    ],
)
def test_who_sees_a_run(role: Role, actor: str, taking_part: bool, audience: Role | None, seen: bool) -> None:
    trace = Trace("r1", "c1", actor, "agent" if actor == "ann" else role, audience)
    assert sees(role, {"vic"}, taking_part, trace, Reading()) is seen


def test_without_an_audience_the_asker_alone_counts() -> None:
    closed = Reading(roles={"viewer": Sources(deny=("stripe",))})
    assert Rights("agent", None, closed).reads("stripe")
    assert not Rights("agent", "viewer", closed).reads("stripe")
    assert Rights("agent", "viewer", closed).missing({"stripe", "linear"}) == ("stripe",)
