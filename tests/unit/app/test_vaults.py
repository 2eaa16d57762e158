"""The keepers over HTTP against servers that check requests as the vendors do, each on loopback."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from app.settings import Settings
from app.vaults.gcp import SecretManager
from app.vaults.keeper import KeyKeeper, keeper_of
from app.vaults.sealing import WrongKey
from tools.kit.errors import UserMustMend
from tools.kit.wire import open_client

MASTER = base64.b64encode(b"m" * 32).decode()
DATA_KEY = b"k" * 32
# (method, path, headers, body) → (status, JSON)
Answering = Callable[[str, str, dict[str, str], bytes], tuple[int, Any]]


@contextmanager
def serving(answer: Answering, content_type: str = "application/json") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            given = {name.lower(): value for name, value in self.headers.items()}
            status, told = answer(self.command, self.path, given, body)
            said = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _reply

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def keeper(**settings: Any) -> AsyncIterator[KeyKeeper]:
    async with open_client() as client:
        yield keeper_of(Settings.model_validate(settings), client)


async def test_hashicorps_transit_engine_seals_and_opens() -> None:
    asked: list[tuple[str, str]] = []

    def transit(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        asked.append((method, path))
        if headers.get("x-vault-token") != "hvs.token":
            return 403, {"errors": ["permission denied"]}
        given = json.loads(body)
        if path == "/v1/transit/encrypt/deus":
            turned = base64.b64decode(given["plaintext"])[::-1]
            return 200, {"data": {"ciphertext": f"vault:v1:{base64.b64encode(turned).decode()}", "key_version": 1}}
        if not given["ciphertext"].startswith("vault:v1:"):
            return 400, {"errors": ["invalid ciphertext: no prefix"]}
        turned = base64.b64decode(given["ciphertext"].removeprefix("vault:v1:"))[::-1]
        return 200, {"data": {"plaintext": base64.b64encode(turned).decode()}}

    with serving(transit) as url:
        settings = {"vault_keeper": "hashicorp", "vault_url": url, "vault_name": "deus"}
        async with keeper(**settings, vault_token="hvs.token") as opened:
            sealed = await opened.seal(DATA_KEY, "w1")
            assert sealed.startswith("vault:v1:")
            assert await opened.unseal(sealed, "w1") == DATA_KEY
            with pytest.raises(WrongKey, match="another workspace"):
                await opened.unseal(sealed, "w2")
            with pytest.raises(WrongKey, match="answered 400"):
                await opened.unseal("other", "w1")
        async with keeper(**settings, vault_token="hvs.wrong") as refused:
            with pytest.raises(UserMustMend, match=r"HashiCorp Vault did not give.*DEUS_VAULT_TOKEN") as raised:
                await refused.unseal(sealed, "w1")
    assert "hvs.wrong" not in str(raised.value)
    assert asked[:2] == [("POST", "/v1/transit/encrypt/deus"), ("POST", "/v1/transit/decrypt/deus")]


async def test_aws_is_asked_with_a_signature_that_its_own_library_makes_as_well() -> None:
    def secrets_manager(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
        request = AWSRequest(
            "POST", f"http://{headers['host']}{path}", {n: headers[n] for n in names if n != "host"}, body
        )
        request.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(Credentials("AKIAEXAMPLE", "aws-secret", "session"), "secretsmanager", "eu-central-1")
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if not headers["authorization"].endswith(f"Signature={signer.signature(text, request)}"):
            return 400, {"__type": "InvalidSignatureException", "message": "The signature does not match."}
        assert (method, path) == ("POST", "/")
        assert headers["x-amz-target"] == "secretsmanager.GetSecretValue"
        assert headers["content-type"] == "application/x-amz-json-1.1"
        assert json.loads(body) == {"SecretId": "deus/clé"}
        return 200, {"Name": "deus", "SecretString": MASTER}

    settings = {"vault_keeper": "aws", "vault_region": "eu-central-1", "vault_name": "deus/clé"}
    settings |= {"vault_access_key": "AKIAEXAMPLE", "vault_token": "session"}
    with serving(secrets_manager, "application/x-amz-json-1.1") as url:
        async with keeper(**settings, vault_url=url, vault_secret_key="aws-secret") as opened:
            sealed = await opened.seal(DATA_KEY, "w1")
            assert await opened.unseal(sealed, "w1") == DATA_KEY
            with pytest.raises(WrongKey):
                await opened.unseal(sealed, "w2")
        async with keeper(**settings, vault_url=url, vault_secret_key="another") as refused:
            with pytest.raises(UserMustMend, match=r"signature does not match.*GetSecretValue"):
                await refused.seal(DATA_KEY, "w1")


def google(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    if path == "/computeMetadata/v1/instance/service-accounts/default/token":
        assert headers["metadata-flavor"] == "Google"
        return 200, {"access_token": "ya29.machine", "expires_in": 3599, "token_type": "Bearer"}
    assert (method, path) == ("GET", "/v1/projects/p/secrets/deus/versions/latest:access")
    if headers.get("authorization") not in ("Bearer ya29.given", "Bearer ya29.machine"):
        return 401, {"error": {"code": 401, "message": "invalid credentials", "status": "UNAUTHENTICATED"}}
    encoded = base64.b64encode(MASTER.encode()).decode()
    return 200, {"name": "projects/1/secrets/deus/versions/1", "payload": {"data": encoded, "dataCrc32c": "1"}}


async def test_google_is_asked_with_the_token_that_is_set_or_the_machines_own() -> None:
    name = "projects/p/secrets/deus"
    with serving(google) as url:
        settings = {"vault_keeper": "gcp", "vault_name": name, "vault_url": url}
        async with keeper(**settings, vault_token="ya29.given") as opened:
            sealed = await opened.seal(DATA_KEY, "w1")
        async with open_client() as client:
            own = SecretManager(client, name=name, token=None, url=url, metadata=url)
            assert await own.unseal(sealed, "w1") == DATA_KEY
        async with keeper(**settings, vault_token="ya29.old") as refused:
            with pytest.raises(UserMustMend, match=r"Secret Manager did not give.*DEUS_VAULT_NAME"):
                await refused.seal(DATA_KEY, "w1")


async def test_a_secret_that_is_no_key_is_refused() -> None:
    def short(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        return 200, {"payload": {"data": base64.b64encode(b"hunter2").decode()}}

    with serving(short) as url:
        async with keeper(vault_keeper="gcp", vault_name="projects/p/secrets/d", vault_url=url, vault_token="t") as one:
            with pytest.raises(UserMustMend, match="is no key: it must be 32 bytes") as raised:
                await one.seal(DATA_KEY, "w1")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("chosen", "lacks"), [("hashicorp", "VAULT_URL"), ("aws", "VAULT_REGION"), ("gcp", "VAULT_NAME")]
)
async def test_a_setting_that_the_keeper_needs_is_named(chosen: str, lacks: str) -> None:
    with pytest.raises(UserMustMend, match=f"which needs DEUS_{lacks}"):
        async with keeper(vault_keeper=chosen):
            pass


async def test_the_local_key_stays_the_same(tmp_path: Path) -> None:
    async with keeper(data_dir=tmp_path) as first:
        sealed = await first.seal(DATA_KEY, "w1")
    async with keeper(data_dir=tmp_path) as second:
        assert await second.unseal(sealed, "w1") == DATA_KEY
        with pytest.raises(WrongKey):
            await second.unseal(sealed, "w2")
