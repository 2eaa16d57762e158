"""The MiniLM sentence encoder as an ONNX graph, built from its published weights.

BERT with six layers (Reimers and Gurevych 2019; all-MiniLM-L6-v2): token, position and type embeddings, self-attention
with twelve heads, exact GELU, then the mean over the real tokens, scaled to length one. The transformer's parts are
onnxruntime's fused operators, so that a query costs a few milliseconds on one core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

LAYERS = 6
HEADS = 12
DIMENSIONS = 384
EPSILON = 1e-12
FUSED = "com.microsoft"

Weights = Mapping[str, NDArray[np.float32]]


class _Graph:
    """Collects nodes and constants in the order in which they are computed."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def weight(self, name: str, transpose: bool = False) -> str:
        value = self._weights[name]
        return self.constant(name, np.ascontiguousarray(value.T) if transpose else value)

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants[name] = value
        return name

    def add(
        self,
        op: str,
        inputs: list[str],
        output: str,
        *more: str,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, [output, *more], name=output, domain=domain, **attributes))
        return output


def build(weights: Weights) -> onnx.ModelProto:
    """The encoder as a checked model.

    `input_ids`, `attention_mask` (int64, batch × tokens) → `embedding` (batch × 384). KeyError: a weight is missing.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = _Graph(weights)
    hidden = _embeddings(graph)
    for layer in range(LAYERS):
        hidden = _layer(graph, layer, hidden)
    _pooling(graph, hidden)
    shape = ["batch", "tokens"]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])],
            [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)],
        ir_version=9,
        producer_name="deus",
    )
    onnx.checker.check_model(model)
    return model


def _embeddings(graph: _Graph) -> str:
    ids = graph.add("Cast", ["input_ids"], "ids32", to=6)
    mask = graph.add("Cast", ["attention_mask"], "mask32", to=6)
    types = graph.add("Sub", [ids, ids], "types32")
    return graph.add(
        "EmbedLayerNormalization",
        [
            ids,
            types,
            graph.weight("embeddings.word_embeddings.weight"),
            graph.weight("embeddings.position_embeddings.weight"),
            graph.weight("embeddings.token_type_embeddings.weight"),
            graph.weight("embeddings.LayerNorm.weight"),
            graph.weight("embeddings.LayerNorm.bias"),
            mask,
        ],
        "embedded",
        "mask_index",
        domain=FUSED,
        epsilon=EPSILON,
    )


def _layer(graph: _Graph, layer: int, hidden: str) -> str:
    prefix = f"encoder.layer.{layer}."
    attended = _attention(graph, prefix, hidden)
    normed = _add_and_norm(graph, attended, hidden, prefix + "attention.output")
    wide = graph.add(
        "MatMul",
        [normed, graph.weight(prefix + "intermediate.dense.weight", transpose=True)],
        prefix + "wide",
    )
    bias = graph.weight(prefix + "intermediate.dense.bias")
    active = graph.add("BiasGelu", [wide, bias], prefix + "gelu", domain=FUSED)
    narrow = graph.add(
        "MatMul",
        [active, graph.weight(prefix + "output.dense.weight", transpose=True)],
        prefix + "out",
    )
    return _add_and_norm(graph, narrow, normed, prefix + "output")


def _attention(graph: _Graph, prefix: str, hidden: str) -> str:
    parts = [prefix + f"attention.self.{part}" for part in ("query", "key", "value")]
    weight = np.concatenate([graph._weights[part + ".weight"].T for part in parts], axis=1)
    bias = np.concatenate([graph._weights[part + ".bias"] for part in parts])
    attended = graph.add(
        "Attention",
        [
            hidden,
            graph.constant(prefix + "qkv", weight),
            graph.constant(prefix + "qkv_bias", bias),
            "mask32",
        ],
        prefix + "attended",
        domain=FUSED,
        num_heads=HEADS,
    )
    projection = graph.weight(prefix + "attention.output.dense.weight", transpose=True)
    return graph.add("MatMul", [attended, projection], prefix + "projected")


def _add_and_norm(graph: _Graph, value: str, skip: str, prefix: str) -> str:
    return graph.add(
        "SkipLayerNormalization",
        [
            value,
            skip,
            graph.weight(prefix + ".LayerNorm.weight"),
            graph.weight(prefix + ".LayerNorm.bias"),
            graph.weight(prefix + ".dense.bias"),
        ],
        prefix + ".normed",
        domain=FUSED,
        epsilon=EPSILON,
    )


def _pooling(graph: _Graph, hidden: str) -> None:
    """Mean over the real tokens; its scale drops out, as the result is brought to length one."""
    weights = graph.add("Cast", ["attention_mask"], "mask_float", to=1)
    last = graph.constant("last_axis", np.array([-1], dtype=np.int64))
    tokens = graph.constant("token_axis", np.array([1], dtype=np.int64))
    column = graph.add("Unsqueeze", [weights, last], "mask_column")
    masked = graph.add("Mul", [hidden, column], "masked")
    total = graph.add("ReduceSum", [masked, tokens], "summed", keepdims=0)
    graph.add("LpNormalization", [total], "embedding", axis=-1, p=2)
