"""How the demo company's Slack tells Deus of what was said and pressed: signed requests, as Slack itself sends them."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from app.channels.slack_requests import signature

PATH = "/slack/events"
TEAM, APP, BOT = "T0DEMO000", "A0DEUS000", "U0DEUS000"
PATIENCE = 10.0  # seconds


@dataclass
class Doorbell:
    """Where Deus listens, and the secret that only it and this Slack know."""

    deus: str
    secret: str = field(repr=False)
    _numbers: Any = field(default_factory=lambda: itertools.count(time.time_ns()), repr=False)

    async def event(self, event: Mapping[str, Any]) -> httpx.Response:
        """An event of the Events API."""
        body = {
            "type": "event_callback", "team_id": TEAM, "api_app_id": APP, "event_id": f"Ev{next(self._numbers)}",
            "event_time": int(time.time()), "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
            "event": dict(event),
        }  # fmt: skip
        return await self._ring(json.dumps(body).encode(), "application/json")

    async def interaction(self, payload: Mapping[str, Any]) -> httpx.Response:
        """A button that was pressed, or a form that was submitted."""
        return await self._ring(
            urlencode({"payload": json.dumps(payload)}).encode(), "application/x-www-form-urlencoded"
        )

    async def command(self, form: Mapping[str, str]) -> httpx.Response:
        """A slash command."""
        return await self._ring(urlencode(form).encode(), "application/x-www-form-urlencoded")

    def trigger(self) -> str:
        """What an interaction carries so that a modal may be opened by it, once."""
        return f"{next(self._numbers)}.trigger"

    async def _ring(self, body: bytes, kind: str) -> httpx.Response:
        now = str(int(time.time()))
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": signature(self.secret, now, body),
        }
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            return await client.post(f"{self.deus}{PATH}", content=body, headers=headers)
