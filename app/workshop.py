"""What of the product takes seconds to load, and the memory that stands in for one that is off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agents.ports import Memory, Recalled
from app.code_bench import CodeBench, NoSandboxes
from tools.kit.errors import DeusError, UserMustMend

if TYPE_CHECKING:
    import sqlalchemy as sa

    from app.engine import Engine
    from app.stores.context import Context

log = logging.getLogger(__name__)


class NoMemory:
    """Remembers nothing; stands in where DEUS_MEMORY is off."""

    async def recall(self, text: str, limit: int = 8) -> Sequence[Recalled]:
        return ()

    async def remember(self, run: str, question: str, answer: str, at: datetime) -> None:
        pass


class Workshop:
    """What takes seconds to load: the engine, the planner, the memory. It loads in the background, once.

    `bench` has the sandboxes.
    """

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.memory: Memory = NoMemory()
        self.context: Context | None = None
        self.bench = CodeBench(NoSandboxes(), None)
        self._what: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._loading: asyncio.Task[None] | None = None

    def load(self, what: Callable[[], Coroutine[Any, Any, None]], *, at_once: bool) -> None:
        """Takes charge of loading: at once, or when something first asks for it to be `ready`."""
        self._what = what
        if at_once:
            self._begin()

    def _begin(self) -> asyncio.Task[None]:
        if self._loading is None:
            assert self._what is not None, "nothing was given to load"
            self._loading = asyncio.create_task(self._what(), name="load Deus")
        return self._loading

    async def ready(self) -> None:
        """Waits until everything is loaded; raises UserMustMend with the reason where it could not be."""
        try:
            await asyncio.shield(self._begin())
        except DeusError:
            raise
        except Exception as error:
            log.exception("Deus could not start")
            raise UserMustMend("Deus could not start; its log says why.") from error

    def state(self) -> str:
        """starting, ready, or why not."""
        if self._loading is None or not self._loading.done():
            return "starting"
        if self._loading.cancelled():
            return "stopped"
        error = self._loading.exception()
        return "ready" if error is None else str(error) if isinstance(error, DeusError) else "failed; see the log"

    def dispatch(self, connection: sa.Connection, run: str, n: int, delay: float = 0.0) -> None:
        """Queues a run's segment; `ready` has been awaited."""
        assert self.engine is not None
        self.engine.dispatch(connection, run, n, delay)

    async def stop(self, run: str) -> None:
        """Ends a run that is driven here."""
        if self.engine is not None:
            await self.engine.stop(run)

    async def close(self) -> None:
        """Stops loading, then the engine."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        if self.engine is not None:
            await self.engine.close()
