"""Sandboxes at E2B: each a virtual machine of its own, with a kernel of its own, that E2B runs and bills.

The machine is sized by its template. What runs in it is held to the limits by the same supervisor as on this machine,
where a process can be held to them; memory, disk and files in all are those of the template.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, cast

from agents.sandbox import (
    Ending,
    Info,
    Limits,
    Mount,
    Network,
    SandboxBusy,
    SandboxGone,
    SandboxUnavailable,
    State,
)
from app.sandboxes import e2b_mounts
from app.sandboxes import mounts as places
from app.sandboxes.catalog import Means
from app.sandboxes.e2b_errors import SERVICE, TEMPLATE_SETTING, in_words, no_key
from app.sandboxes.e2b_line import E2BLine
from app.sandboxes.e2b_network import rules
from app.sandboxes.e2b_sandbox import GRACE_SECONDS, E2BSandbox
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from e2b import AsyncSandbox

OURS = "deus_"
OWNER, LIMITS, NETWORK = f"{OURS}owner", f"{OURS}limits", f"{OURS}network"
# What E2B's smallest plan allows.
MOST = 20
SECONDS_TO_BE_READY = 60.0
SECONDS_TO_ANSWER = 60.0


class E2BSandboxes:
    """Makes sandboxes at E2B, `most` at once, and knows those whose `owner` it is.

    `on_timeout` is what E2B does with a sandbox that nobody ended in time, for instance because Deus was killed.
    Closing lets go of the sandboxes that are there; they can be connected to again.
    """

    title = "E2B"

    def __init__(
        self,
        key: str | None,
        *,
        template: str | None = None,
        api_url: str | None = None,
        sandbox_url: str | None = None,
        owner: str = "deus",
        most: int = 16,
        on_timeout: Literal["pause", "kill"] = "pause",
    ) -> None:
        self._key, self._template, self._owner, self._most = key, template, owner, most
        self._urls = {"api_url": api_url, "sandbox_url": sandbox_url}
        self._on_timeout: Literal["pause", "kill"] = on_timeout
        self._sandboxes: dict[str, E2BSandbox] = {}
        self._starting = 0
        self._sdk: type[AsyncSandbox] | None = None

    async def create(
        self,
        *,
        limits: Limits | None = None,
        network: Network | None = None,
        metadata: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
    ) -> E2BSandbox:
        limits, network = limits or Limits(), network or Network()
        told = rules(network)
        places.check(mounts)
        sdk = await self._api()
        given = await asyncio.to_thread(e2b_mounts.packed, mounts) if mounts else None
        if len(self._sandboxes) + self._starting >= self._most:
            raise SandboxBusy(f"{self._most} sandboxes run already, which is as many as allowed here.", service=SERVICE)
        self._starting += 1
        try:
            return await _not_left(asyncio.ensure_future(self._made(sdk, limits, network, metadata or {}, told, given)))
        finally:
            self._starting -= 1

    async def _made(
        self,
        sdk: type[AsyncSandbox],
        limits: Limits,
        network: Network,
        metadata: Mapping[str, str],
        told: Any,
        given: e2b_mounts.Given | None,
    ) -> E2BSandbox:
        with in_words("making a sandbox", self._template or sdk.default_template):
            made = await sdk.create(
                template=self._template,
                timeout=ceil(limits.lifetime_seconds) + GRACE_SECONDS,
                metadata={**metadata, **self._marks(limits, network)},
                network=told,
                allow_internet_access=bool(network.allow),
                lifecycle={"on_timeout": self._on_timeout, "auto_resume": False},
                retries=0,
            )
        return await self._joined(made, limits, network, metadata, given)

    async def _joined(
        self,
        made: AsyncSandbox,
        limits: Limits,
        network: Network,
        metadata: Mapping[str, str],
        given: e2b_mounts.Given | None = None,
    ) -> E2BSandbox:
        """The sandbox with its supervisor in it. What cannot be had so far is ended."""
        line = E2BLine(made, limits, secret_of(self._key or "", made.sandbox_id))
        link = await line.link()
        try:
            with in_words("starting the supervisor in a sandbox"):
                if given is not None:
                    await e2b_mounts.place(made, given)
                started = await line.start()
            try:
                async with asyncio.timeout(SECONDS_TO_BE_READY):
                    ready = started and await link.ready()
            except TimeoutError:
                ready = False
            if not ready:
                raise self._unfit(line.complaint)
        except BaseException:
            link.close()
            await line.aclose()
            with contextlib.suppress(DeusError):
                await asyncio.shield(_ended(made))
            raise
        until = monotonic() + limits.lifetime_seconds
        sandbox = E2BSandbox(made, limits, network, metadata, line, link, until=until)
        self._sandboxes[sandbox.id] = sandbox
        sandbox.life.add_done_callback(lambda _: self._sandboxes.pop(sandbox.id, None))
        return sandbox

    def _unfit(self, complaint: str) -> SandboxUnavailable:
        told = " ".join(complaint.split())[:300] or "it said nothing"
        return SandboxUnavailable(
            f"Code cannot run at E2B: its supervisor did not start in the sandbox ({told}).",
            service=SERVICE,
            remedy=f"Set {TEMPLATE_SETTING} to a template with bash and python3 (3.9 or newer).",
        )

    async def list(self) -> tuple[Info, ...]:
        from e2b import SandboxQuery

        sdk = await self._api()
        with in_words("listing sandboxes"):
            pages = sdk.list(query=SandboxQuery(metadata={OWNER: self._owner}))
            found = []
            while pages.has_next:
                found += await pages.next_items()
        return tuple(Info(each.sandbox_id, State(each.state.value), _theirs(each.metadata)) for each in found)

    async def connect(self, id: str) -> E2BSandbox:
        """As the port says; one that was made by an earlier process is resumed if need be, commands that are left in it
        are ended, and its time begins anew."""
        if id in self._sandboxes:
            return self._sandboxes[id]
        sdk = await self._api()
        with in_words("connecting to a sandbox"):
            info = await sdk.get_info(id)
            marks = info.metadata or {}
            if marks.get(OWNER) != self._owner:
                raise SandboxGone(Ending.LOST)
            limits = Limits(**json.loads(marks.get(LIMITS, "{}")))
            network = Network(frozenset(json.loads(marks.get(NETWORK, "[]"))))
            made = await sdk.connect(id, timeout=ceil(limits.lifetime_seconds) + GRACE_SECONDS)
        return await self._joined(made, limits, network, _theirs(marks))

    @property
    def most(self) -> int:
        return self._most

    def room(self) -> int | None:
        return None

    async def look(self) -> None:
        await self.list()

    def missing(self) -> str | None:
        return None

    async def prepare(self) -> None:
        """What code works with is the template's."""

    async def seen(self) -> tuple[Info, ...]:
        return await self.list()

    async def clear(self, is_left: Callable[[Info], bool]) -> int:
        sdk = await self._api()
        left = [info.id for info in await self.list() if info.id not in self._sandboxes and is_left(info)]
        for id in left:
            with in_words("ending a sandbox"):
                await sdk.kill(id)
        return len(left)

    async def aclose(self) -> None:
        async with asyncio.TaskGroup() as group:
            for sandbox in list(self._sandboxes.values()):
                group.create_task(sandbox.let_go())

    def _marks(self, limits: Limits, network: Network) -> dict[str, str]:
        return {
            OWNER: self._owner,
            LIMITS: json.dumps(asdict(limits)),
            NETWORK: json.dumps(sorted(network.allow)),
        }

    async def _api(self) -> type[AsyncSandbox]:
        """The SDK, bound to this key: it would else look for one of its own in the environment."""
        if not self._key:
            raise no_key()
        if self._sdk is None:
            # Half a second of imports, which are not the event loop's.
            self._sdk = await asyncio.to_thread(_bound, self._key, self._urls)
        return self._sdk


