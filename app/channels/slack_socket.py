"""Socket Mode: a socket to Slack that is watched from outside, and opened anew when it is open and yet dead."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

if TYPE_CHECKING:
    from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
    from slack_bolt.async_app import AsyncApp

log = logging.getLogger(__name__)

GOODBYE = 1.0  # seconds
MEND = "Run `deus connect slack --bot --check`: it says which token Slack refuses."
EXPECTED = (SlackApiError, SlackClientError, aiohttp.ClientError, TimeoutError, OSError)
REFUSED = ("invalid_auth", "not_authed", "not_allowed_token_type", "token_revoked", "account_inactive", "link_disabled")


@dataclass(frozen=True)
class Watch:
    """How the socket is watched, in seconds: it is pinged every `look`, counts as dead after `silence` without a pong
    or a message, gets `patience` to open, and Slack's Web API is asked who we are every `keepalive`."""

    look: float = 10.0
    silence: float = 35.0
    patience: float = 30.0
    keepalive: float = 240.0
    longest_wait: float = 60.0


class Socket:
    """One socket at a time. Slack's library watches it as well; this stands beside it, for a watch that hangs with what
    it watches sees nothing (slackapi/bolt-python#1529, slackapi/python-slack-sdk#1110, #1701)."""

    def __init__(self, bolt: AsyncApp, token: str, watch: Watch) -> None:
        self._bolt = bolt
        self._token = token
        self._watch = watch
        self._handler: AsyncSocketModeHandler | None = None
        self._signed = 0.0
        self.opened = 0

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The socket is kept open while the block runs."""
        tasks = [
            asyncio.create_task(self._watched(), name="Slack's socket"),
            asyncio.create_task(self._kept_alive(), name="Slack's keepalive"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._close()

    def is_alive(self) -> bool:
        """Whether something came over the socket lately, and those who take it up are there."""
        client: Any = self._handler.client if self._handler is not None else None
        if client is None or client.current_session is None or client.current_session.closed:
            return False
        hands = (client.message_receiver, client.message_processor)
        if any(hand is None or hand.done() for hand in hands):
            return False
        return time.time() - max(self._signed, client.last_ping_pong_time or 0.0) < self._watch.silence

    async def _watched(self) -> None:
        failed = 0
        while True:
            try:
                if self.is_alive():
                    await self._ping()
                else:
                    await self._open()
                failed = 0
            except EXPECTED as error:
                failed += 1
                self._complain(error)
            except Exception:  # a background task's top
                failed += 1
                log.exception("The socket to Slack could not be opened; it is tried again.")
            await asyncio.sleep(min(self._watch.longest_wait, self._watch.look * 2 ** min(failed, 6)))

    async def _open(self) -> None:
        """Opens a socket of its own, whatever state the last one was left in."""
        from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

        if self._handler is not None:
            log.warning("The socket to Slack is dead; it is opened anew.")
        await self._close()
        # It belongs to the running loop, and starts tasks in it.
        self._handler = AsyncSocketModeHandler(self._bolt, self._token)
        self._handler.client.on_message_listeners.append(self._said)
        async with asyncio.timeout(self._watch.patience):
            await self._handler.client.connect_to_new_endpoint(force=True)
        self._signed = time.time()
        self.opened += 1

    async def _ping(self) -> None:
        """Asks for a sign of life; the library notes the pong."""
        session: Any = self._handler.client.current_session if self._handler is not None else None
        if session is not None:
            await session.ping(f"sdk-ping-pong:{time.time()}".encode())

    async def _said(self, message: Any) -> None:
        self._signed = time.time()

    async def _close(self) -> None:
        handler, self._handler = self._handler, None
        if handler is None:
            return
        closing: Any = handler.client
        hands = (closing.current_session_monitor, closing.message_receiver, closing.message_processor)
        for hand in filter(None, hands):
            hand.cancel()
        try:
            # What is dead answers no goodbye.
            async with asyncio.timeout(GOODBYE):
                await closing.close()
        except Exception:  # what comes next must not wait for it
            log.info("A socket to Slack could not be closed; it is left.", exc_info=True)
        finally:
            await closing.aiohttp_client_session.close()

    async def _kept_alive(self) -> None:
        """Asks Slack who we are: what stands between may forget a line on which nothing is said."""
        while True:
            await asyncio.sleep(self._watch.keepalive)
            try:
                await self._bolt.client.auth_test()
            except EXPECTED as error:
                self._complain(error)
            except Exception:  # a background task's top
                log.exception("Slack could not be asked who Deus is there; it is tried again.")

    def _complain(self, error: Exception) -> None:
        code = str(error.response.get("error")) if isinstance(error, SlackApiError) else ""
        if code in REFUSED:
            log.error("Slack refuses Deus (%s). %s", code, MEND)
        else:
            log.warning("The socket to Slack could not be opened (%s); it is tried again.", code or repr(error))
