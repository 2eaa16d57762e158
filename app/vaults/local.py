"""The key in the environment, or in a file of the data folder that its owner alone can read."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

from app.vaults.sealing import key_of, new_key, seal, unseal
from tools.kit.errors import UserMustMend


class LocalKey:
    """`given` is DEUS_VAULT_KEY; without it the file's key counts, which is made when first something is sealed."""

    name = "local"

    def __init__(self, path: Path, given: str | None) -> None:
        self._path = path
        self._given = given

    async def seal(self, key: bytes, workspace: str) -> str:
        master = await asyncio.to_thread(self._master, make=True)
        return seal(master, key, f"deus data key {workspace}")

    async def unseal(self, sealed: str, workspace: str) -> bytes:
        master = await asyncio.to_thread(self._master, make=False)
        return unseal(master, sealed, f"deus data key {workspace}")

    def _master(self, *, make: bool) -> bytes:
        if self._given is not None:
            return key_of(self._given, "DEUS_VAULT_KEY")
        if make:
            self._make()
        try:
            return key_of(self._path.read_text(encoding="ascii"), str(self._path))
        except FileNotFoundError as error:
            raise UserMustMend(
                f"The vault's key is missing: there is no {self._path}, and DEUS_VAULT_KEY is not set.",
                remedy="Put the file back or set DEUS_VAULT_KEY; or `deus connect NAME --forget` each service and "
                "connect it anew.",
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise UserMustMend(f"The vault's key in {self._path} cannot be read.") from error

    def _make(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(base64.b64encode(new_key()).decode() + "\n")
