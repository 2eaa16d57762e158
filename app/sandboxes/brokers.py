"""Opens a broker for each sandbox that may reach anything, and refuses what cannot be kept to."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agents.audit_facts import current_egress
from agents.sandbox import Network, NetworkRefused
from app.sandboxes.broker import Broker
from app.sandboxes.broker_addresses import Dialer
from app.sandboxes.broker_meter import Meter, Price
from app.sandboxes.broker_policy import fault_of
from app.sandboxes.broker_routes import Caller
from app.sandboxes.broker_usage import Tokens
from app.sandboxes.gate import FOLDER, parents

if TYPE_CHECKING:
    import httpx


def _folder(user: int | None) -> Path:
    """A folder for a socket, ours alone, on a way that the sandbox's user may go."""
    places = parents()
    for_all = (place for place in places if all(each.stat().st_mode & 0o001 for each in (place, *place.parents)))
    parent = next(iter(places) if user is None else for_all, None)
    if parent is None:
        raise NetworkRefused("The sandbox was not made: there is no folder for its way out.", remedy="Open /tmp.")
    return Path(tempfile.mkdtemp(prefix=FOLDER, dir=parent))


async def no_price(model: str, tokens: Tokens) -> float:
    """What models cost that cost nothing, such as one's own."""
    return 0.0


class Brokers:
    """Opens a broker for each sandbox that may reach anything.

    `secret` gives a credential's value by its name, `price` what so many tokens of a model cost.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        secret: Callable[[str], str | None] = lambda _: None,
        price: Price = no_price,
        dialer: Dialer | None = None,
    ) -> None:
        self._client, self._secret, self._price, self._dialer = client, secret, price, dialer or Dialer()

    async def open(self, network: Network, user: int | None, metadata: Mapping[str, str]) -> Broker:
        """A broker that listens; NetworkRefused where the network is not well written, lacks a credential, or where
        nobody would keep what is asked."""
        note = current_egress.get()
        if note is None:
            raise NetworkRefused("No run keeps what this sandbox would ask of others, so it was not made.")
        if (fault := fault_of(network)) is not None:
            raise NetworkRefused(f"The sandbox was not made. {fault}")
        secrets = {route.secret: self._secret(route.secret) for route in network.routes if route.secret}
        if missing := sorted(name for name, value in secrets.items() if not value):
            raise NetworkRefused(
                f"The sandbox was not made: there is no credential {', '.join(missing)} for it.",
                remedy="Set DEUS_MODEL_KEY, or the key of the agent's own.",
            )
        known = {name: value for name, value in secrets.items() if value}
        task = {"task": metadata["task"]} if "task" in metadata else {}
        folder = await asyncio.to_thread(_folder, user)
        caller = Caller(self._client, known, Meter(self._price))
        broker = Broker(network, folder, user, caller, self._dialer, partial(note, **task))
        try:
            await broker.listen()
        except BaseException:
            await broker.aclose()
            raise
        return broker
