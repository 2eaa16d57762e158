"""The only way out of a local sandbox: a folder of the host with a unix socket in it, answered on the host's side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from agents.sandbox import Network

# Where that folder is inside.
PLACE = "/run/gate"


class Gate(Protocol):
    """The way out of one sandbox."""

    @property
    def folder(self) -> Path:
        """Holds the socket, and nothing that is private; the sandbox's user may enter it, and no other but ours."""
        ...

    async def aclose(self) -> None:
        """Nothing goes out any more; the folder is taken away."""
        ...


class Gatekeeper(Protocol):
    """Opens the way for sandboxes that may reach hosts."""

    async def open(self, network: Network, user: int | None, metadata: Mapping[str, str]) -> Gate:
        """A way to the network's hosts alone. `user` is who the sandbox is on the host; None for who we are.

        NetworkRefused where it cannot be kept to.
        """
        ...
