"""The installed MiniLM: known neighbours, known figures, and what it costs to open."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from cmo.embed import OnnxEmbedder, open_onnx
from cmo.embed.provision import install, verify

pytestmark = pytest.mark.model

RAISED = "Plasma phenylalanine is raised in patients with phenylketonuria."
ASKED = "Which amino acid is elevated in phenylketonuria?"
ELSEWHERE = "Trains to the coast leave every hour."


@pytest.fixture(scope="session")
def cache() -> Path:
    """The user's own, so that the model is fetched once."""
    folder = Path("~/.cache/cmo/models").expanduser()
    install("minilm", folder)
    return folder


@pytest.fixture(scope="session")
def model(cache: Path) -> OnnxEmbedder:
    return open_onnx("minilm", models_dir=cache, use_gpu=False, threads=2)


def test_it_is_the_model_that_is_pinned(cache: Path, model: OnnxEmbedder) -> None:
    assert verify("minilm", cache) == model.identity
    assert str(model.identity) == "all-MiniLM-L6-v2@301d06fb7f20 (384)"


def test_its_vectors_are_those_that_its_makers_publish(model: OnnxEmbedder) -> None:
    # sentence-transformers prints these for this model's own example on its model card.
    found = model.encode_passages(["This is an example sentence"], [()])[0].vector
    np.testing.assert_allclose(found[:3], [0.0676569, 0.0634959, 0.0487131], atol=1e-4)
    assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-6)


def test_a_question_is_nearer_to_its_answer_than_to_anything_else(model: OnnxEmbedder) -> None:
    near, far = (p.vector for p in model.encode_passages([RAISED, ELSEWHERE], [(), ()]))
    question = model.encode_query(ASKED)
    assert question @ near > 0.4
    assert question @ far < 0.1


def test_a_question_s_vector_is_nearly_that_of_the_same_text_as_a_passage(model: OnnxEmbedder) -> None:
    texts = [RAISED, ASKED, ELSEWHERE, "TMAO", f"{RAISED} " * 40]
    passages = model.encode_passages(texts, [()] * len(texts))
    likeness = [float(model.encode_query(text) @ passage.vector) for text, passage in zip(texts, passages, strict=True)]
    assert min(likeness) > 0.98
    assert max(likeness) < 0.9999  # it is the smaller graph that answers


def test_a_smaller_graph_that_gives_something_else_is_not_used(cache: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cache / "minilm", tmp_path / "minilm")
    weights = bytearray((folder / "weights8.bin").read_bytes())
    weights[: len(weights) // 2] = bytes(len(weights) // 2)  # as a processor that rounds sums away would see it
    (folder / "weights8.bin").write_bytes(weights)
    there = open_onnx("minilm", models_dir=tmp_path, use_gpu=False, threads=1)
    question, passage = there.encode_query(ASKED), there.encode_passages([ASKED], [()])[0].vector
    assert question @ passage > 0.9999


def test_a_sentence_in_a_passage_is_near_to_itself_alone(model: OnnxEmbedder) -> None:
    text = f"{ELSEWHERE} {RAISED}"
    cut = len(ELSEWHERE)
    (found,) = model.encode_passages([text], [[(0, cut), (cut + 1, len(text))]])
    alone = [model.encode_query(ELSEWHERE), model.encode_query(RAISED)]
    likeness = found.sentences @ np.array(alone).T
    assert (likeness.argmax(axis=1) == [0, 1]).all()
    assert likeness.diagonal().min() > 0.7


def test_company_changes_no_vector(model: OnnxEmbedder) -> None:
    texts = [" ".join([RAISED] * n) for n in (1, 7, 2, 40, 3)]
    together = model.encode_passages(texts, [()] * len(texts))
    for text, found in zip(texts, together, strict=True):
        np.testing.assert_allclose(found.vector, model.encode_passages([text], [()])[0].vector, atol=1e-5)


def test_it_reads_512_tokens_and_no_more(model: OnnxEmbedder) -> None:
    fits = " ".join(["blood"] * 510)
    assert model.count_tokens(["blood", fits + " rose"]) == [1, 511]
    both = model.encode_passages([fits, fits + " rose fell"], [(), ()])
    np.testing.assert_allclose(both[0].vector, both[1].vector, atol=1e-6)


def test_opening_costs_little(cache: Path, model: OnnxEmbedder) -> None:
    assert model  # the runtime is imported
    best = min(_seconds_to_open(cache) for _ in range(3))
    assert best < 0.35


def _seconds_to_open(cache: Path) -> float:
    start = time.process_time()
    open_onnx("minilm", models_dir=cache, use_gpu=False, threads=1)
    return time.process_time() - start
