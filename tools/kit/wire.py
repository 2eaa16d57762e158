"""The one HTTP door: timeouts, retries with jitter, rate-limit budget, typed errors, a trace of what was asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx

from tools.kit.auth import Auth, NoAuth
from tools.kit.client import Network, open_client
from tools.kit.complaint import first_error, retry_after, said
from tools.kit.errors import (
    BadArgument,
    DeusError,
    Malformed,
    NotFound,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
)
from tools.kit.leave import leave_of

__all__ = ["Answer", "Asked", "Json", "Params", "Wire", "WireOptions", "open_client", "traced"]
Json = Any
Params = Mapping[str, str | int | float | bool | Sequence[str] | None]

# A service that let so many requests in a row run out of time is not asked again for this many seconds.
SILENCES, SILENCE_REMEMBERED = 3, 30.0
RETRIED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Asked:
    """One request as it went out, without secrets: for evidence and for `deus runs`."""

    service: str
    method: str
    url: str
    status: int | None
    ms: int
    attempt: int


@dataclass(frozen=True)
class Answer:
    """What a service said: status, headers with lower-case names, parsed JSON (or text), and the URL asked."""

    status: int
    headers: Mapping[str, str]
    data: Json
    url: str

    def link(self, relation: str) -> str | None:
        """The URL of the `Link` header's entry for `relation`, as RFC 8288 writes it."""
        for part in self.headers.get("link", "").split(", <"):
            target, _, attributes = part.lstrip("<").partition(">")
            if f'rel="{relation}"' in attributes and 'results="false"' not in attributes:
                return target
        return None


_trace: ContextVar[list[Asked] | None] = ContextVar("wire_trace", default=None)


@contextlib.contextmanager
def traced() -> Iterator[list[Asked]]:
    """Collects every request that this task and its children send while the block runs."""
    asked: list[Asked] = []
    token = _trace.set(asked)
    try:
        yield asked
    finally:
        _trace.reset(token)


@dataclass(frozen=True)
class WireOptions:
    """How one service wants to be asked. Times are in seconds.

    `remaining` and `reset` name the service's rate-limit headers; `reset_is_delta` says whether the reset is
    seconds from now or a time since the epoch, `reset_in_ms` whether it counts milliseconds. `pool` is a header and the
    value that it has on answers which count against the main budget, where a service keeps several budgets.
    A wait longer than `patience` ends in RateLimited at once.
    """

    base_url: str
    auth: Auth = field(default_factory=NoAuth)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    attempts: int = 3
    patience: float = 8.0
    concurrency: int = 6
    remaining: str = "x-ratelimit-remaining"
    reset: str = "x-ratelimit-reset"
    reset_is_delta: bool = False
    reset_in_ms: bool = False
    pool: tuple[str, str] | None = None


