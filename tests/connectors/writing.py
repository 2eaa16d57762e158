"""A demo of one's own for tests that write: what they change is seen by nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from app.demo.server import vendors
from tests.companies import at_once, connector_over, demo_of
from tools.kit.action import Action, Change, Landed, drift
from tools.kit.connector import Connector
from tools.kit.tool import Write

KEY = "0123456789abcdef0123456789abcdef01234567"


class Fresh:
    """A connector on a vendor that was made for it; `said` are the exchanges. The next write's answer is lost, or is
    another one and the write not done, where `lose_next` or `answer_next` say so."""

    def __init__(self, service: str, world: Path) -> None:
        routes = list(vendors()[service].routes(demo_of(world)))
        self.app = Starlette(routes=[Mount(f"/{service}", routes=routes)])
        self._inner = httpx.ASGITransport(self.app)
        self.said: list[httpx.Response] = []
        self.client = httpx.AsyncClient(transport=_Noting(self))
        self.connector: Connector = connector_over(self.client, service, demo_of(world).company.now, at_once)
        self.lose_next = False
        self.answer_next: httpx.Response | None = None

    def action(self, request: Write) -> Action[Any, Any]:
        return self.connector.writes()[request.name](self.connector)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        if self.answer_next is not None and request.method != "GET":
            spoiled, self.answer_next = self.answer_next, None
            return spoiled
        response = await self._inner.handle_async_request(request)
        response.request = request
        await response.aread()
        self.said.append(response)
        if self.lose_next and request.method != "GET":
            self.lose_next = False
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return httpx.Response(response.status_code, headers=response.headers, content=response.content, request=request)

    def sent(self) -> list[httpx.Request]:
        """The requests that may have changed something."""
        return [answer.request for answer in self.said if answer.request.method not in ("GET", "HEAD")]


class _Noting(httpx.AsyncBaseTransport):
    def __init__(self, fresh: Fresh) -> None:
        self._fresh = fresh

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._fresh.handle(request)


async def there_and_back(fresh: Fresh, request: Write) -> tuple[Change, Landed]:
    """Shown, done, read back, taken back twice: what every write has in common. Gives the change and what landed."""
    action, act = fresh.action(request), fresh.connector.act
    before = len(fresh.sent())
    change = await act(action.preview(request))
    assert len(fresh.sent()) == before, "a preview changes nothing"
    assert await act(action.preview(request)) == change, "and is the same again"
    landed = await act(action.do(request, change, KEY))
    now = await act(action.state(change, landed))
    assert drift(landed.state, now) == {}
    touched: Mapping[str, Any] = change.after
    assert set(landed.state) <= set(touched), "what is read back has the words of the preview"
    assert {name: landed.state[name] for name in landed.state} == {name: touched[name] for name in landed.state}
    if action.repeat == "probe":
        assert await act(action.find(request, change, KEY)) == landed
        assert await act(action.find(request, change, KEY[::-1])) is None
    if action.repeat == "idempotent":
        assert (await act(action.do(request, change, KEY))).state == landed.state
    assert change.undo
    for _ in range(2):
        await act(action.undo(change, landed, KEY))
    back = await act(action.state(change, landed))
    assert drift(landed.state, back), "the undo is seen"
    if change.before:
        assert back is not None
        assert {name: back[name] for name in landed.state} == {name: change.before[name] for name in landed.state}
    return change, landed
