"""The Slack connector on the demo company, and on answers that Slack documents and the demo does not give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.companies import NOW, demo_of
from tools.kit.connector import Connector
from tools.kit.errors import BadArgument, DeusError, NotFound, RateLimited, Refused, Unavailable
from tools.nouns import Message, Person, utc
from tools.verbs import MessagesSearch, MessagesThread, PeopleFind

Connect = Callable[..., Awaitable[Connector]]
Recorded = Callable[[str], Any]


async def messages(connector: Connector, **asked: Any) -> list[Message]:
    return [noun for noun in await connector.call(MessagesSearch(**asked)) if isinstance(noun, Message)]


async def test_every_message_of_a_world_is_found_as_it_is(connect: Connect, each_world: Path) -> None:
    company, connector = demo_of(each_world).company, await connect("slack", each_world)
    listed = await messages(connector)
    assert [m.at for m in listed] == sorted((m.at for m in listed), reverse=True)
    found = {message.ref: message for message in listed}
    assert len(found) == len(company.of_kind("message")) == len(listed)
    for artefact in company.of_kind("message"):
        ref, member = company.ref(artefact.id), company.member(artefact["author"])
        message = found[ref.ref]
        assert (message.url, message.at, message.channel) == (ref.url, artefact.at, artefact["channel"])
        assert message.author == (member.name if member else artefact["author"])
        assert message.body == company.words(artefact["text"])
        assert message.thread == (company.ref(artefact["thread"]).ref if artefact["thread"] else None)


async def test_words_channel_period_and_limit_narrow_the_search(connect: Connect, acme: Path) -> None:
    connector, company = await connect("slack", acme), demo_of(acme).company
    listed = await messages(connector)
    assert {m.ref for m in await messages(connector, text="sign-up keywords")} >= {
        company.ref("msg-88").ref,
        company.ref("msg-84").ref,
    }
    assert {m.channel for m in await messages(connector, channel="#growth")} == {"growth"}
    assert await messages(connector, since=listed[2].at) == listed[:3]
    assert await messages(connector, until=listed[2].at) == listed[3:]
    assert await messages(connector, limit=2) == listed[:2]
    with pytest.raises(NotFound, match="#nowhere"):
        await messages(connector, channel="nowhere")


async def test_an_answer_is_found_though_its_thread_began_before_the_period(connect: Connect, acme: Path) -> None:
    connector, company = await connect("slack", acme), demo_of(acme).company
    later = company.now - timedelta(days=1, hours=18, minutes=30)
    found = await messages(connector, channel="auth", since=later)
    assert [message.ref for message in found] == [company.ref("msg-72").ref]


async def test_a_thread_is_read_whole_from_any_of_its_messages(connect: Connect, acme: Path) -> None:
    connector, company = await connect("slack", acme), demo_of(acme).company
    refs = [company.ref(name).ref for name in ("msg-70", "msg-71", "msg-72")]
    for ref in refs:
        assert [message.ref for message in await connector.call(MessagesThread(ref=ref))] == refs
    with pytest.raises(NotFound):
        await connector.call(MessagesThread(ref=refs[0][:-1] + "x"))
    with pytest.raises(BadArgument, match="no message's ref"):
        await connector.call(MessagesThread(ref="nonsense"))


async def test_people_are_found_by_name_handle_or_e_mail(connect: Connect, acme: Path) -> None:
    connector, company = await connect("slack", acme), demo_of(acme).company
    assert len(await connector.call(PeopleFind())) == len(company.people)
    for text in ("tom", "Whitaker", "tom@acme.test"):
        found = [person for person in await connector.call(PeopleFind(text=text)) if isinstance(person, Person)]
        assert "tom@acme.test" in {person.email for person in found}


def slack_like(recorded: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(200, json=recorded[request.url.path.rsplit("/", 1)[-1]])


async def test_markup_bots_and_channels_that_the_app_is_not_in(answered: Connect, recorded: Recorded) -> None:
    found = await messages(await answered("slack", slack_like(recorded("workspace"))), since=NOW - timedelta(days=400))
    assert {m.channel for m in found} == {"growth"}
    newest, bot, left = found
    assert (
        newest.body == "@Ben Asare see #auth: the board (https://acme.test/board?a=1&b=2) <b> & https://acme.test @here"
    )
    assert newest.at == utc(1_763_000_300)
    assert newest.url == "https://acme.slack.com/archives/C0GROWTH01/p1763000300000300"
    assert bot.author == "deploybot"
    assert left.author == "U0GONE0000"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("token_revoked", Refused),
        ("account_inactive", Refused),
        ("ratelimited", RateLimited),
        ("internal_error", Unavailable),
        ("channel_not_found", NotFound),
        ("invalid_arguments", BadArgument),
    ],
)
async def test_failures_under_200_become_typed_errors(code: str, error: type[DeusError], answered: Connect) -> None:
    connector = await answered("slack", lambda request: httpx.Response(200, json={"ok": False, "error": code}))
    with pytest.raises(error):
        await connector.check()


async def test_a_missing_scope_is_named(answered: Connect) -> None:
    said = {"ok": False, "error": "missing_scope", "needed": "channels:history", "provided": "channels:read"}
    connector = await answered("slack", lambda request: httpx.Response(200, json=said))
    with pytest.raises(Refused, match="channels:history"):
        await messages(connector)


async def test_the_rights_are_what_slack_says_they_are(answered: Connect) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("auth.test"):
            told = {"x-oauth-scopes": "chat:write,channels:read"}
            return httpx.Response(200, json={"ok": True, "team": "Acme"}, headers=told)
        return httpx.Response(200, json={"ok": True, "channels": []})

    sight = await (await answered("slack", answer)).check()
    assert sight.scopes == ("channels:read", "chat:write")