def open_sandboxes(means: Means) -> E2BSandboxes:
    """The provider, as the settings have it. A sandbox that nobody ends costs nothing after its time."""
    return E2BSandboxes(
        means.key,
        template=means.template,
        api_url=means.api_url,
        sandbox_url=means.sandbox_url,
        owner=means.owner,
        most=means.most or MOST,
        on_timeout="kill",
    )


def _bound(key: str, urls: Mapping[str, str | None]) -> type[AsyncSandbox]:
    from e2b_code_interpreter import E2B

    settings: dict[str, Any] = {name: value for name, value in urls.items() if value}
    client = E2B(api_key=key, debug=False, request_timeout=SECONDS_TO_ANSWER, **settings)
    return cast("type[AsyncSandbox]", client.AsyncSandbox)


def secret_of(key: str, id: str) -> str:
    """What joins a sandbox's carrier: known to every process with the key, and in no place in the sandbox."""
    return hmac.new(key.encode(), f"deus carrier {id}".encode(), hashlib.sha256).hexdigest()


async def _not_left(creating: asyncio.Future[E2BSandbox]) -> E2BSandbox:
    """Waits for a sandbox; one that comes when nobody waits for it any more is ended.

    It is not broken off in between: what the SDK has asked for then comes all the same, and nobody knows of it.
    """
    try:
        return await asyncio.shield(creating)
    except asyncio.CancelledError:
        with contextlib.suppress(DeusError):
            await (await creating).kill()
        raise


async def _ended(made: AsyncSandbox) -> None:
    with in_words("ending a sandbox"):
        await made.kill()


def _theirs(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata without the marks of this provider."""
    return {name: value for name, value in (metadata or {}).items() if not name.startswith(OURS)}
