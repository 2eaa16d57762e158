"""How many calls of a service may be under way at once, and who waits their turn."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

from anyio import CapacityLimiter

USUAL = 8


class Turns:
    """A limit for each service, over all runs. It holds for the workspace: processes that work together share it.

    `usual` holds for services that `limits` does not name. Each process gets its share rounded down, and one call at
    least, so that more processes than the limit come to one call each.
    """

    def __init__(self, usual: int = USUAL, limits: Mapping[str, int] | None = None) -> None:
        self._usual = usual
        self._limits = dict(limits or {})
        self._processes = 1
        self._turns: dict[str, CapacityLimiter] = {}

    def share(self, service: str) -> int:
        """The most calls of a service that are under way at once in this process."""
        return max(1, self._limits.get(service, self._usual) // self._processes)

    def shared_by(self, processes: int) -> None:
        """Says how many processes work together from now on. Calls that are under way are left to end."""
        self._processes = max(1, processes)
        for service, turns in self._turns.items():
            turns.total_tokens = self.share(service)

    @contextlib.asynccontextmanager
    async def of(self, service: str) -> AsyncIterator[None]:
        """Waits for a turn, first come, first served, and keeps it while the block runs."""
        turns = self._turns.setdefault(service, CapacityLimiter(self.share(service)))
        caller = object()  # one task may have several calls under way
        await turns.acquire_on_behalf_of(caller)
        try:
            yield
        finally:
            turns.release_on_behalf_of(caller)
