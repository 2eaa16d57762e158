"""The context store through its door: ingest, recall, remember; with real vectors in Chroma and made-up meanings."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.conversation import Conversations
from app.bootstrap import Product
from app.settings import Settings
from app.stores.audit import AuditLog
from app.stores.context import Context
from app.stores.context_text import ContextText
from app.stores.context_vectors import EmbeddedIndex, IndexElsewhere, VectorIndex
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.runs import StoredRuns
from app.stores.sqlite import SQLite
from app.toolbox import ConnectedToolbox
from app.workshop import Workshop
from tests.scenarios.engine.script import NOW, StillClock
from tools.kit.errors import UserMustMend

ALIKE = {"reimbursed": "refunded", "money": "refunded"}


class WordyEmbedder:
    """Texts are alike as far as they share words, a few synonyms being one; counts what it was asked to embed."""

    dimensions = 64

    def __init__(self, model_id: str = "wordy/1") -> None:
        self.model_id = model_id
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        rows = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.casefold()):
                row[hashlib.sha256(ALIKE.get(word, word).encode()).digest()[0] % self.dimensions] += 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@asynccontextmanager
async def memory(
    folder: Path, embedder: WordyEmbedder | None = None, index: VectorIndex | None = None
) -> AsyncIterator[Context]:
    embedder = embedder or WordyEmbedder()
    database = SQLite(folder / "deus.db")
    await migrate(database)
    index = index or EmbeddedIndex(folder / "chroma", embedder.model_id)
    context = Context(ContextText(database), index, embedder, StillClock(), patience=60, quiet=0)
    yield context
    await context.close()
    await database.close()


def memory_health(folder: Path, context: Context | None) -> str:
    """What /api/health says of the memory."""
    workshop = Workshop()
    workshop.context = context
    database = SQLite(folder / "runs.db")
    runs = StoredRuns(database, Live(), StillClock(), workshop.dispatch)
    settings = Settings(data_dir=folder, memory=context is not None)
    conversations = Conversations(runs, workshop.stop)
    approvals: Any = None  # nothing is written here
    audit = AuditLog(database)
    product = Product(settings, StillClock(), conversations, approvals, ConnectedToolbox({}), workshop, audit)
    return str(product.health()["memory"])


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "refunds.md").write_text("# Refunds\n\nBuyers are refunded within thirty days.")
    (folder / "pager.md").write_text("# Pager\n\nEach engineer carries the pager for a week.")
    (folder / "auth.py").write_text("raise Expired('AUTH-142')")
    return folder


class UnopenedIndex(EmbeddedIndex):
    async def open(self) -> str:
        raise AssertionError("an empty store opened the index")


async def test_an_empty_store_recalls_nothing_and_opens_no_index(tmp_path: Path) -> None:
    async with memory(tmp_path, index=UnopenedIndex(tmp_path / "chroma", "x")) as context:
        await context.start()
        assert await context.recall("Why did signups drop?") == ()
    assert not (tmp_path / "chroma").exists()


async def test_a_folder_is_read_once_then_only_what_changed(tmp_path: Path, documents: Path) -> None:
    embedder = WordyEmbedder()
    async with memory(tmp_path, embedder) as context:
        first = await context.ingest(documents, "handbook")
        assert str(first) == "Read 3 documents of handbook: 3 new, 0 changed, 0 unchanged, 0 gone; 3 pieces embedded."
        (documents / "pager.md").write_text("# Pager\n\nNobody carries the pager.")
        (documents / "auth.py").unlink()
        embedder.embedded.clear()
        again = await context.ingest(documents, "handbook")
        assert (again.new, again.changed, again.unchanged, again.gone, again.embedded) == (0, 1, 1, 1, 1)
        assert len(embedder.embedded) == 1
        assert [one for one in await context.recall("AUTH-142") if "AUTH-142" in one.text] == []


async def test_hits_are_found_by_words_and_by_meaning_and_say_why(tmp_path: Path, documents: Path) -> None:
    async with memory(tmp_path) as context:
        await context.ingest(documents, "handbook")
        (by_words, *_) = await context.recall("AUTH-142")
        (by_meaning, *_) = await context.recall("reimbursed")
    assert by_words.title == "auth.py"
    assert "auth-142" in by_words.why
    assert (by_meaning.source, by_meaning.title) == ("handbook", "Refunds (refunds.md)")
    assert by_meaning.why.startswith("likeness in meaning 0.")


async def test_a_source_that_is_gone_takes_its_documents_along(tmp_path: Path, documents: Path) -> None:
    async with memory(tmp_path) as context:
        await context.ingest(documents, "handbook")
        shutil.rmtree(documents)
        assert (await context.ingest(documents, "handbook")).gone == 3
        assert await context.recall("refunded pager") == ()
        with pytest.raises(UserMustMend, match="nothing at"):
            await context.ingest(documents, "handbook")


async def test_what_another_process_may_not_embed_is_found_by_words_and_embedded_by_the_owner(
    tmp_path: Path, documents: Path
) -> None:
    async with memory(tmp_path) as owner:
        await owner.ingest(documents / "pager.md", "pager")
        async with memory(tmp_path) as other:
            report = await other.ingest(documents, "handbook")
            assert (report.embedded, report.waiting) == (0, 3)
            assert "wait for the Deus that is running" in str(report)
            (hit, *_) = await other.recall("refunded")
            assert hit.source == "handbook"
            assert "likeness" not in hit.why
            assert "Another process of Deus owns the index" in memory_health(tmp_path, other)
            assert memory_health(tmp_path, owner) == "ok"
        await owner.recall("pager")
        await owner._catching_up  # type: ignore[misc]
        (hit, *_) = await owner.recall("reimbursed")
        assert hit.source == "handbook"


async def test_the_lock_is_given_up_with_the_store(tmp_path: Path) -> None:
    first, second = (EmbeddedIndex(tmp_path / "chroma", "x") for _ in range(2))
    await first.open()
    with pytest.raises(IndexElsewhere):
        await second.open()
    await first.close()
    assert await second.open()
    await second.close()


@pytest.mark.parametrize("damage", ["lost", "broken", "another model"])
async def test_an_index_that_is_lost_or_of_another_model_is_made_again(
    tmp_path: Path, documents: Path, damage: str
) -> None:
    async with memory(tmp_path) as context:
        await context.ingest(documents, "handbook")
    if damage == "lost":
        shutil.rmtree(tmp_path / "chroma")
    elif damage == "broken":
        (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"not a database" * 500)
    embedder = WordyEmbedder("wordy/2" if damage == "another model" else "wordy/1")
    async with memory(tmp_path, embedder) as context:
        await context.recall("reimbursed")
        await context._catching_up  # type: ignore[misc]
        (hit, *_) = await context.recall("reimbursed")
        assert hit.title == "Refunds (refunds.md)"


async def test_answers_are_remembered_the_last_of_a_question_only(tmp_path: Path) -> None:
    async with memory(tmp_path) as context:
        await context.remember("run_1", "Why did signups drop?", "Because of the holiday.", NOW)
        await context.remember("run_2", "why did  signups drop?", "Because of Safari.", NOW)
        await context._catching_up  # type: ignore[misc]
        (hit,) = await context.recall("Did signups drop?")
    assert "Because of Safari." in hit.text
    assert (hit.source, hit.url) == ("past runs", "/runs/run_2")


async def test_a_question_of_any_kind_and_length_is_taken(tmp_path: Path, documents: Path) -> None:
    async with memory(tmp_path) as context:
        await context.ingest(documents, "handbook")
        for question in ("", "   ", "what is the", "x" * 100_000, '"AND" (', "\0"):
            assert len(await context.recall(question, 2)) <= 2


def test_the_store_is_imported_without_chroma() -> None:
    import subprocess

    code = "import sys, app.stores.context; sys.exit('chromadb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
