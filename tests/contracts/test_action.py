"""What every action promises, whatever its service: run for each one that a connector declares, on the demo company."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from app.demo.server import vendors
from tests.actions import Sample, samples
from tests.companies import BASE, at_once, connector_over, demo_of
from tests.contracts.test_connector import Between
from tools.catalog import connectors
from tools.kit.action import Action, Change, Landed, Repeat, drift
from tools.kit.connector import Connector
from tools.kit.errors import DeusError, ModelMayRetry, Refused, TimedOut, Unavailable
from tools.kit.tool import Verb, Write, verbs
from tools.kit.wire import open_client
from tools.nouns import Noun

KEY, OTHER = "5eed" * 10, "0ddba11" * 5 + "00000"
SAMPLES = samples()
DECLARED = [(service, verb) for service, kind in connectors().items() for verb in kind.writes()]
each_declared = pytest.mark.parametrize(("service", "verb"), DECLARED)
each_sample = pytest.mark.parametrize(("service", "name"), list(SAMPLES), ids=lambda part: part)


def of(service: str, name: str) -> type[Action[Any, Any]]:
    return connectors()[service].writes()[name.partition("/")[0]]


def is_write(request: httpx.Request) -> bool:
    """Whether a request changes something; GraphQL and searches ask their questions with POST as well."""
    if request.method in ("GET", "HEAD") or request.url.path.rstrip("/").endswith(("/search", "/query")):
        return False
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        query = json.loads(request.content).get("query")
        return not (isinstance(query, str) and query.lstrip().startswith(("query", "fragment")))
    return True


@dataclass
class Stage:
    """An action at a fresh demo company, and what stands between."""

    action: Action[Any, Any]
    connector: Connector
    between: Between
    request: Write

    async def preview(self) -> Change:
        """The change as it comes back from where proposals are kept."""
        change: Change = await self.connector.act(self.action.preview(self.request))
        return Change.model_validate_json(change.model_dump_json())

    async def do(self, change: Change, key: str = KEY) -> Landed:
        landed: Landed = await self.connector.act(self.action.do(self.request, change, key))
        return Landed.model_validate_json(landed.model_dump_json())

    async def find(self, change: Change, key: str = KEY) -> Landed | None:
        return await self.connector.act(self.action.find(self.request, change, key))

    async def drifted(self, change: Change, landed: Landed) -> dict[str, Any]:
        now = await self.connector.act(self.action.state(change, landed))
        return drift(landed.state, now)

    async def everything(self) -> dict[str, list[str]]:
        """What the connector reads without being told a ref: what is true of the company, as far as it can see."""
        reads = [verbs(Verb)[verb] for verb in sorted(self.connector.verbs())]
        plain = [verb for verb in reads if not any(spec.is_required() for spec in verb.model_fields.values())]
        return {verb.name: sorted(map(_lasting, await self.connector.call(verb()))) for verb in plain}

    def writes(self) -> int:
        return sum(is_write(request) for request in self.between.asked)


def _lasting(noun: Noun) -> str:
    """A noun without the time of its last change, which doing the same once more may move."""
    return noun.model_dump_json(exclude={"updated_at"})


@contextlib.asynccontextmanager
async def staged(service: str, name: str, shared: Path) -> AsyncIterator[Stage]:
    sample: Sample = SAMPLES[service, name]
    demo = demo_of(shared / "worlds" / f"{sample.world}.yaml")
    app = Starlette(routes=[Mount(f"/{service}", routes=list(vendors()[service].routes(demo)))])
    between = Between(httpx.ASGITransport(app))
    async with open_client(between) as client, contextlib.AsyncExitStack() as stack:
        connector = connector_over(client, service, demo.company.now, at_once)
        if sample.prepare is not None:
            await stack.enter_async_context(sample.prepare(connector, app))
        for number, write in enumerate(sample.given):
            earlier = connector.writes()[write.name](connector)
            await earlier.do(write, await earlier.preview(write), f"{number:040x}")
        between.asked.clear()
        yield Stage(of(service, name)(connector), connector, between, sample.request)


@each_declared
def test_an_action_says_what_it_is_and_has_a_sample(service: str, verb: str) -> None:
    action = of(service, verb)
    assert action.__doc__
    assert action.repeat in get_args(Repeat)
    mine = [sample for (where, name), sample in SAMPLES.items() if (where, name.partition("/")[0]) == (service, verb)]
    assert mine, f"tests/connectors/{service}/actions.py has no sample of {verb}"
    assert all(type(sample.request) is action.verb and sample.wrong for sample in mine)


@each_sample
async def test_a_preview_says_what_will_be_and_changes_nothing(service: str, name: str, shared: Path) -> None:
    async with staged(service, name, shared) as stage:
        before = await stage.everything()
        change = await stage.preview()
        assert await stage.everything() == before
        assert await stage.preview() == change
    assert change.target.service == service
    assert change.target.title
    assert not change.target.ref or change.target.url.startswith(f"{BASE}/{service}")
    assert change.after
    assert set(change.before) <= set(change.after)
    assert change.affects >= 1
    assert change.undo or change.warnings, "what cannot be taken back says so"
    assert not stage.request.reaches_people or change.people


@each_sample
async def test_what_is_done_is_what_was_shown_and_is_read_back(service: str, name: str, shared: Path) -> None:
    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        landed = await stage.do(change)
        assert await stage.drifted(change, landed) == {}
    assert landed.state == change.after
    assert landed.ref
    assert landed.url.startswith(f"{BASE}/{service}")
    assert landed.said


@each_sample
async def test_what_was_done_once_is_not_done_twice(service: str, name: str, shared: Path) -> None:
    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        if stage.action.repeat == "probe":
            assert await stage.find(change) is None
        landed = await stage.do(change)
        once = await stage.everything()
        if stage.action.repeat == "idempotent":
            again = await stage.do(change)
            assert (again.ref, again.state, again.undo) == (landed.ref, landed.state, landed.undo)
        if stage.action.repeat == "probe":
            found = await stage.find(change)
            assert found is not None
            assert (found.ref, found.state, found.undo) == (landed.ref, landed.state, landed.undo)
            assert await stage.find(change, OTHER) is None
        assert await stage.everything() == once


@each_sample
async def test_an_answer_that_is_lost_leaves_one_write(service: str, name: str, shared: Path) -> None:
    def lost(response: httpx.Response) -> httpx.Response:
        return httpx.Response(502, json={"message": "Bad gateway"}) if is_write(stage.between.asked[-1]) else response

    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        stage.between.change = lost
        with pytest.raises(Unavailable):
            await stage.do(change)
        stage.between.change = None
        if stage.action.repeat == "idempotent":
            landed = await stage.do(change)
            assert landed.undo == (await stage.do(change)).undo
        elif stage.action.repeat == "probe":
            found = await stage.find(change)
            assert found is not None
            landed = found
        else:
            return
        assert await stage.drifted(change, landed) == {}


@each_sample
async def test_undo_restores_and_twice_is_once(service: str, name: str, shared: Path) -> None:
    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        landed = await stage.do(change)
        if not change.undo:
            assert change.warnings, "what cannot be taken back says so"
            return
        await stage.connector.act(stage.action.undo(change, landed, KEY))
        once = await stage.everything()
        now = await stage.connector.act(stage.action.state(change, landed))
        assert now is None or {field: now.get(field) for field in change.before} == change.before
        assert await stage.drifted(change, landed)
        await stage.connector.act(stage.action.undo(change, landed, KEY))
        assert await stage.connector.act(stage.action.state(change, landed)) == now
        assert {verb: len(nouns) for verb, nouns in (await stage.everything()).items()} == {
            verb: len(nouns) for verb, nouns in once.items()
        }


@each_sample
async def test_what_somebody_else_changes_is_drift(service: str, name: str, shared: Path) -> None:
    meddle = SAMPLES[service, name].meddle
    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        if meddle is None:
            assert not change.undo, "what can be taken back can be changed by others, too"
            return
        landed = await stage.do(change)
        await meddle(stage.connector, change, landed)
        assert await stage.drifted(change, landed)


@each_sample
async def test_a_wrong_name_or_ref_is_refused_before_anything_happens(service: str, name: str, shared: Path) -> None:
    async with staged(service, name, shared) as stage:
        for request in SAMPLES[service, name].wrong:
            with pytest.raises(ModelMayRetry) as caught:
                await stage.connector.act(stage.action.preview(request))
            assert caught.value.service == service
        assert stage.writes() == 0


@each_sample
async def test_a_service_that_is_down_is_not_asked_twice_unless_it_knows_the_key(
    service: str, name: str, shared: Path
) -> None:
    def down(n: int, request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(503, json={"message": "no"}, request=request) if is_write(request) else None

    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        before = await stage.everything()
        stage.between.asked.clear()
        stage.between.fault = down
        with pytest.raises(Unavailable):
            await stage.do(change)
        assert stage.writes() <= (stage.connector.wire.options.attempts if stage.action.repeat == "idempotent" else 1)
        assert stage.writes() >= 1
        stage.between.fault = None
        assert await stage.everything() == before
        if stage.action.repeat == "probe":
            assert await stage.find(change) is None


@each_sample
async def test_a_service_that_does_not_answer_is_asked_once(service: str, name: str, shared: Path) -> None:
    def late(n: int, request: httpx.Request) -> httpx.Response | None:
        if is_write(request):
            raise httpx.ReadTimeout("late", request=request)
        return None

    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        stage.between.asked.clear()
        stage.between.fault = late
        with pytest.raises(TimedOut):
            await stage.do(change)
        assert stage.writes() == 1


@each_sample
async def test_a_right_that_is_missing_is_named_with_its_remedy(service: str, name: str, shared: Path) -> None:
    def refused(n: int, request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(403, json={"message": "read only"}, request=request) if is_write(request) else None

    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        stage.between.fault = refused
        with pytest.raises(Refused) as caught:
            await stage.do(change)
    assert f"deus connect {service}" in str(caught.value)


@each_sample
async def test_an_answer_in_another_form_is_a_typed_error(service: str, name: str, shared: Path) -> None:
    def emptied(response: httpx.Response) -> httpx.Response:
        return httpx.Response(200, json={}) if is_write(stage.between.asked[-1]) else response

    async with staged(service, name, shared) as stage:
        change = await stage.preview()
        stage.between.change = emptied
        with pytest.raises(DeusError):
            await stage.do(change)
