"""The manifest of the Slack app that Deus is: exactly what its listeners and calls need, and nothing more. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from app.channels.slack_assistant import prompts
from app.channels.slack_entries import COMMAND, SHORTCUT

NAME = "Deus"
PATH = "/slack/events"
WHAT = "Ask about the company's tools; whatever is to change waits for a yes."
# The scopes that each method of the Web API asks for, as docs.slack.dev/reference/methods has them.
METHODS: Mapping[str, tuple[str, ...]] = {
    "assistant.threads.setStatus": ("assistant:write",),
    "assistant.threads.setSuggestedPrompts": ("assistant:write",),
    "assistant.threads.setTitle": ("assistant:write",),
    "auth.test": (),
    "chat.appendStream": ("chat:write",),
    "chat.delete": ("chat:write",),
    "chat.getPermalink": (),
    "chat.postEphemeral": ("chat:write",),
    "chat.postMessage": ("chat:write",),
    "chat.startStream": ("chat:write",),
    "chat.stopStream": ("chat:write",),
    "chat.update": ("chat:write",),
    "conversations.info": ("channels:read", "groups:read"),
    "conversations.members": ("channels:read", "groups:read"),
    "conversations.open": ("im:write",),
    "conversations.replies": ("channels:history", "groups:history", "im:history"),
    "files.completeUploadExternal": ("files:write",),
    "files.delete": ("files:write",),
    "files.getUploadURLExternal": ("files:write",),
    "users.info": ("users:read", "users:read.email"),
    "views.open": (),
    "views.publish": (),
}
# The events that are listened to, and the scopes without which Slack does not send them.
EVENTS: Mapping[str, tuple[str, ...]] = {
    "app_context_changed": ("assistant:write",),
    "app_home_opened": (),
    "app_mention": ("app_mentions:read",),
    "message.channels": ("channels:history",),
    "message.groups": ("groups:history",),
    "message.im": ("im:history",),
}
SCOPES = tuple(sorted({"commands", *(one for needed in (*METHODS.values(), *EVENTS.values()) for one in needed)}))
APP_SCOPE = "connections:write"


def manifest(address: str | None = None) -> dict[str, Any]:
    """The manifest, for api.slack.com/apps → Create New App → From a manifest. Over a socket; with the public `address`
    of Deus, over HTTP."""
    url = {"request_url": f"{address.rstrip('/')}{PATH}"} if address else {}
    command = {"command": COMMAND, "description": "Ask Deus", "usage_hint": "[question] | runs | help"}
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {"name": NAME, "description": WHAT, "background_color": "#1d2433"},
        "features": {
            "agent_view": {"agent_description": WHAT, "suggested_prompts": prompts(())},
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": NAME, "always_online": True},
            "shortcuts": [
                {
                    "name": "Ask Deus about this",
                    "type": "message",
                    "callback_id": SHORTCUT,
                    "description": "Ask about a message",
                }
            ],
            "slash_commands": [{**command, "should_escape": False, **({"url": url["request_url"]} if url else {})}],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**url, "bot_events": sorted(EVENTS)},
            "interactivity": {"is_enabled": True, **url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }


def as_yaml(made: Mapping[str, Any]) -> str:
    """A manifest to paste."""
    import yaml

    return yaml.safe_dump(dict(made), sort_keys=False, allow_unicode=True, width=1000)


def as_json(made: Mapping[str, Any]) -> str:
    """The same in JSON, which Slack takes as well."""
    return json.dumps(made, indent=2)


def missing(given: Collection[str]) -> tuple[str, ...]:
    """The scopes that a token lacks."""
    return tuple(one for one in SCOPES if one not in set(given))
