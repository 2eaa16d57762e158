"""What a sandbox may ask of the way out, by a request's head alone."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sandbox import Network, Route
from app.sandboxes.broker_policy import Call, Refusal, Tunnel, fault_of, is_host, judge, passed_back, passed_on

ROUTE = Route("model", "https://api.example.com/base/", frozenset({"POST"}), "/v1/(messages|models/[a-z0-9.-]+)", "key")
NETWORK = Network(frozenset({"example.com", "*.pythonhosted.org"}), (ROUTE,))
HERE = [("host", "127.0.0.1:3128")]


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("example.com:443", "example.com"),
        ("EXAMPLE.com:443", "example.com"),
        ("files.pythonhosted.org:443", "files.pythonhosted.org"),
    ],
)
def test_tunnels_go_to_allowed_names(target: str, host: str) -> None:
    assert judge(NETWORK, "CONNECT", target, [("host", target)]) == Tunnel(host)
    assert judge(NETWORK, "CONNECT", target, []) == Tunnel(host)


@pytest.mark.parametrize(
    "target",
    [
        "example.com:80",
        "example.com:0443",
        "example.com:44300",
        "example.com:+443",
        "example.com",
        "example.com:",
        ":443",
        "example.com.:443",
        ".example.com:443",
        "www.example.com:443",
        "evil-example.com:443",
        "example.com.evil.org:443",
        "pythonhosted.org:443",
        "a.b.pythonhosted.org:443",
        "evilpythonhosted.org:443",
        "*.pythonhosted.org:443",
        "user@example.com:443",
        "example.com:443@evil.org:443",
        "evil.org:443#example.com:443",
        "evil.org:443/example.com:443",
        "evil.org\\example.com:443",
        "evil.org%00example.com:443",
        "example.com:443:443",
        "127.0.0.1:443",
        "127.1:443",
        "2130706433:443",
        "0x7f000001:443",
        "0177.0.0.1:443",
        "0x7f.1:443",
        "[::1]:443",
        "[::ffff:127.0.0.1]:443",
        "::1:443",
        "localhost:443",
        "169.254.169.254:443",
        "metadata.google.internal:443",
        "http://example.com:443",
        "https://example.com/",
        "/example.com:443",
        "*",
        "ex\xe4mple.com:443",
        "example。com:443",
    ],
)
def test_no_tunnel_goes_anywhere_else(target: str) -> None:
    assert isinstance(judge(NETWORK, "CONNECT", target, []), Refusal)


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "evil.org")],
        [("host", "example.com:80")],
        [("host", "example.com"), ("host", "example.com")],
        [("host", "example.com"), ("content-length", "5")],
        [("host", "example.com"), ("transfer-encoding", "chunked")],
    ],
)
def test_a_tunnel_is_asked_for_in_one_way(headers: list[tuple[str, str]]) -> None:
    assert isinstance(judge(NETWORK, "CONNECT", "example.com:443", headers), Refusal)


def test_a_route_is_called_by_method_and_path() -> None:
    call = judge(NETWORK, "POST", "/model/v1/messages?beta=true", HERE)
    assert call == Call(ROUTE, "POST", "/v1/messages", "?beta=true")
    assert isinstance(call, Call)
    assert call.url == "https://api.example.com/base/v1/messages?beta=true"
    assert isinstance(judge(NETWORK, "POST", "/model/v1/messages", [("host", "LOCALHOST:3128")]), Call)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/model/v1/messages"),
        ("post", "/model/v1/messages"),
        ("TRACE", "/model/v1/messages"),
        ("POST", "/model/v1/messages/"),
        ("POST", "/model/v1/messages/../models/a"),
        ("POST", "/model/v1/./messages"),
        ("POST", "/model/v1//messages"),
        ("POST", "//model/v1/messages"),
        ("POST", "/model//v1/messages"),
        ("POST", "/model/v1/models/.."),
        ("POST", "/model/v1/models/."),
        ("POST", "/model/v1/%6dessages"),
        ("POST", "/model/v1/models/%2e%2e"),
        ("POST", "/model/v1/models/%2E%2E/admin"),
        ("POST", "/model/v1/models/a%2fb"),
        ("POST", "/model/v1/models/a%5cb"),
        ("POST", "/model/v1/models/a\\b"),
        ("POST", "/model/v1/messages#x"),
        ("POST", "/model/v1/messages?x=1#y"),
        ("POST", "/model/v1/messages;x"),
        ("POST", "/v1/messages"),
        ("POST", "/other/v1/messages"),
        ("POST", "/MODEL/v1/messages"),
        ("POST", "/model"),
        ("POST", "/"),
        ("POST", "*"),
        ("POST", ""),
        ("POST", "http://127.0.0.1:3128/model/v1/messages"),
        ("POST", "http://example.com/"),
        ("GET", "https://example.com/"),
        ("POST", "model/v1/messages"),
        ("POST", "/model/v1/messages\r\nX: y"),
        ("POST", "/model/v1/messages\x00"),
        ("POST", "/model/v1/m\xe9ssages"),
    ],
)
def test_nothing_but_a_route_is_called(method: str, target: str) -> None:
    assert isinstance(judge(NETWORK, method, target, HERE), Refusal)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("host", "api.example.com")],
        [("host", "127.0.0.1")],
        [("host", "127.0.0.1:80")],
        [("host", "127.0.0.1:3128"), ("host", "127.0.0.1:3128")],
        [*HERE, ("content-length", "3"), ("transfer-encoding", "chunked")],
        [*HERE, ("content-length", "3"), ("content-length", "3")],
    ],
)
def test_a_call_is_for_here_and_has_one_length(headers: list[tuple[str, str]]) -> None:
    assert isinstance(judge(NETWORK, "POST", "/model/v1/messages", headers), Refusal)


@given(st.text(string.printable + "äé。\u2028", max_size=60), st.sampled_from(["CONNECT", "GET", "POST", "OPTIONS"]))
def test_whatever_is_asked_for_only_what_is_allowed_is_let_out(target: str, method: str) -> None:
    leave = judge(NETWORK, method, target, HERE if method != "CONNECT" else [])
    if isinstance(leave, Tunnel):
        assert leave.host == "example.com" or leave.host.endswith(".pythonhosted.org")
        assert leave.host.count(".") <= 2
    elif isinstance(leave, Call):
        assert leave.url.startswith("https://api.example.com/base/v1/m")
        assert "/.." not in leave.path


def test_no_credential_of_the_sandbox_goes_on_and_none_comes_back() -> None:
    told = [
        ("Host", "127.0.0.1:3128"),
        ("authorization", "Bearer mine"),
        ("x-api-key", "mine"),
        ("cookie", "mine"),
        ("connection", "close, x-hop"),
        ("x-hop", "mine"),
        ("x-forwarded-for", "1.2.3.4"),
        ("te", "trailers"),
        ("accept-encoding", "gzip"),
        ("anthropic-version", "2023-06-01"),
        ("content-type", "application/json"),
    ]
    kept = passed_on(ROUTE, [(name.lower(), value) for name, value in told])
    assert kept == [("anthropic-version", "2023-06-01"), ("content-type", "application/json")]
    back = passed_back([("content-type", "text/plain"), ("set-cookie", "a=b"), ("transfer-encoding", "chunked")])
    assert back == [("content-type", "text/plain")]


@pytest.mark.parametrize(
    "name", ["Example.com", "example", "1.2.3.4", "a.0x7f", "example.com.", "*.com", "a..b", "-a.b"]
)
def test_what_is_no_host_name_is_not_allowed_for_one(name: str) -> None:
    assert not is_host(name)
    assert fault_of(Network(frozenset({name}))) is not None


@pytest.mark.parametrize(
    "route",
    [
        Route("Model", "https://a.example", frozenset({"GET"}), "/"),
        Route("model", "a.example", frozenset({"GET"}), "/"),
        Route("model", "ftp://a.example", frozenset({"GET"}), "/"),
        Route("model", "https://me:secret@a.example", frozenset({"GET"}), "/"),
        Route("model", "https://a.example/?x=1", frozenset({"GET"}), "/"),
        Route("model", "https://a.example", frozenset(), "/"),
        Route("model", "https://a.example", frozenset({"get"}), "/"),
        Route("model", "https://a.example", frozenset({"CONNECT"}), "/"),
        Route("model", "https://a.example", frozenset({"GET"}), "(/"),
        Route("model", "https://a.example", frozenset({"GET"}), "/", "key", "a b"),
        Route("model", "https://a.example", frozenset({"GET"}), "/", "key", "authorization", "Bearer"),
    ],
)
def test_a_route_that_is_not_well_written_is_told(route: Route) -> None:
    assert fault_of(Network(routes=(route,))) is not None


def test_two_routes_of_one_name_are_told() -> None:
    assert fault_of(Network(routes=(ROUTE, ROUTE))) == "Two routes have one name."
    assert fault_of(NETWORK) is None
