"""The context store: documents, code and past runs, found by words and by meaning, each with the reason why."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from agents.ports import Clock, Embedder, Recalled
from app.embedding import ModelUnusable
from app.ingest.document import Document, Unread
from app.ingest.reading import read
from app.ingest.report import Progress, Report
from app.stores.context_text import RUNS, ContextText, Piece
from app.stores.context_vectors import IndexElsewhere, IndexUnusable, VectorIndex
from app.stores.fusion import Found, fuse
from tools.kit.errors import UserMustMend

log = logging.getLogger(__name__)

T = TypeVar("T")

# How deep each ranking is looked into, and the likeness below which a neighbour has nothing to do with the question.
DEPTH = 40
LEAST_LIKENESS = 0.2
# So that one long document, or the same question asked ten times, does not fill the answer.
MOST_OF_A_DOCUMENT = 3
DOCUMENTS_AT_ONCE = 32
PIECES_AT_ONCE = 32
MOST_REMOVED = 500
LONGEST_QUESTION = 2000


class Context:
    """The memory of one workspace. The text is kept at once; vectors follow, by whichever process owns their index.

    `patience` is how many seconds a question waits for the index to open, at first use; without it words alone decide.
    `quiet` is how many seconds pass before vectors are made in the background, so that a short command makes none.
    Below `runs_url` people open a run.
    """

    def __init__(
        self,
        text: ContextText,
        index: VectorIndex,
        embedder: Embedder,
        clock: Clock,
        *,
        patience: float = 5.0,
        quiet: float = 3.0,
        runs_url: str = "/runs",
    ) -> None:
        self._text = text
        self._index = index
        self._embedder = embedder
        self._clock = clock
        self._patience = patience
        self._quiet = quiet
        self._runs_url = runs_url
        self._stamp: str | None = None
        self._opening: asyncio.Task[str] | None = None
        self._catching_up: asyncio.Task[None] | None = None
        self._indexing = asyncio.Lock()
        self.trouble: str | None = None

    async def start(self) -> None:
        """Has what waits for vectors embedded in the background; an empty store loads nothing."""
        if (await self._text.holds())[0]:
            self._catch_up_soon()

    async def close(self) -> None:
        """Ends what goes on in the background and gives the index up. What was not embedded waits in the store."""
        for task in (self._catching_up, self._opening):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._index.close()

    async def recall(self, text: str, limit: int = 8) -> Sequence[Recalled]:
        """What may bear on the text, best first. Where the index of meanings cannot be used, words alone decide."""
        return tuple(
            Recalled(piece.source, piece.title, piece.text, piece.url, round(found.score, 4), found.why, piece.run)
            for found, piece in await self._found(text, limit, public=False)
        )

    async def recall_public(self, text: str, limit: int = 8) -> Sequence[tuple[Found, Piece]]:
        """What visitors may read and bears on the text, best first: the same ranking over public documents alone."""
        return await self._found(text, limit, public=True)

    async def public_text(self, document: str) -> tuple[str, str] | None:
        """The title and text of a document that visitors may read; None for every other."""
        return await self._text.public_text(document)

    async def still_public(self, ids: Collection[str]) -> frozenset[str]:
        """Those of some documents that visitors may read now."""
        return await self._text.still_public(ids)

    async def _found(self, text: str, limit: int, *, public: bool) -> list[tuple[Found, Piece]]:
        asked = text[:LONGEST_QUESTION]
        some, ingested = await self._text.holds()
        if not some or not asked.strip():
            return []
        async with asyncio.TaskGroup() as group:
            words = group.create_task(self._text.search(asked, DEPTH, public=public))
            alike = group.create_task(self._alike(asked, wait=ingested, public=public))
        fused = fuse(words.result(), alike.result())
        pieces = await self._text.pieces([found.id for found in fused], public=public)
        return _chosen([(found, pieces[found.id]) for found in fused if found.id in pieces], limit)

    async def ingest(
        self,
        path: Path,
        source: str | None = None,
        progress: Callable[[Progress], None] | None = None,
        *,
        public: bool = False,
        below: str | None = None,
    ) -> Report:
        """Reads a file, a folder or a git repository; what is no longer there is removed, what is the same is left.

        Visitors may read it where it was last read as `public`; `below` is the address of the page that its files are
        pages below of, such as https://help.example/docs.

        Raises UserMustMend for a path that is not there and was never read, or of a kind that cannot be read.
        """
        name = source or str(await asyncio.to_thread(path.resolve))
        report = Report(name)
        tell = progress or (lambda _: None)
        if not await asyncio.to_thread(path.exists):
            await self._forget_source(name, path, report)
        else:
            await self._read(path, name, report, tell, public, below)
        try:
            report.embedded = await self._embed_waiting(tell, spare=True)
        except IndexElsewhere:
            report.waits_for = "the Deus that is running, which embeds them when it is next asked"
        except (IndexUnusable, ModelUnusable) as error:
            report.waits_for = f"an index that can be used. {error}"
        report.waiting = await self._text.count_waiting(self._stamp) if report.waits_for else 0
        return report

    async def remember(self, run: str, question: str, answer: str, at: datetime) -> None:
        """Keeps what was asked and answered; an answer to the same question takes the place of an earlier one."""
        if not answer.strip():
            return
        same = hashlib.sha256(" ".join(question.casefold().split()).encode()).hexdigest()[:32]
        text = f"Asked on {at:%Y-%m-%d}: {question.strip()}\n\n{answer.strip()}"
        title = "Asked before: " + " ".join(question.split())[:120]
        now = self._clock.now()
        await self._text.open_source(RUNS, RUNS, now)
        await self._text.keep(RUNS, [Document(same, title, text, f"{self._runs_url}/{run}", run)], now)
        self._catch_up_soon()

    async def _read(
        self,
        path: Path,
        name: str,
        report: Report,
        tell: Callable[[Progress], None],
        public: bool,
        below: str | None,
    ) -> None:
        kind, found = await asyncio.to_thread(read, path)
        now = self._clock.now()
        known = await self._text.open_source(name, kind, now, public=public)
        kept: set[str] = set()
        while lot := await asyncio.to_thread(_take, found, DOCUMENTS_AT_ONCE):
            documents = [placed(one, below) for one in lot if isinstance(one, Document)]
            report.unread += [one for one in lot if isinstance(one, Unread)]
            report.count(await self._text.keep(name, documents, now, public=public))
            kept |= {one.path for one in lot}
            tell(Progress("read", report.read, None))
        # What is there but could not be read this time stays as it was.
        gone = [id for id, its_path in known.items() if its_path not in kept]
        await self._text.drop(gone)
        report.gone = len(gone)

    async def _forget_source(self, name: str, path: Path, report: Report) -> None:
        if not await self._text.knows(name):
            raise UserMustMend(f"There is nothing at {path}.", remedy="Name a file, a folder or a git repository.")
        known = await self._text.open_source(name, "gone", self._clock.now())
        await self._text.drop(list(known))
        await self._text.drop_source(name)
        report.gone = len(known)

    async def _alike(self, text: str, *, wait: bool, public: bool) -> list[tuple[str, float]]:
        """The nearest pieces; none where the index or the model cannot be used, or not yet."""
        try:
            stamp = self._stamp or await self._open(self._patience if wait else 0.0)
            if stamp is None:
                return []
            (vector,) = await self._embedder.embed([text])
            near = await self._index.nearest(vector, DEPTH, public=public)
        except (IndexUnusable, ModelUnusable) as error:
            self._note(error)
            return []
        self.trouble = None
        if await self._text.waiting(stamp, 1):
            self._catch_up_soon(at_once=True)
        return [(id, likeness) for id, likeness in near if likeness >= LEAST_LIKENESS]

    async def _open(self, patience: float) -> str | None:
        """The index's stamp; None if it takes longer, and then it goes on opening in the background."""
        if patience <= 0:
            self._catch_up_soon()
            return None
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._index.open(), name="open the index of meanings")
        done, _ = await asyncio.wait([self._opening], timeout=patience)
        if not done:
            self._catch_up_soon()
            return None
        self._stamp = self._opening.result()
        return self._stamp

    def _catch_up_soon(self, *, at_once: bool = False) -> None:
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(
                self._catch_up(0.0 if at_once else self._quiet), name="embed what waits"
            )

    async def _catch_up(self, quiet: float) -> None:
        await asyncio.sleep(quiet)
        try:
            await self._embed_waiting()
        except (IndexUnusable, ModelUnusable) as error:
            self._note(error)
        except Exception:  # a background task's top
            log.exception("What waits in the context store could not be embedded")

    async def _embed_waiting(self, tell: Callable[[Progress], None] = lambda _: None, *, spare: bool = False) -> int:
        """Brings the index up to the text: embeds what it lacks, removes what is gone. Returns how many it embedded.

        With `spare` the index is not even opened when there is nothing to do.
        """
        async with self._indexing:
            if spare and not await self._text.count_waiting(self._stamp) and not await self._text.gone(1):
                return 0
            try:
                self._stamp = await self._index.open()
                done = await self._embed(self._stamp, tell)
                self.trouble = None
                return done
            except IndexUnusable:
                self._stamp = None
                raise

    async def _embed(self, stamp: str, tell: Callable[[Progress], None]) -> int:
        done, total = 0, await self._text.count_waiting(stamp)
        while waiting := await self._text.waiting(stamp, PIECES_AT_ONCE):
            ids = [id for id, _, _ in waiting]
            open_ones = {id for id, _, public in waiting if public}
            await self._index.add(ids, await self._embedder.embed([text for _, text, _ in waiting]), open_ones)
            await self._text.mark(ids, stamp)
            done += len(ids)
            tell(Progress("embedded", done, max(total, done)))
        while gone := await self._text.gone(MOST_REMOVED):
            await self._index.remove(gone)
            await self._text.clear_gone(gone)
        return done

    def _note(self, error: Exception) -> None:
        """Says once, not at every question, that words alone decide."""
        self._stamp = None
        if self.trouble != str(error):
            self.trouble = str(error)
            log.warning("Context is searched by words alone. %s", error)


