"""The pieces of streamed tool calls put together."""

from __future__ import annotations

from typing import Any

from agents.model_turn import WantedCall


class CallLines:
    """Puts the pieces together so that the arguments of each call become a line of their own."""

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


class CallParts:
    """Puts the pieces together to calls with their ids and names."""

    def __init__(self) -> None:
        self._parts: list[dict[str, str]] = []
        self._places: dict[int, int] = {}

    def feed(self, deltas: Any) -> None:
        """Takes further pieces."""
        for delta in deltas or ():
            part = self._part(delta)
            part["id"] = delta.id or part["id"]
            if delta.function is not None:
                part["tool"] = delta.function.name or part["tool"]
                part["arguments"] += delta.function.arguments or ""

    def calls(self) -> tuple[WantedCall, ...]:
        """The calls, in their order; one that came without an id or with another's gets one."""
        made: list[WantedCall] = []
        for number, part in enumerate(self._parts, 1):
            taken = {call.id for call in made}
            own = part["id"] if part["id"] and part["id"] not in taken else f"{part['id'] or 'call'}_{number}"
            made.append(WantedCall(own, part["tool"], part["arguments"]))
        return tuple(made)

    def _part(self, delta: Any) -> dict[str, str]:
        place = self._places.get(delta.index)
        # Some servers number every call 0; another id under a known number begins another call.
        begins = place is None or (delta.id and self._parts[place]["id"] not in ("", delta.id))
        if begins:
            place = self._places[delta.index] = len(self._parts)
            self._parts.append({"id": "", "tool": "", "arguments": ""})
        assert place is not None
        return self._parts[place]
