"""Google Cloud Secret Manager: the key is a secret's newest version.

Sources: cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access and
cloud.google.com/compute/docs/access/authenticate-workloads#applications (the metadata server's token).
"""

from __future__ import annotations

import base64
import binascii

import httpx
from pydantic import SecretStr

from app.vaults.remote import FetchedKey, reached, told
from tools.kit.auth import Token
from tools.kit.errors import UserMustMend
from tools.kit.wire import Wire, WireOptions

TITLE = "Google Cloud Secret Manager"
REMEDY = (
    "Look at DEUS_VAULT_NAME (projects/…/secrets/…); the account needs secretmanager.versions.access. "
    "Outside Google Cloud, set DEUS_VAULT_TOKEN to an access token."
)
METADATA = "http://metadata.google.internal"
TOKEN = "computeMetadata/v1/instance/service-accounts/default/token"


class SecretManager(FetchedKey):
    """The secret `name`, projects/…/secrets/… (or with /versions/N), holds 32 bytes in base64.

    Without a `token` the machine's own service account is asked for one.
    """

    name = "gcp"

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        name: str,
        token: str | None,
        url: str | None = None,
        metadata: str = METADATA,
    ) -> None:
        super().__init__(TITLE, self._value)
        self._client = client
        self._url = url or "https://secretmanager.googleapis.com"
        self._version = name if "/versions/" in name else f"{name}/versions/latest"
        self._token = token
        self._metadata = metadata

    async def _value(self) -> str:
        token = SecretStr(self._token or await self._own_token())
        wire = Wire(self._client, TITLE, WireOptions(self._url, Token(token)))
        answer = await reached(TITLE, wire.get(f"v1/{self._version}:access"), REMEDY)
        try:
            return base64.b64decode(told(answer.data, TITLE, "payload", "data"), validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise UserMustMend(f"{TITLE} keeps no text in {self._version}.", remedy=REMEDY) from error

    async def _own_token(self) -> str:
        wire = Wire(self._client, TITLE, WireOptions(self._metadata, headers={"Metadata-Flavor": "Google"}))
        return told((await reached(TITLE, wire.get(TOKEN), REMEDY)).data, TITLE, "access_token")
