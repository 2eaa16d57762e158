"""AWS Secrets Manager: the key is a secret's text. Requests are signed with Signature Version 4.

Sources: docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html and
docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from app.vaults.remote import FetchedKey, reached, told
from tools.kit.wire import Wire, WireOptions

TITLE = "AWS Secrets Manager"
SERVICE = "secretsmanager"
REMEDY = "Look at DEUS_VAULT_REGION, DEUS_VAULT_NAME and the access key; it needs secretsmanager:GetSecretValue."
Now = Callable[[], datetime]


@dataclass(frozen=True)
class Signer:
    """Signs POST requests to `/` for one service and region."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    session_token: str | None = field(default=None, repr=False)

    def headers(self, host: str, body: bytes, given: Mapping[str, str], at: datetime) -> dict[str, str]:
        """The headers of the request, signature included."""
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        token = {"x-amz-security-token": self.session_token} if self.session_token else {}
        signed = {**{name.lower(): value for name, value in given.items()}, "host": host, "x-amz-date": stamp, **token}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self.region}/{SERVICE}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}"
        signed["authorization"] = f"{credential}, SignedHeaders={names}, Signature={signature}"
        return {name: value for name, value in signed.items() if name != "host"}


class SecretsManager(FetchedKey):
    """The secret `name` (or its ARN) holds 32 bytes in base64. `url` replaces the region's own endpoint."""

    name = "aws"

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        region: str,
        name: str,
        access_key: str,
        secret_key: str,
        session_token: str | None = None,
        url: str | None = None,
        now: Now = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(TITLE, self._value)
        self._url = url or f"https://{SERVICE}.{region}.amazonaws.com"
        # A signature is good for one moment only, so that a request which failed is not simply sent again.
        self._wire = Wire(client, TITLE, WireOptions(self._url, attempts=1))
        self._signer = Signer(access_key, secret_key, region, session_token)
        self._secret = name
        self._now = now

    async def _value(self) -> str:
        asked = {"SecretId": self._secret}
        # As the HTTP library writes JSON: what is signed must be what is sent.
        body = json.dumps(asked, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        given = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{SERVICE}.GetSecretValue"}
        headers = self._signer.headers(urlsplit(self._url).netloc, body, given, self._now().astimezone(UTC))
        answer = await reached(TITLE, self._wire.post("/", asked, headers=headers), REMEDY)
        return told(answer.data, TITLE, "SecretString")
