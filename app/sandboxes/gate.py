"""The only way out of a local sandbox: a folder of the host with a unix socket in it, answered on the host's side."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from agents.sandbox import RELAY, Network, Sandbox, SandboxUnavailable
from app.sandboxes.bubblewrap import INSIDE, PYTHON

# Where that folder is inside, and the socket in it.
PLACE, SOCKET = "/run/gate", "socket"
# How the folder's name begins on the host.
FOLDER = "deus-gate-"
# What programs inside are told of it, in the two ways in which they look for it.
_HERE = "127.0.0.1,localhost,::1"
_ENVIRONMENT = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), RELAY),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), _HERE),
}
_START = f"import sys; sys.path.insert(0, {INSIDE!r}); from app.sandboxes.inside.relay import main; main()"
_SECONDS = 20.0


def parents() -> tuple[Path, ...]:
    """Where such folders can lie on the host, the best place first: those in which we may make one."""
    places = dict.fromkeys(Path(os.path.realpath(place)) for place in (tempfile.gettempdir(), "/tmp", "/run"))
    return tuple(place for place in places if os.access(place, os.R_OK | os.W_OK | os.X_OK))


def way_out(network: Network) -> Mapping[str, str]:
    """What programs inside are told of their way out, if they have one."""
    return {} if network.is_closed else _ENVIRONMENT


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


async def begin_relay(sandbox: Sandbox) -> None:
    """Starts the relay inside, and waits until it serves. SandboxUnavailable if it does not."""
    command = [PYTHON, "-I", "-S", "-c", _START, str(urlsplit(RELAY).port), f"{PLACE}/{SOCKET}"]
    relay = await sandbox.start(command, folder="/")
    said = b""
    try:
        async with asyncio.timeout(_SECONDS):
            async for piece in relay.output():
                said += piece.data
                if said.endswith(b"ready\n"):
                    return
    except TimeoutError:
        pass
    raise SandboxUnavailable(f"The sandbox's way out did not open ({said[-200:].decode('utf-8', 'replace')}).")
