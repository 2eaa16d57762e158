"""What comes to /teams/messages: only what Teams has signed for this app and this company gets through."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.routing import Route

from app.channels.teams import LARGEST, PATH, Door, checked, open_channel
from app.channels.teams_activity import Activity, Refused, heard, is_allowed, parse, read
from app.channels.teams_tokens import AGAIN, FRESH, LEEWAY, Gate, Keys
from app.settings import Settings
from tests.channels.fake_teams import APP, BOT, TENANT, FakeTeams, Key
from tests.scenarios.playbooks.company import _served
from tools.kit.errors import UserMustMend
from tools.kit.wire import open_client

LENA = {"id": "29:lena", "name": "Lena", "aadObjectId": "5b6f"}


class Ears:
    """A bot that keeps what gets through."""

    def __init__(self) -> None:
        self.heard: list[Activity] = []

    async def hear(self, activity: Activity) -> None:
        self.heard.append(activity)

    async def invoke(self, activity: Activity) -> tuple[int, dict[str, Any]]:
        self.heard.append(activity)
        return 200, {"statusCode": 200}


class Gateway:
    """The door with its own clock, which is Teams' as well."""

    def __init__(self, teams: FakeTeams, client: httpx.AsyncClient, service_url: str | None) -> None:
        self.teams, self.ears = teams, Ears()
        self.clock, self.time = time.time(), 0.0
        self.keys = Keys(client, f"{teams.url}/openid", now=lambda: self.time)
        gate = Gate(self.keys, APP, lambda: self.clock)
        ears: Any = self.ears
        door = Door(ears, gate, TENANT, service_url)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(Starlette(routes=[Route(PATH, door.answer, methods=["POST"])])),
            base_url="http://deus.test",
        )

    async def post(self, activity: Mapping[str, Any] | bytes, bearer: str | None) -> httpx.Response:
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        headers = {"Content-Type": "application/json", **({"Authorization": bearer} if bearer is not None else {})}
        return await self.http.post(PATH, content=body, headers=headers)

    async def refused(self, activity: Mapping[str, Any] | bytes, bearer: str | None, status: int = 401) -> None:
        answered = await self.post(activity, bearer)
        assert answered.status_code == status, answered.text
        assert self.ears.heard == []

    def hello(self, **more: Any) -> dict[str, Any]:
        return self.teams.activity(LENA, **{"text": "Hello", **more})


@pytest.fixture(scope="module")
def served() -> Iterator[FakeTeams]:
    fake = FakeTeams()
    with _served(fake.app) as url:
        fake.url = url
        yield fake


@pytest.fixture
async def gateway(served: FakeTeams) -> AsyncIterator[Gateway]:
    served.keys, served.fetched, served.troubles = [Key()], 0, []
    async with open_client() as client:
        yield Gateway(served, client, served.service)


async def test_what_teams_has_signed_gets_through_at_once(gateway: Gateway) -> None:
    answered = await gateway.post(gateway.hello(), gateway.teams.bearer())
    assert (answered.status_code, answered.content) == (202, b"")
    (activity,) = gateway.ears.heard
    assert (activity.text, activity.aad, activity.tenant, activity.kind) == ("Hello", "5b6f", TENANT, "personal")
    pressed = gateway.hello(type="invoke", name="adaptiveCard/action", value={"action": {}})
    answered = await gateway.post(pressed, gateway.teams.bearer())
    assert (answered.status_code, answered.json()) == (200, {"statusCode": 200})
    assert gateway.teams.fetched == 1, "keys are kept"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-app"},
        {"aud": None},
        {"iss": "https://sts.windows.net/evil/"},
        {"iss": None},
        {"exp": int(time.time()) - LEEWAY - 5},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": int(time.time()) + LEEWAY + 86400},
        {"nbf": None},
        {"nbf": ["now"]},
        {"serviceurl": "https://evil.test/"},
        {"serviceurl": None},
        {"serviceurl": ["https://evil.test/"]},
    ],
)
async def test_a_token_that_is_not_for_this_is_refused(gateway: Gateway, claims: dict[str, Any]) -> None:
    await gateway.refused(gateway.hello(), gateway.teams.bearer(**claims))


