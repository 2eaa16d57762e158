"""What the kit does for every connector: the guard around records, work side by side, matching words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from tools.kit.connector import Connector, ServiceSettings, Sight, matches, missing, secret_fields, serves, together
from tools.kit.errors import Malformed, NotFound, Unavailable
from tools.kit.wire import Wire, WireOptions, open_client
from tools.nouns import Noun
from tools.verbs import PeopleFind


class Strict(BaseModel):
    name: int


def of(failure: BaseException | None) -> type[Connector]:
    """A connector whose one verb fails in the given manner."""

    class Failing(Connector):
        name = "vendor"
        title = "Vendor"

        @serves(PeopleFind)
        async def people(self, ask: PeopleFind) -> Sequence[Noun]:
            await self._fail()
            return []

        async def check(self) -> Sight:
            await self._fail()
            return Sight("Vendor", ())

        async def _fail(self) -> None:
            if isinstance(failure, ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    for inner in failure.exceptions:
                        group.create_task(raising(inner))
            if failure is not None:
                raise failure

    return Failing


async def raising(error: BaseException) -> None:
    raise error


@contextlib.asynccontextmanager
async def opened(kind: type[Connector]) -> AsyncIterator[Connector]:
    async with open_client(httpx.MockTransport(lambda request: httpx.Response(200))) as client:
        wire = Wire(client, "vendor", WireOptions(base_url="https://vendor.test"))
        yield kind(None, wire, lambda: datetime(2026, 1, 1, tzinfo=UTC))


async def call(kind: type[Connector]) -> Sequence[Noun]:
    async with opened(kind) as connector:
        return await connector.call(PeopleFind())


async def check(kind: type[Connector]) -> Sight:
    async with opened(kind) as connector:
        return await connector.check()


@pytest.mark.parametrize(
    "failure", [KeyError("login"), TypeError("x"), AttributeError("x"), IndexError(), ValueError("x")]
)
async def test_a_record_in_another_form_is_malformed(failure: Exception) -> None:
    with pytest.raises(Malformed, match="Vendor sent a record") as caught:
        await call(of(failure))
    assert caught.value.service == "vendor"
    assert caught.value.__cause__ is failure


async def test_the_missing_field_is_named() -> None:
    with pytest.raises(Malformed, match="'login' is missing"):
        await call(of(KeyError("login")))
    with pytest.raises(ValueError) as invalid:
        Strict.model_validate({})
    with pytest.raises(Malformed, match="name: Field required"):
        await call(of(invalid.value))


async def test_a_bug_travels() -> None:
    with pytest.raises(ZeroDivisionError):
        await call(of(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await check(of(ZeroDivisionError()))


async def test_the_check_is_guarded_like_a_call() -> None:
    with pytest.raises(Malformed, match=r"Vendor sent a record .*'login' is missing"):
        await check(of(KeyError("login")))
    with pytest.raises(NotFound):
        await check(of(ExceptionGroup("two", [ZeroDivisionError(), NotFound("gone", service="vendor")])))
    assert await check(of(None)) == Sight("Vendor", ())


async def test_of_several_failures_the_expected_one_travels_alone() -> None:
    with pytest.raises(Unavailable):
        await call(of(ExceptionGroup("both", [Unavailable("down")])))


async def test_no_failure_is_no_failure() -> None:
    assert await call(of(None)) == []


async def test_work_side_by_side_keeps_its_order_and_its_error() -> None:
    async def later(value: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return value

    assert await together([later(1, 3), later(2, 1), later(3, 2)]) == [1, 2, 3]
    assert await together([]) == []
    stopped = asyncio.Event()

    async def patient() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return 0

    async def absent() -> int:
        await asyncio.sleep(0)
        raise NotFound("gone")

    with pytest.raises(NotFound):
        await together([patient(), absent()])
    assert stopped.is_set()


def test_any_word_matches_the_beginning_of_a_word() -> None:
    assert matches("signup safari", "Rework the Signup form", None)
    assert matches("export", "exports stop early")
    assert not matches("port", "exports stop early")
    assert matches("", None)
    assert matches("  ?! ", "anything")
    assert not matches("x", None, "")
    assert matches("#482", "see #482")


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_text_matches_itself_and_more_words_never_match_less(text: str, more: str) -> None:
    assert matches(text, text)
    if not matches(text, "") and matches(text, "alpha beta"):
        assert matches(f"{text} {more}", "alpha beta")


def test_settings_tell_what_they_lack_and_what_they_hide() -> None:
    class Settings(ServiceSettings):
        base_url: str = "https://vendor.test"
        token: SecretStr = Field(description="the key")
        team: str = Field(default="", description="the team")

    assert missing(Settings, {}) == ["token"]
    assert missing(Settings, {"token": "x"}) == []
    assert secret_fields(Settings) == ["token"]
    assert "x1y2" not in repr(Settings(token=SecretStr("x1y2")))
