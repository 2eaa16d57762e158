"""The connected services of a workspace and the computed verbs, as the agents see them."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

import tools.analysis
from agents.errand import Workroom
from agents.evidence import EvidenceSearch
from agents.ports import Reply
from agents.undoing import UndoWrite
from app.turns import Turns
from tools.catalog import connectors
from tools.kit.action import Action, Change, Landed, Repeat
from tools.kit.analysis import Analysis
from tools.kit.connector import Connector, Now, missing
from tools.kit.errors import DeusError, UserMustMend
from tools.kit.tool import Verb, Write, verbs
from tools.kit.wire import Wire, traced

T = TypeVar("T")


class ConnectedToolbox:
    """Asks connectors. What a service says, or why it could not be asked, comes back as a Reply.

    `turns` says how many calls of a service may be under way at once; the others wait.
    """

    def __init__(self, connected: Mapping[str, Connector], turns: Turns | None = None) -> None:
        self._connected = dict(connected)
        self.turns = turns or Turns()
        self._served: dict[str, list[str]] = {}
        for service, connector in sorted(self._connected.items()):
            for verb in (*connector.verbs(), *connector.writes()):
                self._served.setdefault(verb, []).append(service)
        self.rooms: tuple[Workroom, ...] = ()
        self._computed: dict[str, type[Verb]] | None = None
        self._finding = threading.Lock()

    @property
    def connected(self) -> Mapping[str, Connector]:
        """The connectors by their service's name."""
        return self._connected

    def verbs(self) -> Mapping[str, type[Verb]]:
        """The verbs of the connected services and the workrooms, the computed ones, and the search in stored evidence.

        The first call imports the analysis, which takes seconds: `learn` does it in a thread beforehand.
        """
        known = verbs(Verb)
        served = {name: known[name] for name in self._served}
        inside = {name: verb for room in self.rooms for name, verb in room.verbs().items()}
        return {**served, **inside, **self.learn(), EvidenceSearch.name: EvidenceSearch, UndoWrite.name: UndoWrite}

    def learn(self) -> Mapping[str, type[Verb]]:
        """The computed verbs: every Analysis that a module of tools.analysis defines."""
        with self._finding:
            if self._computed is None:
                self._computed = computed()
            return self._computed

    def services(self, verb: str) -> Sequence[str]:
        """The connected services that serve a verb, in alphabetical order."""
        return self._served.get(verb, [])

    def title(self, service: str) -> str:
        """What people call the service."""
        connector = self._connected.get(service)
        return connector.title if connector is not None and connector.title else service.capitalize()

    async def ask(self, service: str, request: Verb) -> Reply:
        """Asks one service. Expected failures are part of the reply; a bug travels."""
        connector = self._connected[service]
        began = monotonic()
        with traced() as asked:
            try:
                async with self.turns.of(service):
                    nouns, error = tuple(await connector.call(request)), None
            except DeusError as failure:
                nouns, error = (), failure
        return Reply(
            service,
            nouns,
            error=error.message if error else None,
            remedy=error.remedy if error else None,
            asked=tuple(asdict(one) for one in asked),
            ms=round((monotonic() - began) * 1000),
        )

    async def preview(self, service: str, request: Write) -> Change:
        """What a write would change at a service. Raises the kit's typed errors."""
        return await self._act(service, request, lambda action: action.preview(request))

    async def blocked(self, service: str, request: Write, change: Change) -> str | None:
        """Why a write must wait though it will be possible by itself; None if it need not."""
        return await self._act(service, request, lambda action: action.blocked(request, change))

    async def do(self, service: str, request: Write, change: Change, key: str) -> Landed:
        """Sends a write. TimedOut, Unavailable and Malformed leave open what happened; other errors do not."""
        return await self._act(service, request, lambda action: action.do(request, change, key))

    async def find(self, service: str, request: Write, change: Change, key: str) -> Landed | None:
        """Asks a service whether the write of that key happened."""
        return await self._act(service, request, lambda action: action.find(request, change, key))

    async def state(self, service: str, request: Write, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        """The fields that a write touched as they are now; None if the record is gone."""
        return await self._act(service, request, lambda action: action.state(change, landed))

    async def undo(self, service: str, request: Write, change: Change, landed: Landed, key: str) -> None:
        """Takes a write back."""
        await self._act(service, request, lambda action: action.undo(change, landed, key))

    def repeat(self, service: str, verb: str) -> Repeat:
        """What is done about a write of which nobody knows whether it came through."""
        return self._connected[service].writes()[verb].repeat

    async def _act(self, service: str, request: Write, work: Callable[[Action[Any, Any]], Awaitable[T]]) -> T:
        connector = self._connected[service]
        async with self.turns.of(service):
            return await connector.act(work(connector.writes()[request.name](connector)))


def computed() -> dict[str, type[Verb]]:
    """Imports every module of tools.analysis and returns the computed verbs that they define, by name."""
    for module in pkgutil.iter_modules(tools.analysis.__path__):
        importlib.import_module(f"tools.analysis.{module.name}")
    return {n: v for n, v in verbs(Analysis).items() if v.__module__.startswith("tools.analysis.")}


def connect(services: Mapping[str, Mapping[str, str]], client: httpx.AsyncClient, now: Now) -> dict[str, Connector]:
    """The connectors whose required settings are all there. Raises UserMustMend for a setting with a bad value."""
    opened: dict[str, Connector] = {}
    for service, connector in connectors().items():
        given: dict[str, Any] = dict(services.get(service, {}))
        if not given or missing(connector.Settings, given):
            continue
        try:
            settings = connector.Settings.model_validate(given)
        except ValidationError as error:
            field = str(error.errors()[0]["loc"][0])
            name = f"DEUS_{service}_{field}".upper()
            raise UserMustMend(
                f"{name} has a value that cannot be used.", remedy=f"Run `deus connect {service}`."
            ) from None
        opened[service] = connector(settings, Wire(client, service, connector.wire_options(settings)), now)
    return opened
