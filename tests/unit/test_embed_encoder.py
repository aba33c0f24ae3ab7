"""The encoder with a tokenizer of single words and a session that looks vectors up."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from cmo.embed import OnnxEmbedder
from cmo.embed.session import CPU, CUDA, _count_gpus, open_sessions
from cmo.embed.tokens import Tokens
from cmo.errors import ModelCorrupt
from cmo.model.ports import ModelIdentity

VOCABULARY = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *"abcdefghijklmnopqrstuvwxyz"]
TABLE = np.random.default_rng(5).normal(size=(len(VOCABULARY), 6)).astype(np.float32)
IDENTITY = ModelIdentity("letters", "0", 6)


@dataclass
class Slot:
    name: str
    shape: tuple[int | str, ...]
    type: str = "tensor(int64)"


TOKEN_VECTORS, POOLED = Slot("last_hidden_state", ("b", "t", 6)), Slot("sentence_embedding", ("b", 6))


class Letters:
    """A session: each letter has a vector; the mean counts what is not masked."""

    def __init__(self, outputs=(TOKEN_VECTORS,), inputs=("input_ids", "attention_mask"), provider=CPU, kind="int64"):
        self.outputs, self.inputs, self.provider, self.kind = outputs, inputs, provider, kind
        self.shapes = []

    def run(self, names, feed):
        assert list(feed) == list(self.inputs)
        assert all(values.dtype == self.kind for values in feed.values())
        ids, mask = feed["input_ids"], feed["attention_mask"][..., None]
        self.shapes.append(ids.shape)
        tokens = TABLE[ids]
        made = {
            "last_hidden_state": tokens,
            "sentence_embedding": 3 * (tokens * mask).sum(1) / mask.sum(1),
            "pooler_output": np.ones((len(ids), 6), np.float32),
        }
        return [made[name] for name in names]

    def get_inputs(self):
        return [Slot(name, ("b", "t"), f"tensor({self.kind})") for name in self.inputs]

    def get_outputs(self):
        return list(self.outputs)

    def get_providers(self):
        return [self.provider, CPU]


def tokens(max_tokens=16):
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.enable_padding(length=64)  # exports come with settings of their own
    return Tokens(tokenizer, max_tokens)


def encoder(*sessions, **options):
    return OnnxEmbedder(IDENTITY, tokens(), sessions or [Letters()], **options)


def mean(letters):
    vector = TABLE[[VOCABULARY.index(letter) for letter in letters]].mean(axis=0)
    return vector / np.linalg.norm(vector)


TEXTS = ["a b c", "d", "e f g h i j k l", "m n", "", "o p q r s", "t u v w x y z"]


def whole(text):
    return mean(["[CLS]", *text.split(), "[SEP]"])


@pytest.mark.parametrize("outputs", [(TOKEN_VECTORS,), (TOKEN_VECTORS, POOLED), (POOLED,)])
def test_passages_come_in_the_order_given_with_the_vectors_they_have_alone(outputs):
    model = encoder(Letters(outputs), batch_tokens=20)
    found = model.encode_passages(TEXTS, [()] * len(TEXTS))
    np.testing.assert_allclose([p.vector for p in found], [whole(text) for text in TEXTS], atol=1e-6)
    np.testing.assert_allclose([model.encode_query(t) for t in TEXTS], [p.vector for p in found], atol=1e-6)
    assert all(p.vector.dtype == np.float32 and p.sentences.shape == (0, 6) for p in found)


def test_sentences_are_means_over_their_own_tokens_in_the_same_pass():
    session = Letters((TOKEN_VECTORS, POOLED))
    (found,) = encoder(session).encode_passages(["a b c d"], [[(0, 3), (4, 7)]])
    np.testing.assert_allclose(found.sentences, [mean("ab"), mean("cd")], atol=1e-6)
    assert len(session.shapes) == 1


def test_what_lies_beyond_the_model_s_length_is_not_read_and_its_sentence_has_the_passage_s_vector():
    letters = "abcdefghijklmnopqrstuvwxyz"
    model = OnnxEmbedder(IDENTITY, tokens(max_tokens=8), [Letters()])
    (found,) = model.encode_passages([" ".join(letters)], [[(0, 3), (40, 51)]])
    np.testing.assert_allclose(found.vector, whole("a b c d e f"), atol=1e-6)
    np.testing.assert_allclose(found.sentences, [mean("ab"), found.vector], atol=1e-6)


def test_runs_keep_to_their_budget_and_the_longest_goes_first():
    session = Letters()
    encoder(session, batch_tokens=16).encode_passages(TEXTS * 3, [()] * 21)
    assert all(rows == 1 or rows * width <= 16 for rows, width in session.shapes)
    assert [width for _, width in session.shapes] == sorted((w for _, w in session.shapes), reverse=True)


def test_a_model_without_token_vectors_has_its_sentences_encoded_on_their_own():
    (found, bare) = encoder(Letters((POOLED,))).encode_passages(["a b c d", "e"], [[(0, 3), (3, 3)], []])
    np.testing.assert_allclose(found.sentences, [whole("a b"), found.vector], atol=1e-6)
    assert bare.sentences.shape == (0, 6)


def test_the_pooler_of_a_bert_export_is_not_taken_for_a_sentence_vector():
    session = Letters((TOKEN_VECTORS, Slot("pooler_output", ("b", 6))))
    np.testing.assert_allclose(encoder(session).encode_query("a b"), whole("a b"), atol=1e-6)


def test_cls_pooling_takes_the_first_token():
    np.testing.assert_allclose(encoder(pooling="cls").encode_query("a b"), mean(["[CLS]"]), atol=1e-6)


def test_segments_and_narrow_integers_are_fed_where_the_graph_wants_them():
    session = Letters(inputs=("input_ids", "token_type_ids", "attention_mask"), kind="int32")
    np.testing.assert_allclose(encoder(session).encode_query("a b"), whole("a b"), atol=1e-6)


@pytest.mark.parametrize(
    "session", [Letters(inputs=("pixel_values",)), Letters(outputs=(Slot("logits", ("b",)),))], ids=["input", "output"]
)
def test_a_graph_of_another_kind_is_refused(session):
    with pytest.raises(ModelCorrupt, match="letters"):
        encoder(session)


def test_tokens_are_counted_beyond_the_truncation_and_without_special_ones():
    assert encoder().count_tokens(["", "a", " ".join("abc" * 30)]) == [0, 1, 90]


def test_threads_may_share_an_encoder():
    model = encoder()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(model.encode_query, TEXTS * 40))
    np.testing.assert_allclose(found, [whole(text) for text in TEXTS] * 40, atol=1e-6)


def test_no_texts_make_no_passages():
    assert encoder().encode_passages([], []) == []


def test_several_devices_share_the_passages():
    first, second = Letters(provider=CUDA), Letters(provider=CUDA)
    found = encoder(first, second, batch_tokens=10).encode_passages(TEXTS, [[(0, 1)]] * len(TEXTS))
    np.testing.assert_allclose([p.vector for p in found], [whole(text) for text in TEXTS], atol=1e-6)
    assert first.shapes
    assert second.shapes
    assert abs(len(first.shapes) - len(second.shapes)) <= 1


class Opened(list):
    """An opener that notes what it was asked for."""

    def __init__(self, provider):
        super().__init__()
        self.provider = provider

    def __call__(self, _graph, _threads, device):
        self.append(device)
        return Letters(provider=CPU if device is None else self.provider)


@pytest.mark.parametrize(
    ("use_gpu", "devices", "provider", "asked", "used"),
    [
        (True, [0, 1], CUDA, [0, 1], [CUDA, CUDA]),
        (True, [], CUDA, [None], [CPU]),
        (False, [0, 1], CUDA, [None], [CPU]),
        (True, [0], CPU, [0, None], [CPU]),
    ],
    ids=["every GPU", "no GPU", "GPU not wanted", "GPU that does not work"],
)
def test_sessions_open_on_every_usable_gpu_else_on_the_cpu(use_gpu, devices, provider, asked, used):
    opener = Opened(provider)
    sessions = open_sessions(Path("x"), use_gpu=use_gpu, threads=2, devices=lambda: devices, opener=opener)
    assert opener == asked
    assert [s.get_providers()[0] for s in sessions] == used


class Driver:
    def __init__(self, failure):
        self.cuInit = lambda _flags: failure
        self.cuDeviceGetCount = self.count

    def count(self, pointer):
        pointer._obj.value = 3
        return 0


def test_gpus_are_counted_by_the_driver_and_none_without_one():
    def absent(_name):
        raise OSError

    assert _count_gpus(lambda _name: Driver(0)) == 3
    assert _count_gpus(lambda _name: Driver(100)) == 0
    assert _count_gpus(absent) == 0


def test_importing_the_room_loads_no_runtime_and_no_http_client():
    heavy = "{'onnx', 'onnxruntime', 'httpx', 'openai', 'stamina'}"
    subprocess.run([sys.executable, "-c", f"import sys, cmo.embed; assert not {heavy} & set(sys.modules)"], check=True)
