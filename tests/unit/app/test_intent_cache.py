"""The kept matcher: the same as the learned one, and not used where anything of it has changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.planners.intent import IntentMatcher
from app.intent_cache import CachedFit

EXAMPLES = {
    "drop": ["why did signups drop", "why did orders drop", "did signups fall"],
    "ship": ["what do we ship", "what did we ship this week", "what is shipped"],
}
NEGATIVES = ["tell a joke", "tell me a joke", "what is the weather"]
RANDOM = np.random.default_rng(7)
VECTORS = {name: RANDOM.random((len(texts), 8), dtype=np.float32) for name, texts in EXAMPLES.items()}
NONE = RANDOM.random((len(NEGATIVES), 8), dtype=np.float32)


def fitted(path: Path, examples: dict[str, list[str]] = EXAMPLES) -> IntentMatcher:
    return CachedFit(path)(examples, VECTORS, negatives=NEGATIVES, negative_vectors=NONE)


def said(matcher: IntentMatcher) -> list[tuple[str, float]]:
    return matcher.rank("why did we ship less", NONE[0])


def unlearnable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> IntentMatcher:
        raise AssertionError("learned again")

    monkeypatch.setattr(IntentMatcher, "fit", refused)


def test_what_is_kept_ranks_as_what_was_learned_and_is_not_learned_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = said(fitted(tmp_path / "cache" / "matcher.npz"))
    unlearnable(monkeypatch)
    assert said(fitted(tmp_path / "cache" / "matcher.npz")) == learned
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_other_sentences_are_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted(tmp_path / "matcher.npz")
    other = {**EXAMPLES, "ship": ["what do we ship", "what did we ship this month", "what is shipped"]}
    unlearnable(monkeypatch)
    with pytest.raises(AssertionError, match="learned again"):
        fitted(tmp_path / "matcher.npz", other)


@pytest.mark.parametrize("damage", ["cut", "empty", "changed", "another file"])
def test_a_damaged_file_is_refused_and_made_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "matcher.npz"
    learned = said(fitted(path))
    good = path.read_bytes()
    if damage == "changed":
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        arrays["bias"] = arrays["bias"] + 1
        np.savez(path, **arrays)
    else:
        path.write_bytes({"cut": good[: len(good) // 2], "empty": b"", "another file": b"hello" * 100}[damage])
    assert said(fitted(path)) == learned
    assert len(path.read_bytes()) == len(good)


def test_where_nothing_can_be_kept_it_is_learned(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert said(fitted(tmp_path / "file" / "matcher.npz")) == said(fitted(tmp_path / "matcher.npz"))
