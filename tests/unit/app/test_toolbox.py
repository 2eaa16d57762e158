"""The toolbox: which services count as connected, and how their failures come back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import pytest

from app.toolbox import ConnectedToolbox, computed, connect
from tools.kit.errors import UserMustMend
from tools.kit.wire import open_client
from tools.verbs import ErrorsSearch

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
SENTRY = {"base_url": "http://127.0.0.1:1/sentry", "token": "t-secret", "organization": "acme"}


async def toolbox(services: Mapping[str, Mapping[str, str]], handler: httpx.MockTransport) -> ConnectedToolbox:
    async with open_client(handler) as client:
        return ConnectedToolbox(connect(services, client, lambda: NOW))


def refusing(request: httpx.Request) -> httpx.Response:
    return httpx.Response(403, json={"detail": "You do not have permission."})


async def test_a_service_is_connected_once_its_required_settings_are_there() -> None:
    transport = httpx.MockTransport(refusing)
    tools = await toolbox({"sentry": SENTRY, "github": {"base_url": "http://127.0.0.1:1"}}, transport)
    assert list(tools.connected) == ["sentry"]
    assert tools.services("errors.search") == ["sentry"]
    assert tools.services("pulls.search") == []
    assert (tools.title("sentry"), tools.title("nowhere")) == ("Sentry", "Nowhere")


async def test_a_setting_with_a_bad_value_is_named() -> None:
    async with open_client(httpx.MockTransport(refusing)) as client:
        with pytest.raises(UserMustMend, match=r"DEUS_SENTRY_COLOUR .*deus connect sentry"):
            connect({"sentry": {**SENTRY, "colour": "red"}}, client, lambda: NOW)


async def test_a_refusal_is_a_reply_with_its_remedy_and_what_was_asked() -> None:
    async with open_client(httpx.MockTransport(refusing)) as client:
        tools = ConnectedToolbox(connect({"sentry": SENTRY}, client, lambda: NOW))
        reply = await tools.ask("sentry", ErrorsSearch())
    assert reply.nouns == ()
    assert "permission" in str(reply.error)
    assert reply.remedy == "Run `deus connect sentry`."
    assert reply.asked[0]["status"] == 403
    assert "t-secret" not in str(reply.asked)


async def test_computed_verbs_are_found_by_their_modules() -> None:
    found = computed()
    assert found
    assert all(name.startswith("analyze.") for name in found)
    tools = await toolbox({}, httpx.MockTransport(refusing))
    assert {"evidence.search", "writes.undo", *found} == set(tools.verbs())