def placed(document: Document, below: str | None) -> Document:
    """A document with the address of its page below another: index.md is the folder's own, and pages have no suffix."""
    if below is None or document.url is not None:
        return document
    page = re.sub(r"\.(?:md|markdown|mdx|html?|txt)$", "", document.path)
    page = re.sub(r"(?:^|/)index$", "", page)
    return replace(document, url=f"{below.rstrip('/')}/{quote(page)}".rstrip("/"))


def _chosen(hits: Sequence[tuple[Found, Piece]], limit: int) -> list[tuple[Found, Piece]]:
    """The best hits, no text twice, few of one document, and past answers in no more than a third of the places."""
    chosen: list[tuple[Found, Piece]] = []
    texts: set[str] = set()
    documents: dict[str, int] = {}
    runs = 0
    for found, piece in hits:
        of_run = piece.run is not None
        if piece.text in texts or documents.get(piece.document, 0) >= MOST_OF_A_DOCUMENT:
            continue
        if of_run and runs >= max(1, limit // 3):
            continue
        texts.add(piece.text)
        documents[piece.document] = documents.get(piece.document, 0) + 1
        runs += of_run
        chosen.append((found, piece))
    return chosen[:limit]


def _take(items: Iterator[T], most: int) -> list[T]:
    return list(itertools.islice(items, most))
