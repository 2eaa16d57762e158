"""The vectors of the context, in Chroma: embedded in this process, or a server. An index that can be made again."""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from app.stores.heap import blank_heap

if TYPE_CHECKING:
    from chromadb.api import AsyncClientAPI
    from chromadb.config import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")
Vectors = NDArray[np.float32]

# Neighbours by cosine, so that a likeness is one minus a distance.
SPACE = {"hnsw": {"space": "cosine"}}
MOST_AT_ONCE = 1000
SERVER_SECONDS = 10.0


class IndexUnusable(Exception):
    """The vector index cannot be used now; the message says why, as a sentence."""


class IndexElsewhere(IndexUnusable):
    """Another process owns the embedded index."""


class VectorIndex(Protocol):
    """Ids and unit vectors of pieces. Every method but `close` raises IndexUnusable."""

    async def open(self) -> str:
        """Opens the index, if it is not open, and returns its stamp; an index that was made anew has another one."""
        ...

    async def add(self, ids: Sequence[str], vectors: Vectors, public: Collection[str] = ()) -> None:
        """Adds or replaces; those in `public` are open to visitors."""
        ...

    async def remove(self, ids: Sequence[str]) -> None:
        """Removes those that are there."""
        ...

    async def nearest(self, vector: Vectors, limit: int, *, public: bool = False) -> list[tuple[str, float]]:
        """Ids with their likeness (cosine, −1 to 1), the nearest first; with `public` those that were added as such.
        Whether a visitor may see one is still for the text's store to say, which changes first."""
        ...

    async def close(self) -> None: ...


