"""The text of the context in SQL: sources, documents and their pieces, and the outbox of what has no vector yet."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.ingest.document import Document
from app.ingest.pieces import cut
from app.stores.database import MARKS, Database
from app.stores.fusion import WordHit
from app.stores.question_words import coverage, names, question_words
from app.stores.schema import context_documents as documents
from app.stores.schema import context_gone as gone
from app.stores.schema import context_pieces as pieces
from app.stores.schema import context_sources as sources
from app.stores.schema import context_workspace as workspace

Outcome = Literal["new", "changed", "unchanged"]

RUNS = "past runs"
# How many values one statement may carry; SQLite's oldest bound is 999.
MOST_VALUES = 500
# A long title would say more of a piece's meaning than its text.
LONGEST_TITLE = 80
_MARKED = re.compile(f"{MARKS[0]}(.+?){MARKS[1]}", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A piece as it is found: of which source and document, with what it says."""

    id: str
    document: str
    source: str
    path: str
    title: str
    text: str
    url: str | None
    run: str | None


class ContextText:
    """What was read, as text. It is the truth about the context; the vector index can be made from it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def workspace(self) -> str:
        """The id by which an index that several workspaces share tells this one."""
        async with self._database.read() as connection:
            return str(await connection.scalar(sa.select(workspace.c.id)))

    async def holds(self) -> tuple[bool, bool]:
        """Whether there is anything at all, and whether any of it was ingested (and is no past run)."""
        async with self._database.read() as connection:
            any_piece = await connection.scalar(sa.select(pieces.c.number).limit(1))
            ingested = await connection.scalar(sa.select(sources.c.source).where(sources.c.kind != RUNS).limit(1))
        return any_piece is not None, ingested is not None

    async def knows(self, source: str) -> bool:
        """Whether the source was read before."""
        async with self._database.read() as connection:
            return await connection.scalar(sa.select(sources.c.source).where(sources.c.source == source)) is not None

    async def open_source(self, source: str, kind: str, at: datetime, *, public: bool = False) -> dict[str, str]:
        """Notes that a source is read now, and whether visitors may read it from now on; returns what is known of it:
        document id → path."""
        async with self._database.write() as connection:
            await connection.execute(sources.delete().where(sources.c.source == source))
            await connection.execute(sources.insert().values(source=source, kind=kind, at=at))
            await _set_public(connection, source, public)
            found = await connection.execute(
                sa.select(documents.c.id, documents.c.path).where(documents.c.source == source)
            )
            return {row.id: row.path for row in found}

    async def keep(self, source: str, read: Sequence[Document], at: datetime, *, public: bool = False) -> list[Outcome]:
        """Stores documents as they are now, in one transaction; of a changed one the pieces that stayed are kept."""
        hashes = {document_id(source, document.path): _hash(document) for document in read}
        async with self._database.read() as connection:
            rows = await connection.execute(
                sa.select(documents.c.id, documents.c.sha256).where(documents.c.id.in_(list(hashes)))
            )
            known = {row.id: row.sha256 for row in rows}
        outcomes: list[Outcome] = []
        changes: list[tuple[str, Document]] = []
        for document in read:
            id = document_id(source, document.path)
            outcomes.append("new" if id not in known else "unchanged" if known[id] == hashes[id] else "changed")
            if outcomes[-1] != "unchanged":
                changes.append((id, document))
        cut_up = await asyncio.to_thread(lambda: [_pieces_of(id, document) for id, document in changes])
        if changes:
            async with self._database.write() as connection:
                for (id, document), its in zip(changes, cut_up, strict=True):
                    await connection.execute(documents.delete().where(documents.c.id == id))
                    row = {"path": document.path, "title": document.title, "url": document.url, "run": document.run}
                    await connection.execute(
                        documents.insert().values(id=id, source=source, sha256=hashes[id], at=at, public=public, **row)
                    )
                    await _replace_pieces(connection, id, its)
        return outcomes

    async def drop(self, ids: Collection[str]) -> None:
        """Deletes documents with their pieces."""
        async with self._database.write() as connection:
            for some in _lots(ids):
                await _drop(connection, documents.c.id.in_(some))

    async def drop_source(self, source: str) -> None:
        """Deletes a source's row; its documents have been dropped."""
        async with self._database.write() as connection:
            await connection.execute(sources.delete().where(sources.c.source == source))

    async def search(self, question: str, limit: int, *, public: bool = False) -> list[WordHit]:
        """Pieces that have words of the question, best first; with `public` only those that visitors may read."""
        words = question_words(question)
        if not words:
            return []
        async with self._database.read() as connection:
            ranked = (await connection.execute(self._database.search(words, limit, public=public))).all()
            numbers = [row.number for row in ranked]
            known = await connection.execute(
                sa.select(pieces.c.number, pieces.c.id).where(pieces.c.number.in_(numbers))
            )
            ids = {row.number: row.id for row in known}
        hits: list[WordHit] = []
        for row in ranked:
            if row.number in ids:
                found = _marked(row.marked)
                hits.append(WordHit(ids[row.number], found, coverage(words, found)))
        return hits

    async def pieces(self, ids: Sequence[str], *, public: bool = False) -> dict[str, Piece]:
        """The pieces that are still there, by id; with `public` only those that visitors may read."""
        its = (documents.c.source, documents.c.path, documents.c.url, documents.c.run)
        wanted = (
            sa.select(pieces.c.id, pieces.c.document, pieces.c.title, pieces.c.text, *its)
            .join(documents, documents.c.id == pieces.c.document)
            .where(pieces.c.id.in_(ids))
        )
        if public:
            wanted = wanted.where(documents.c.public)
        async with self._database.read() as connection:
            rows = await connection.execute(wanted)
            return {
                row.id: Piece(row.id, row.document, row.source, row.path, row.title, row.text, row.url, row.run)
                for row in rows
            }

    async def public_text(self, document: str) -> tuple[str, str] | None:
        """A document that visitors may read: its title and its pieces' text, one after the other; None for another."""
        its = sa.select(documents.c.title).where(documents.c.id == document, documents.c.public)
        text = sa.select(pieces.c.text).where(pieces.c.document == document).order_by(pieces.c.number)
        async with self._database.read() as connection:
            title = await connection.scalar(its)
            return None if title is None else (title, "\n\n".join(await connection.scalars(text)))

    async def still_public(self, ids: Collection[str]) -> frozenset[str]:
        """Those of some documents that visitors may read now."""
        wanted = sa.select(documents.c.id).where(documents.c.id.in_(list(ids)), documents.c.public)
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(wanted))

    async def waiting(self, stamp: str, limit: int) -> list[tuple[str, str, bool]]:
        """Pieces that the index of this stamp has no vector of: (id, what to embed, whether visitors may read it)."""
        lacking = sa.or_(pieces.c.indexed.is_(None), pieces.c.indexed != stamp)
        wanted = (
            sa.select(pieces.c.id, pieces.c.title, pieces.c.text, documents.c.public)
            .join(documents, documents.c.id == pieces.c.document)
            .where(lacking)
            .order_by(pieces.c.number)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(wanted.limit(limit))
            return [(row.id, f"{row.title}\n{row.text}", bool(row.public)) for row in rows]

    async def count_waiting(self, stamp: str | None) -> int:
        """How many pieces have no vector in the index of this stamp; without a stamp, in any."""
        lacking: sa.ColumnElement[bool] = pieces.c.indexed.is_(None)
        if stamp is not None:
            lacking = sa.or_(lacking, pieces.c.indexed != stamp)
        async with self._database.read() as connection:
            return int(await connection.scalar(sa.select(sa.func.count()).where(lacking).select_from(pieces)) or 0)

    async def mark(self, ids: Collection[str], stamp: str) -> None:
        """Notes that the index has vectors of these pieces."""
        async with self._database.write() as connection:
            for some in _lots(ids):
                await connection.execute(pieces.update().where(pieces.c.id.in_(some)).values(indexed=stamp))

    async def gone(self, limit: int) -> list[str]:
        """Ids of pieces that the index may still have."""
        async with self._database.read() as connection:
            return list(await connection.scalars(sa.select(gone.c.id).limit(limit)))

    async def clear_gone(self, ids: Collection[str]) -> None:
        """Notes that the index has none of these any more."""
        async with self._database.write() as connection:
            for some in _lots(ids):
                await connection.execute(gone.delete().where(gone.c.id.in_(some)))


async def _set_public(connection: AsyncConnection, source: str, public: bool) -> None:
    """Marks what is known of a source; its pieces wait for the index, which holds the mark beside the vector."""
    other = sa.and_(documents.c.source == source, documents.c.public != public)
    its = sa.select(documents.c.id).where(other)
    await connection.execute(pieces.update().where(pieces.c.document.in_(its)).values(indexed=None))
    await connection.execute(documents.update().where(other).values(public=public))


async def forget_runs(connection: AsyncConnection, runs: sa.Select[tuple[str]]) -> None:
    """Deletes what is remembered of runs, within the transaction that deletes them."""
    await _drop(connection, documents.c.run.in_(runs))


def document_id(source: str, path: str) -> str:
    """The id of the document that a source has at a path."""
    return _digest(source, path)[:40]


def _hash(document: Document) -> str:
    return _digest(document.title, document.url or "", document.run or "", document.text)


def _pieces_of(id: str, document: Document) -> dict[str, dict[str, str]]:
    """The rows of a document's pieces by id. A piece that stays as it is keeps its id wherever it moves."""
    rows: dict[str, dict[str, str]] = {}
    times: dict[str, int] = {}
    for piece in cut(document.text):
        title = _title(document, piece.headings)
        same = _digest(title, piece.text)
        times[same] = times.get(same, 0) + 1
        piece_id = _digest(id, same, str(times[same]))[:40]
        found = names(f"{document.path} {piece.text}")
        rows[piece_id] = {"id": piece_id, "document": id, "title": title, "names": found, "text": piece.text}
    return rows


def _title(document: Document, headings: Sequence[str]) -> str:
    """The document's title and the headings that lead to a piece, but for the one that the title says already."""
    below = headings[1:] if headings and document.title.startswith(headings[0]) else headings
    return " › ".join(_cut(part) for part in (document.title, *below))


def _cut(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"


async def _replace_pieces(connection: AsyncConnection, id: str, wanted: Mapping[str, dict[str, str]]) -> None:
    known = set(await connection.scalars(sa.select(pieces.c.id).where(pieces.c.document == id)))
    await _drop_pieces(connection, known - set(wanted))
    added = [row for piece_id, row in wanted.items() if piece_id not in known]
    for some in _lots([row["id"] for row in added]):
        await connection.execute(gone.delete().where(gone.c.id.in_(some)))
    if added:
        await connection.execute(pieces.insert(), added)


async def _drop(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> None:
    its = sa.select(documents.c.id).where(which)
    await _drop_pieces(
        connection, list(await connection.scalars(sa.select(pieces.c.id).where(pieces.c.document.in_(its))))
    )
    await connection.execute(documents.delete().where(which))


async def _drop_pieces(connection: AsyncConnection, ids: Collection[str]) -> None:
    for some in _lots(ids):
        await connection.execute(gone.delete().where(gone.c.id.in_(some)))
        await connection.execute(gone.insert(), [{"id": id} for id in some])
        await connection.execute(pieces.delete().where(pieces.c.id.in_(some)))


def _lots(items: Iterable[Any]) -> Iterable[list[Any]]:
    listed = list(items)
    return (listed[n : n + MOST_VALUES] for n in range(0, len(listed), MOST_VALUES))


def _marked(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for word in _MARKED.findall(text):
        found.setdefault(word.casefold())
    return tuple(found)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
