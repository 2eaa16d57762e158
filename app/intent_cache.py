"""The matcher that was learned from the playbooks' sentences, kept in a file, so that it is learned once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.planners.intent import IntentMatcher, Vectors

State = Mapping[str, NDArray[Any]]


class CachedFit:
    """`IntentMatcher.fit` that keeps what it learned in `path`.

    What is kept counts only for the same sentences and vectors (thus the same embedding model), the same code of the
    planners and the same numpy and scipy, and only if its checksum is right; else it is learned and kept anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(
        self,
        examples: Mapping[str, Sequence[str]],
        vectors: Mapping[str, Vectors],
        *,
        negatives: Sequence[str],
        negative_vectors: Vectors,
    ) -> IntentMatcher:
        key = _key(examples, vectors, negatives, negative_vectors)
        kept = self._kept(key)
        if kept is not None:
            return kept
        made = IntentMatcher.fit(examples, vectors, negatives=negatives, negative_vectors=negative_vectors)
        # Where nothing can be kept, it is learned again at the next start.
        with contextlib.suppress(OSError):
            self._keep(key, made.state())
        return made

    def _kept(self, key: str) -> IntentMatcher | None:
        unreadable = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
        # Opened here, because numpy leaves a file open that is none of its own.
        with (
            contextlib.suppress(*unreadable),
            self._path.open("rb") as file,
            np.load(file, allow_pickle=False) as stored,
        ):
            if str(stored["key"]) != key:
                return None
            state = {name: stored[name] for name in stored.files if name not in ("key", "checksum")}
            if str(stored["checksum"]) == _checksum(key, state):
                return IntentMatcher.restored(state)
        return None

    def _keep(self, key: str, state: State) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._path.parent, suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            arrays: dict[str, Any] = {"key": np.array(key), "checksum": np.array(_checksum(key, state)), **state}
            np.savez(file, **arrays)
        os.replace(name, self._path)


def _key(
    examples: Mapping[str, Sequence[str]],
    vectors: Mapping[str, Vectors],
    negatives: Sequence[str],
    negative_vectors: Vectors,
) -> str:
    digest = hashlib.sha256()
    for name, sentences, rows in (
        *((name, examples[name], vectors[name]) for name in examples),
        ("", negatives, negative_vectors),
    ):
        digest.update(repr((name, list(sentences), rows.shape)).encode())
        digest.update(np.ascontiguousarray(rows, dtype=np.float32).tobytes())
    digest.update(repr([metadata.version(package) for package in ("numpy", "scipy")]).encode())
    for source in _sources(Path(str(resources.files("agents.planners")))):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterable[Path]:
    return sorted(folder.rglob("*.py"))


def _checksum(key: str, state: State) -> str:
    digest = hashlib.sha256(key.encode())
    for name in sorted(state):
        digest.update(repr((name, state[name].dtype.str, state[name].shape)).encode())
        digest.update(np.ascontiguousarray(state[name]).tobytes())
    return digest.hexdigest()
