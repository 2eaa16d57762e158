"""Slack's Web API at the pace that Slack allows: what one call was told to wait for, all of its method wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

TRIES = 5
LONGEST = 120.0  # seconds; who is told to wait longer is told so to the caller
UNSAID = 1.0  # seconds, where Slack does not say how long


class PacedClient(AsyncWebClient):
    """A client that honours 429 with Retry-After, method by method, as Slack counts."""

    def __init__(
        self,
        *given: Any,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **named: Any,
    ) -> None:
        super().__init__(*given, **named)
        self._clock = clock
        self._sleep = sleep
        self._closed: dict[str, float] = {}

    async def api_call(self, api_method: str, **given: Any) -> Any:
        """One call. Raises SlackApiError; a rate limit only where it does not end."""
        for left in reversed(range(TRIES)):
            while (seconds := self._closed.get(api_method, 0.0) - self._clock()) > 0:
                await self._sleep(seconds)
            try:
                return await super().api_call(api_method, **given)
            except SlackApiError as error:
                wait = _wait(error)
                if wait is None or wait > LONGEST:
                    raise
                self._closed[api_method] = max(self._closed.get(api_method, 0.0), self._clock() + wait)
                if not left:
                    raise
        raise AssertionError("the last try returns or raises")


def _wait(error: SlackApiError) -> float | None:
    """How many seconds Slack wants to be left alone; None if that is not what it says."""
    if error.response.status_code != 429:
        return None
    told = {str(name).lower(): str(value) for name, value in (error.response.headers or {}).items()}
    try:
        return max(float(told["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return UNSAID
