"""Messages to a Teams on real sockets: streamed, edited, refused, limited, and what is done then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from app.channels.delivery import Delivery, Undeliverable
from app.channels.teams_post import INFORMATIVE, Post, card, paragraph, run
from app.channels.teams_poster import GONE, LIFE, Poster
from app.channels.teams_tokens import BotToken
from app.channels.teams_wire import Connector
from tests.channels.fake_teams import APP, BOT, SECRET, TENANT, FakeTeams
from tests.scenarios.playbooks.company import _served
from tools.kit.errors import RateLimited, Refused, Unavailable
from tools.kit.wire import open_client

CHAT, GROUP = "a:lena", "19:group@thread.v2"
SOURCES = card([paragraph(run("Sources"))])
WHOLE = card([paragraph(run("Signups fell.")), paragraph(run("Sources"))])
FINAL = Post("Signups **fell**.", WHOLE, "Signups fell.", beside=SOURCES)


class Place:
    """A conversation, and the poster that answers in it. Its time passes by waiting alone."""

    def __init__(self, teams: FakeTeams, client: Any, conversation: str, kind: str) -> None:
        self.teams = teams
        self.time = 0.0
        self.waited: list[float] = []
        self.stopped: list[str] = []
        self.token = BotToken(client, f"{teams.url}/login", TENANT, APP, SECRET, now=lambda: self.time)
        self.connector = Connector(client, self.token, self.sleep)
        self.poster = Poster(
            self.connector, "https://deus.test", stop=self.stop, now=lambda: self.time, sleep=self.sleep
        )
        place = {
            "service_url": teams.service,
            "conversation": conversation,
            "kind": kind,
            "bot": BOT,
            "user": "29:lena",
        }
        self.delivery = Delivery("r1", "teams", {**place, "tenant": TENANT, "team": ""})

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.time += seconds

    async def stop(self, run: str) -> None:
        self.stopped.append(run)

    async def show(self, post: Post, message: Any = None) -> Any:
        return await self.poster.show(self.delivery, "answer", post, message)

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Methods and what was said, in order."""
        return [(method, _said(body)) for method, path, body in self.teams.asked if "/activities" in path]


def _said(body: Any) -> str:
    info: dict[str, Any] = next((one for one in body.get("entities") or ()), {})
    return str(info.get("streamType") or body.get("type") or "")


def live(words: str = "", informative: str = "Reading…") -> Post:
    return Post(words or "Looking into it…", SOURCES, "Looking", True, informative, words, SOURCES)


@pytest.fixture
def teams() -> Iterator[FakeTeams]:
    fake = FakeTeams()
    fake.groups[GROUP] = []
    with _served(fake.app) as url:
        fake.url = url
        yield fake


@pytest.fixture
async def chat(teams: FakeTeams) -> AsyncIterator[Place]:
    async with open_client() as client:
        yield Place(teams, client, CHAT, "personal")


@pytest.fixture
async def group(teams: FakeTeams) -> AsyncIterator[Place]:
    async with open_client() as client:
        yield Place(teams, client, GROUP, "groupChat")


async def test_in_a_chat_of_two_a_run_is_streamed_and_ends_as_one_message(chat: Place) -> None:
    message = await chat.show(live())
    assert message["stream"]
    for post in (live(informative="Judging…"), live("Signups "), live("Signups fell"), live("Signups fell")):
        message = await chat.show(post, message)
    (shown,) = chat.teams.standing(CHAT)
    assert (shown.text, shown.activity["type"], shown.streaming) == ("Signups fell", "typing", 4)
    message = await chat.show(FINAL, message)
    (shown,) = chat.teams.standing(CHAT)
    assert message == {"id": shown.id}
    assert (shown.text, shown.card, shown.activity["type"]) == (FINAL.text, SOURCES, "message")
    kinds = ["informative", "informative", "streaming", "streaming", "final"]
    assert chat.sent == [("POST", kind) for kind in kinds], "what is shown already is not sent again"
    await chat.show(FINAL, message)
    (shown,) = chat.teams.standing(CHAT)
    assert (shown.text, shown.card) == ("", WHOLE), "a message that is changed is a card alone"
    assert chat.sent[-1] == ("PUT", "message")


