"""What every index of vectors promises: Chroma within the process, and a Chroma server on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import numpy as np
import pytest

from app.stores.context_vectors import EmbeddedIndex, IndexUnusable, ServedIndex, VectorIndex

PATIENCE = 60.0
Open = Callable[..., AbstractAsyncContextManager[VectorIndex]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ChromaServer:
    """`chroma run` in a folder of its own, which can be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        program = shutil.which("chroma", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
        if program is None:
            pytest.skip("There is no chroma program beside this Python.")
        command = [program, "run", "--host", "127.0.0.1", "--port", str(self._port), "--path", str(self._folder)]
        quiet = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), urlopen(f"{self.url}/api/v2/heartbeat", timeout=1):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        raise AssertionError("chroma run did not answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    server = ChromaServer(tmp_path_factory.mktemp("chroma"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["embedded", "served"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """`opened(model)`: an index of this workspace, which is there again when it is opened anew."""
    workspace = uuid4().hex
    server = request.getfixturevalue("chroma") if request.param == "served" else None

    @asynccontextmanager
    async def of(model: str = "small/1", *, elsewhere: bool = False) -> AsyncIterator[VectorIndex]:
        index: VectorIndex = EmbeddedIndex(tmp_path / ("other" if elsewhere else "chroma"), model)
        if server is not None:
            index = ServedIndex(server.url, uuid4().hex if elsewhere else workspace, model)
        try:
            yield index
        finally:
            await index.close()

    return of


def unit(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    vector = np.array(values, dtype=np.float32)
    return vector / np.float32(np.linalg.norm(vector))


ALONG, ASLANT, ACROSS = unit(1, 0, 0), unit(1, 1, 0), unit(0, 0, 1)
THREE = np.stack([ALONG, ASLANT, ACROSS])


async def test_the_nearest_come_first_with_their_cosine(opened: Open) -> None:
    async with opened() as index:
        await index.open()
        assert await index.nearest(ALONG, 3) == []
        await index.add(["along", "aslant", "across"], THREE)
        found = await index.nearest(ALONG, 3)
        assert [id for id, _ in found] == ["along", "aslant", "across"]
        assert [likeness for _, likeness in found] == pytest.approx([1, 2**-0.5, 0], abs=1e-5)
        assert [id for id, _ in await index.nearest(-ACROSS, 1)] != ["across"]
        assert len(await index.nearest(ALONG, 2)) == 2


async def test_of_those_that_visitors_may_read_the_nearest_come_whatever_else_is_nearer(opened: Open) -> None:
    async with opened() as index:
        await index.open()
        await index.add(["along", "aslant", "across"], THREE, {"across"})
        assert [id for id, _ in await index.nearest(ALONG, 1, public=True)] == ["across"]
        await index.add(["across"], np.stack([ACROSS]))
        assert await index.nearest(ALONG, 1, public=True) == []


async def test_adding_again_replaces_and_removing_takes_only_what_is_there(opened: Open) -> None:
    async with opened() as index:
        await index.open()
        await index.add(["a", "b"], np.stack([ALONG, ACROSS]))
        await index.add(["a"], np.stack([ACROSS]))
        assert {id: round(likeness, 4) for id, likeness in await index.nearest(ACROSS, 5)} == {"a": 1.0, "b": 1.0}
        await index.remove(["b", "never there"])
        assert [id for id, _ in await index.nearest(ACROSS, 5)] == ["a"]


async def test_what_was_added_is_there_when_it_is_opened_again_under_the_same_stamp(opened: Open) -> None:
    async with opened() as index:
        stamp = await index.open()
        assert await index.open() == stamp
        await index.add(["a"], np.stack([ALONG]))
    async with opened() as index:
        assert await index.open() == stamp
        assert [id for id, _ in await index.nearest(ALONG, 5)] == ["a"]


async def test_another_model_and_another_workspace_see_nothing_of_it(opened: Open) -> None:
    async with opened() as index:
        stamp = await index.open()
        await index.add(["a"], np.stack([ALONG]))
    async with opened("small/2") as other:
        assert await other.open() != stamp
        assert await other.nearest(ALONG, 5) == []
    async with opened(elsewhere=True) as other:
        assert await other.open() != stamp
        assert await other.nearest(ALONG, 5) == []


async def test_an_index_that_is_not_open_says_so(opened: Open) -> None:
    async with opened() as index:
        with pytest.raises(IndexUnusable, match="not open"):
            await index.nearest(ALONG, 1)
        await index.open()
        await index.close()
        with pytest.raises(IndexUnusable, match="not open"):
            await index.add(["a"], np.stack([ALONG]))


async def test_several_processes_may_use_a_server_at_once(chroma: ChromaServer) -> None:
    one, two = (ServedIndex(chroma.url, "shared", "small/1") for _ in range(2))
    assert await one.open() == await two.open()
    await one.add(["a"], np.stack([ALONG]))
    assert [id for id, _ in await two.nearest(ALONG, 5)] == ["a"]
    await one.close()
    await two.close()


async def test_a_server_that_is_gone_is_named_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    server = ChromaServer(tmp_path / "chroma")
    index = ServedIndex(server.url, "w", "small/1")
    place = server.url.removeprefix("http://")
    with pytest.raises(IndexUnusable, match=f"Chroma server at {place}"):
        await index.open()
    try:
        server.start()
        stamp = await index.open()
        await index.add(["a"], np.stack([ALONG]))
        server.stop()
        with pytest.raises(IndexUnusable, match=f"Chroma server at {place}"):
            await index.nearest(ALONG, 1)
        with pytest.raises(IndexUnusable, match="not open"):
            await index.nearest(ALONG, 1)
        server.start()
        assert await index.open() == stamp
        assert [id for id, _ in await index.nearest(ALONG, 5)] == ["a"]
    finally:
        await index.close()
        server.stop()
