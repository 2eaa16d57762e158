"""What the buttons of the card do: decisions, other arguments, taking back; each answer says what the page shows."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any

from agents.approvals import UndoAsked
from app.channels.approval_form import arguments
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from agents.approvals import Approvals

log = logging.getLogger(__name__)

Said = dict[str, Any]
MOST = 50


class CardActions:
    """The card's buttons. What they are given comes from a browser, so that it is read as anything."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    async def decide(self, by: str, payload: Mapping[str, Any]) -> Said:
        """Says yes or no to one or several writes, each by the digest of what was shown."""
        choice, asked = payload.get("choice"), payload.get("asked")
        if choice not in ("approve", "reject") or not isinstance(asked, list):
            return {"error": "That is no decision."}
        said: Said = {}
        for one in asked[:MOST]:
            if not isinstance(one, Mapping):
                continue
            work = self._approvals.of(by).decide(
                str(one.get("id")),
                choice,
                by=by,
                channel="web",
                digest=str(one.get("digest")),
                note=str(payload.get("note") or "")[:2000],
            )
            said = said | await _answered(work)
        return said

    async def edit(self, by: str, payload: Mapping[str, Any]) -> Said:
        """Wants other arguments, as they stand in the form."""
        return await _answered(self._edit(by, payload))

    async def undo(self, by: str, payload: Mapping[str, Any]) -> Said:
        """Takes a write back. Where that waits for a yes, `waits` says so, and `run` asks for it in `conversation`."""
        return await _answered(self._approvals.of(by).undo(str(payload.get("effect")), by=by, channel="web"))

    async def _edit(self, by: str, payload: Mapping[str, Any]) -> None:
        desk = self._approvals.of(by)
        there = await desk.get(str(payload.get("id")))
        filled = payload.get("filled")
        args = arguments(there.proposal.verb, filled if isinstance(filled, Mapping) else {})
        await desk.edit(there.id, args, by=by, channel="web")


async def _answered(work: Awaitable[object]) -> Said:
    """{} if it went well, what it waits for, or the error as a sentence."""
    try:
        await work
    except UndoAsked as asked:
        return {"waits": asked.message, "run": asked.run, "conversation": asked.conversation}
    except (DeusError, LookupError) as error:
        return {"error": str(error)}
    except Exception:  # the channel's edge
        mark = uuid.uuid4().hex[:8]
        log.exception("a button of the card failed, error %s", mark)
        return {"error": f"Something inside Deus went wrong. The log has it as error {mark}."}
    return {}
