"""HashiCorp Vault: its transit engine seals the data key; the sealing key never leaves it.

Source: developer.hashicorp.com/vault/api-docs/secret/transit, encrypt and decrypt.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from app.vaults.remote import reached, told
from app.vaults.sealing import WrongKey
from tools.kit.errors import BadArgument
from tools.kit.wire import Wire, WireOptions

TITLE = "HashiCorp Vault"
REMEDY = (
    "Look at DEUS_VAULT_URL, DEUS_VAULT_TOKEN (it needs update on transit/encrypt and decrypt) and DEUS_VAULT_NAME."
)


@dataclass(frozen=True)
class VaultToken:
    """`X-Vault-Token: …`"""

    token: str

    def headers(self) -> dict[str, str]:
        return {"X-Vault-Token": self.token}

    def secrets(self) -> tuple[str, ...]:
        return (self.token,)


class Transit:
    """The transit engine's key `name` at the Vault server `url`; it must be of a kind that encrypts, as AES-256-GCM."""

    name = "hashicorp"

    def __init__(self, client: httpx.AsyncClient, url: str, token: str, name: str) -> None:
        self._wire = Wire(client, TITLE, WireOptions(url, VaultToken(token)))
        self._key = quote(name, safe="")

    async def seal(self, key: bytes, workspace: str) -> str:
        # What it is for goes in with it: transit binds associated data only in newer versions.
        plain = base64.b64encode(f"{workspace}:".encode() + key).decode()
        asked = self._wire.post(f"v1/transit/encrypt/{self._key}", {"plaintext": plain})
        return told((await reached(TITLE, asked, REMEDY)).data, TITLE, "data", "ciphertext")

    async def unseal(self, sealed: str, workspace: str) -> bytes:
        asked = self._wire.post(f"v1/transit/decrypt/{self._key}", {"ciphertext": sealed})
        try:
            answer = await reached(TITLE, asked, REMEDY)
        except Exception as error:
            if isinstance(error.__cause__, BadArgument):
                raise WrongKey(
                    f"{TITLE} cannot open the vault's key: {error.__cause__.message}", remedy=REMEDY
                ) from error
            raise
        plain = base64.b64decode(told(answer.data, TITLE, "data", "plaintext"))
        purpose, _, key = plain.partition(b":")
        if purpose.decode("utf-8", "replace") != workspace:
            raise WrongKey("The vault's key was sealed for another workspace.")
        return key
