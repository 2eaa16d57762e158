"""Chroma's files hold vectors, and nothing of what this process had in memory before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Blocks as large as an index, full of a secret and given back: the next that asks gets them.
PROGRAM = """
import asyncio, ctypes, pathlib, sys
import numpy as np
import app.stores.context_vectors as vectors

async def opened(folder, blank):
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    if not blank:
        vectors.blank_heap = lambda: True
    index = vectors.EmbeddedIndex(folder / "one", "model-one")
    await index.open()
    libc.free(libc.malloc(8_000_000))
    blocks = [libc.malloc(300_000) for _ in range(40)]
    for block in blocks:
        ctypes.memmove(block, b"SK-LEFTOVER-" * 25_000, 300_000)
    for block in blocks[::2]:
        libc.free(block)
    await index.add(["a"], np.eye(1, 384, dtype=np.float32))
    await index.nearest(np.eye(1, 384, dtype=np.float32)[0], 1)
    await index.close()
    return sum(path.read_bytes().count(b"SK-LEFTOVER-") for path in folder.rglob("*") if path.is_file())

print(asyncio.run(opened(pathlib.Path(sys.argv[1]), sys.argv[2] == "blank")))
"""


def leavings(folder: Path, how: str) -> int:
    # One arena, so that Chroma's threads ask where the blocks were given back.
    quiet = {**os.environ, "MALLOC_ARENA_MAX": "1", "ANONYMIZED_TELEMETRY": "False"}
    command = [sys.executable, "-c", PROGRAM, str(folder), how]
    done = subprocess.run(command, capture_output=True, text=True, env=quiet, timeout=100)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_an_index_on_disk_holds_no_leavings_of_this_process(tmp_path: Path) -> None:
    assert leavings(tmp_path / "plain", "plain") > 0, "What is planted is never written; this proves nothing."
    assert leavings(tmp_path / "blank", "blank") == 0
