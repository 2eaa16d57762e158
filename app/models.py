"""The model gateway: any model that LiteLLM reaches, routed by workflow, within the run's budget, streamed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from agents.audit_facts import current_model_calls
from agents.budget import Budget, current_budget
from agents.errors import ModelUnusable
from agents.ports import ModelReply
from agents.record import Usage

# Workflows that a cheaper model does as well.
FAST = frozenset({"classify", "title"})
# A model whose price is not known is reckoned at this many US dollars a million tokens.
UNKNOWN_PRICE = 10.0
CHARACTERS_A_TOKEN = 3.0


@dataclass(frozen=True)
class ModelOptions:
    """Which models, where, with which key; `first` and `between` are how many seconds to wait for a piece."""

    name: str
    fast: str | None = None
    base_url: str | None = None
    key: str | None = None
    first: float = 30.0
    between: float = 15.0


class ToolCalls:
    """Puts the pieces of streamed tool calls together: the arguments of each call become a line of their own."""

    def __init__(self) -> None:
        self._index: int | None = None
        self._arguments = ""

    def feed(self, deltas: Any) -> str:
        """The lines of the calls that are complete, now that these pieces are there."""
        lines = ""
        for delta in deltas or ():
            if delta.index != self._index:
                lines += self.end()
                self._index = delta.index
            self._arguments += (delta.function.arguments if delta.function else None) or ""
        return lines

    def end(self) -> str:
        """The line of the last call."""
        arguments, self._arguments, self._index = self._arguments, "", None
        return f"\n{arguments}\n" if arguments else ""


class Gateway:
    """Calls models through LiteLLM, which is imported at the first call. Any failure is ModelUnusable."""

    def __init__(self, options: ModelOptions) -> None:
        self.name = options.name
        self._options = options

    async def stream(
        self,
        system: str,
        prompt: str,
        *,
        workflow: str,
        most_tokens: int = 4000,
        tool: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[str]:
        """The model's words as they come; the arguments of a call of `tool` are a line of JSON among them.

        Raises BudgetSpent before a call that the run cannot pay.
        """
        model = self._model(workflow)
        litellm = await asyncio.to_thread(_litellm)
        budget = current_budget.get()
        reserved = self._price(litellm, model, len(system) + len(prompt), most_tokens)
        tokens, reservation = round((len(system) + len(prompt)) / CHARACTERS_A_TOKEN) + most_tokens, ""
        if budget is not None:
            reservation = await budget.before_model(reserved, tokens)
        tell = current_model_calls.get()
        usage: Usage | None = None
        written, failure = 0, None
        try:
            async with asyncio.timeout(self._patience(budget, self._options.first)):
                pieces = await litellm.acompletion(
                    **self._request(model, system, prompt, most_tokens, tool),
                    stream=True,
                    stream_options={"include_usage": True},
                )
            wait = self._options.first
            calls = ToolCalls()
            iterator = pieces.__aiter__()
            while True:
                try:
                    async with asyncio.timeout(self._patience(budget, wait)):
                        piece = await anext(iterator)
                except StopAsyncIteration:
                    break
                wait = self._options.between
                usage = self._usage(litellm, model, getattr(piece, "usage", None)) or usage
                delta = piece.choices[0].delta if piece.choices else None
                text = ((delta.content or "") + calls.feed(delta.tool_calls)) if delta else ""
                if text:
                    written += len(text)
                    if written > most_tokens * 8:
                        raise ModelUnusable("The model does not come to an end.")
                    yield text
            if last := calls.end():
                yield last
        except TimeoutError as error:
            failure = "does not answer"
            raise ModelUnusable(f"The model {model} does not answer.") from error
        except _failures(litellm) as error:
            failure = type(error).__name__
            raise ModelUnusable(f"The model {model} cannot be used ({failure}).") from error
        finally:
            cost = usage or self._estimate(litellm, model, len(system) + len(prompt), written)
            if budget is not None:
                await budget.after_model(reservation, reserved, tokens, cost)
            if tell is not None:
                tell(model=model, workflow=workflow, error=failure, **_told(system, prompt, cost))

    async def complete(self, system: str, prompt: str, *, workflow: str, most_tokens: int = 1000) -> ModelReply:
        """The model's whole answer."""
        parts = [text async for text in self.stream(system, prompt, workflow=workflow, most_tokens=most_tokens)]
        return ModelReply("".join(parts), Usage(model_calls=1))

    async def close(self) -> None:
        """Closes the connections that LiteLLM keeps, if it was ever loaded."""
        if "litellm" in sys.modules:
            from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

            await close_litellm_async_clients()

    def _model(self, workflow: str) -> str:
        chosen = self._options.fast if workflow in FAST and self._options.fast else self._options.name
        # An endpoint of one's own speaks OpenAI's protocol whatever its models are called.
        return f"openai/{chosen}" if self._options.base_url and "/" not in chosen else chosen

    def _request(
        self, model: str, system: str, prompt: str, most_tokens: int, tool: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        offered = {"tools": [{"type": "function", "function": dict(tool)}]} if tool else {}
        return {
            **offered,
            "model": model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}],
            "max_tokens": most_tokens,
            "api_base": self._options.base_url,
            "api_key": self._options.key or ("none" if self._options.base_url else None),
            "num_retries": 0,
            "timeout": self._options.first + self._options.between,
        }

    def _patience(self, budget: Budget | None, most: float) -> float:
        return min(most, budget.seconds_left()) if budget is not None else most

    def _price(self, litellm: Any, model: str, characters: int, most_tokens: int) -> float:
        """The most that a call can cost, in US dollars."""
        return self._cost(litellm, model, round(characters / CHARACTERS_A_TOKEN), most_tokens)

    def _cost(self, litellm: Any, model: str, tokens_in: int, tokens_out: int) -> float:
        price = litellm.model_cost.get(model) or litellm.model_cost.get(model.partition("/")[2]) or {}
        if "input_cost_per_token" not in price:
            return 0.0 if self._options.base_url else (tokens_in + tokens_out) * UNKNOWN_PRICE / 1e6
        paid_out = price.get("output_cost_per_token") or 0.0
        return float(tokens_in * price["input_cost_per_token"] + tokens_out * paid_out)

    def _usage(self, litellm: Any, model: str, told: Any) -> Usage | None:
        if told is None:
            return None
        tokens_in, tokens_out = int(told.prompt_tokens or 0), int(told.completion_tokens or 0)
        return Usage(tokens_in=tokens_in, tokens_out=tokens_out, usd=self._cost(litellm, model, tokens_in, tokens_out))

    def _estimate(self, litellm: Any, model: str, read: int, written: int) -> Usage:
        """What a call that told no usage must have cost."""
        tokens_in, tokens_out = round(read / CHARACTERS_A_TOKEN), round(written / CHARACTERS_A_TOKEN)
        return Usage(tokens_in=tokens_in, tokens_out=tokens_out, usd=self._cost(litellm, model, tokens_in, tokens_out))


def _told(system: str, prompt: str, cost: Usage) -> dict[str, Any]:
    """What is recorded of a call: its cost, and its words' hash, never the words."""
    words = f"{system}\n\n{prompt}"
    known = {"prompt": hashlib.sha256(words.encode("utf-8", "replace")).hexdigest(), "chars": len(words)}
    return known | cost.model_dump(include={"tokens_in", "tokens_out", "usd"})


@cache
def _litellm() -> Any:
    """LiteLLM, told to send nothing about us and to fetch nothing.

    It imports most of itself at its first call, which would hold up the event loop for seconds; a call that it answers
    itself makes it do so here.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.drop_params = True
    litellm.disable_aiohttp_transport = True
    rehearsal = [{"role": "user", "content": "rehearsal"}]
    for _ in litellm.completion(
        model="openai/rehearsal", messages=rehearsal, mock_response="done", stream=True, api_key="none"
    ):
        pass
    return litellm


def _failures(litellm: Any) -> tuple[type[Exception], ...]:
    """What LiteLLM raises when a model or its endpoint fails."""
    import httpx
    import openai

    return (openai.OpenAIError, httpx.HTTPError, litellm.exceptions.APIError, ValueError)