@pytest.mark.parametrize(
    "bearer", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer x", "Bearer a.b.c", "Bearer ..", "Bearer é.é.é"]
)
async def test_what_is_no_token_is_refused(gateway: Gateway, bearer: str | None) -> None:
    answered = await gateway.http.post(
        PATH,
        content=json.dumps(gateway.hello()).encode(),
        headers=[(b"authorization", bearer.encode("latin-1"))] if bearer is not None else [],
    )
    assert answered.status_code == 401
    assert gateway.ears.heard == []


def _unsigned(token: str) -> str:
    _, body, _ = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"first"}').rstrip(b"=").decode()
    return f"{none}.{body}."


def _signed_with_the_public_key(token: str) -> str:
    pem = Key().private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    said = f"{_part({'alg': 'HS256', 'kid': 'first'})}.{token.split('.')[1]}"
    mark = base64.urlsafe_b64encode(hmac.digest(pem, said.encode(), "sha256")).rstrip(b"=").decode()
    return f"{said}.{mark}"


def _named_oddly(token: str) -> str:
    _, body, signature = token.split(".")
    return f"{_part({'alg': 'RS256', 'kid': ['first']})}.{body}.{signature}"


def _part(said: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def _altered(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = base64.urlsafe_b64encode(json.dumps({**claims, "exp": claims["exp"] + 9000}).encode()).rstrip(b"=").decode()
    return f"{head}.{other}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [
        _unsigned,
        _altered,
        _signed_with_the_public_key,
        _named_oddly,
        lambda token: token[:-12] + "AAAAAAAAAAAA",
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token + "x",
    ],
)
async def test_a_forged_token_is_refused(gateway: Gateway, forge: Callable[[str], str]) -> None:
    await gateway.refused(gateway.hello(), f"Bearer {forge(gateway.teams.bearer().removeprefix('Bearer '))}")


async def test_another_s_key_of_the_same_name_is_refused(gateway: Gateway) -> None:
    other = Key("second")
    await gateway.refused(gateway.hello(), gateway.teams.bearer(other, headers={"kid": "first"}))


@pytest.mark.parametrize("endorsements", [(), ("webchat", "emulator")])
async def test_a_key_that_does_not_stand_for_teams_is_refused(gateway: Gateway, endorsements: tuple[str, ...]) -> None:
    gateway.teams.keys = [Key(endorsements=endorsements)]
    await gateway.refused(gateway.hello(), gateway.teams.bearer())


async def test_keys_that_change_are_fetched_but_not_as_often_as_somebody_likes(gateway: Gateway) -> None:
    assert (await gateway.post(gateway.hello(), gateway.teams.bearer())).status_code == 202
    gateway.ears.heard.clear()
    new = Key("second")
    gateway.teams.keys = [new]
    await gateway.refused(gateway.hello(), gateway.teams.bearer(new))
    assert gateway.teams.fetched == 1, "it was looked just now"
    gateway.time += AGAIN
    assert (await gateway.post(gateway.hello(), gateway.teams.bearer(new))).status_code == 202
    gateway.ears.heard.clear()
    for _ in range(5):
        await gateway.refused(gateway.hello(), gateway.teams.bearer(Key("third")))
    assert gateway.teams.fetched == 2
    await gateway.refused(gateway.hello(), gateway.teams.bearer(Key("first")))
    gateway.time += FRESH + 1
    assert (await gateway.post(gateway.hello(), gateway.teams.bearer(new))).status_code == 202
    assert gateway.teams.fetched == 3, "they are looked at again each day"


