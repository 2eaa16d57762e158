"""What the keepers over HTTP share: the wire, and a failure in words that name the vault's settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from app.vaults.sealing import key_of, seal, unseal
from tools.kit.errors import DeusError, UserMustMend

T = TypeVar("T")


async def reached(keeper: str, asked: Awaitable[T], remedy: str) -> T:
    """What was asked of the keeper; a failure names the keeper, the cause and the remedy."""
    try:
        return await asked
    except DeusError as error:
        raise UserMustMend(f"{keeper} did not give the vault's key: {error.message}", remedy=remedy) from error


def told(data: Any, keeper: str, *path: str) -> str:
    """The text at a path of the answer. Raises UserMustMend where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    if not isinstance(data, str) or not data:
        raise UserMustMend(f"{keeper} answered without {'.'.join(path)}, which should be there.")
    return data


class FetchedKey:
    """Seals here, with a key that `fetch` gets from a secret manager and that stays in memory only."""

    def __init__(self, name: str, fetch: Callable[[], Awaitable[str]]) -> None:
        self._name = name
        self._fetch = fetch
        self._key: bytes | None = None

    async def seal(self, key: bytes, workspace: str) -> str:
        return seal(await self._master(), key, f"deus data key {workspace}")

    async def unseal(self, sealed: str, workspace: str) -> bytes:
        return unseal(await self._master(), sealed, f"deus data key {workspace}")

    async def _master(self) -> bytes:
        if self._key is None:
            self._key = key_of(await self._fetch(), f"What {self._name} keeps")
        return self._key
