"""The Vercel connector on the demo company, and on answers that Vercel documents and the demo does not give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.companies import demo_of
from tools.kit.connector import Connector
from tools.kit.errors import NotFound, Refused
from tools.nouns import Deployment, utc
from tools.verbs import DeploysGet, DeploysList

Connect = Callable[..., Awaitable[Connector]]
Recorded = Callable[[str], Any]


async def deployments(connector: Connector, **asked: Any) -> list[Deployment]:
    return [noun for noun in await connector.call(DeploysList(**asked)) if isinstance(noun, Deployment)]


async def test_every_deployment_of_a_world_is_found_as_it_is(connect: Connect, each_world: Path) -> None:
    company, connector = demo_of(each_world).company, await connect("vercel", each_world)
    listed = await deployments(connector)
    assert [d.at for d in listed] == sorted((d.at for d in listed), reverse=True)
    found = {deployment.ref: deployment for deployment in listed}
    parts = {artefact["service"] for artefact in company.of_kind("deployment")}
    assert len(found) == len(company.of_kind("deployment")) + len(parts), "each had one when the world began"
    for artefact in company.of_kind("deployment"):
        ref = company.ref(artefact.id)
        deployment = found[ref.ref]
        assert (deployment.url, deployment.at, deployment.component) == (ref.url, artefact.at, artefact["service"])
        assert (deployment.environment, deployment.state) == (artefact["environment"], artefact["state"])
        assert deployment.sha == company.sha(artefact.id)
        assert set(deployment.pulls) == {company.ref(pull).ref for pull in artefact["prs"]}
        rolled = artefact["rollback_of"]
        assert deployment.rollback_of == (company.ref(rolled).ref if rolled else None)
        assert (deployment.ready_at is None) == (artefact["state"] == "failed")
        assert await connector.call(DeploysGet(ref=ref.ref)) == [deployment]


async def test_period_environment_and_limit_narrow_the_list(connect: Connect, each_world: Path) -> None:
    connector = await connect("vercel", each_world)
    listed = await deployments(connector)
    newest, second, oldest = listed[0], listed[1], listed[-1]
    assert await deployments(connector, since=second.at) == listed[:2]
    assert await deployments(connector, until=newest.at) == listed[1:]
    assert await deployments(connector, since=oldest.at, until=oldest.at + timedelta(seconds=1)) == [oldest]
    assert await deployments(connector, limit=1) == [newest]
    for environment in ("production", "preview", "staging"):
        chosen = [d for d in listed if d.environment == environment]
        assert await deployments(connector, environment=environment) == chosen


async def test_a_deployment_that_is_not_there(connect: Connect, acme: Path) -> None:
    with pytest.raises(NotFound):
        await (await connect("vercel", acme)).call(DeploysGet(ref="dpl_nothing"))


async def test_the_team_is_named_in_every_request(connect: Connect, acme: Path) -> None:
    for team in ("team_acme", "acme"):
        assert await deployments(await connect("vercel", acme, team=team))
    with pytest.raises(Refused):
        await deployments(await connect("vercel", acme, team="team_other"))


async def test_what_the_demo_does_not_show(answered: Connect, recorded: Recorded) -> None:
    """Pages by time, a build by command line, a queued one, a custom environment, mentions of several pull requests."""
    asked: list[httpx.QueryParams] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params)
        return httpx.Response(200, json=recorded("second_page" if len(asked) > 1 else "first_page"))

    squashed, by_hand, queued, canceled = await deployments(await answered("vercel", answer))
    assert squashed.pulls == ("acme/portal#490", "acme/portal#488")
    assert squashed.title == "Release 12 (#488) (#490)"
    assert squashed.author == "Sarah Chen"
    assert (by_hand.pulls, by_hand.sha, by_hand.title, by_hand.author) == ((), None, "web", "sarah")
    assert by_hand.environment == "staging"
    assert (queued.state, queued.environment, queued.ready_at) == ("building", "preview", None)
    assert canceled.state == "cancelled"
    assert squashed.at == utc(1_763_000_000)
    assert [params.get("until") for params in asked] == [None, "1762990000000"]
