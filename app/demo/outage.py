"""What a vendor of the demo does while the world says that it is down, slow or refusing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.demo.world import Outage

_SAID = {
    401: "Bad credentials",
    403: "Resource not accessible with these credentials",
    429: "Rate limit exceeded",
    500: "Internal server error",
    503: "Service unavailable",
}


def outage_of(service: str, outages: Sequence[Outage], now: datetime) -> Outage | None:
    """The outage that a service suffers at `now`, if any; an open end of its period has no limit."""
    for outage in outages:
        begun = outage.since is None or outage.since <= now
        over = outage.until is not None and outage.until <= now
        if outage.tool == service and begun and not over:
            return outage
    return None


class OutOfOrder:
    """Answers every request as the outage says: a status, broken JSON, or never."""

    def __init__(self, outage: Outage) -> None:
        self.outage = outage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if self.outage.answer == "timeout":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await self._response()(scope, receive, send)

    def _response(self) -> Response:
        if self.outage.answer == "malformed":
            return Response('{"data": [{"id": 1, "na', media_type="application/json")
        status = int(self.outage.answer)
        headers = {"retry-after": "60"} if status == 429 else {}
        return JSONResponse({"message": _SAID.get(status, "Unavailable")}, status, headers)


def behind(app: ASGIApp, outage: Outage | None) -> ASGIApp:
    """The vendor itself, or what stands in its place during an outage."""
    return OutOfOrder(outage) if outage else app
