"""What the context store promises on every database: what was read is found by its words, and gone when deleted."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.ingest.document import Document
from app.stores.context_text import RUNS, ContextText, document_id, forget_runs
from app.stores.database import Database
from app.stores.migrations import migrate
from tests.scenarios.engine.script import NOW

REFUNDS = Document(
    "refunds.md", "Refunds", "Customers are refunded within thirty days.\n\nFinance approves more than 200."
)
LOGIN = Document("auth.py", "auth.py", "def verifyToken(token):\n    raise AuthTokenExpired('AUTH-142')")


@pytest.fixture
async def text(database: Database) -> ContextText:
    await migrate(database)
    return ContextText(database)


async def found(text: ContextText, question: str) -> list[str]:
    hits = await text.search(question, 10)
    pieces = await text.pieces([hit.id for hit in hits])
    return [pieces[hit.id].path for hit in hits]


async def test_an_empty_store_finds_nothing_and_says_that_it_is_empty(text: ContextText) -> None:
    assert await text.holds() == (False, False)
    assert await found(text, "refund") == []
    assert await text.workspace() == await text.workspace()


async def test_documents_are_found_by_words_in_other_forms_and_by_parts_of_names(text: ContextText) -> None:
    await text.open_source("s", "folder", NOW)
    assert await text.keep("s", [REFUNDS, LOGIN], NOW) == ["new", "new"]
    assert await text.holds() == (True, True)
    assert await found(text, "How do I refund a customer?") == ["refunds.md"]
    for question in ("AUTH-142", "verifyToken", "what about a token that expired", "auth.py"):
        assert await found(text, question) == ["auth.py"], question
    (hit,) = await text.search("refunds of the moon", 10)
    assert hit.coverage == 0.5
    assert "refunded" in hit.words or "refunds" in hit.words


@pytest.mark.parametrize(
    "question", ["", "what is the", '"', "' OR 1=1 --", "a* NEAR(b)", "🙂", "\x00", "(", "-", "AND OR NOT"]
)
async def test_any_question_may_be_asked(text: ContextText, question: str) -> None:
    await text.keep("s", [REFUNDS], NOW)
    assert await found(text, question) == []


async def test_only_what_changed_waits_for_vectors_again(text: ContextText) -> None:
    long = "\n\n".join(f"## Part {n}\n{'word ' * 100}{n}" for n in range(6))
    await text.keep("s", [Document("a.md", "A", long), REFUNDS], NOW)
    waiting = [id for id, *_ in await text.waiting("index", 100)]
    await text.mark(waiting, "index")
    assert await text.count_waiting("index") == 0
    changed = Document("a.md", "A", long.replace("Part 3\n", "Part 3\nnew words "))
    assert await text.keep("s", [changed, REFUNDS], NOW) == ["changed", "unchanged"]
    assert await text.count_waiting("index") == 1
    assert len(await text.gone(10)) == 1
    assert await text.count_waiting("another index") == len(waiting)


async def test_what_is_dropped_is_found_no_more_and_leaves_its_ids_to_the_index(text: ContextText) -> None:
    await text.keep("s", [REFUNDS, LOGIN], NOW)
    ids = [hit.id for hit in await text.search("refund", 10)]
    await text.drop([document_id("s", "refunds.md")])
    assert await found(text, "refund") == []
    assert await text.pieces(ids) == {}
    assert set(ids) <= set(await text.gone(10))
    await text.keep("s", [REFUNDS], NOW)
    assert await text.gone(10) == []
    assert await found(text, "refund") == ["refunds.md"]


async def test_two_sources_may_have_documents_of_one_name(text: ContextText) -> None:
    await text.keep("one", [REFUNDS], NOW)
    assert await text.keep("two", [REFUNDS], NOW) == ["new"]
    assert await text.open_source("one", "folder", NOW) == {document_id("one", "refunds.md"): "refunds.md"}


async def test_visitors_find_what_was_last_read_as_public_and_nothing_else(text: ContextText) -> None:
    await text.keep("notes", [REFUNDS], NOW)
    await text.open_source("help", "folder", NOW, public=True)
    await text.keep("help", [REFUNDS], NOW, public=True)
    every = [hit.id for hit in await text.search("refund", 10)]
    (hit,) = await text.search("refund", 10, public=True)
    assert len(every) == 2
    assert [piece.source for piece in (await text.pieces(every, public=True)).values()] == ["help"]
    assert await text.public_text(document_id("notes", "refunds.md")) is None
    both = [document_id(source, "refunds.md") for source in ("notes", "help")]
    assert await text.still_public([*both, "none", "' OR 1=1 --"]) == {both[1]}
    title, shown = await text.public_text(document_id("help", "refunds.md")) or ("", "")
    assert title == REFUNDS.title
    assert shown.startswith("Customers are refunded within thirty days.")
    await text.mark(every, "index")
    await text.open_source("help", "folder", NOW)
    assert await text.search("refund", 10, public=True) == []
    assert await text.pieces([hit.id], public=True) == {}
    assert await text.public_text(both[1]) is None
    assert await text.still_public(both) == frozenset()
    assert [(id, public) for id, _, public in await text.waiting("index", 10)] == [(hit.id, False)]


async def test_what_is_private_takes_no_place_of_what_is_public(text: ContextText) -> None:
    """The filter stands before the limit, and what was said in other runs is never public."""
    said = [Document(f"{n}.md", "Refunds", f"Refund refund refund refund {n}.") for n in range(30)]
    await text.keep("notes", said, NOW)
    await text.keep(RUNS, [Document("q", "Asked before: refund", "Refund refund.", None, "run_1")], NOW)
    await text.open_source("help", "folder", NOW, public=True)
    long = "Somewhere in a long page about other things altogether a refund is told of. " + "Words follow. " * 20
    await text.keep("help", [Document("a.md", "A page", long)], NOW, public=True)
    (hit,) = await text.search("refund", 1, public=True)
    assert [piece.source for piece in (await text.pieces([hit.id])).values()] == ["help"]


async def test_a_document_that_is_changed_is_as_public_as_it_was_read_last(text: ContextText) -> None:
    id = document_id("help", "refunds.md")
    for public in (True, False, True, False):
        await text.open_source("help", "folder", NOW, public=public)
        changed = Document("refunds.md", "Refunds", f"Customers are refunded. {public} {NOW}")
        await text.keep("help", [changed], NOW, public=public)
        assert (await text.still_public([id]) == {id}) is public
        assert bool(await text.search("refunded", 10, public=True)) is public
    await text.open_source("help", "folder", NOW, public=True)
    await text.drop([id])
    assert await text.still_public([id]) == frozenset()


async def test_deleted_runs_are_forgotten(text: ContextText) -> None:
    await text.keep(RUNS, [Document("q", "Asked before", "Signups fell on Tuesday.", None, "run_1")], NOW)
    assert await found(text, "signups") == ["q"]
    async with text._database.write() as connection:
        await forget_runs(connection, sa.select(sa.literal("run_1")))
    assert await found(text, "signups") == []
