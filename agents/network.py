"""What a sandbox may reach: nothing, hosts by their names, or services by routes on which the host adds the key."""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.tally import Tally

MIB = 1024 * 1024
# Where a sandbox with a network of its own finds the way out: an HTTP proxy on its own loopback.
RELAY = "http://127.0.0.1:3128"


@dataclass(frozen=True)
class Route:
    """A service that a sandbox may call in plain HTTP at RELAY/NAME/…; the host adds TLS and the credential.

    `upstream` is a base URL. `methods`, and `path` as a regular expression for the whole path behind the name (which
    begins with /), say what may be asked. `secret` is the name by which the host knows the credential; its value is
    put into the header `header` in the place of {} in `form`, and is never inside, nor here. With a `tally` it is a
    model that is called: what its answers cost is counted there and against the run's budget.
    """

    name: str
    upstream: str
    methods: frozenset[str]
    path: str
    secret: str | None = None
    header: str = "authorization"
    form: str = "Bearer {}"
    tally: Tally | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Traffic:
    """How much a sandbox may send and get. `sent` and `received` are the most bytes of one request or tunnel;
    `seconds` is the longest that one may take, `quiet` the longest without a byte."""

    requests: int = 1000
    at_once: int = 16
    sent: int = 32 * MIB
    received: int = 256 * MIB
    seconds: float = 900.0
    quiet: float = 120.0


@dataclass(frozen=True)
class Network:
    """What a sandbox may reach; nothing unless named. Its own loopback is always its own.

    `allow` are hosts for TLS on port 443: exact names, or *.example.com for the names with one label more. Every
    request is kept in the audit log, allowed or refused.
    """

    allow: frozenset[str] = frozenset()
    routes: tuple[Route, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def is_closed(self) -> bool:
        """Nothing can be reached."""
        return not self.allow and not self.routes
