"""What comes to /slack/events over real sockets: only what Slack has signed, just now and once, reaches Bolt."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from app.channels.slack import PATH, Door
from app.channels.slack_requests import LARGEST, Refused, Seen, parse, signature, verify
from tests.scenarios.playbooks.company import _served

SECRET, OTHER = "of-this-app", "of-another-app"
BODY = json.dumps({"type": "event_callback", "event_id": "Ev1", "text": "naïve 1.0 – ☃"}, ensure_ascii=False).encode()
NOW = 1_800_000_000.0
JSON = "application/json"


def headers(body: bytes = BODY, at: float = NOW, secret: str = SECRET) -> list[tuple[str, str]]:
    stamp = str(int(at))
    return [("x-slack-request-timestamp", stamp), ("x-slack-signature", signature(secret, stamp, body))]


def refused(given: list[tuple[str, str]], body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> int:
    with pytest.raises(Refused) as caught:
        verify(given, body, secrets, NOW)
    return caught.value.status


def test_slack_s_own_vector_is_taken(shared: Path) -> None:
    described = json.loads((shared / "vendor" / "signatures.json").read_text(encoding="utf-8"))
    (slack,) = (one for one in described["providers"] if one["provider"] == "slack")
    for vector in slack["vectors"]:
        given = [(name.lower(), value) for name, value in vector["header"].items()]
        assert verify(given, vector["body"].encode(), [vector["secret"]], float(vector["timestamp"]))


@pytest.mark.parametrize("late", [-300, 0, 300])
def test_what_is_signed_within_five_minutes_is_taken(late: int) -> None:
    assert verify(headers(at=NOW + late), BODY, [SECRET], NOW)


def test_while_the_secret_is_changed_both_count() -> None:
    for secret in (SECRET, OTHER):
        assert verify(headers(secret=secret), BODY, [SECRET, OTHER], NOW)
    assert refused(headers(secret=""), secrets=("",)) == 401, "no secret signs nothing"


@pytest.mark.parametrize("late", [-301, 301, -10_000_000])
def test_what_is_stale_or_from_the_future_is_refused(late: int) -> None:
    assert refused(headers(at=NOW + late)) == 401


def test_another_s_signature_is_refused() -> None:
    assert refused(headers(secret=OTHER)) == 401


@pytest.mark.parametrize(
    "altered",
    [BODY + b" ", BODY.replace(b"Ev1", b"Ev2"), json.dumps(json.loads(BODY)).encode(), b"", BODY[:-1], b"\xff" + BODY],
)
def test_a_body_altered_or_encoded_anew_is_refused(altered: bytes) -> None:
    assert refused(headers(), altered) == 401


def _sha1() -> str:
    return "v0=" + hmac.new(SECRET.encode(), b"v0:%d:" % NOW + BODY, hashlib.sha1).hexdigest()


@pytest.mark.parametrize(
    "given",
    [
        [],
        headers()[:1],
        headers()[1:],
        [*headers(), headers()[1]],
        [*headers(), headers()[0]],
        [headers()[0], ("x-slack-signature", "")],
        [headers()[0], ("x-slack-signature", headers()[1][1].removeprefix("v0="))],
        [headers()[0], ("x-slack-signature", headers()[1][1].replace("v0=", "v1="))],
        [headers()[0], ("x-slack-signature", headers()[1][1].upper())],
        [headers()[0], ("x-slack-signature", "v0=é☃")],
        [headers()[0], ("x-slack-signature", _sha1())],
        [("x-slack-request-timestamp", "nan"), headers()[1]],
        [("x-slack-request-timestamp", "-1"), headers()[1]],
        [("x-slack-request-timestamp", "١٨٠٠٠٠٠٠٠٠"), headers()[1]],
        [("x-slack-request-timestamp", "9" * 400), headers()[1]],
    ],
)
def test_headers_that_do_not_sign_are_refused(given: list[tuple[str, str]]) -> None:
    assert refused(given) == 401


def test_what_is_too_large_is_refused_whoever_signed_it() -> None:
    body = b"x" * (LARGEST + 1)
    assert refused(headers(body), body) == 413


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe{}", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b"[" * 100_000, JSON),
        (b"payload=%7B", "application/x-www-form-urlencoded"),
        (b"payload=[]", "application/x-www-form-urlencoded; charset=utf-8"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(body: bytes, kind: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(body, kind)
    assert caught.value.status == 400


def test_the_last_things_seen_are_remembered_and_older_ones_forgotten() -> None:
    seen = Seen(most=2)
    for one in "abc":
        seen.add(one)
    assert [one in seen for one in "abc"] == [False, True, True]
    seen.forget("c")
    assert "c" not in seen


class Bolt:
    """Stands where Bolt does; `heard` is what got through. The first `broken` are answered with 500."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.broken = 0

    async def async_dispatch(self, request: Any) -> Any:
        from slack_bolt import BoltResponse

        if self.broken:
            self.broken -= 1
            return BoltResponse(status=500, body="")
        self.heard.append(request.raw_body)
        return BoltResponse(status=200, body="")


@pytest.fixture
def bolt() -> Bolt:
    return Bolt()


@pytest.fixture
def door(bolt: Bolt) -> Iterator[str]:
    standing: Any = bolt
    app = Starlette(routes=[Route(PATH, Door(standing, [SECRET]).answer, methods=["POST"])])
    with _served(app) as url:
        yield url


@pytest.fixture
async def client(door: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=door, timeout=30) as opened:
        yield opened


def sent(body: bytes, secret: str = SECRET, at: float | None = None, kind: str = JSON) -> dict[str, Any]:
    given = headers(body, time.time() if at is None else at, secret)
    return {"content": body, "headers": [*given, ("content-type", kind)]}


async def test_a_signed_request_gets_through_once(client: httpx.AsyncClient, bolt: Bolt) -> None:
    request = sent(BODY)
    assert (await client.post(PATH, **request)).status_code == 200
    assert (await client.post(PATH, **request)).status_code == 401, "a replay"
    again = {**request, "headers": [*request["headers"], ("x-slack-retry-num", "1")]}
    assert (await client.post(PATH, **again)).status_code == 200, "Slack's own retry, which runs nothing either"
    assert bolt.heard == [BODY.decode()]


async def test_what_could_not_be_stored_may_come_again(client: httpx.AsyncClient, bolt: Bolt) -> None:
    bolt.broken, request = 1, sent(BODY)
    assert (await client.post(PATH, **request)).status_code == 500
    assert (await client.post(PATH, **request)).status_code == 200
    assert bolt.heard == [BODY.decode()]


async def test_over_the_wire_nothing_refused_is_heard(client: httpx.AsyncClient, bolt: Bolt) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    form = urlencode({"payload": "{"}).encode()
    answers = [
        (await client.post(PATH, content=BODY)).status_code,
        (await client.post(PATH, **sent(BODY, OTHER))).status_code,
        (await client.post(PATH, **sent(BODY, at=time.time() - 400))).status_code,
        (await client.post(PATH, **{**sent(BODY), "content": BODY + b"\n"})).status_code,
        (await client.post(PATH, **sent(b"\xff\xfe"))).status_code,
        (await client.post(PATH, **sent(form, kind="application/x-www-form-urlencoded"))).status_code,
        (await client.post(PATH, content=endless())).status_code,
        (await client.get(PATH)).status_code,
    ]
    assert answers == [401, 401, 401, 401, 400, 400, 413, 405]
    assert bolt.heard == []
