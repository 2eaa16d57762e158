"""The workspace's sandboxes: opened as the settings say, in turn, and looked after while Deus runs."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from agents.sandbox import Ending, Info, Limits, Mount, Network, Sandbox, Sandboxes, SandboxGone, SandboxUnavailable
from app.sandboxes.catalog import Means, Provider, provider
from app.sandboxes.queue import QueuedSandboxes
from app.settings_code import OFF
from app.worker import Worker
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

log = logging.getLogger(__name__)

# The metadata of every sandbox by which a later process sees whether the one that made it still lives.
MAKER = "maker"


class CodeBench:
    """`sandboxes` is for whoever runs code; what they lack is said when one is asked for."""

    def __init__(self, sandboxes: Sandboxes, provider: Provider | None) -> None:
        self.sandboxes, self.provider = sandboxes, provider
        self._seen = "not looked at yet"

    def state(self) -> str:
        """What people are told: which sandboxes there are and whether they can be had, or what would mend it."""
        if self.provider is None:
            return OFF
        return f"{self.provider.title}: {self._seen}"

    async def look(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Clears away what an earlier Deus left, and tries whether a sandbox can be had; tells it in one line."""
        if self.provider is None:
            tell("Sandboxes: off (DEUS_SANDBOX)")
            return
        try:
            await self.provider.look()
            if cleared := await self.provider.clear(is_left):
                log.info("%d sandboxes or parts of them were left by an earlier Deus; they are gone.", cleared)
            tell(f"Sandboxes: {self.provider.title}")
            self._seen = "ready as soon as what code works with is made"
            await self.provider.prepare()
            self._seen = "ready"
        except DeusError as error:
            self._seen = str(error)
            tell(f"Sandboxes: {error}")
        except Exception:
            # Deus works without; whoever asks for a sandbox gets the reason then.
            log.exception("The sandboxes could not be looked at")
            self._seen = "failed; see the log"


def is_left(info: Info) -> bool:
    """Whether the process that made a sandbox has ended for certain. Of one on another machine that is not known."""
    try:
        return Worker(**json.loads(info.metadata.get(MAKER, ""))).has_ended()
    except (TypeError, ValueError):
        return False


class NoSandboxes:
    """Stands in where DEUS_SANDBOX is off: none can be had."""

    async def create(
        self,
        *,
        limits: Limits | None = None,
        network: Network | None = None,
        metadata: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
    ) -> Sandbox:
        raise SandboxUnavailable("Code cannot run here: sandboxes are off.", remedy="Set DEUS_SANDBOX=local.")

    async def list(self) -> tuple[Info, ...]:
        return ()

    async def connect(self, id: str) -> Sandbox:
        raise SandboxGone(Ending.LOST)

    async def aclose(self) -> None:
        pass


@asynccontextmanager
async def open_bench(
    settings: Settings,
    owner: str,
    client: httpx.AsyncClient | None = None,
    tell: Callable[[str], None] = log.info,
) -> AsyncIterator[CodeBench]:
    """Opens the settings' sandboxes, and ends them with the block. `owner` is the workspace.

    `client` is for what sandboxes may ask of others; without one they reach nothing.
    """
    if settings.sandbox == OFF:
        yield CodeBench(NoSandboxes(), None)
        return
    opened = provider(settings.sandbox, _means(settings, owner, client, tell))
    mark = {MAKER: json.dumps(asdict(Worker.here(settings.worker)))}
    queue = QueuedSandboxes(opened, most=opened.most, room=opened.room, limits=settings.sandbox_limits(), mark=mark)
    try:
        yield CodeBench(queue, opened)
    finally:
        await queue.aclose()


def _means(settings: Settings, owner: str, client: httpx.AsyncClient | None, tell: Callable[[str], None]) -> Means:
    from app.model_prices import prices
    from app.sandboxes.brokers import Brokers

    own = (settings.code_agent_url or settings.model_base_url) is not None
    return Means(
        owner=owner,
        cache=settings.cache_dir,
        tell=tell,
        most=settings.sandboxes_at_once,
        key=settings.e2b_api_key.get_secret_value() if settings.e2b_api_key else None,
        template=settings.e2b_template,
        api_url=settings.e2b_api_url,
        sandbox_url=settings.e2b_sandbox_url,
        gatekeeper=Brokers(client, lambda name: _secret(settings, name), prices(own_endpoint=own))
        if client is not None
        else None,
    )


def _secret(settings: Settings, name: str) -> str | None:
    """The value of a credential by its route's name for it; no other setting is ever put into what a sandbox asks."""
    value = (settings.code_agent_key or settings.model_key) if name == "code_agent_key" else None
    return value.get_secret_value() if value is not None else None