async def test_a_stream_s_fields_survive_the_sdk(chat: Place) -> None:
    message = await chat.show(live())
    await chat.show(live("Signups"), message)
    bodies = [body for method, path, body in chat.teams.asked if method == "POST"]
    assert bodies[0]["entities"] == [{"type": "streaminfo", "streamType": "informative", "streamSequence": 1}]
    said = {"type": "streaminfo", "streamType": "streaming", "streamSequence": 2, "streamId": message["id"]}
    assert bodies[1]["entities"] == [said]
    assert bodies[1]["text"] == "Signups"
    assert "attachments" not in bodies[1]


async def test_no_more_than_one_request_a_second(chat: Place) -> None:
    message = await chat.show(live())
    for words in ("a", "ab", "abc"):
        message = await chat.show(live(words), message)
    assert chat.waited == [1.0, 1.0, 1.0]
    chat.time += 5
    await chat.show(FINAL, message)
    assert chat.waited == [1.0, 1.0, 1.0], "what comes late need not wait"


async def test_in_a_group_one_message_is_edited(group: Place) -> None:
    message = await group.show(live())
    message = await group.show(live("Signups"), message)
    await group.show(FINAL, message)
    (shown,) = group.teams.standing(GROUP)
    assert (shown.text, shown.card) == ("", WHOLE)
    assert group.sent == [("POST", "message"), ("PUT", "message"), ("PUT", "message")]


async def test_a_chat_has_one_stream_at_a_time(chat: Place) -> None:
    first = await chat.show(live())
    second = await chat.show(live())
    assert first["stream"]
    assert "stream" not in second
    assert [kind for _, kind in chat.sent] == ["informative", "message"]
    await chat.show(FINAL, first)
    assert (await chat.show(live()))["stream"], "the first one has ended"
    chat.teams.shown[-1].streaming = 0
    chat.time += GONE
    assert (await chat.show(live()))["stream"], "one that nobody ended is over after two minutes"


async def test_where_teams_does_not_stream_the_message_is_edited(chat: Place) -> None:
    chat.teams.troubles = [("POST", "/activities", 403, {"error": {"message": "Streaming is not enabled."}}, {})]
    message = await chat.show(live())
    assert "stream" not in message
    await chat.show(FINAL, message)
    assert chat.sent == [("POST", "informative"), ("POST", "message"), ("PUT", "message")]


async def test_a_stream_that_is_over_becomes_a_message_that_is_edited(chat: Place) -> None:
    message = await chat.show(live())
    chat.teams.shown[0].streaming = 0
    message = await chat.show(live("Signups"), message)
    assert "stream" not in message
    assert chat.stopped == []
    await chat.show(FINAL, message)
    assert [one.text or one.card for one in chat.teams.standing(CHAT)] == ["Reading…", WHOLE]


async def test_who_stops_the_stream_stops_the_run(chat: Place) -> None:
    message = await chat.show(live())
    said = {"error": {"code": "ContentStreamNotAllowed", "message": "Content stream was canceled by user."}}
    chat.teams.troubles = [("POST", "/activities", 403, said, {})]
    await chat.show(live("Signups"), message)
    assert chat.stopped == ["r1"]


async def test_before_two_minutes_are_over_the_stream_ends_and_the_message_is_edited(chat: Place) -> None:
    message = await chat.show(live("Signups"))
    message = await chat.show(live("Signups"), message)
    chat.time += LIFE
    message = await chat.show(live("Signups fell"), message)
    assert "stream" not in message
    await chat.show(FINAL, message)
    assert [kind for _, kind in chat.sent] == ["informative", "streaming", "final", "message"]


async def test_words_that_do_not_go_on_end_the_stream(chat: Place) -> None:
    message = await chat.show(live())
    message = await chat.show(live("Signups fell"), message)
    message = await chat.show(live("Anew"), message)
    assert "stream" not in message
    (shown,) = chat.teams.standing(CHAT)
    assert (shown.text, shown.streaming) == ("Anew", 0)


async def test_another_process_ends_the_stream_that_one_has_begun(chat: Place) -> None:
    message = await chat.show(live("Sign"))
    other = Poster(chat.connector, "https://deus.test", stop=chat.stop, sleep=chat.sleep)
    assert await other.show(chat.delivery, "answer", live("Signups"), message) == message, (
        "how far it came is not known"
    )
    assert await other.show(chat.delivery, "answer", FINAL, message) == {"id": message["id"]}
    (shown,) = chat.teams.standing(CHAT)
    assert shown.text == FINAL.text


