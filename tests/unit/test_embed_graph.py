"""The ONNX graph against BERT written down a second time, in numpy (Devlin et al. 2019, arXiv:1810.04805)."""

import math

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from cmo.embed.graph import BertShape, build_bert

LAYERS, HEADS, HIDDEN, WIDE, WORDS, POSITIONS = 2, 4, 32, 64, 50, 24
EPSILON = 1e-12


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(7)

    def linear(name, rows, columns):
        return {f"{name}.weight": rng.normal(0, 0.3, (rows, columns)), f"{name}.bias": rng.normal(0, 0.3, rows)}

    def norm(name):
        return {f"{name}.weight": rng.normal(1, 0.1, HIDDEN), f"{name}.bias": rng.normal(0, 0.1, HIDDEN)}

    tables = {"word": WORDS, "position": POSITIONS, "token_type": 2}
    found = {f"embeddings.{t}_embeddings.weight": rng.normal(0, 1, (n, HIDDEN)) for t, n in tables.items()}
    found |= norm("embeddings.LayerNorm")
    for n in range(LAYERS):
        layer = f"encoder.layer.{n}"
        for part in ("query", "key", "value"):
            found |= linear(f"{layer}.attention.self.{part}", HIDDEN, HIDDEN)
        found |= linear(f"{layer}.attention.output.dense", HIDDEN, HIDDEN) | norm(f"{layer}.attention.output.LayerNorm")
        found |= linear(f"{layer}.intermediate.dense", WIDE, HIDDEN) | linear(f"{layer}.output.dense", HIDDEN, WIDE)
        found |= norm(f"{layer}.output.LayerNorm")
    return {name: values.astype(np.float32) for name, values in found.items()}


@pytest.fixture(scope="module")
def session(weights):
    model = build_bert(weights, BertShape(LAYERS, HEADS, EPSILON))
    return ort.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
    )


def reference(weights, ids):
    """The last hidden state of one unpadded text, in float64."""

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T.astype(float) + weights[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def heads(x):
        return x.reshape(len(ids), HEADS, -1).transpose(1, 0, 2)

    def attention(x, name):
        query, key, value = (heads(linear(x, f"{name}.{part}")) for part in ("query", "key", "value"))
        scores = np.exp(query @ key.transpose(0, 2, 1) / math.sqrt(HIDDEN // HEADS))
        mixed = scores / scores.sum(-1, keepdims=True) @ value
        return mixed.transpose(1, 0, 2).reshape(len(ids), HIDDEN)

    def gelu(x):
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    tables = {t: weights[f"embeddings.{t}_embeddings.weight"].astype(float) for t in ("word", "position", "token_type")}
    x = norm(tables["word"][ids] + tables["position"][: len(ids)] + tables["token_type"][0], "embeddings.LayerNorm")
    for n in range(LAYERS):
        layer = f"encoder.layer.{n}"
        attended = linear(attention(x, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        wide = linear(gelu(linear(x, f"{layer}.intermediate.dense")), f"{layer}.output.dense")
        x = norm(x + wide, f"{layer}.output.LayerNorm")
    return x


def padded(*rows):
    shape = len(rows), max(map(len, rows))
    ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for n, row in enumerate(rows):
        ids[n, : len(row)], mask[n, : len(row)] = row, 1
    return {"input_ids": ids, "attention_mask": mask}


ROWS = [3, 9, 27], [1, 2, 3, 4, 5, 6, 7, 8], [40], list(range(20))


def test_each_token_vector_is_what_the_reference_computes_whatever_the_padding(weights, session):
    (tokens,) = session.run(["token_embeddings"], padded(*ROWS))
    for n, row in enumerate(ROWS):
        np.testing.assert_allclose(tokens[n, : len(row)], reference(weights, row), atol=1e-4)


def test_the_sentence_vector_is_the_mean_of_its_tokens_at_unit_length(weights, session):
    (vectors,) = session.run(["sentence_embedding"], padded(*ROWS))
    for vector, row in zip(vectors, ROWS, strict=True):
        mean = reference(weights, row).mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-4)
        assert vector.dtype == np.float32


def test_8_bit_products_give_nearly_the_same_in_a_quarter_of_the_bytes(weights):
    model = build_bert(weights, BertShape(LAYERS, HEADS, EPSILON), int8=True)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (vectors,) = session.run(["sentence_embedding"], padded(*ROWS))
    for vector, row in zip(vectors, ROWS, strict=True):
        mean = reference(weights, row).mean(axis=0)
        assert vector @ mean / np.linalg.norm(mean) > 0.99
    sizes = {t.name: len(t.raw_data) for t in model.graph.initializer}
    assert sizes["encoder.layer.0.output.dense.int8"] == HIDDEN * WIDE
    assert sizes["encoder.layer.0.output.dense.scale"] == 4 * HIDDEN


def test_the_graph_is_valid_but_for_the_operators_of_the_runtime(weights):
    model = build_bert(weights, BertShape(LAYERS, HEADS))
    assert [o.name for o in model.graph.output] == ["sentence_embedding", "token_embeddings"]
    assert {o.domain for o in model.opset_import} == {"", "com.microsoft"}
    onnx.checker.check_model(model)


def test_a_weight_that_is_absent_is_named(weights):
    without = {name: values for name, values in weights.items() if name != "encoder.layer.1.output.dense.bias"}
    with pytest.raises(KeyError, match=r"encoder\.layer\.1\.output\.dense\.bias"):
        build_bert(without, BertShape(LAYERS, HEADS))
