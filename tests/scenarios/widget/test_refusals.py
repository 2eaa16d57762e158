"""What is not from an allowed page, not from who it says, too much or too often: refused, and nothing runs."""

from __future__ import annotations

import json
import os
import socket
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from app.channels.widget_token import kept_secret, signed
from tests.scenarios.playbooks.company import PATIENCE
from tests.scenarios.widget.website import ORIGIN, SECRET, Visitor, Website

POSTS = ("session", "messages", "person", "ticket")
READS = ("conversation", "events")
OTHERS = (
    "https://evil.test",
    "https://www.acme.test.evil.test",
    "http://www.acme.test",
    "https://www.acme.test:8443",
    "https://WWW.ACME.TEST",
    "null",
    "https://www.acme.test/",
    "",
)


@pytest.fixture(autouse=True)
def _nothing_runs(website: Website) -> Iterator[None]:
    before = len(website.staff.get("/api/runs", params={"limit": 500}).json())
    yield
    assert len(website.staff.get("/api/runs", params={"limit": 500}).json()) == before


def refused(answered: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of a refusal."""
    assert answered.status_code == status, answered.text
    assert answered.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answered.json()
    assert document["status"] == status
    return document


def message(text: str = "How much does it cost?") -> dict[str, str]:
    return {"text": text, "id": str(uuid.uuid4())}


@pytest.mark.parametrize("path", [*POSTS, *READS])
def test_another_page_or_none_is_refused_and_may_not_even_read_why(website: Website, path: str) -> None:
    token = website.visitor().headers["Authorization"]
    stranger = Visitor(website.deus, None)
    for origin in (*OTHERS, None):
        stranger.headers = {"Authorization": token, **({"Origin": origin} if origin is not None else {})}
        answered = stranger.post(path, message()) if path in POSTS else stranger.get(path)
        refused(answered, 403)
        assert "access-control-allow-origin" not in answered.headers


def test_two_origins_at_once_are_none(website: Website) -> None:
    headers = [("Origin", ORIGIN), ("Origin", "https://evil.test")]
    refused(website.deus.post("/widget/session", content=b"{}", headers=headers), 403)


def test_a_browser_may_ask_before_it_sends_from_allowed_pages_alone(website: Website) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    allowed = website.deus.options("/widget/messages", headers={"Origin": ORIGIN, **asked})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in allowed.headers
    for origin in OTHERS:
        other = website.deus.options("/widget/messages", headers={"Origin": origin, **asked})
        assert other.status_code == 403
        assert "access-control-allow-origin" not in other.headers


def test_an_allowed_page_may_use_the_widget_and_nothing_else(website: Website) -> None:
    visitor = website.visitor()
    for path in ("/api/runs", "/api/runs/run_1/stop"):
        answered = website.deus.post(path, json={"question": "x"}, headers=visitor.headers)
        assert answered.status_code == 403, path
    assert website.deus.get("/api/runs", headers=visitor.headers).status_code == 401


@pytest.mark.parametrize(
    "changed", [{"id": "u2"}, {"name": "Eve"}, {"email": "eve@evil.test"}, {"at": 1}, {"at": 9**12}, {"hmac": "0" * 64}]
)
def test_a_signed_in_visitor_whose_fields_were_changed_is_refused_and_gets_no_guests_token(
    website: Website, changed: dict[str, Any]
) -> None:
    answered = Visitor(website.deus).post("session", {"user": {**website.signed(), **changed}})
    assert "token" not in refused(answered, 401)


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"id": "u1"},
        {"id": "u1", "email": "", "name": "", "at": 0, "hmac": ""},
        {"id": "u1", "email": "", "name": "", "at": True, "hmac": "0" * 64},
        {"id": 7, "email": "", "name": "", "at": 0, "hmac": "0" * 64},
        {"id": "u1", "email": "", "name": "", "at": "now", "hmac": "0" * 64},
        {"id": "u1", "email": "", "name": "", "at": 0, "hmac": "é" * 64},
        {"id": "\ud800", "email": "", "name": "", "at": 0, "hmac": "0" * 64},
        {"id": "x" * 5000, "email": "", "name": "", "at": 0, "hmac": "0" * 64},
    ],
)
def test_what_is_no_signed_in_visitor_is_refused(website: Website, user: dict[str, Any]) -> None:
    refused(Visitor(website.deus).post("session", {"user": user}), 401)


def test_a_word_that_is_stale_or_from_the_future_or_signed_by_another_is_refused(website: Website) -> None:
    for at in (time.time() - 11 * 60, time.time() + 5 * 60):
        refused(Visitor(website.deus).post("session", {"user": website.signed(at=at)}), 401)
    fields = {"id": "u1", "email": "", "name": "", "at": int(time.time())}
    foreign = {**fields, "hmac": signed(fields, SECRET + "x")}
    refused(Visitor(website.deus).post("session", {"user": foreign}), 401)


def test_a_token_that_was_altered_expired_or_made_for_another_page_opens_nothing(website: Website) -> None:
    visitor = website.visitor()
    token = visitor.headers["Authorization"].removeprefix("Bearer ")
    secret = kept_secret(website.settings.data_dir)
    claims = jwt.decode(token, options={"verify_signature": False})
    other = website.visitor().conversation

    def made(changed: dict[str, Any], key: str = secret, algorithm: str = "HS256") -> str:
        kept = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return jwt.encode(kept, key, algorithm=algorithm)

    bad = [
        token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        token[:-1],
        f"{token}.{token}",
        "x",
        "é",
        made({}, key="another secret, which is just as long as it has to be"),
        made({}, algorithm="HS512"),
        jwt.encode(claims, "", algorithm="none"),
        made({"exp": int(time.time()) - 1}),
        made({"exp": "never"}),
        made({"aud": "https://evil.test"}),
        made({"iss": "another"}),
        made({"cid": other}),
        made({"sub": "user:u1"}),
        *(made({name: None}) for name in ("exp", "aud", "iss", "sub", "cid", "iat")),
    ]
    for wrong in bad:
        headers = {b"Origin": ORIGIN.encode(), b"Authorization": b"Bearer " + wrong.encode()}
        for answered in (
            website.deus.get("/widget/conversation", headers=headers),
            website.deus.get("/widget/events", headers=headers),
            website.deus.post("/widget/messages", json=message(), headers=headers),
        ):
            refused(answered, 401)
    assert visitor.get("conversation").status_code == 200


def test_a_guest_who_comes_back_late_gets_a_token_that_goes_on_with_their_conversation(website: Website) -> None:
    visitor = website.visitor()
    assert "token" not in visitor.get("conversation").json()
    claims = jwt.decode(visitor.headers["Authorization"].removeprefix("Bearer "), options={"verify_signature": False})
    old = {**claims, "exp": int(time.time()) + 3600}
    secret = kept_secret(website.settings.data_dir)
    visitor.headers["Authorization"] = f"Bearer {jwt.encode(old, secret, algorithm='HS256')}"
    renewed = visitor.get("conversation").json()["token"]
    new = jwt.decode(renewed, options={"verify_signature": False})
    assert {**new, "iat": 0, "exp": 0} == {**claims, "iat": 0, "exp": 0}
    assert new["exp"] > time.time() + 29 * 86400


def test_the_secret_of_tokens_is_its_owners_alone(website: Website) -> None:
    path = website.settings.data_dir / "widget-secret"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert path.read_text(encoding="utf-8").strip() not in (SECRET, "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xff\xfe{}", 400),
        (b'{"text": "\xe9", "id": "12345678"}', 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"[" * 9000, 400),
        (b"", 400),
        (b'{"text": 7, "id": "12345678"}', 400),
        (b'{"text": "hello"}', 400),
        (b'{"text": " \\n ", "id": "12345678"}', 400),
        (b'{"text": "\\ud800", "id": "12345678"}', 400),
        (b'{"text": "\\u0000", "id": "12345678"}', 400),
        (b'{"text": "hello", "id": "1"}', 400),
        (b'{"text": "hello", "id": "1234567\\n"}', 400),
        (b'{"text": "hello", "id": "12345678", "actor": "founder"}', 400),
        (json.dumps({"text": "x" * 4001, "id": "12345678"}).encode(), 413),
        (json.dumps({"text": "x" * 20_000, "id": "12345678"}).encode(), 413),
    ],
)
def test_what_is_no_message_is_refused(website: Website, body: bytes, status: int) -> None:
    refused(website.visitor().post("messages", body), status)


def test_an_endless_body_is_not_read_to_its_end(website: Website) -> None:
    """A request that says that it is small, or nothing, and goes on."""
    token = website.visitor().headers["Authorization"]
    host, port = website.url.removeprefix("http://").split(":")
    head = (
        f"POST /widget/messages HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {ORIGIN}\r\nAuthorization: {token}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as raw:
        raw.sendall(head.encode())
        for _ in range(5):
            raw.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        assert b" 413 " in raw.recv(200).split(b"\r\n")[0]


@pytest.mark.parametrize("after", ["x", "-1", "1;2", "1;2.x", "1" * 30, "1;" * 300, "1,2", "١"])
def test_a_place_that_is_none_is_refused(website: Website, after: str) -> None:
    visitor = website.visitor()
    refused(visitor.deus.get("/widget/events", params={"after": after}, headers=visitor.headers), 400)


def test_a_private_document_is_no_page(website: Website) -> None:
    assert website.deus.get("/widget/documents/0123456789").status_code == 404


def test_the_theme_is_told_to_allowed_pages(website: Website) -> None:
    answered = Visitor(website.deus).get("theme.json")
    assert answered.headers["access-control-allow-origin"] == ORIGIN
    assert answered.json()["name"] == "Help"
    other = Visitor(website.deus, "https://evil.test").get("theme.json")
    assert "access-control-allow-origin" not in other.headers


def test_the_script_is_small_and_names_nobody(website: Website) -> None:
    packed = website.deus.get("/widget.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 15_000
    assert "deus" not in packed.text.casefold()
    plain = website.deus.get("/widget.js", headers={"Accept-Encoding": "identity"})
    assert plain.text == packed.text
    known = {"If-None-Match": plain.headers["etag"], "Accept-Encoding": "identity"}
    again = website.deus.get("/widget.js", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    # It asks nobody but the server that it came from, and puts no words in as HTML.
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "import("):
        assert word not in plain.text
    hosts = [part for part in plain.text.split("https://")[1:] if not part.startswith(("help.example", "…"))]
    assert hosts == []


def test_a_theme_that_cannot_be_used_is_named(website: Website, tmp_path: Path) -> None:
    from app.channels.widget_theme import read_theme
    from tools.kit.errors import UserMustMend

    path = tmp_path / "theme.json"
    for content, named in (
        ('{"name": ""}', "name"),
        ('{"colour": "red"}', "colour"),
        ('{"light": {"accent": "red; background: url(https://evil.test)"}}', "light.accent"),
        ('{"logo": "https://evil.test/logo.png"}', "logo"),
        ('{"logo": "//evil.test/logo.png"}', "logo"),
        ('{"logo": "javascript:alert(1)"}', "logo"),
        ('{"position": "top"}', "position"),
        ('{"texts": {"English": {}}}', "texts"),
        ('{"texts": {"en": {"open": 7}}}', "texts.en.open"),
        ("{", "not JSON"),
        ("[]", "the whole file"),
    ):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(UserMustMend, match=named):
            read_theme(path)
