"""A conversation with a model that may use tools: its turn, and the port through which the agents hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agents.record import Usage


@dataclass(frozen=True)
class WantedCall:
    """A tool that a model wants used. `arguments` is what it wrote, which may be no JSON."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True)
class ModelTurn:
    """What a model said in its turn, the tools it wants used, and what that cost. `cut`: it ran out of tokens."""

    text: str
    calls: tuple[WantedCall, ...]
    usage: Usage
    cut: bool = False

    def message(self) -> dict[str, Any]:
        """The turn as a message of the conversation, in OpenAI's form."""
        calls = [
            {"id": one.id, "type": "function", "function": {"name": one.tool, "arguments": one.arguments}}
            for one in self.calls
        ]
        return {"role": "assistant", "content": self.text} | ({"tool_calls": calls} if calls else {})


class ConversingModel(Protocol):
    """A language model behind the gateway, which reserves budget before each call and refuses when it is spent."""

    name: str

    async def turn(
        self,
        system: str,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        workflow: str,
        most_tokens: int = 4000,
    ) -> ModelTurn:
        """The model's next turn. `messages` and `tools` (functions with JSON schemas) are in OpenAI's form.

        Raises BudgetSpent before a call that the run cannot pay, ModelUnusable for any failure.
        """
        ...
