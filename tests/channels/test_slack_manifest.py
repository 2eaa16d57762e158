"""The manifest is made of what Deus truly uses in Slack: no scope, event or entry too few, and none too many."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.channels import slack_manifest
from app.channels.slack_entries import COMMAND, SHORTCUT
from app.channels.slack_listeners import MOVED, OPENED, QUESTIONS
from app.channels.slack_manifest import EVENTS, METHODS, SCOPES, as_json, as_yaml, manifest, missing

CHANNELS = Path(slack_manifest.__file__).parent
# The library's own ways to upload a file and to open a socket.
_BEHIND = {
    "files_upload_v2": ("files.getUploadURLExternal", "files.completeUploadExternal"),
}
# Of an app-level token, not of the bot's.
_OTHER = {"apps.connections.open"}


def called() -> set[str]:
    """The methods of the Web API that the channel's files call."""
    found: set[str] = set()
    for path in CHANNELS.glob("slack*.py"):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"_?client\.([a-z]+(?:_[a-zA-Z0-9]+)+)\(", text):
            if name in ("api_call", "connect_to_new_endpoint"):
                continue
            found |= set(_BEHIND.get(name, (dotted(name),)))
        found |= set(re.findall(r"\"((?:chat|files|views|users|assistant|conversations)\.[a-zA-Z.]+)\"", text))
    return {one for one in found if one in METHODS or not one.startswith("files.upload")} - _OTHER


def dotted(name: str) -> str:
    parts = name.split("_")
    return ".".join(parts) if len(parts) <= 3 else f"{parts[0]}.{'_'.join(parts[1:])}"


def test_it_asks_for_the_scopes_of_what_is_called_and_no_others() -> None:
    assert called() == set(METHODS)
    assert {"commands", *(one for names in (*METHODS.values(), *EVENTS.values()) for one in names)} == set(SCOPES)


def test_it_subscribes_to_what_is_listened_to() -> None:
    heard = {name.partition(".")[0] for name in EVENTS}
    assert heard <= {*QUESTIONS, *OPENED, *MOVED}
    # The older pane's events cannot be had beside the newer one's; apps that were made before still send them.
    assert {*QUESTIONS, *OPENED, *MOVED} - heard == {"assistant_thread_started", "assistant_thread_context_changed"}


def test_over_a_socket_it_names_no_address_and_over_http_one_for_all() -> None:
    over_socket = manifest()
    assert over_socket["settings"]["socket_mode_enabled"] is True
    assert "request_url" not in as_json(over_socket)
    over_http = manifest("https://deus.acme.test/")
    assert over_http["settings"]["socket_mode_enabled"] is False
    url = "https://deus.acme.test/slack/events"
    assert over_http["settings"]["event_subscriptions"]["request_url"] == url
    assert over_http["settings"]["interactivity"] == {"is_enabled": True, "request_url": url}
    assert over_http["features"]["slash_commands"][0]["url"] == url


def test_it_names_the_entries_as_they_are_listened_to() -> None:
    features = manifest()["features"]
    assert features["slash_commands"][0]["command"] == COMMAND
    assert features["shortcuts"][0]["callback_id"] == SHORTCUT
    assert features["app_home"]["home_tab_enabled"]
    assert set(features) == {"agent_view", "app_home", "bot_user", "shortcuts", "slash_commands"}
    assert len(features["agent_view"]["suggested_prompts"]) >= 1


@pytest.mark.parametrize("address", [None, "https://deus.acme.test"])
def test_it_reads_the_same_in_both_of_slack_s_languages_and_keeps_slack_s_limits(address: str | None) -> None:
    made: dict[str, Any] = manifest(address)
    assert yaml.safe_load(as_yaml(made)) == yaml.safe_load(as_json(made)) == made
    shown = made["display_information"]
    # https://docs.slack.dev/reference/app-manifest
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert all(len(one["name"]) <= 24 for one in made["features"]["shortcuts"])
    assert all(len(one["usage_hint"]) <= 1000 for one in made["features"]["slash_commands"])


def test_what_a_token_lacks_is_named() -> None:
    assert missing(SCOPES) == ()
    assert missing([one for one in SCOPES if one != "im:write"]) == ("im:write",)
