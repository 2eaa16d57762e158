"""What a connector sent and got, to be held against the vendor's description."""

from __future__ import annotations

import httpx

from tools.kit.connector import Connector


def noted(connector: Connector) -> list[httpx.Response]:
    """The list that every answer from now on is written down in, read whole."""
    exchanges: list[httpx.Response] = []

    async def note(response: httpx.Response) -> None:
        await response.aread()
        exchanges.append(response)

    connector.wire._client.event_hooks = {"response": [note]}
    return exchanges
