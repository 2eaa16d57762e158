"""PostHog's connector on the demo's worlds, and on answers that the demo does not give."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from app.demo.vendors.vendor import Demo
from tools.kit.connector import Connector
from tools.kit.errors import BadArgument, NotFound
from tools.kit.wire import traced
from tools.nouns import Annotation, FlagChange, Funnel, Grain, Metric, Series
from tools.verbs import (
    AnnotationsList,
    FlagsHistory,
    FlagsList,
    MetricsBreakdown,
    MetricsFunnel,
    MetricsList,
    MetricsSeries,
)

Connect = Callable[..., Awaitable[Connector]]
DemoOf = Callable[[Path], Demo]


def series(found: Any) -> list[Series]:
    return [one for one in found if isinstance(one, Series)]


async def test_refs_and_urls_are_those_of_the_demo(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    posthog, company = await connect("posthog", each_world), demo(each_world).company
    for kind, verb in (("flag_change", FlagsHistory()), ("campaign", AnnotationsList())):
        found = {(noun.ref, noun.url, noun.at) for noun in await posthog.call(verb)}
        assert found == {(company.ref(a.id).ref, company.ref(a.id).url, a.at) for a in company.of_kind(kind)}


async def test_metrics_are_the_events_with_their_properties(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    found = await (await connect("posthog", each_world)).call(MetricsList())
    streams = demo(each_world).history.streams
    assert {m.name for m in found if isinstance(m, Metric)} == set(streams)
    for metric in found:
        assert isinstance(metric, Metric)
        expected = {dim: set(values) for dim, values in streams[metric.name].dims.items()}
        assert {dim: set(values) for dim, values in metric.dims.items()} == expected


@pytest.mark.parametrize("grain", ["minute", "hour", "day", "week", "month"])
async def test_a_series_is_gapless_and_counts_every_event(
    connect: Connect, demo: DemoOf, acme: Path, grain: Grain
) -> None:
    posthog, company = await connect("posthog", acme), demo(acme).company
    stream = demo(acme).history.streams["signed_up"]
    since = stream.start
    [one] = series(await posthog.call(MetricsSeries(metric="signed_up", since=since, grain=grain)))
    assert one.total() == stream.counts.sum()
    assert one.timezone == "America/New_York"
    steps = {b.at - a.at for a, b in zip(one.points, one.points[1:], strict=False)}
    usual = {"minute": 0.25, "hour": 1, "day": 24, "week": 168, "month": 24 * 30}[grain]
    assert all(abs(step - timedelta(hours=usual)) <= timedelta(hours=25 if grain == "month" else 1) for step in steps)
    assert one.points[-1].at <= company.now
    assert one.at == one.points[0].at
    if grain in ("day", "week", "month"):
        assert all(p.at.astimezone(ZoneInfo(one.timezone)).hour == 0 for p in one.points)


async def test_since_is_taken_back_to_its_bucket_and_until_is_not_counted(connect: Connect, acme: Path) -> None:
    posthog = await connect("posthog", acme)
    since, until = datetime(2026, 11, 2, 15, 30, tzinfo=UTC), datetime(2026, 11, 4, 5, tzinfo=UTC)
    [days] = series(await posthog.call(MetricsSeries(metric="signed_up", since=since, until=until)))
    assert [p.at for p in days.points] == [datetime(2026, 11, day, 5, tzinfo=UTC) for day in (2, 3)]
    later = MetricsSeries(metric="signed_up", since=datetime(2026, 12, 1, tzinfo=UTC))
    assert await posthog.call(later) == []


async def test_a_breakdown_adds_up_and_narrows_as_its_selection(connect: Connect, demo: DemoOf, acme: Path) -> None:
    posthog = await connect("posthog", acme)
    stream = demo(acme).history.streams["$pageview"]
    whole = {"metric": "$pageview", "since": stream.start, "grain": "hour"}
    with traced() as asked:
        parts = series(await posthog.call(MetricsBreakdown(by=("browser", "country", "device", "source"), **whole)))
    assert len([one for one in asked if one.url.endswith("/query/")]) == 1
    assert len(parts) == 160
    assert sum(part.total() for part in parts) == stream.counts.sum()
    by_source = series(await posthog.call(MetricsBreakdown(by=("source",), where={"browser": "Safari"}, **whole)))
    one = next(part for part in by_source if part.where == {"browser": "Safari", "source": "ads"})
    [selected] = series(await posthog.call(MetricsSeries(where={"browser": "Safari", "source": "ads"}, **whole)))
    assert one.points == selected.points
    assert one.total() == sum(p.total() for p in parts if p.where["browser"] == "Safari" and p.where["source"] == "ads")


async def test_an_unknown_event_is_said_to_be_unknown(connect: Connect, acme: Path) -> None:
    posthog = await connect("posthog", acme)
    with pytest.raises(NotFound, match="signed_upp"):
        await posthog.call(MetricsSeries(metric="signed_upp", since=posthog.now() - timedelta(days=3)))


async def test_a_name_with_quotes_does_not_leave_its_place_in_the_query(connect: Connect, acme: Path) -> None:
    posthog = await connect("posthog", acme)
    asked = MetricsSeries(
        metric="signed_up", since=posthog.now() - timedelta(days=3), grain="hour", where={"a` OR `b": "x' OR 'y"}
    )
    [one] = await posthog.call(asked)
    assert isinstance(one, Series)
    assert one.total() == 0


async def test_a_funnel_counts_each_step(connect: Connect, demo: DemoOf, acme: Path) -> None:
    posthog, streams = await connect("posthog", acme), demo(acme).history.streams
    steps = ("$pageview", "signup_started", "signed_up")
    [funnel] = await posthog.call(MetricsFunnel(steps=steps, since=streams["$pageview"].start))
    assert isinstance(funnel, Funnel)
    assert [step.count for step in funnel.steps] == [streams[step].counts.sum() for step in steps]


async def test_flags_stand_as_their_last_change_left_them(connect: Connect, each_world: Path, demo: DemoOf) -> None:
    posthog = await connect("posthog", each_world)
    changes = {change["flag"]: change for change in demo(each_world).company.of_kind("flag_change")}
    flags = await posthog.call(FlagsList())
    assert {flag.ref: flag.model_dump()["rollout"] for flag in flags} == {k: c["to"] for k, c in changes.items()}
    assert await posthog.call(FlagsList(text="no-such-flag")) == []


async def test_flag_history_keeps_to_its_period_key_and_limit(connect: Connect, acme: Path) -> None:
    posthog = await connect("posthog", acme)
    [change] = await posthog.call(FlagsHistory(key="guided-setup"))
    assert isinstance(change, FlagChange)
    assert (change.before, change.after, change.author) == (10, 25, "lena@acme.test")
    assert await posthog.call(FlagsHistory(since=change.at + timedelta(seconds=1))) == []
    assert await posthog.call(FlagsHistory(until=change.at)) == []
    assert await posthog.call(FlagsHistory(key="other")) == []


def served(recorded: Callable[[str], Any]) -> Callable[[httpx.Request], httpx.Response]:
    wire = recorded("wire")

    def answer(request: httpx.Request) -> httpx.Response:
        for part, name in (("activity", "activity"), ("annotations", "annotations")):
            if part in request.url.path:
                return httpx.Response(200, json=wire[name])
        return httpx.Response(200, json=wire["project"])

    return answer


async def test_odd_changes_of_flags(answered: Connect, recorded: Callable[[str], Any]) -> None:
    posthog = await answered("posthog", served(recorded))
    off, widened = await posthog.call(FlagsHistory())
    assert isinstance(off, FlagChange)
    assert isinstance(widened, FlagChange)
    assert (off.before, off.after, off.author) == (100, 0, None)
    assert (widened.before, widened.after, widened.where) == (None, 100, {"country": "DE, AT"})


async def test_remarks_are_folded_and_moments_stay(answered: Connect, recorded: Callable[[str], Any]) -> None:
    posthog = await answered("posthog", served(recorded))
    found = [one for one in await posthog.call(AnnotationsList()) if isinstance(one, Annotation)]
    assert [(one.ref, one.title, one.until and one.until.day, one.where) for one in found] == [
        ("annotation-4", "Sale", 12, {"source": "email"}),
        ("annotation-3", "Moved to the new host", None, {}),
        ("annotation-2", "", None, {}),
    ]
    during = AnnotationsList(since=datetime(2026, 11, 11, tzinfo=UTC), until=datetime(2026, 11, 12, tzinfo=UTC))
    assert [one.ref for one in await posthog.call(during)] == ["annotation-4"]


async def test_a_refused_query_says_why(answered: Connect) -> None:
    said = {"type": "validation_error", "code": "invalid_input", "detail": "Syntax error at line 1", "attr": None}

    def refuse(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            assert json.loads(request.content)["query"]["kind"] == "HogQLQuery"
            return httpx.Response(400, json=said)
        return httpx.Response(200, json={"timezone": "UTC", "name": "Unit"})

    posthog = await answered("posthog", refuse)
    with pytest.raises(BadArgument, match="Syntax error at line 1"):
        await posthog.call(MetricsSeries(metric="x", since=posthog.now() - timedelta(days=1)))
