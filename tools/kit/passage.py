"""One request that is passed on for somebody else: sent once, answered as it comes, nothing followed or decoded."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx

from tools.kit.errors import TimedOut, Unavailable

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Passed:
    """An answer: its status, its headers with lower-case names, and its body's bytes as the service sent them."""

    status: int
    headers: Headers
    pieces: AsyncIterator[bytes]


@contextlib.asynccontextmanager
async def passed(
    client: httpx.AsyncClient, method: str, url: str, headers: Headers, body: bytes, *, quiet: float
) -> AsyncIterator[Passed]:
    """Sends a request with exactly these headers, and no cookie of others, and opens its answer; redirects are answers.

    `quiet` is the longest without a byte, in seconds. Raises Unavailable and TimedOut, also while the body is read.
    """
    service = httpx.URL(url).host
    timeout = httpx.Timeout(quiet, connect=min(quiet, 10.0))
    # A request that the client builds would carry the cookies that services gave to others.
    request = httpx.Request(method, url, headers=list(headers), content=body, extensions={"timeout": timeout.as_dict()})
    try:
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            told = [(name.lower(), value) for name, value in response.headers.multi_items()]
            yield Passed(response.status_code, told, response.aiter_raw())
        finally:
            await response.aclose()
    except httpx.TimeoutException as error:
        raise TimedOut(f"{service} did not answer in time.", service=service) from error
    except httpx.HTTPError as error:
        raise Unavailable(f"{service} could not be reached ({type(error).__name__}).", service=service) from error