class EmbeddedIndex:
    """Chroma within this process, in `folder`. A lock beside the folder keeps it to one process: two of them on one
    path do not see each other's changes. Files that cannot be read are removed and the index begins anew."""

    def __init__(self, folder: Path, model_id: str) -> None:
        self._folder = folder
        self._name = collection_name(model_id)
        self._lock: int | None = None
        self._client: Any = None
        self._collection: Any = None
        self._opening = asyncio.Lock()

    async def open(self) -> str:
        async with self._opening:
            if self._collection is not None and not self._folder.is_dir():
                await self.close()
            if self._collection is None:
                await _threaded(self._open)
        return str(self._collection.id)

    async def add(self, ids: Sequence[str], vectors: Vectors, public: Collection[str] = ()) -> None:
        marks = _marks(ids, public)
        await self._do(lambda: self._collection.upsert(ids=list(ids), embeddings=vectors, metadatas=marks))

    async def remove(self, ids: Sequence[str]) -> None:
        await self._do(lambda: self._collection.delete(ids=list(ids)))

    async def nearest(self, vector: Vectors, limit: int, *, public: bool = False) -> list[tuple[str, float]]:
        asked = _asked(vector, limit, public)
        return _likenesses(await self._do(lambda: self._collection.query(**asked)))

    async def close(self) -> None:
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            await asyncio.to_thread(client.close)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _do(self, call: Callable[[], T]) -> T:
        """One call of Chroma; an index that fails is closed and removed, to begin anew when it is opened next."""
        if self._collection is None:
            raise IndexUnusable("The index of meanings is not open.")
        try:
            return await _threaded(call)
        except IndexUnusable:
            log.warning("The index of meanings in %s failed; it is made again.", self._folder, exc_info=True)
            async with self._opening:
                if self._client is not None:
                    self._client, self._collection = None, None
                    await asyncio.to_thread(self._remove)
            raise

    def _open(self) -> None:
        import chromadb  # noqa: F401 - where it is missing, no file is at fault

        self._take_lock()
        try:
            self._connect()
        except BaseException as error:  # noqa: BLE001 - Chroma's core panics with a BaseException of its own
            log.warning("The index of meanings in %s cannot be read (%s); it is made again.", self._folder, error)
            self._remove()
            self._connect()

    def _connect(self) -> None:
        import chromadb

        if not blank_heap():
            log.warning(
                "This C library cannot blank memory: the index's files may hold what this process had in memory."
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        client = chromadb.PersistentClient(str(self._folder), settings=_settings())
        collection = client.get_or_create_collection(self._name, configuration=SPACE, embedding_function=None)
        for other in client.list_collections():
            if other.name != self._name:
                client.delete_collection(other.name)
        self._client, self._collection = client, collection

    def _remove(self) -> None:
        from chromadb.api.shared_system_client import SharedSystemClient

        # Chroma keeps what it opened by path; without this the removed files would be used on.
        SharedSystemClient.clear_system_cache()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise IndexElsewhere("Another process of Deus owns the index of meanings.") from error
        self._lock = handle


class ServedIndex:
    """A Chroma server, which any number of processes may use. Each workspace has a database of its own there."""

    def __init__(self, url: str, workspace: str, model_id: str) -> None:
        self._url = urlsplit(url)
        self._database = f"deus-{workspace}"
        self._name = collection_name(model_id)
        self._client: AsyncClientAPI | None = None
        self._collection: Any = None
        self._opening = asyncio.Lock()

    async def open(self) -> str:
        async with self._opening:
            if self._collection is None:
                await self._within(self._connect())
        return str(self._collection.id)

    async def add(self, ids: Sequence[str], vectors: Vectors, public: Collection[str] = ()) -> None:
        await self._do("upsert", ids=list(ids), embeddings=vectors, metadatas=_marks(ids, public))

    async def remove(self, ids: Sequence[str]) -> None:
        await self._do("delete", ids=list(ids))

    async def nearest(self, vector: Vectors, limit: int, *, public: bool = False) -> list[tuple[str, float]]:
        return _likenesses(await self._do("query", **_asked(vector, limit, public)))

    async def close(self) -> None:
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            await client._server.__aexit__(None, None, None)

    async def _connect(self) -> None:
        # One that is left from before a failure holds connections to a server that may be another one by now.
        await self.close()
        # Importing takes seconds, which the loop must not wait for.
        chromadb = await asyncio.to_thread(importlib.import_module, "chromadb")
        host, secure = self._url.hostname or "localhost", self._url.scheme == "https"
        port = self._url.port or (443 if secure else 8000)
        first = await chromadb.AsyncHttpClient(host, port, ssl=secure, settings=_settings())
        admin = importlib.import_module("chromadb.api.async_client").AsyncAdminClient.from_system(first._system)
        if self._database not in {one["name"] for one in await admin.list_databases()}:
            await admin.create_database(self._database)
        await first.set_database(self._database)
        self._collection = await first.get_or_create_collection(
            self._name, configuration=SPACE, embedding_function=None
        )
        self._client = first

    async def _do(self, method: str, **arguments: Any) -> Any:
        if self._collection is None:
            raise IndexUnusable("The index of meanings is not open.")
        try:
            return await self._within(getattr(self._collection, method)(**arguments))
        except IndexUnusable:
            # A collection that somebody removed is looked for again, and with it its stamp.
            self._collection = None
            raise

    async def _within(self, call: Any) -> Any:
        try:
            async with asyncio.timeout(SERVER_SECONDS):
                return await call
        except Exception as error:
            raise IndexUnusable(f"The Chroma server at {self._url.netloc} cannot be used: {error}") from error


def collection_name(model_id: str) -> str:
    """The collection of a model's vectors; Chroma takes letters, digits and ._- alone."""
    return "pieces-" + re.sub(r"[^a-zA-Z0-9._-]+", "-", model_id).strip(".-_")


async def _threaded(call: Callable[[], T]) -> T:
    def guarded() -> T:
        try:
            return call()
        except IndexUnusable:
            raise
        except BaseException as error:
            raise IndexUnusable(f"The index of meanings cannot be used: {error}") from error

    return await asyncio.to_thread(guarded)


def _marks(ids: Sequence[str], public: Collection[str]) -> list[dict[str, Any]]:
    return [{"public": id in public} for id in ids]


def _asked(vector: Vectors, limit: int, public: bool) -> dict[str, Any]:
    asked = {"query_embeddings": [vector], "n_results": limit, "include": ["distances"]}
    return {**asked, "where": {"public": True}} if public else asked


def _likenesses(found: Any) -> list[tuple[str, float]]:
    return [(id, 1.0 - float(distance)) for id, distance in zip(found["ids"][0], found["distances"][0], strict=True)]


def _settings() -> Settings:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False, chroma_server_ssl_verify=True)
