"""Vectors of texts that stay the same from start to start, kept in a file, so that they are computed once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.ports import Embedder

# Example sentences come by the dozen; a question comes alone and is not worth keeping.
LEAST_BATCH = 16
MOST_KEPT = 20_000


class CachedEmbedder:
    """An embedder that remembers the vectors of larger batches in `path`, by the text's hash and the model's id.

    `direct` is the embedder beneath, for texts that are not worth keeping.
    """

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self.model_id = embedder.model_id
        self.dimensions = embedder.dimensions
        self.direct = embedder
        self._path = path
        self._kept: dict[str, NDArray[np.float32]] | None = None
        self._writing = asyncio.Lock()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of the texts, one row each."""
        if len(texts) < LEAST_BATCH:
            return await self.direct.embed(texts)
        async with self._writing:
            kept = await asyncio.to_thread(self._load)
            keys = [self._key(text) for text in texts]
            new = {key: text for key, text in zip(keys, texts, strict=True) if key not in kept}
            if new:
                vectors = await self.direct.embed(list(new.values()))
                kept |= dict(zip(new, vectors, strict=True))
                await asyncio.to_thread(self._save, kept)
            return np.stack([kept[key] for key in keys])

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self.model_id}\n{text}".encode()).hexdigest()[:32]

    def _load(self) -> dict[str, NDArray[np.float32]]:
        if self._kept is None:
            self._kept = {}
            # A file that cannot be read is made anew; it holds nothing that cannot be computed again.
            with contextlib.suppress(OSError, ValueError, KeyError, EOFError), np.load(self._path) as stored:
                self._kept = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
        return self._kept

    def _save(self, kept: dict[str, NDArray[np.float32]]) -> None:
        while len(kept) > MOST_KEPT:
            kept.pop(next(iter(kept)))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._path.parent, suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, keys=np.array(list(kept)), vectors=np.stack(list(kept.values())))
        os.replace(name, self._path)
