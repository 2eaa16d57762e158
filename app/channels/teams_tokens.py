"""Tokens between Teams and Deus: those that come are verified here, the one that goes out is fetched here.

Source: learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from app.channels.teams_activity import Activity, Refused
from tools.kit.errors import DeusError, Malformed
from tools.kit.wire import Wire, WireOptions

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

ISSUER = "https://api.botframework.com"
SCOPE = "https://api.botframework.com/.default"
LEEWAY = 60  # seconds by which two clocks may differ
FRESH = 24 * 3600.0  # seconds after which keys are fetched anew
STALE = 3 * FRESH  # seconds after which keys that could not be fetched anew are used no more
AGAIN = 60.0  # seconds between two requests for keys, whatever is asked for
TIMEOUT = 5.0
EARLY = 300.0  # seconds before its end at which our own token is fetched anew

Claims = Mapping[str, Any]


class Keys:
    """The keys with which Microsoft signs, as its OpenID metadata leads to them, by id."""

    def __init__(
        self, client: httpx.AsyncClient, metadata_url: str, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._metadata = metadata_url
        self._now = now
        self._keys: Mapping[str, Mapping[str, Any]] = {}
        self._fetched = self._tried = float("-inf")
        self._fetching = asyncio.Lock()

    async def get(self, kid: str) -> Mapping[str, Any] | None:
        """The key of that id; None if there is none. One that is not known makes them be fetched, not too often."""
        if kid not in self._keys or self._now() - self._fetched > FRESH:
            await self._refresh(kid)
        return self._keys.get(kid) if self._now() - self._fetched <= STALE else None

    async def _refresh(self, kid: str) -> None:
        async with self._fetching:
            fresh = kid in self._keys and self._now() - self._fetched <= FRESH
            if fresh or self._now() - self._tried < AGAIN:
                return
            self._tried = self._now()
            try:
                metadata = await self._fetch(self._metadata)
                found = (await self._fetch(str(metadata.get("jwks_uri") or ""))).get("keys")
            except DeusError as error:
                log.warning("The keys of Microsoft's tokens could not be fetched: %s", error)
                return
            if not isinstance(found, list):
                log.warning("The keys of Microsoft's tokens could not be read.")
                return
            self._keys = {str(one["kid"]): one for one in found if isinstance(one, dict) and one.get("kid")}
            self._fetched = self._now()

    async def _fetch(self, url: str) -> Mapping[str, Any]:
        wire = Wire(self._client, "Microsoft", WireOptions(url, timeout=TIMEOUT, attempts=2, patience=2.0))
        data = (await wire.get(url)).data
        if not isinstance(data, dict):
            raise Malformed("Microsoft's OpenID metadata is no object.", service="Microsoft")
        return data


class Gate:
    """Lets only what Teams has sent to this app through. `now` is in seconds since 1970, by the world's clock."""

    def __init__(self, keys: Keys, app_id: str, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._app_id = app_id
        self._now = now

    async def admit(self, authorization: str) -> tuple[Claims, Mapping[str, Any]]:
        """The claims of a token that Microsoft signed for this app, valid now, and its key. Raises Refused."""
        import jwt

        scheme, _, token = authorization.strip().partition(" ")
        if scheme.casefold() != "bearer" or not token:
            raise Refused(401, "The request bears no token.")
        try:
            header = jwt.get_unverified_header(token.strip())
            kid = header.get("kid")
            if header.get("alg") != "RS256" or not isinstance(kid, str):
                raise Refused(401, "The token is not signed as Microsoft signs.")
            key = await self._keys.get(kid)
            if key is None:
                raise Refused(401, "The token is signed with an unknown key.")
            claims: Claims = jwt.decode(
                token.strip(),
                jwt.PyJWK.from_dict(dict(key), algorithm="RS256").key,
                algorithms=["RS256"],
                audience=self._app_id,
                issuer=ISSUER,
                options={"require": ["exp", "nbf", "iss", "aud"], "verify_exp": False, "verify_nbf": False,
                         "verify_iat": False},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            raise Refused(401, f"The token is not valid ({type(error).__name__}).") from None
        now, begins, ends = self._now(), claims["nbf"], claims["exp"]
        if not all(isinstance(one, int | float) for one in (begins, ends)):
            raise Refused(401, "The token does not say when it is valid.")
        if now > ends + LEEWAY or now < begins - LEEWAY:
            raise Refused(401, "The token is not valid now.")
        return claims, key

    def fits(self, claims: Claims, key: Mapping[str, Any], activity: Activity) -> None:
        """Whether the token was made for such an activity. Raises Refused."""
        endorsements = key.get("endorsements")
        if not isinstance(endorsements, list) or not activity.channel or activity.channel not in endorsements:
            raise Refused(401, "The token's key does not stand for this channel.")
        said = claims.get("serviceurl", claims.get("serviceUrl"))
        if not isinstance(said, str) or not said or said.rstrip("/") != activity.service_url.rstrip("/"):
            raise Refused(401, "The token is for another service URL.")


class BotToken:
    """Our own token, of the one tenant, with which Deus answers; it is used until shortly before its end."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        login_url: str,
        tenant: str,
        app_id: str,
        secret: str,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        base = f"{login_url.rstrip('/')}/{tenant}"
        self._wire = Wire(client, "Microsoft's sign-in", WireOptions(base, timeout=10.0))
        self._form = {
            "grant_type": "client_credentials",
            "client_id": app_id,
            "client_secret": secret,
            "scope": SCOPE,
        }
        self._now = now
        self._token = ""
        self._ends = self._renews = float("-inf")
        self._fetching = asyncio.Lock()

    async def current(self) -> str:
        """The token. Raises the kit's errors where there is none to be had."""
        async with self._fetching:
            if self._now() >= self._renews:
                try:
                    await self._fetch()
                except DeusError as error:
                    if self._now() >= self._ends:
                        raise
                    # The one that is there still counts.
                    self._renews = min(self._now() + AGAIN, self._ends)
                    log.warning("Deus' token for Teams could not be renewed yet: %s", error)
            return self._token

    async def _fetch(self) -> None:
        answer = await self._wire.request("POST", "oauth2/v2.0/token", form=self._form)
        data = answer.data if isinstance(answer.data, dict) else {}
        token, lasts = data.get("access_token"), data.get("expires_in")
        if not isinstance(token, str) or not token:
            raise Malformed("Microsoft's sign-in gave no token.", service="Microsoft's sign-in")
        seconds = float(lasts if isinstance(lasts, int | float) and lasts > 0 else 3600)
        self._token, self._ends = token, self._now() + seconds
        # One that lasts only minutes is not asked for anew at every message.
        self._renews = self._ends - min(EARLY, seconds / 2)

    def forget(self) -> None:
        """It was not taken: another one is fetched."""
        self._ends = self._renews = float("-inf")
