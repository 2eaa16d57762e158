"""Which sandboxes tell their commands of a relay: those that have one."""

from __future__ import annotations

from agents.sandbox import RELAY, Network, Route
from app.sandboxes.gate import way_out
from app.sandboxes.local_sandbox import LocalSandbox
from app.sandboxes.supervised import SupervisedSandbox


def test_a_sandbox_without_a_network_is_told_of_none() -> None:
    assert way_out(Network()) == {}


def test_one_with_a_network_finds_the_relay_and_asks_itself_directly() -> None:
    route = Route("model", "https://api.example.com", frozenset({"POST"}), "/")
    for network in (Network(frozenset({"example.com"})), Network(routes=(route,))):
        told = way_out(network)
        assert {told["HTTPS_PROXY"], told["http_proxy"]} == {RELAY}
        assert "127.0.0.1" in told["NO_PROXY"]


def test_only_the_local_sandbox_has_a_relay() -> None:
    assert "way_out" in vars(LocalSandbox)
    assert SupervisedSandbox.way_out(object()) == {}  # type: ignore[arg-type]
