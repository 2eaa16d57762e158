"""A Teams on a real socket: its sign-in, its keys, and the Bot Connector, as strict as Microsoft says that they are."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

APP = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-8888-7777-6666-555555555555"
SECRET = "not-a-secret-of-anybody"
BOT = f"28:{APP}"
LARGEST = 28 * 1024


@cache
def private(name: str) -> rsa.RSAPrivateKey:
    """A key of that name; making one takes a while."""
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Key:
    """A key with which Microsoft signs."""

    kid: str = "first"
    endorsements: tuple[str, ...] = ("msteams",)

    @property
    def private(self) -> rsa.RSAPrivateKey:
        return private(self.kid)

    def public(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key()))
        return {**found, "kid": self.kid, "use": "sig", "endorsements": list(self.endorsements)}


@dataclass
class Shown:
    """A message as the conversation shows it."""

    id: str
    conversation: str
    activity: dict[str, Any]
    streaming: int = 0

    @property
    def text(self) -> str:
        return str(self.activity.get("text") or "")

    @property
    def card(self) -> dict[str, Any]:
        return next((one["content"] for one in self.activity.get("attachments") or ()), {})


class FakeTeams:
    """`troubles` come first: (method, path's end, status, body, headers). `groups` are the conversations of many.

    Tokens last so many seconds, `lasts`; while it is `closed` none is given.
    """

    def __init__(self) -> None:
        self.url = ""
        self.keys = [Key()]
        self.members: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, list[str]] = {}
        self.shown: list[Shown] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.troubles: list[tuple[str, str, int, Any, Mapping[str, str]]] = []
        self.tokens = {"t1"}
        self.issued = 0
        self.fetched = 0
        self.page = 2
        self.lasts = 3599
        self.closed = False
        talk = "/service/v3/conversations/{talk}"
        self.app = Starlette(
            routes=[
                Route("/openid", self._openid),
                Route("/keys", self._keys),
                Route("/login/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
                Route(f"{talk}/activities", self._send, methods=["POST"]),
                Route(f"{talk}/activities/{{id}}", self._change, methods=["PUT", "DELETE"]),
                Route(f"{talk}/pagedmembers", self._members),
                Route(f"{talk}/members/{{id}}", self._member),
            ]
        )

    @property
    def service(self) -> str:
        return f"{self.url}/service/"

    def join(self, ident: str, name: str, **more: Any) -> dict[str, Any]:
        """Somebody is there."""
        aad = str(uuid.uuid5(uuid.NAMESPACE_URL, ident))
        found = {"id": ident, "aadObjectId": aad, "name": name, "tenantId": TENANT, "userRole": "user", **more}
        self.members[ident] = found
        return found

    def bearer(self, key: Key | None = None, *, headers: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """What Teams sends along. Claims that are None are left out."""
        signing, now = key or self.keys[0], int(time.time())
        said = {
            "iss": "https://api.botframework.com",
            "aud": APP,
            "nbf": now - 10,
            "exp": now + 3600,
            "serviceurl": self.service,
            **claims,
        }
        kept = {name: value for name, value in said.items() if value is not None}
        kid = {"kid": signing.kid, **(headers or {})}
        return f"Bearer {jwt.encode(kept, signing.private, algorithm='RS256', headers=kid)}"

    def activity(self, sender: Mapping[str, Any], text: str = "", **more: Any) -> dict[str, Any]:
        """What Teams sends when somebody of its own says something in a chat of two."""
        talk = {"id": f"a:{sender['id']}", "conversationType": "personal", "tenantId": TENANT}
        return {
            "type": "message",
            "id": str(uuid.uuid4().int)[:13],
            "channelId": "msteams",
            "serviceUrl": self.service,
            "from": {"id": sender["id"], "name": sender["name"], "aadObjectId": sender["aadObjectId"]},
            "recipient": {"id": BOT, "name": "Deus"},
            "conversation": talk,
            "channelData": {"tenant": {"id": TENANT}},
            "text": text,
            "textFormat": "plain",
            **more,
        }

    def standing(self, conversation: str) -> list[Shown]:
        """What the conversation shows, oldest first."""
        return [one for one in self.shown if one.conversation == conversation]

    async def _openid(self, request: Request) -> Response:
        if trouble := self._trouble(request):
            return trouble
        return JSONResponse({"issuer": "https://api.botframework.com", "jwks_uri": f"{self.url}/keys"})

    async def _keys(self, request: Request) -> Response:
        self.fetched += 1
        return self._trouble(request) or JSONResponse({"keys": [one.public() for one in self.keys]})

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        wanted = ("client_credentials", APP, SECRET, "https://api.botframework.com/.default")
        given = tuple(form.get(name) for name in ("grant_type", "client_id", "client_secret", "scope"))
        if self.closed or given != wanted or request.path_params["tenant"] != TENANT:
            return JSONResponse({"error": "invalid_client"}, 401)
        self.issued += 1
        self.tokens = {f"t{self.issued}"}
        return JSONResponse({"token_type": "Bearer", "expires_in": self.lasts, "access_token": f"t{self.issued}"})

    async def _send(self, request: Request) -> Response:
        activity, talk = await request.json(), request.path_params["talk"]
        if refused := self._refused(request, activity):
            return refused
        info = next((one for one in activity.get("entities") or () if one["type"] == "streaminfo"), None)
        if info is not None:
            return self._stream(talk, activity, info)
        new = Shown(f"m{len(self.shown) + 1}", talk, activity)
        self.shown.append(new)
        return JSONResponse({"id": new.id}, 201)

    def _stream(self, talk: str, activity: dict[str, Any], info: Mapping[str, Any]) -> Response:
        """The rules of learn.microsoft.com/microsoftteams/platform/bots/streaming-ux."""
        kind: Any = info.get("streamType")
        sequence: Any = info.get("streamSequence")
        stream: Any = info.get("streamId")
        known = next((one for one in self.shown if one.id == stream), None)
        if talk in self.groups:
            return _error(403, "Streaming is not supported in this conversation.")
        if not activity.get("text"):
            return _error(400, "Start streaming activities should include text.")
        if stream is None:
            if any(one.streaming for one in self.standing(talk)):
                return _error(403, "There is a stream already.")
            if sequence != 1 or activity["type"] != "typing":
                return _error(400, "A stream begins with 1.")
            known = Shown(f"s{len(self.shown) + 1}", talk, activity, 1)
            self.shown.append(known)
            return JSONResponse({"id": known.id}, 201)
        if known is None or not known.streaming:
            return _error(403, "Content stream is not allowed on an already completed streamed message.")
        if kind == "final":
            if activity["type"] != "message" or sequence is not None:
                return _error(400, "A stream ends with a message.")
            known.activity, known.streaming = activity, 0
            return JSONResponse({"id": known.id}, 202)
        if sequence <= known.streaming or activity["type"] != "typing" or activity.get("attachments"):
            return _error(400, "The sequence must grow.")
        said = known.activity["entities"][0]["streamType"]
        if kind == "informative" and (said == "streaming" or len(activity["text"]) > 1000):
            return _error(400, "This is no informative update.")
        if kind == "streaming" and said == "streaming" and not activity["text"].startswith(known.text):
            return _error(400, "What is streamed must hold what was streamed before.")
        known.activity, known.streaming = activity, sequence
        return JSONResponse({}, 202)

    async def _change(self, request: Request) -> Response:
        activity = await request.json() if request.method == "PUT" else {}
        if refused := self._refused(request, activity):
            return refused
        known = next((one for one in self.shown if one.id == request.path_params["id"]), None)
        if known is None:
            return _error(404, "There is no such activity.")
        if request.method == "DELETE":
            self.shown.remove(known)
            return Response(status_code=200)
        known.activity = activity
        return JSONResponse({"id": known.id})

    async def _member(self, request: Request) -> Response:
        if refused := self._refused(request, {}):
            return refused
        found = self.members.get(request.path_params["id"])
        return JSONResponse(found) if found else _error(404, "The user is not part of the conversation.")

    async def _members(self, request: Request) -> Response:
        if refused := self._refused(request, {}):
            return refused
        after = int(request.query_params.get("continuationToken") or 0)
        everybody = [self.members[one] for one in self.groups[request.path_params["talk"]]]
        page = {"members": everybody[after : after + self.page]}
        if after + self.page < len(everybody):
            page["continuationToken"] = str(after + self.page)  # type: ignore[assignment]
        return JSONResponse(page)

    def _refused(self, request: Request, activity: Any) -> Response | None:
        self.asked.append((request.method, request.url.path, activity))
        if request.headers.get("authorization") not in {f"Bearer {one}" for one in self.tokens}:
            return _error(401, "Authorization has been denied for this request.")
        if trouble := self._trouble(request):
            return trouble
        streamed = any(one.get("type") == "streaminfo" for one in activity.get("entities") or ())
        if activity.get("text") and activity.get("attachments") and not streamed:
            # As Teams says when such a one is changed; a new one it shows as two.
            return _error(400, "Activity resulted into multiple skype activities")
        if len(json.dumps(activity, ensure_ascii=False).encode()) > LARGEST:
            return _error(413, "Request Entity Too Large")
        return None

    def _trouble(self, request: Request) -> Response | None:
        for trouble in self.troubles:
            method, end, status, body, headers = trouble
            if request.method == method and end in request.url.path:
                self.troubles.remove(trouble)
                return JSONResponse(body, status, dict(headers))
        return None


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"code": "BadRequest", "message": message}}, status)