async def test_keys_that_cannot_be_looked_at_again_are_not_trusted_for_ever(gateway: Gateway) -> None:
    assert (await gateway.post(gateway.hello(), gateway.teams.bearer())).status_code == 202
    gateway.ears.heard.clear()
    gateway.teams.troubles = [("GET", "/openid", 503, {}, {})] * 8
    gateway.time += FRESH + 1
    assert (await gateway.post(gateway.hello(), gateway.teams.bearer())).status_code == 202, "a bad day of Microsoft's"
    gateway.ears.heard.clear()
    gateway.time += 2 * FRESH
    await gateway.refused(gateway.hello(), gateway.teams.bearer())


@pytest.mark.parametrize("path", ["/openid", "/keys"])
@pytest.mark.parametrize(("status", "body"), [(503, {}), (404, {}), (200, {"keys": "none"}), (200, ["a list"])])
async def test_where_keys_cannot_be_had_nobody_gets_in(gateway: Gateway, path: str, status: int, body: Any) -> None:
    gateway.teams.troubles = [("GET", path, status, body, {})] * 3
    await gateway.refused(gateway.hello(), gateway.teams.bearer())
    gateway.teams.troubles = []
    gateway.time += AGAIN
    assert (await gateway.post(gateway.hello(), gateway.teams.bearer())).status_code == 202


async def test_another_company_s_people_are_refused(gateway: Gateway) -> None:
    other = "00000000-0000-0000-0000-000000000001"
    talk = {"id": "a:1", "conversationType": "personal", "tenantId": other}
    for more in (
        {"conversation": talk, "channelData": {"tenant": {"id": other}}},
        {"conversation": {"id": "a:1"}, "channelData": {}},
    ):
        await gateway.refused(gateway.hello(**more), gateway.teams.bearer())
    await gateway.refused(gateway.hello(conversation=talk), gateway.teams.bearer(), 400)


async def test_our_token_is_sent_to_teams_alone(served: FakeTeams) -> None:
    async with open_client() as client:
        strict = Gateway(served, client, None)
        for url in ("https://evil.test/", served.service, "https://smba.trafficmanager.net.evil.test/emea/"):
            hello = strict.hello(serviceUrl=url)
            await strict.refused(hello, served.bearer(serviceurl=url))
        hello = strict.hello(serviceUrl="https://smba.trafficmanager.net/emea/")
        answered = await strict.post(hello, served.bearer(serviceurl="https://smba.trafficmanager.net/emea"))
        assert answered.status_code == 202


async def test_what_cannot_be_read_is_refused(gateway: Gateway) -> None:
    bearer = gateway.teams.bearer()
    for body in (b"", b"{", b"[]", b'"x"', b"\xff\xfe{}", b"[" * 100_000, json.dumps({"type": "message"}).encode()):
        answered = await gateway.post(body, bearer)
        assert answered.status_code in (400, 401), body[:20]
    await gateway.refused(b"\xff", bearer, 400)
    await gateway.refused(b"{", bearer, 400)
    await gateway.refused(gateway.hello(conversation={"conversationType": "meeting"}), bearer, 400)
    await gateway.refused(gateway.hello(text="x" * LARGEST), bearer, 413)
    await gateway.refused(b"x" * (LARGEST + 1), None, 413)


async def test_what_is_no_text_is_read_as_nothing(gateway: Gateway) -> None:
    odd = {"text": 7, "from": "me", "entities": [3, {"type": "mention", "mentioned": 4}], "value": "x", "id": None}
    answered = await gateway.post(gateway.hello(**odd), gateway.teams.bearer())
    assert answered.status_code == 202
    (activity,) = gateway.ears.heard
    assert (activity.text, activity.sender, dict(activity.value), activity.id) == ("", "", {}, "")


