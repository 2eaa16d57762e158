"""The Chainlit target: callbacks only. The chat's mount loads it by name and hands it what it needs."""

from __future__ import annotations

import contextlib
import logging
import uuid
from typing import TYPE_CHECKING, Any

import chainlit as cl
import chainlit.auth
import chainlit.server
from chainlit.config import config
from chainlit.context import init_ws_context
from chainlit.server import sio
from chainlit.session import WebsocketSession
from starlette.exceptions import HTTPException

from agents.errors import Forbidden
from agents.ports import Turn
from app.channels.sign_in_tries import TooOften, refused
from app.channels.web_card import CardActions
from app.channels.web_evidence import evidence_page
from app.channels.web_history import HistoryLayer, thread_dict
from app.channels.web_threads import Beginnings, History, Thread, is_thread_id
from app.channels.web_uploads import UNSAID, allow, brought
from app.channels.web_viewer import Viewers, notice
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from app.channels.web_mount import Desk

log = logging.getLogger(__name__)

SIGNED_OUT = "You are signed in no longer. Reload the page to sign in again."


def open_chat(desk: Desk) -> None:
    """Registers the chat's callbacks with Chainlit, over one product."""
    history = History(desk.conversations)
    viewers = Viewers(desk.conversations)
    card = CardActions(desk.approvals)
    beginnings = Beginnings()
    allow(config.features, desk.files)
    kept = HistoryLayer(history, desk.conversations, desk.approvals, beginnings)

    @cl.data_layer  # type: ignore[untyped-decorator]
    def layer() -> HistoryLayer:
        return kept

    # Chainlit lets nobody but who began a thread see it; here the engine says who may.
    chainlit.server.is_thread_author = kept.may_open

    async def sign_in(user: str, password: str) -> cl.User | None:
        try:
            known = await desk.signed_in(user, password)
        except TooOften as error:
            raise refused(error) from error
        claims = await desk.sessions.claims(known[0]) if known else None
        return cl.User(identifier=known[0], display_name=known[1], metadata=claims) if known and claims else None

    # Chainlit's own decorator would take a refusal for a wrong password.
    config.code.password_auth_callback = sign_in

    theirs = chainlit.auth.authenticate_user

    async def authenticated(token: str) -> Any:
        """Chainlit looks at the signature alone; a session also ends with the password that it was begun with."""
        if await desk.sessions.of(token) is None:
            raise HTTPException(401, "Sign in again.")
        return await theirs(token)

    chainlit.auth.authenticate_user = authenticated

    async def gone(session: Any) -> bool:
        who: str = session.user.identifier
        return await desk.sessions.of(session.token) != who

    @cl.set_starters  # type: ignore[untyped-decorator]
    async def starters(user: Any, language: str) -> list[cl.Starter]:
        return [cl.Starter(label=text, message=text) for text in desk.starters]

    async def answer(message: cl.Message) -> None:
        session = cl.context.session
        text = (message.content or "").strip() or (UNSAID if message.elements else "")
        if not text or not is_thread_id(session.thread_id):
            return
        emitter = cl.context.emitter
        if await gone(session):
            await emitter.send_step(notice(SIGNED_OUT, str(uuid.uuid4())))
            return
        begun = False
        await emitter.send_window_message({"deus": "thread", "id": session.thread_id})
        try:
            begun = await history.begun(session.thread_id)
            files = await brought(desk.files, message.elements or (), session.user.identifier)
            turn = Turn(
                text=text,
                actor=session.user.identifier,
                channel="web",
                conversation=session.thread_id,
                at=desk.clock.now(),
                message_id=message.id,
                files=files,
            )
            run = await desk.conversations.of(turn.actor).say(turn)
        except LookupError:
            said = "This conversation belongs to somebody else. Start a new one."
            await emitter.send_step(notice(said, message.id + "/no"))
            return
        except DeusError as error:
            await emitter.send_step(notice(str(error), str(uuid.uuid4())))
            return
        except Exception:  # the channel's edge
            reference = uuid.uuid4().hex[:8]
            log.exception("A question could not be taken up (%s).", reference)
            await emitter.send_step(
                notice(
                    f"Your question could not be taken up. Ask again; if it happens twice, look for {reference} in the "
                    "server's log.",
                    str(uuid.uuid4()),
                )
            )
            return
        finally:
            if not begun:
                beginnings.expect(session.thread_id).set()
        viewers.listen(session.id, emitter, session.thread_id, lambda: gone(session))
        await viewers.show(session.id, emitter, run, message.id)

    # Chainlit's own decorator adds a step of its own around each message, out of order with ours.
    config.code.on_message = answer

    @cl.on_chat_resume  # type: ignore[untyped-decorator]
    async def resumed(thread: Any) -> None:
        """Chainlit shows threads only where this exists; what is still running is watched once the page is there."""

    @cl.action_callback("evidence")  # type: ignore[untyped-decorator]
    async def evidence(action: cl.Action) -> dict[str, Any]:
        asked = action.payload
        run, which = str(asked.get("run")), str(asked.get("evidence"))
        session = cl.context.session
        if await gone(session):
            return {"error": SIGNED_OUT}
        door = desk.conversations.of(session.user.identifier)
        if not await history.opens(session.thread_id, session.user.identifier):
            return {"error": "This evidence belongs to somebody else's conversation."}
        if run not in {one.run for one in await door.runs(conversation=session.thread_id)}:
            return {"error": "This evidence belongs to another conversation. Open that one from the list at the left."}
        try:
            found = await door.evidence(run, which)
        except LookupError:
            return {"error": "This evidence is no longer stored. Ask the question again to gather it anew."}
        offset = asked.get("offset")
        return evidence_page(found, offset if isinstance(offset, int) else 0)

    @cl.action_callback("decide")  # type: ignore[untyped-decorator]
    async def decided(action: cl.Action) -> dict[str, Any]:
        session = cl.context.session
        if await gone(session):
            return {"error": SIGNED_OUT}
        return await card.decide(session.user.identifier, action.payload)

    @cl.action_callback("edit")  # type: ignore[untyped-decorator]
    async def edited(action: cl.Action) -> dict[str, Any]:
        session = cl.context.session
        if await gone(session):
            return {"error": SIGNED_OUT}
        return await card.edit(session.user.identifier, action.payload)

    @cl.action_callback("undo")  # type: ignore[untyped-decorator]
    async def undone(action: cl.Action) -> dict[str, Any]:
        session, emitter = cl.context.session, cl.context.emitter
        if await gone(session):
            return {"error": SIGNED_OUT}
        said = await card.undo(session.user.identifier, action.payload)
        await viewers.refresh(session.id, emitter, (str(action.payload.get("run")),))
        if said.get("conversation") == session.thread_id:
            # What it waits for is asked in this very conversation.
            viewers.resume(session.id, emitter, (said["run"],))
        return said

    async def connected(sid: str) -> None:
        """Chainlit's own greeting; then, what it does not do: a page that returns sees what it missed."""
        await greet(sid)
        session = WebsocketSession.get(sid)
        if session is None or session.user is None or not session.has_first_interaction:
            return
        thread = await _seen(history, session)
        if thread is None:
            return
        emitter = init_ws_context(session).emitter
        if session.restored:
            viewers.leave(session.id)
            await emitter.resume_thread(thread_dict(thread))
        viewers.resume(session.id, emitter, thread.running)
        viewers.listen(session.id, emitter, session.thread_id, lambda: gone(session))

    async def stop(sid: str) -> None:
        session = WebsocketSession.get(sid)
        if session is None or session.user is None or await gone(session):
            return
        for run in viewers.working(session.id):
            with contextlib.suppress(Forbidden, LookupError):
                await desk.conversations.of(session.user.identifier).stop(run, session.user.identifier)

    async def left(sid: str) -> None:
        session = WebsocketSession.get(sid)
        if session is not None:
            viewers.leave(session.id)
        await part(sid)

    handlers = sio.handlers["/"]
    greet, part = handlers["connection_successful"], handlers["disconnect"]
    handlers["connection_successful"] = connected
    handlers["disconnect"] = left
    # Chainlit's own stop writes a message that no log knows of, and leaves the run going.
    handlers["stop"] = stop


async def _seen(history: History, session: WebsocketSession) -> Thread | None:
    """The page's conversation, if whoever sits there may see it."""
    viewer = session.user.identifier
    return await history.thread(session.thread_id, viewer) if await history.opens(session.thread_id, viewer) else None
