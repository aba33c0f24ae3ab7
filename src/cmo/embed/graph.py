"""A BERT sentence encoder as an ONNX graph, written in the fused operators of ONNX Runtime.

::

    input_ids ──► EmbedLayerNormalization ─► L × [Attention ─ MatMul ─ add, norm ─ MatMul ─ BiasGelu ─ MatMul ─
    attention_mask ─────────────┐                 add, norm] ─┬─► token_embeddings   (batch, tokens, hidden)
                                └──────────► sum over tokens ◄┘
                                                    └─ L2 ─────► sentence_embedding   (batch, hidden)

Writing the fused operators at once spares the optimiser at load time. The mean over tokens is a sum here: the
L2 norm that follows makes the two the same. The operators are the ``com.microsoft`` contrib operators, which have
CPU and CUDA kernels: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md

Only building needs the `onnx` package; running the model does not, so import this module where a model is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]
"""Tensors by their names in a Hugging Face `BertModel`; linear weights are (out, in)."""

CONTRIB = "com.microsoft"
OPSET = 17
_MORE_OUTPUTS = {"EmbedLayerNormalization": ("mask_index",), "DynamicQuantizeLinear": ("scale", "zero")}
_LARGEST_INT8 = 127
IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class BertShape:
    """What the weights alone do not say."""

    layers: int
    heads: int
    epsilon: float = 1e-12
    """Added to the variance in each layer normalisation."""


def build_bert(weights: Weights, shape: BertShape, *, int8: bool = False) -> onnx.ModelProto:
    """The encoder as an ONNX model: int64 `input_ids` and `attention_mask` (batch, tokens) to float32 vectors.

    Outputs are `sentence_embedding` (batch, hidden), mean over the mask and unit length, and `token_embeddings`
    (batch, tokens, hidden), the last hidden state. With `int8` the products are of 8-bit weights, scaled by column,
    and of inputs that are made 8-bit as they come. Raises KeyError where a weight is absent.
    """
    bert = (_Bert8 if int8 else _Bert)(weights, shape)
    hidden = bert.embed()
    for layer in range(shape.layers):
        hidden = bert.layer(hidden, f"encoder.layer.{layer}")
    bert.pool(hidden)
    return bert.model()


@dataclass(slots=True)
class _Bert:
    """A graph under construction: each step appends nodes and returns the name of its output."""

    weights: Weights
    shape: BertShape
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: list[onnx.TensorProto] = field(default_factory=list)

    def embed(self) -> str:
        """Words and positions, normalised; the only segment there is (0) is folded into the positions."""
        positions = self.weights["embeddings.position_embeddings.weight"]
        segment = self.weights["embeddings.token_type_embeddings.weight"][0]
        ids = self._node("Cast", ["input_ids"], to=TensorProto.INT32)
        inputs = [
            ids,
            "",
            self._weight("embeddings.word_embeddings.weight"),
            self._tensor("embeddings.positions", positions + segment),
            "",
            *self._norm("embeddings.LayerNorm"),
        ]
        self._node("Cast", ["attention_mask"], output="mask", to=TensorProto.INT32)
        return self._contrib("EmbedLayerNormalization", inputs, epsilon=self.shape.epsilon)

    def layer(self, hidden: str, name: str) -> str:
        """One transformer layer: attention, then the feed-forward block, each added to its input and normalised."""
        attended = self._attention(hidden, name)
        projected = self._linear(attended, f"{name}.attention.output.dense")
        hidden = self._add_norm(projected, hidden, f"{name}.attention.output")
        wide = self._linear(hidden, f"{name}.intermediate.dense")
        wide = self._contrib("BiasGelu", [wide, self._weight(f"{name}.intermediate.dense.bias")])
        return self._add_norm(self._linear(wide, f"{name}.output.dense"), hidden, f"{name}.output")

    def pool(self, hidden: str) -> None:
        """The two outputs: token vectors as they are, and their masked mean at unit length."""
        axis = self._tensor("axis", np.array([1], np.int64))
        row = self._node("Unsqueeze", [self._node("Cast", ["attention_mask"], to=TensorProto.FLOAT), axis])
        total = self._node("Squeeze", [self._node("MatMul", [row, hidden]), axis])
        self._node("LpNormalization", [total], output="sentence_embedding", axis=-1, p=2)
        self._node("Identity", [hidden], output="token_embeddings")

    def model(self) -> onnx.ModelProto:
        """All nodes so far as a model."""
        width = self.weights["embeddings.word_embeddings.weight"].shape[1]
        ids = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ]
        vectors = [
            helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", width]),
            helper.make_tensor_value_info("token_embeddings", TensorProto.FLOAT, ["batch", "tokens", width]),
        ]
        graph = helper.make_graph(self.nodes, "bert", ids, vectors, self.tensors)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="cmo")

    def _attention(self, hidden: str, name: str) -> str:
        weight, bias = self._packed_qkv(name)
        inputs = [hidden, self._tensor(f"{name}.qkv.weight", weight), self._tensor(f"{name}.qkv.bias", bias), "mask"]
        return self._contrib("Attention", inputs, num_heads=self.shape.heads)

    def _packed_qkv(self, name: str) -> tuple[Floats, Floats]:
        """Query, key and value projections side by side: (hidden, 3 × hidden) and (3 × hidden,)."""
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self.weights[f"{part}.weight"].T for part in parts], axis=1)
        return weight, np.concatenate([self.weights[f"{part}.bias"] for part in parts])

    def _linear(self, x: str, name: str) -> str:
        """A product without its bias: the operator that follows adds it."""
        weight = self.weights[f"{name}.weight"].T
        return self._node("MatMul", [x, self._tensor(f"{name}.weight.T", weight)])

    def _add_norm(self, x: str, skip: str, name: str) -> str:
        """A product's bias and the block's input added, then normalised (see `session`: unfused is faster)."""
        total = self._node("Add", [self._node("Add", [x, self._weight(f"{name}.dense.bias")]), skip])
        return self._node("LayerNormalization", [total, *self._norm(f"{name}.LayerNorm")], epsilon=self.shape.epsilon)

    def _norm(self, name: str) -> list[str]:
        return [self._weight(f"{name}.weight"), self._weight(f"{name}.bias")]

    def _weight(self, name: str) -> str:
        return self._tensor(name, self.weights[name])

    def _tensor(self, name: str, values: Floats | NDArray[np.int64] | NDArray[np.int8]) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(self, op: str, inputs: list[str], *, output: str = "", domain: str = "", **attributes: Any) -> str:
        output = output or f"{op}.{len(self.nodes)}"
        extra = [f"{output}.{more}" for more in _MORE_OUTPUTS.get(op, ())]
        self.nodes.append(helper.make_node(op, inputs, [output, *extra], name=output, domain=domain, **attributes))
        return output

    def _contrib(self, op: str, inputs: list[str], **attributes: Any) -> str:
        return self._node(op, inputs, domain=CONTRIB, **attributes)


class _Bert8(_Bert):
    """The same with 8-bit products."""

    def _attention(self, hidden: str, name: str) -> str:
        weight, bias = self._packed_qkv(name)
        small, scale = self._small(f"{name}.qkv.weight", weight)
        given = self._node("DynamicQuantizeLinear", [hidden])
        scales, zeros = [f"{given}.scale", scale], [f"{given}.zero"]
        inputs = [given, small, self._tensor(f"{name}.qkv.bias", bias), *scales, "mask", *zeros]
        return self._contrib("QAttention", inputs, num_heads=self.shape.heads)

    def _linear(self, x: str, name: str) -> str:
        return self._contrib("DynamicQuantizeMatMul", [x, *self._small(name, self.weights[f"{name}.weight"].T)])

    def _small(self, name: str, weight: Floats) -> tuple[str, str]:
        """A weight in 8 bits, and the scale of each of its columns."""
        scale = np.maximum(np.abs(weight).max(axis=0), np.finfo(np.float32).tiny) / _LARGEST_INT8
        rounded = np.rint(weight / scale).astype(np.int8)
        return self._tensor(f"{name}.int8", rounded), self._tensor(f"{name}.scale", scale.astype(np.float32))