@pytest.mark.parametrize(
    ("url", "extra", "allowed"),
    [
        ("https://smba.trafficmanager.net/emea/", None, True),
        ("https://smba.trafficmanager.net:443/teams", None, True),
        ("https://SMBA.trafficmanager.net/amer/", None, True),
        ("http://smba.trafficmanager.net/emea/", None, False),
        ("https://smba.trafficmanager.net:8443/emea/", None, False),
        ("https://evil.trafficmanager.net/", None, False),
        ("https://smba.trafficmanager.net@evil.test/", None, False),
        ("https://evil.test/?https://smba.trafficmanager.net/", None, False),
        ("https://evil.test\\@smba.trafficmanager.net/", None, False),
        ("https://smba.trafficmanager.net:port/", None, False),
        ("", None, False),
        ("http://127.0.0.1:9/service/", "http://127.0.0.1:9/service", True),
        ("http://127.0.0.1:9/service.evil/", "http://127.0.0.1:9/service", False),
        ("http://127.0.0.1:99/service/", "http://127.0.0.1:9/service", False),
    ],
)
def test_where_our_token_may_go(url: str, extra: str | None, allowed: bool) -> None:
    assert is_allowed(url, extra) is allowed


@pytest.mark.parametrize(
    ("raw", "words", "mentioned"),
    [
        ("<at>Deus</at> why?", "why?", True),
        ("why, <at>Deus</at>&nbsp;? a &lt; b", "why, ? a < b", True),
        ("<at>Omar</at> and <at>Deus</at>", "Omar and", True),
        ('<at id="1">Omar</at> knows Deus', "Omar knows Deus", False),
        ("Deus", "Deus", False),
    ],
)
def test_a_mention_of_deus_is_taken_away_and_others_stay(raw: str, words: str, mentioned: bool) -> None:
    entities: list[Any] = [{"type": "mention", "text": "<at>Omar</at>", "mentioned": {"id": "29:omar", "name": "Omar"}}]
    if mentioned:
        entities.append({"type": "mention", "text": "<at>Deus</at>", "mentioned": {"id": BOT, "name": "Deus"}})
    assert heard(raw, entities, BOT) == (words, mentioned)


def test_a_kind_that_is_not_known_and_two_tenants_are_refused() -> None:
    assert read(parse(b'{"conversation": {"isGroup": true}}')).kind == "groupChat"
    with pytest.raises(Refused):
        read({"conversation": {"conversationType": "space"}})
    with pytest.raises(Refused):
        read({"conversation": {"tenantId": "a"}, "channelData": {"tenant": {"id": "b"}}})


async def test_without_an_app_there_is_no_route() -> None:
    product: Any = None
    async with open_channel(product, Settings()) as routes:
        assert routes == ()


@pytest.mark.parametrize(
    "values",
    [
        {"teams_app_id": APP},
        {"teams_app_id": APP, "teams_app_secret": "not-a-secret"},
        {"teams_app_id": APP, "teams_tenant_id": TENANT},
        {"teams_development": True, "host": "0.0.0.0"},
        {"teams_development": True, "host": "192.0.2.1"},
        {"teams_development": True, "public_url": "https://deus.example"},
    ],
)
async def test_what_cannot_work_or_is_open_to_anybody_is_refused_at_the_start(values: dict[str, Any]) -> None:
    product: Any = None
    with pytest.raises(UserMustMend) as refused:
        async with open_channel(product, Settings(**values)):
            pass
    assert "DEUS_TEAMS_" in str(refused.value)


def test_development_is_for_this_machine() -> None:
    checked(Settings(teams_development=True))
    checked(Settings(teams_development=True, host="localhost"))


async def test_in_development_only_this_machine_is_listened_to(served: FakeTeams) -> None:
    ears: Any = Ears()
    app = Starlette(routes=[Route(PATH, Door(ears, None, "", None).answer, methods=["POST"])])
    for host, url, status in (
        ("127.0.0.1", served.service, 202),
        ("192.0.2.7", served.service, 401),
        ("127.0.0.1", "https://evil.test/", 401),
    ):
        transport = httpx.ASGITransport(app, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            answered = await http.post(PATH, json=served.activity(LENA, "Hello", serviceUrl=url))
        assert answered.status_code == status
    assert len(ears.heard) == 1