class Wire:
    """One service's door. All verbs of a connector go through it and nothing else."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        service: str,
        options: WireOptions,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.service = service
        self.options = options
        self._client = client
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._slots = asyncio.Semaphore(options.concurrency)
        self._resume_at = 0.0
        self._silences = 0
        self._silent_until = 0.0

    async def get(self, path: str, params: Params | None = None, **more: Any) -> Answer:
        """Asks with GET; `path` is relative to the base URL, or an absolute URL below it (a next page)."""
        return await self.request("GET", path, params=params, **more)

    async def post(self, path: str, body: Json = None, **more: Any) -> Answer:
        """Asks with POST and a JSON body. Pass `repeat=False` where sending twice would do something twice."""
        return await self.request("POST", path, body=body, **more)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Json = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
    ) -> Answer:
        """Sends a request, again after 429 and 5xx where `repeat` allows it; raises one of the typed errors.

        One that ran out of time is not sent again, and after three in a row the service is left alone for a while.
        """
        url = self._url(path)
        attempts = self.options.attempts if repeat else 1
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            await self._await_budget()
            if self._silences >= SILENCES and time.monotonic() < self._silent_until:
                raise self._timed_out()
            try:
                response = await self._send(method, url, params, body, form, headers, attempt)
            except httpx.TimeoutException as error:
                # It is not asked again: whoever waits for the answer has waited long enough.
                self._silences += 1
                self._silent_until = time.monotonic() + SILENCE_REMEMBERED
                raise self._timed_out() from error
            except httpx.DecodingError as error:
                raise Malformed(f"{self.service}'s answer could not be unpacked.", service=self.service) from error
            except httpx.TransportError as error:
                if last:
                    raise Unavailable(
                        f"{self.service} could not be reached at {self.options.base_url}.", service=self.service
                    ) from error
                await self._sleep(self._backoff(attempt))
                continue
            self._silences = 0
            self._note_budget(response)
            if response.status_code in RETRIED and not last:
                await self._sleep(self._retry_delay(response, attempt))
                continue
            return self._answer(response)
        raise AssertionError("every attempt returns, raises or is followed by another")

    async def pause(self, seconds: float) -> None:
        """Waits before a service is asked again how far it is, as the wire waits between attempts."""
        await self._sleep(seconds)

    def _timed_out(self) -> TimedOut:
        return TimedOut(f"{self.service} did not answer within {self.options.timeout:g} s.", service=self.service)

    async def graphql(self, path: str, query: str, variables: Mapping[str, Json], *, repeat: bool = True) -> Json:
        """Sends a GraphQL query and returns its `data`; its errors become the typed ones. `repeat` is as in `post`."""
        answer = await self.post(path, {"query": query, "variables": dict(variables)}, repeat=repeat)
        if not isinstance(answer.data, dict):
            raise Malformed(f"{self.service} answered a GraphQL query without an object.", service=self.service)
        errors = answer.data.get("errors")
        if errors:
            raise self._graphql_error(errors[0])
        return answer.data.get("data") or {}

    def _graphql_error(self, error: Mapping[str, Json]) -> DeusError:
        extensions = error.get("extensions") or {}
        code = str(extensions.get("code") or extensions.get("type") or "").upper()
        message = self._without_secrets(str(error.get("message", "unknown error")))[:200]
        if "AUTH" in code or "FORBIDDEN" in code:
            return self._refused(message)
        if "RATELIMITED" in code:
            return RateLimited(f"{self.service}'s rate limit is used up.", service=self.service)
        if "INTERNAL" in code:
            return Unavailable(f"{self.service} failed: {message}", service=self.service)
        if "not found" in message.lower() or "NOT_FOUND" in code:
            return NotFound(f"{self.service}: {message}", service=self.service)
        return BadArgument(f"{self.service}: {message}", service=self.service)

    def _url(self, path: str) -> str:
        base = self.options.base_url.rstrip("/")
        if path.startswith(("http://", "https://")):
            # A next-page link that leads elsewhere would carry our credentials there.
            if not path.startswith(base + "/") and path != base:
                raise Malformed(f"{self.service} pointed to another host for its next page.", service=self.service)
            return path
        return f"{base}/{path.lstrip('/')}"

    async def _send(
        self,
        method: str,
        url: str,
        params: Params | None,
        body: Json,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        attempt: int,
    ) -> httpx.Response:
        kept = {name: value for name, value in (params or {}).items() if value is not None}
        request = self._client.build_request(
            method,
            url,
            params=kept or None,
            json=body,
            data=form,
            headers={**self.options.headers, **self.options.auth.headers(), **(headers or {})},
            timeout=self.options.timeout,
        )
        began = time.monotonic()
        status: int | None = None
        try:
            async with self._slots, asyncio.timeout(self.options.timeout) as limit:
                if (leave := leave_of(method)) is not None:
                    leave.limit = limit
                    if isinstance(self._client, Network):
                        # Asked when the connection stands, right before the first byte.
                        request.extensions = {**request.extensions, "trace": leave.at}
                    else:
                        await leave.take()
                response = await self._client.send(request)
            status = response.status_code
            return response
        except TimeoutError as error:
            raise httpx.ReadTimeout("the whole answer took too long", request=request) from error
        finally:
            trace = _trace.get()
            if trace is not None:
                ms = round((time.monotonic() - began) * 1000)
                asked = self._without_secrets(str(request.url))
                trace.append(Asked(self.service, method, asked, status, ms, attempt))

    def _backoff(self, attempt: int) -> float:
        return self._rng.uniform(0.5, 1.0) * min(2.0, 0.2 * 2.0 ** (attempt - 1))

    def _retry_delay(self, response: httpx.Response, attempt: int) -> float:
        stated = retry_after(response.headers)
        if stated is None:
            return self._backoff(attempt)
        if stated > self.options.patience:
            raise RateLimited(f"{self.service} asks to wait {stated:.0f} s.", service=self.service, retry_after=stated)
        return stated + self._rng.uniform(0.0, 0.1)

    def _note_budget(self, response: httpx.Response) -> None:
        remaining = response.headers.get(self.options.remaining)
        reset = response.headers.get(self.options.reset)
        if remaining is None or reset is None:
            return
        if self.options.pool and response.headers.get(self.options.pool[0]) not in (None, self.options.pool[1]):
            return
        with contextlib.suppress(ValueError):
            if float(remaining) < 1:
                stated = float(reset) / (1000 if self.options.reset_in_ms else 1)
                seconds = stated if self.options.reset_is_delta else stated - time.time()
                self._resume_at = time.monotonic() + max(0.0, seconds)

    async def _await_budget(self) -> None:
        wait = self._resume_at - time.monotonic()
        if wait <= 0:
            return
        if wait > self.options.patience:
            raise RateLimited(
                f"{self.service}'s rate limit is used up for {wait:.0f} s more.",
                service=self.service,
                retry_after=wait,
            )
        await self._sleep(wait)

    def _answer(self, response: httpx.Response) -> Answer:
        status = response.status_code
        # GitHub answers 403, not 429, when a budget is used up.
        if status == 403 and (response.headers.get(self.options.remaining) == "0" or "retry-after" in response.headers):
            wait = retry_after(response.headers)
            raise RateLimited(f"{self.service}'s rate limit is used up.", service=self.service, retry_after=wait)
        if status in (401, 403):
            raise self._refused(self._said(response))
        if status in (404, 410):
            raise NotFound(f"{self.service} has nothing at {response.request.url.path}.", service=self.service)
        if status == 429:
            wait = retry_after(response.headers)
            raise RateLimited(f"{self.service}'s rate limit is used up.", service=self.service, retry_after=wait)
        if status >= 500:
            raise Unavailable(f"{self.service} answered {status}.", service=self.service)
        if status == 400 and (error := first_error(response.content)):
            raise self._graphql_error(error)
        if status >= 400:
            raise BadArgument(f"{self.service} answered {status}: {self._said(response)}", service=self.service)
        if status >= 300:
            raise Malformed(f"{self.service} redirected to another place ({status}).", service=self.service)
        lowered = {name.lower(): value for name, value in response.headers.items()}
        if "json" in lowered.get("content-type", ""):
            try:
                data = json.loads(response.content) if response.content else None
            except ValueError as error:
                raise Malformed(f"{self.service}'s answer is not JSON.", service=self.service) from error
        else:
            data = response.text
        return Answer(status, lowered, data, str(response.request.url))

    def _said(self, response: httpx.Response) -> str:
        """The service's own words about a failure; some vendors repeat the key that they refuse."""
        return self._without_secrets(said(response.content, response.reason_phrase))[:200]

    def _without_secrets(self, text: str) -> str:
        for secret in self.options.auth.secrets():
            if secret:
                text = text.replace(secret, "•••")
        return text

    def _refused(self, said: str) -> Refused:
        return Refused(
            f"{self.service} refused the credentials ({said}).",
            service=self.service,
            remedy=f"Run `deus connect {self.service}`.",
        )
