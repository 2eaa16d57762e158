"""App Homes: shown when somebody opens theirs, and shown anew while it is likely on a screen and something changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from agents.errors import Forbidden
from agents.rights import may_decide, reads_all
from app.channels.slack_asking import Asking
from app.channels.slack_home import MOST_RUNS, Homely, home
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from agents.approval import Approval
    from agents.approvals import Approvals
    from agents.conversation import Conversations
    from tools.kit.connector import Connector

log = logging.getLogger(__name__)

GLANCE = 5.0  # seconds between two looks at what a Home shows
OPEN = 1800.0  # seconds for which a Home counts as being on a screen
MOST_OPEN = 50
MOST_APPROVALS = 100


class Services:
    """The connected services and whether each lets Deus in, looked at every `fresh` seconds at most."""

    def __init__(self, connected: Mapping[str, Connector], fresh: float = 600.0, patience: float = 15.0) -> None:
        self._connected = connected
        self._fresh = fresh
        self._patience = patience
        self._states: dict[str, str] = {}
        self._looked: float | None = None

    def states(self) -> Mapping[str, str | None]:
        """What stands against each service, by its title; "" where nothing does, None where it is not known yet."""
        return {one.title or name: self._states.get(name) for name, one in sorted(self._connected.items())}

    async def look(self) -> None:
        """Asks each service once, side by side, if that is due."""
        if self._looked is not None and self._looked > monotonic() - self._fresh:
            return
        self._looked = monotonic()
        async with asyncio.TaskGroup() as group:
            for name, connector in self._connected.items():
                group.create_task(self._ask(name, connector), name=f"look at {name}")

    async def _ask(self, name: str, connector: Connector) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await connector.check()
            self._states[name] = ""
        except TimeoutError:
            self._states[name] = "it does not answer"
        except DeusError as error:
            self._states[name] = str(error)
        except Exception:  # a background task's top
            log.exception("Whether %s is connected could not be found out.", name)
            self._states[name] = "it could not be looked at"


class Homes:
    """Publishes Homes. `open` ones are those that were opened lately, by user and team."""

    def __init__(
        self,
        asking: Asking,
        conversations: Conversations,
        approvals: Approvals,
        services: Services,
        client: AsyncWebClient,
        address: str,
        glance: float = GLANCE,
    ) -> None:
        self._asking = asking
        self._conversations = conversations
        self._approvals = approvals
        self._services = services
        self._client = client
        self._address = address
        self._glance = glance
        self._open: dict[tuple[str, str], float] = {}
        self._published: dict[tuple[str, str], str] = {}

    async def opened(self, user: str, team: str) -> None:
        """Somebody opened theirs."""
        self._open.pop((user, team), None)
        self._open[user, team] = monotonic()
        while len(self._open) > MOST_OPEN:
            self._published.pop(next(iter(self._open)), None)
            del self._open[next(iter(self._open))]
        self._published.pop((user, team), None)
        await self.publish(user, team)

    async def publish(self, user: str, team: str) -> None:
        """Shows somebody their Home as it is now, unless that is what they see. Raises DeusError, SlackApiError."""
        view = home(await self.shown(user, team), self._address)
        drawn = json.dumps(view, sort_keys=True)
        if self._published.get((user, team)) != drawn:
            await self._client.views_publish(user_id=user, view=view)
            self._published[user, team] = drawn

    async def shown(self, user: str, team: str) -> Homely:
        """What somebody may see there. Raises Unknown for who is not of this workspace."""
        person = await self._asking.member(user, team)
        role = await self._asking.role(person.actor)
        door = self._conversations.of(person.actor)
        services = self._services.states()
        if not reads_all(role):
            # What is wrong with a service is for those who can have it mended.
            services = {title: trouble and "it does not let me in right now" for title, trouble in services.items()}
        try:
            runs = await door.runs(actor=person.actor, limit=MOST_RUNS)
            waiting = await self.waiting(person.actor)
        except Forbidden:
            return Homely(person.name, person.actor, decides=False, services=services)
        return Homely(person.name, person.actor, may_decide(role), runs, waiting, services)

    async def waiting(self, actor: str) -> list[Approval]:
        """The approvals that somebody may see: those of the runs that they may see."""
        found = await self._approvals.open(MOST_APPROVALS)
        if not found:
            return []
        role, door = await self._asking.role(actor), self._conversations.of(actor)
        own = None if reads_all(role) else actor
        runs = await door.runs(actor=own, status="awaiting_approval", limit=MOST_APPROVALS)
        visible = {one.run for one in runs}
        return [one for one in found if one.proposal.run in visible]

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Shows open Homes anew when something changes, while the block runs."""
        watching = asyncio.create_task(self._watch(), name="Slack's App Homes")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._glance)
            self._open = {who: at for who, at in self._open.items() if at > monotonic() - OPEN}
            try:
                if self._open:
                    await self._services.look()
                for user, team in list(self._open):
                    await self.publish(user, team)
            except Exception:  # a background task's top
                log.exception("An App Home could not be shown anew; it is tried again.")


def is_home(body: Mapping[str, Any]) -> bool:
    """Whether something was pressed in an App Home, and not in a message."""
    return (body.get("view") or {}).get("type") == "home"
