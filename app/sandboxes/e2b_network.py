"""The rules that E2B keeps for a sandbox's network: nothing goes out but to the hosts that were named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.sandbox import Network, NetworkRefused

if TYPE_CHECKING:
    from e2b.sandbox.sandbox_api import SandboxNetworkOpts

EVERYTHING = "0.0.0.0/0"
HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)


def rules(network: Network) -> SandboxNetworkOpts:
    """What E2B is told. NetworkRefused for what it would not keep to: routes, and a name for many hosts.

    Nobody but the holder of the sandbox's own token may call what listens in it.
    """
    if network.routes:
        raise NetworkRefused(
            "E2B cannot put credentials into a sandbox's requests as Deus asks for, so it was not made.",
            remedy="Use the local sandbox for what needs a credential.",
        )
    for host in sorted(network.allow):
        if not HOST.fullmatch(host):
            raise NetworkRefused(
                f"E2B cannot be held to the hosts {host[:200]!r}, so the sandbox was not made.",
                remedy="Name each host by its full name.",
            )
    told: SandboxNetworkOpts = {"deny_out": [EVERYTHING], "allow_public_traffic": False}
    if network.allow:
        told["allow_out"] = sorted(network.allow)
    return told
