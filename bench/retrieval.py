"""How often the right document comes first: by words, by vectors, fused. `python -m bench.retrieval`.

The set is small and our own (data/retrieval.yaml), so it shows a direction; the bound is that fusion does not spoil the
better of its parts by more than 0.02.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from app.clock import clock_of
from app.embedding import MiniLMEmbedder
from app.stores.context import DEPTH, LEAST_LIKENESS, Context
from app.stores.context_text import ContextText
from app.stores.context_vectors import EmbeddedIndex
from app.stores.fusion import fuse
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite

SET = Path(__file__).parent / "data" / "retrieval.yaml"


async def main() -> bool:
    """Prints the shares and whether the bound holds."""
    data = yaml.safe_load(SET.read_text(encoding="utf-8"))
    questions = [(f"{wanted}.md", question) for wanted, question in data["questions"]]
    with tempfile.TemporaryDirectory() as folder:
        database = SQLite(Path(folder) / "deus.db")
        await migrate(database)
        embedder = MiniLMEmbedder(Path(folder) / "models")
        text, index = ContextText(database), EmbeddedIndex(Path(folder) / "chroma", embedder.model_id)
        clock = clock_of(None)
        context = Context(text, index, embedder, clock)
        documents = Path(folder) / "documents"
        await asyncio.to_thread(_write, documents, data["documents"])
        print(await context.ingest(documents, "the set"))
        await context.recall(questions[0][1])
        found: dict[str, list[bool]] = {"words": [], "vectors": [], "fused": []}
        seconds: list[float] = []
        for wanted, question in questions:
            words = await text.search(question, DEPTH)
            (vector,) = await embedder.embed([question])
            near = [hit for hit in await index.nearest(vector, DEPTH) if hit[1] >= LEAST_LIKENESS]
            fused = fuse(words, near)
            for name, ids in (("words", [hit.id for hit in words]), ("vectors", [id for id, _ in near])):
                found[name].append(await _first(text, ids) == wanted)
            found["fused"].append(await _first(text, [one.id for one in fused]) == wanted)
            if not found["fused"][-1]:
                print(f"  missed: {question!r} → {await _first(text, [one.id for one in fused])}, not {wanted}")
            began = time.perf_counter()
            await context.recall(question)
            seconds.append(time.perf_counter() - began)
        await context.close()
        await database.close()
    share = {name: sum(hits) / len(hits) for name, hits in found.items()}
    bound = max(share["words"], share["vectors"]) - 0.02
    print(f"{len(questions)} questions, right document first:")
    print("  " + ", ".join(f"{name} {value:.3f}" for name, value in share.items()))
    print(f"  bound for fused ≥ {bound:.3f}: {'holds' if share['fused'] >= bound else 'FAILS'}")
    print(
        f"  recall, warm: median {sorted(seconds)[len(seconds) // 2] * 1e3:.0f} ms, slowest {max(seconds) * 1e3:.0f} ms"
    )
    return share["fused"] >= bound


def _write(folder: Path, documents: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in documents.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


async def _first(text: ContextText, ids: Sequence[str]) -> str | None:
    """The name of the document whose piece comes first."""
    if not ids:
        return None
    piece = (await text.pieces(ids[:1]))[ids[0]]
    return piece.path


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(main()) else 1)
