"""The vector search finds what a scan of every row finds."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.index import vectors
from cmo.index.vectors import Vectors, read_sketch, recall, write_sketch
from cmo.model.packing import pack

DIMENSION = 32


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)).astype(np.float32)


def clustered(seed: int, rows: int, dimension: int = DIMENSION) -> np.ndarray:
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(max(1, rows // 20), dimension))
    return unit(centres[draw.integers(0, len(centres), rows)] + 0.3 * draw.normal(size=(rows, dimension)))


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(0, 300),
    limit=st.integers(0, 40),
    share=st.none() | st.floats(0.0, 1.0),
)
@settings(max_examples=60, deadline=None)
def test_the_search_is_exact_under_any_mask(seed: int, rows: int, limit: int, share: float | None) -> None:
    draw = np.random.default_rng(seed)
    stored = clustered(seed, rows).astype(np.float16)
    query = unit(draw.normal(size=DIMENSION))
    mask = None if share is None else draw.random(rows) < share
    found = Vectors(stored).search(query, limit, mask)
    scores = stored.astype(np.float64) @ query.astype(np.float64)
    admitted = np.flatnonzero(np.ones(rows, bool) if mask is None else mask)
    assert len(found.rows) == min(limit, len(admitted))
    assert set(found.rows.tolist()) <= set(admitted.tolist())
    best = np.sort(scores[admitted])[::-1][: len(found.rows)]
    assert np.allclose(found.scores, best, atol=2e-3)
    assert np.allclose(found.scores, scores[found.rows], atol=2e-3)
    assert np.all(np.diff(found.scores) <= 0)


@given(seed=st.integers(0, 10_000), masked=st.booleans())
@settings(max_examples=10, deadline=None)
def test_the_yardstick_agrees_with_the_search(seed: int, masked: bool) -> None:
    stored = clustered(seed, 200).astype(np.float16)
    query = stored[7].astype(np.float32)
    mask = np.arange(200) % 3 == 0 if masked else None
    index = Vectors(stored)
    assert np.allclose(index.exact(query, 10, mask).scores, index.search(query, 10, mask).scores, atol=2e-3)


def test_the_sketch_finds_nearly_all_and_scores_exactly(tmp_path: Path) -> None:
    stored = clustered(3, 6000, 128).astype(np.float16)
    path = tmp_path / "sketch.faiss"
    write_sketch(stored, path)
    index = Vectors(stored, read_sketch(path))
    queries = stored[::60].astype(np.float32)
    assert recall(index, queries, 10) >= 0.95
    hits = index.search(queries[1], 10)
    assert hits.rows[0] == 60
    assert np.allclose(hits.scores, stored[hits.rows].astype(np.float32) @ queries[1], atol=1e-3)
    newest = index.search(stored[-1].astype(np.float32), 5)
    assert newest.rows[0] == len(stored) - 1


@pytest.mark.parametrize("few", [0, 5_000])
def test_the_sketch_obeys_the_mask(tmp_path: Path, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "FEW_ROWS", few)
    stored = clustered(4, 3000, 64).astype(np.float16)
    path = tmp_path / "sketch.faiss"
    write_sketch(stored, path)
    index = Vectors(stored, read_sketch(path))
    for share in (0.001, 0.05, 0.5):
        mask = np.random.default_rng(1).random(len(stored)) < share
        for query in stored[::300].astype(np.float32):
            found, wanted = index.search(query, 10, mask), index.exact(query, 10, mask)
            assert mask[found.rows].all()
            assert len(found.rows) == len(wanted.rows)
            assert len(np.intersect1d(found.rows, wanted.rows)) >= 0.8 * len(wanted.rows)


def test_recall_tells_a_bad_index_from_a_good_one() -> None:
    stored = clustered(5, 500).astype(np.float16)
    worse = Vectors(stored)
    shuffled = np.random.default_rng(0).permutation(len(stored))
    worse._exact = vectors._exact_index(stored[shuffled])
    queries = stored[:20].astype(np.float32)
    assert recall(Vectors(stored), queries, 10) == 1.0
    assert recall(worse, queries, 10) < 0.5


@given(seed=st.integers(0, 10_000), rows=st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_packed_sentence_vectors_keep_their_cosines(seed: int, rows: int) -> None:
    draw = np.random.default_rng(seed)
    vector, sentences = unit(draw.normal(size=384)), unit(draw.normal(size=(rows, 384)))
    packed = pack(vector, sentences)
    back = np.frombuffer(packed.sentences, np.int8).reshape(rows, 384) * np.frombuffer(packed.scales, np.float16)[
        :, None
    ].astype(np.float32)
    assert np.abs(back @ vector - sentences @ vector).max(initial=0) < 0.004
    assert np.allclose(np.linalg.norm(back, axis=1), 1.0, atol=2e-3)


def test_a_search_stays_in_its_own_thread() -> None:
    stored = clustered(6, 200).astype(np.float16)
    faiss.omp_set_num_threads(2)
    Vectors(stored).search(stored[0].astype(np.float32), 5)
    assert faiss.omp_get_max_threads() == 1


def test_a_sketch_that_grew_finds_what_one_made_at_once_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(40, 64))
    rows = (centres[rng.integers(0, 40, 3000)] + 0.3 * rng.normal(size=(3000, 64))).astype(np.float32)
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    write_sketch(vectors[:2000], tmp_path / "first")
    write_sketch(vectors, tmp_path / "grown", tmp_path / "first")
    grown = Vectors(vectors, read_sketch(tmp_path / "grown"))
    assert recall(grown, vectors[2500:2550].astype(np.float32), 10) > 0.99
