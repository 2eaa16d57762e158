"""The embedder against the published likenesses, and its refusal of anything but the published weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.embedding import MiniLMEmbedder, ModelUnusable

# all-MiniLM-L6-v2's model card
HAPPY = [
    "That is a happy person",
    "That is a happy dog",
    "That is a very happy person",
    "Today is a sunny day",
]


async def test_reproduces_the_published_likenesses(embedder: MiniLMEmbedder) -> None:
    vectors = await embedder.embed(HAPPY)
    assert vectors.shape == (4, embedder.dimensions)
    assert vectors[1:] @ vectors[0] == pytest.approx([0.695, 0.943, 0.257], abs=5e-4)


def test_batches_do_not_change_a_vector(embedder: MiniLMEmbedder) -> None:
    alone = embedder.embed_now([HAPPY[0]])
    long = " ".join(HAPPY * 60)
    together = embedder.embed_now([long, HAPPY[0], *([long] * 12)])
    assert together[1] == pytest.approx(alone[0], abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(14), abs=1e-5)


def test_no_texts_give_no_rows(tmp_path: Path) -> None:
    assert MiniLMEmbedder(tmp_path).embed_now([]).shape == (0, 384)


def test_eight_bit_weights_keep_the_meaning(model_cache: Path, embedder: MiniLMEmbedder) -> None:
    small = MiniLMEmbedder(model_cache, precision="int8")
    assert small.model_id != embedder.model_id
    likeness = (small.embed_now(HAPPY) * embedder.embed_now(HAPPY)).sum(axis=1)
    assert likeness.min() > 0.97


def test_other_weights_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "tokenizer.json").write_text("{}")
    (source / "model.safetensors").write_bytes(b"not the weights")
    with pytest.raises(ModelUnusable, match="not the published one"):
        MiniLMEmbedder(tmp_path, source=source).embed_now(["x"])
    assert list(tmp_path.glob("*.onnx")) == []


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json cannot be read"):
        MiniLMEmbedder(tmp_path, source=tmp_path).embed_now(["x"])


def test_a_broken_cache_is_made_again(model_cache: Path, embedder: MiniLMEmbedder, tmp_path: Path) -> None:
    embedder.embed_now(["x"])
    (whole,) = model_cache.glob("*-fp32-*.onnx")
    (tmp_path / whole.name).write_bytes(whole.read_bytes()[:1000])
    assert MiniLMEmbedder(tmp_path).embed_now(HAPPY)[0] == pytest.approx(embedder.embed_now(HAPPY)[0], abs=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == [whole.name]