async def test_a_rate_limit_is_waited_for(chat: Place) -> None:
    limited = ("POST", "/activities", 429, {"error": {"message": "Too many requests."}}, {"Retry-After": "7"})
    chat.teams.troubles = [limited]
    await chat.show(FINAL)
    assert chat.waited == [7.0]
    chat.teams.troubles = [(*limited[:4], {})] * 2
    await chat.show(FINAL)
    assert chat.waited == [7.0, 1.0, 2.0], "longer each time where Teams does not say how long"
    chat.teams.troubles = [(*limited[:4], {"Retry-After": "600"})]
    with pytest.raises(RateLimited):
        await chat.show(FINAL)
    assert len(chat.teams.standing(CHAT)) == 2


async def test_what_may_have_been_sent_is_not_sent_twice_at_once(chat: Place) -> None:
    chat.teams.troubles = [("POST", "/activities", 502, {}, {})]
    with pytest.raises(Unavailable):
        await chat.show(FINAL)
    assert len(chat.sent) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_where_deus_is_not_let_in_any_more_nothing_is_tried_again(chat: Place, status: int) -> None:
    chat.teams.troubles = [("POST", "/activities", status, {"error": {"message": "The bot was removed."}}, {})] * 2
    with pytest.raises(Undeliverable):
        await chat.show(FINAL)


async def test_a_message_that_somebody_deleted_stays_deleted(chat: Place) -> None:
    message = await chat.show(FINAL)
    chat.teams.shown.clear()
    assert await chat.show(Post("More"), message) == message
    assert chat.teams.shown == []
    await chat.poster.retract(chat.delivery, message)


async def test_a_message_is_taken_back(chat: Place) -> None:
    message = await chat.show(FINAL)
    await chat.poster.retract(chat.delivery, message)
    assert chat.teams.shown == []


async def test_a_card_that_teams_does_not_take_leaves_its_words(group: Place) -> None:
    group.teams.troubles = [("POST", "/activities", 413, {"error": {"message": "Request Entity Too Large"}}, {})]
    await group.show(Post("", FINAL.card, "Deus asks for a yes: *x*"))
    (shown,) = group.teams.standing(GROUP)
    assert shown.card == {}
    assert shown.text.startswith("Deus asks for a yes: \\*x\\*")
    assert "(https://deus.test)" in shown.text


async def test_our_token_is_fetched_once_and_again_when_it_is_not_taken(chat: Place) -> None:
    message = await chat.show(FINAL)
    await chat.show(FINAL, message)
    assert chat.teams.issued == 1
    chat.teams.tokens = {"revoked"}
    await chat.show(Post("More"), message)
    assert chat.teams.issued == 2
    chat.time += 3400
    await chat.show(FINAL, message)
    assert chat.teams.issued == 3, "before it ends it is fetched anew"


async def test_a_token_that_cannot_be_renewed_yet_is_used_to_its_end(chat: Place) -> None:
    first = await chat.token.current()
    chat.teams.closed = True
    chat.time += 3400
    assert await chat.token.current() == first
    chat.time += 300
    with pytest.raises(Refused):
        await chat.token.current()
    chat.teams.closed = False
    assert await chat.token.current() != first


async def test_a_token_of_some_minutes_is_not_fetched_for_every_message(chat: Place) -> None:
    chat.teams.lasts = 200
    assert {await chat.token.current() for _ in range(5)} == {"t1"}
    chat.time += 120
    assert await chat.token.current() == "t2"


async def test_a_wrong_secret_is_tried_again_later_and_not_told(teams: FakeTeams) -> None:
    async with open_client() as client:
        place = Place(teams, client, CHAT, "personal")
        token = BotToken(client, f"{teams.url}/login", TENANT, APP, "wrong-secret-of-nobody")
        poster = Poster(Connector(client, token, place.sleep), "https://deus.test", stop=place.stop)
        with pytest.raises(Refused) as refused:
            await poster.show(place.delivery, "answer", FINAL, None)
    assert "wrong-secret" not in str(refused.value)


async def test_an_informative_text_is_short(chat: Place) -> None:
    await chat.show(live(informative="x" * INFORMATIVE))
    assert len(chat.teams.asked[-1][2]["text"]) <= INFORMATIVE
