"""The model gateway: any model that LiteLLM reaches, routed by workflow, within the run's budget, streamed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from agents.audit_facts import current_model_calls
from agents.budget import Budget, current_budget
from agents.errors import ModelUnusable
from agents.model_turn import ModelTurn
from agents.ports import ModelReply
from agents.record import Usage
from app.model_calls import CallLines, CallParts

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
        request = self._request(
            workflow, system, [{"role": "user", "content": prompt}], [tool] if tool else [], most_tokens
        )
        calls = CallLines()
        async with aclosing(self._pieces(request, _Told(workflow, f"{system}\n\n{prompt}"))) as pieces:
            async for piece in pieces:
                text = (piece.delta.content or "") + calls.feed(piece.delta.tool_calls)
                if text:
                    yield text
        if last := calls.end():
            yield last

    async def turn(
        self,
        system: str,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        workflow: str,
        most_tokens: int = 4000,
    ) -> ModelTurn:
        """The model's next turn in a conversation with tools.

        Raises BudgetSpent before a call that the run cannot pay.
        """
        request = self._request(workflow, system, messages, tools, most_tokens)
        told, calls = _Told(workflow, json.dumps([system, *messages], ensure_ascii=False)), CallParts()
        words: list[str] = []
        cut = False
        async with aclosing(self._pieces(request, told)) as pieces:
            async for piece in pieces:
                words.append(piece.delta.content or "")
                calls.feed(piece.delta.tool_calls)
                cut = cut or piece.finish_reason == "length"
        return ModelTurn("".join(words), calls.calls(), told.cost, cut)

    async def _pieces(self, request: Mapping[str, Any], told: _Told) -> AsyncGenerator[Any, None]:
        """The pieces of an answer as they come; `told` holds what the call cost when they have ended."""
        litellm = await asyncio.to_thread(loaded_litellm)
        budget, tell = current_budget.get(), current_model_calls.get()
        model, most_tokens, read = str(request["model"]), int(request["max_tokens"]), len(told.words)
        reserved = self._price(litellm, model, read, most_tokens)
        tokens, reservation = round(read / CHARACTERS_A_TOKEN) + most_tokens, ""
        if budget is not None:
            reservation = await budget.before_model(reserved, tokens)
        usage: Usage | None = None
        written, failure = 0, None
        try:
            async with asyncio.timeout(self._patience(budget, self._options.first)):
                answer = await litellm.acompletion(**request, stream=True, stream_options={"include_usage": True})
            wait = self._options.first
            iterator = answer.__aiter__()
            while True:
                try:
                    async with asyncio.timeout(self._patience(budget, wait)):
                        piece = await anext(iterator)
                except StopAsyncIteration:
                    break
                wait = self._options.between
                usage = self._usage(litellm, model, getattr(piece, "usage", None)) or usage
                if not piece.choices:
                    continue
                written += _length(piece.choices[0].delta)
                if written > most_tokens * 8:
                    raise ModelUnusable("The model does not come to an end.")
                yield piece.choices[0]
        except TimeoutError as error:
            failure = "does not answer"
            raise ModelUnusable(f"The model {model} does not answer.") from error
        except _failures(litellm) as error:
            failure = type(error).__name__
            raise ModelUnusable(f"The model {model} cannot be used ({failure}).") from error
        finally:
            told.cost = usage or self._estimate(litellm, model, read, written)
            if budget is not None:
                await budget.after_model(reservation, reserved, tokens, told.cost)
            if tell is not None:
                tell(model=model, workflow=told.workflow, error=failure, **told.facts())

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
        self,
        workflow: str,
        system: str,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        most_tokens: int,
    ) -> Mapping[str, Any]:
        offered = {"tools": [{"type": "function", "function": dict(tool)} for tool in tools]} if tools else {}
        return {
            **offered,
            "model": self._model(workflow),
            "messages": [{"role": "system", "content": system}, *map(dict, messages)],
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


@dataclass
class _Told:
    """What is recorded of a call: its cost, and its words' hash, never the words."""

    workflow: str
    words: str
    cost: Usage = field(default_factory=Usage)

    def facts(self) -> dict[str, Any]:
        known = {
            "prompt": hashlib.sha256(self.words.encode("utf-8", "replace")).hexdigest(),
            "chars": len(self.words),
        }
        return known | self.cost.model_dump(include={"tokens_in", "tokens_out", "usd"})


def _length(delta: Any) -> int:
    """How many characters a piece of an answer has, those of its calls among them."""
    calls = (one.function.arguments for one in delta.tool_calls or () if one.function)
    return len(delta.content or "") + sum(len(arguments or "") for arguments in calls)


@cache
def loaded_litellm() -> Any:
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
