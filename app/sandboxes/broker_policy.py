"""What a sandbox may ask of the way out, judged from a request's head alone. Pure; what is unknown is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from agents.sandbox import RELAY, Network, Route

PORT = 443
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{4,253}}$){_LABEL}(?:\.{_LABEL})+")
_AUTHORITY = re.compile(r"(?P<host>[A-Za-z0-9.-]{1,253}):(?P<port>[0-9]{1,5})")
# What inet_aton reads as a number in the last place makes an address of the whole.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+/?")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_HERE = frozenset({urlsplit(RELAY).netloc, f"localhost:{urlsplit(RELAY).port}"})
# They say how one connection is kept, or are put in by the host; the way out makes its own.
_OWN_CONNECTION = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "expect",
        "host",
        "content-length",
        "accept-encoding",
        "forwarded",
        "via",
    ]
)
_CREDENTIALS = frozenset(["authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"])
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Tunnel:
    """Leave for a tunnel to a host's port 443."""

    host: str


@dataclass(frozen=True)
class Call:
    """Leave for one request of a route; `path` is without the query, and `query` has its question mark."""

    route: Route
    method: str
    path: str
    query: str = ""

    @property
    def url(self) -> str:
        """What is asked of the upstream."""
        return self.route.upstream.rstrip("/") + self.path + self.query


@dataclass(frozen=True)
class Refusal:
    """No leave: the status to answer with, and why in few words."""

    status: int
    reason: str


def fault_of(network: Network) -> str | None:
    """Why a network cannot be kept to as it is written; None if it can."""
    for name in network.allow:
        if not is_host(name.removeprefix("*.")):
            return f"{name!r} is no host name; write it as example.com or *.example.com, in lower case."
    if len({route.name for route in network.routes}) < len(network.routes):
        return "Two routes have one name."
    return next((fault for route in network.routes if (fault := _fault_of(route))), None)


def _fault_of(route: Route) -> str | None:
    upstream = urlsplit(route.upstream)
    plain = not (upstream.username or upstream.password or upstream.query or upstream.fragment)
    if upstream.scheme not in ("https", "http") or not upstream.hostname or not plain:
        return f"The route {route.name} has no base URL of a service as its upstream."
    good = (
        _NAME.fullmatch(route.name)
        and route.methods
        and all(_TOKEN.fullmatch(method) and method.isupper() and method != "CONNECT" for method in route.methods)
        and _TOKEN.fullmatch(route.header)
        and (route.secret is None or route.form.count("{}") == 1)
    )
    try:
        re.compile(route.path)
    except re.error:
        good = None
    return None if good else f"The route {route.name} has a name, method, path or header that cannot be used."


def is_host(name: str) -> bool:
    """Whether it is a full host name in lower case, and no address however written."""
    return bool(_HOST.fullmatch(name)) and not _NUMBER.fullmatch(name.rsplit(".", 1)[-1])


def is_allowed(host: str, allowed: Iterable[str]) -> bool:
    """Whether a host is among the names; *.example.com stands for names with exactly one label more."""
    return any(host == name or (name.startswith("*.") and host.partition(".")[2] == name[2:]) for name in allowed)


def judge(network: Network, method: str, target: str, headers: Headers) -> Tunnel | Call | Refusal:
    """Whether a request may go out; header names are in lower case."""
    hosts = [value.strip().lower() for name, value in headers if name == "host"]
    if len(hosts) > 1:
        return Refusal(400, "two hosts")
    lengths, codings = ([v for n, v in headers if n == name] for name in ("content-length", "transfer-encoding"))
    if len(lengths) + len(codings) > 1:
        return Refusal(400, "two lengths of one body")
    if method == "CONNECT":
        return Refusal(400, "a tunnel with a body") if lengths or codings else _tunnel(network, target, hosts)
    if not target.startswith("/"):
        return Refusal(403, "plain HTTP")
    return _call(network, method, target, hosts)


def _tunnel(network: Network, target: str, hosts: Sequence[str]) -> Tunnel | Refusal:
    match = _AUTHORITY.fullmatch(target)
    host = match["host"].lower() if match else ""
    if match is None or not is_host(host):
        return Refusal(403, "no host name")
    if match["port"] != str(PORT):
        return Refusal(403, "another port than 443")
    if hosts and hosts[0] not in (host, f"{host}:{PORT}"):
        return Refusal(400, "two hosts")
    return Tunnel(host) if is_allowed(host, network.allow) else Refusal(403, "host not allowed")


def _call(network: Network, method: str, target: str, hosts: Sequence[str]) -> Call | Refusal:
    path, mark, query = target.partition("?")
    if not hosts or hosts[0] not in _HERE:
        return Refusal(421, "plain HTTP")
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query) or {".", ".."} & set(path.split("/")):
        return Refusal(400, "a path that can be read in two ways")
    name, _, rest = path[1:].partition("/")
    route = next((route for route in network.routes if route.name == name), None)
    if route is None:
        return Refusal(403, "no such route")
    if method not in route.methods or not re.fullmatch(route.path, f"/{rest}"):
        return Refusal(403, "not on this route")
    return Call(route, method, f"/{rest}", mark + query)


def passed_on(route: Route, headers: Headers) -> list[tuple[str, str]]:
    """The headers of a request that go to the upstream: none of the connection's own, and no credential from inside."""
    named = {word.strip().lower() for name, value in headers if name == "connection" for word in value.split(",")}
    withheld = _OWN_CONNECTION | _CREDENTIALS | named | {route.header.lower()}
    return [(name, value) for name, value in headers if name not in withheld and not name.startswith("x-forwarded")]


def passed_back(headers: Headers) -> list[tuple[str, str]]:
    """The headers of an answer that go into the sandbox."""
    withheld = (_OWN_CONNECTION - {"content-length"}) | {"set-cookie", "www-authenticate", "alt-svc"}
    return [(name, value) for name, value in headers if name not in withheld]
