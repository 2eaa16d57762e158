"""What tokens of a model cost, by LiteLLM's table, for calls that do not go through the model gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.models import UNKNOWN_PRICE, loaded_litellm
from app.sandboxes.broker_usage import Tokens


def prices(*, own_endpoint: bool) -> Callable[[str, Tokens], Awaitable[float]]:
    """US dollars for so many tokens of a model. One that is not in the table costs nothing at an endpoint of one's own,
    and elsewhere what the gateway reckons for unknown ones."""

    async def price(model: str, tokens: Tokens) -> float:
        litellm = await asyncio.to_thread(loaded_litellm)
        known = litellm.model_cost.get(model) or {}
        read = known.get("input_cost_per_token")
        if read is None:
            total = tokens.read + tokens.written + tokens.cached + tokens.caching
            return 0.0 if own_endpoint else total * UNKNOWN_PRICE / 1e6
        cached = known.get("cache_read_input_token_cost") or read
        caching = known.get("cache_creation_input_token_cost") or read
        written = known.get("output_cost_per_token") or 0.0
        return float(tokens.read * read + tokens.written * written + tokens.cached * cached + tokens.caching * caching)

    return price
