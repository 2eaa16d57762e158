"""What Slack tells, to whoever does something about it: Bolt's listeners, the same over a socket and over HTTP.

Slack wants its answer within three seconds; Bolt gives it when a listener is done, so that none waits for a run.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from app.channels.slack_bot import PATIENCE
from app.channels.slack_cards import EDIT
from app.channels.slack_edit import MODAL as CHANGE
from app.channels.slack_entries import COMMAND, FIELD, MODAL, SHORTCUT, trouble
from app.channels.slack_text import escape
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    from app.channels.slack_asking import Tasks
    from app.channels.slack_bot import SlackBot
    from app.channels.slack_edit import Editing
    from app.channels.slack_entries import Entries

Ack = Callable[..., Awaitable[Any]]
Body = dict[str, Any]

QUESTIONS = ("app_mention", "message")
OPENED = ("app_home_opened", "assistant_thread_started")
MOVED = ("app_context_changed", "assistant_thread_context_changed")
MEND = "Whoever installed me can see what I lack with `deus connect slack --bot --check`."
UNDER_WAY = "I am on it; it takes a moment longer than usual."


def bolt_of(client: AsyncWebClient, bot: SlackBot, entries: Entries, editing: Editing, tasks: Tasks) -> AsyncApp:
    """Bolt with all listeners."""
    from slack_bolt.async_app import AsyncApp

    # The door has verified what comes over HTTP; what comes over a socket is Slack's.
    bolt = AsyncApp(
        name="deus", client=client, signing_secret="", request_verification_enabled=False, process_before_response=True
    )

    async def heard(body: Body, context: Any) -> None:
        await bot.hear(body, str(context.bot_user_id or ""), _team(context))

    async def opened(body: Body, context: Any) -> None:
        await bot.opened(body, _team(context))

    async def moved(body: Body) -> None:
        await bot.moved(body)

    async def pressed(ack: Ack, body: Body, context: Any) -> None:
        await ack()
        await bot.press(body, _team(context))

    async def commanded(ack: Ack, body: Body, context: Any) -> None:
        said = await _in_time(tasks, entries.commanded(body, _team(context)), "command")
        await ack(text=said or UNDER_WAY, response_type="ephemeral")

    async def pointed(ack: Ack, body: Body, context: Any) -> None:
        await ack()
        team = _team(context)
        tasks.start(bot.told(entries.pointed(body, team), {**body, "trigger_id": ""}, team), "form")

    async def submitted(ack: Ack, body: Body, context: Any) -> None:
        if not str(_answer(body)).strip():
            await ack(response_action="errors", errors={FIELD: "Write what you want to know."})
            return
        await ack()
        team = _team(context)
        if bot.is_new(f"view/{body['view']['id']}"):
            tasks.start(bot.told(entries.submitted(body, team), body, team), "question about a message")

    async def edited(ack: Ack, body: Body, context: Any) -> None:
        await ack()
        team = _team(context)
        tasks.start(bot.told(editing.open(body, team), body, team), "form")

    async def changed(ack: Ack, body: Body, context: Any) -> None:
        task = tasks.start(editing.submit(body, _team(context)), "change")
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        wrong = task.result() if done else {}
        await (ack(response_action="errors", errors=wrong) if wrong else ack())

    for name in QUESTIONS:
        bolt.event(name)(heard)
    for name in OPENED:
        bolt.event(name)(opened)
    for name in MOVED:
        bolt.event(name)(moved)
    bolt.action(EDIT)(edited)
    # Those that lead to a page only have to be answered.
    bolt.action(re.compile("^deus_"))(pressed)
    bolt.command(COMMAND)(commanded)
    bolt.shortcut(SHORTCUT)(pointed)
    bolt.view(MODAL)(submitted)
    bolt.view(CHANGE)(changed)
    return bolt


async def _in_time(tasks: Tasks, work: Coroutine[Any, Any, str], name: str) -> str:
    """What comes of it, or what stands against it, in words; "" if it takes longer than Slack waits, and goes on."""
    task = tasks.start(_worded(work), name)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    return str(task.result()) if done else ""


async def _worded(work: Coroutine[Any, Any, str]) -> str:
    from slack_sdk.errors import SlackApiError

    try:
        return await work
    except (DeusError, LookupError) as error:
        return escape(trouble(error))
    except SlackApiError as error:
        return f"Slack does not let me answer you ({error.response.get('error')}). {MEND}"


def _answer(body: Body) -> str:
    values = ((body.get("view") or {}).get("state") or {}).get("values") or {}
    return str(((values.get(FIELD) or {}).get(FIELD) or {}).get("value") or "")


def _team(context: Any) -> str:
    """The workspace that Deus belongs to; who speaks in a shared channel may belong to another."""
    return str(context.authorize_result.team_id or "")
