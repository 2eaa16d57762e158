"""Vectors are computed once, survive a restart, and a broken file loses nothing but time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.embedding_cache import LEAST_BATCH, CachedEmbedder

TEXTS = [f"sentence {number}" for number in range(LEAST_BATCH)]


class Lengths:
    """An embedder whose vector is the text's length; it counts what it is asked."""

    model_id = "lengths"
    dimensions = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


async def test_a_second_start_embeds_nothing(tmp_path: Path) -> None:
    first, second = Lengths(), Lengths()
    made = await CachedEmbedder(first, tmp_path / "v.npz").embed(TEXTS)
    again = await CachedEmbedder(second, tmp_path / "v.npz").embed([*TEXTS, "a new one"])
    assert np.array_equal(made, again[: len(TEXTS)])
    assert second.asked == ["a new one"]


async def test_a_question_is_not_kept(tmp_path: Path) -> None:
    await CachedEmbedder(Lengths(), tmp_path / "v.npz").embed(["why?"])
    assert not (tmp_path / "v.npz").exists()


async def test_a_broken_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "v.npz").write_bytes(b"not a zip file")
    embedder = Lengths()
    vectors = await CachedEmbedder(embedder, tmp_path / "v.npz").embed(TEXTS)
    assert vectors[0][0] == len(TEXTS[0])
    assert embedder.asked == TEXTS
