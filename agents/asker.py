"""Who asked a run, in words that people read. Pure."""

from __future__ import annotations

from agents.ports import Turn

PLACES = {
    "slack": "in Slack",
    "teams": "in Teams",
    "web": "on the web",
    "widget": "in the widget",
    "inbox": "in the inbox",
    "api": "over the API",
    "cli": "in a terminal",
    "schedule": "by the schedule",
}


def asked_by(turn: Turn) -> str:
    """Such as “Sarah Chen (agent), in Slack”."""
    role = f" ({turn.role})" if turn.role else ""
    return f"{turn.name or turn.actor}{role}, {PLACES.get(turn.channel, 'in ' + turn.channel)}"
