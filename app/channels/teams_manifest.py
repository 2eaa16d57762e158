"""The manifest of the Teams app that Deus is. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

SCHEMA = "https://developer.microsoft.com/json-schemas/teams/v1.19/MicrosoftTeams.schema.json"
SCOPES = ["personal", "team", "groupChat"]
PROMPTS = (
    ("What blocks a milestone", "What's blocking the auth milestone?"),
    ("Escalate bugs", "Escalate the critical bugs"),
    ("What ships this week", "What features are we shipping this week?"),
)


def manifest(app_id: str, address: str) -> dict[str, Any]:
    """The manifest for an app id and the public address of Deus; the zip needs color.png and outline.png beside it."""
    address = address.rstrip("/")
    return {
        "$schema": SCHEMA,
        "manifestVersion": "1.19",
        "version": "1.0.0",
        "id": app_id,
        "developer": {
            "name": "Deus",
            "websiteUrl": address,
            "privacyUrl": f"{address}/",
            "termsOfUseUrl": f"{address}/",
        },
        "name": {"short": "Deus", "full": "Deus"},
        "description": {
            "short": "Ask about the company's tools; whatever is to change waits for a yes.",
            "full": "Deus looks into the tools that the company uses, answers with evidence that one can open, and "
            "prepares changes that are made once somebody has said yes.",
        },
        "icons": {"color": "color.png", "outline": "outline.png"},
        "accentColor": "#1d2433",
        "bots": [
            {
                "botId": app_id,
                "scopes": SCOPES,
                "isNotificationOnly": False,
                "supportsFiles": False,
                "commandLists": [
                    {"scopes": SCOPES, "commands": [{"title": name, "description": said} for name, said in PROMPTS]}
                ],
            }
        ],
        "validDomains": [urlsplit(address).hostname or ""],
    }
