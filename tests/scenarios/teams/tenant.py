"""A demo company that talks to Deus in its Teams: signed activities in, a strict connector out, over real sockets."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from app.api import approvals, inbox, problem, runs
from app.api.access import api_token
from app.bootstrap import open_product
from app.channels.teams import PATH, open_channel
from app.demo.company import PUBLIC_URL, open_company
from app.demo.history import generate
from app.demo.place import company_settings
from app.demo.server import build
from app.demo.world import read_world
from app.settings import Settings, load_settings
from tests.channels.fake_teams import APP, BOT, SECRET, TENANT, FakeTeams, Shown
from tests.scenarios.playbooks.company import PATIENCE, _served
from tests.scenarios.writes.office import until


class Tenant:
    """Teams as people use it; `stop` and `start` are Deus's."""

    def __init__(self, teams: FakeTeams, settings: Settings) -> None:
        self.teams = teams
        self.settings = settings
        self.deus = httpx.Client(timeout=PATIENCE)
        self.lena = teams.join("29:lena", "Lena Fischer", email="lena@acme.com", userPrincipalName="lena@acme.com")
        self.omar = teams.join("29:omar", "Omar Haddad", email="omar@acme.com")
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        url = self._running.enter_context(_served(product_app(self.settings)))
        self.deus = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {api_token(self.settings)}"}, timeout=PATIENCE
        )
        self._running.callback(self.deus.close)

    def stop(self) -> None:
        self._running.close()
        self._running = contextlib.ExitStack()

    def tell(self, activity: Mapping[str, Any], bearer: str | None = None) -> httpx.Response:
        """Teams sends an activity."""
        headers = {"Authorization": bearer or self.teams.bearer()}
        return self.deus.post(PATH, json=dict(activity), headers=headers)

    def say(self, text: str, sender: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Somebody says something. Returns the activity."""
        activity = self.teams.activity(sender or self.lena, text, **more)
        answered = self.tell(activity)
        assert answered.status_code == 202, answered.text
        return activity

    def mention(self, text: str, talk: Mapping[str, Any], sender: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody says something to Deus where others are."""
        called = {"type": "mention", "text": "<at>Deus</at>", "mentioned": {"id": BOT, "name": "Deus"}}
        return self.say(f"<at>Deus</at> {text}", sender, conversation=dict(talk), entities=[called])

    def press(
        self,
        message: Shown,
        title: str,
        sender: Mapping[str, Any] | None = None,
        *,
        talk: str | None = None,
        **data: Any,
    ) -> httpx.Response:
        """Somebody presses a button of a card."""
        (action,) = (one for one in buttons(message.card) if one["title"] == title and one["type"] == "Action.Execute")
        value = {"action": {**action, "data": {**action["data"], **data}}, "trigger": "manual"}
        pressed = self.teams.activity(sender or self.lena, name="adaptiveCard/action", value=value)
        where = {"id": talk or message.conversation, "conversationType": "personal", "tenantId": TENANT}
        return self.tell({**pressed, "type": "invoke", "conversation": where})

    def answer(self, conversation: str, n: int = 0) -> Shown:
        """The n-th message of a conversation, as soon as nothing more is to be said in it."""

        def finished() -> Shown | None:
            shown = self.teams.standing(conversation)
            done = len(shown) > n and not shown[n].streaming and "Looking into it" not in said(shown[n])
            return shown[n] if done and shown[n].card else None

        found = until(finished, PATIENCE)
        assert found is not None
        return found

    def with_button(self, conversation: str, title: str) -> Shown:
        """The conversation's message that has this button, as soon as there is one."""

        def found() -> Shown | None:
            shown = self.teams.standing(conversation)
            return next((one for one in shown if any(b["title"] == title for b in buttons(one.card))), None)

        message = until(found, PATIENCE)
        assert message is not None
        return message

    def runs(self) -> list[dict[str, Any]]:
        return list(self.deus.get("/api/runs").json())


def buttons(card: Any) -> list[dict[str, Any]]:
    """All the actions of a card, those of the cards within it included."""
    found: list[dict[str, Any]] = []
    for one in card.get("actions") or ():
        found.append(one)
        found += buttons(one.get("card") or {})
    return found


def said(message: Shown) -> str:
    """All that a message says."""
    return f"{message.text} {words(message.card)}"


def words(element: Any) -> str:
    """All that a card says."""
    if isinstance(element, dict):
        own = str(element["text"]) if isinstance(element.get("text"), str) else ""
        inner = (words(value) for name, value in element.items() if name not in ("actions", "text"))
        return " ".join(filter(None, (own, *inner)))
    return " ".join(filter(None, map(words, element))) if isinstance(element, list) else ""


def product_app(settings: Settings) -> FastAPI:
    """The product's API and its Teams channel, without the web chat, which takes seconds to load."""

    @contextlib.asynccontextmanager
    async def lifespan(server: FastAPI) -> AsyncIterator[None]:
        async with open_product(settings) as product, open_channel(product, settings) as routes:
            server.router.routes.extend(routes)
            server.state.product = product
            await product.ready()
            yield

    api = FastAPI(lifespan=lifespan)
    api.include_router(runs.router)
    api.include_router(approvals.router)
    api.include_router(inbox.router)
    problem.install(api)
    return api


@contextlib.contextmanager
def tenant_of(path: Path, **environment: str) -> Iterator[Tenant]:
    """Serves a world's company, its Teams, and the product that listens there."""
    world, teams = read_world(path), FakeTeams()
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(_served(build(open_company(world, PUBLIC_URL), generate(world))))
        teams.url = stack.enter_context(_served(teams.app))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        nothing_more = folder / "deus.toml"
        nothing_more.touch()
        settings = load_settings(
            {
                **company_settings(open_company(world, base), base, folder),
                "DEUS_CONFIG": str(nothing_more),
                "DEUS_TEAMS_APP_ID": APP,
                "DEUS_TEAMS_APP_SECRET": SECRET,
                "DEUS_TEAMS_TENANT_ID": TENANT,
                "DEUS_TEAMS_SERVICE_URL": teams.service,
                "DEUS_TEAMS_LOGIN_URL": f"{teams.url}/login",
                "DEUS_TEAMS_OPENID_URL": f"{teams.url}/openid",
                "DEUS_TEAMS_PACE": "0.05",
                **environment,
            }
        )
        opened = Tenant(teams, settings)
        stack.callback(opened.stop)
        opened.start()
        yield opened
