"""The arithmetic of pooling and packing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cmo.embed.pool import packs, sentence_vectors, unit

RNG = np.random.default_rng(3)
OFFSETS = [(0, 0), (0, 3), (4, 7), (7, 8), (9, 12), (0, 0)]  # a special token at each end
TOKENS = RNG.normal(size=(6, 5)).astype(np.float32)
PASSAGE = unit(TOKENS.mean(axis=0))


def test_a_sentence_is_the_mean_of_the_tokens_that_begin_in_it():
    found = sentence_vectors(TOKENS, OFFSETS, [(0, 8), (9, 12)], PASSAGE)
    np.testing.assert_allclose(found, [unit(TOKENS[1:4].mean(axis=0)), unit(TOKENS[4])], atol=1e-6)
    assert found.dtype == np.float32


def test_a_span_without_tokens_has_the_vector_of_the_passage():
    found = sentence_vectors(TOKENS, OFFSETS, [(3, 3), (8, 9), (12, 40), (200, 300)], PASSAGE)
    np.testing.assert_array_equal(found, np.tile(PASSAGE, (4, 1)))


def test_no_spans_and_no_tokens_are_no_trouble():
    assert sentence_vectors(TOKENS, OFFSETS, [], PASSAGE).shape == (0, 5)
    empty = sentence_vectors(TOKENS[:2], [(0, 0), (0, 0)], [(0, 4)], PASSAGE)
    np.testing.assert_array_equal(empty, [PASSAGE])


def test_a_vector_of_zeros_stays_one():
    assert not unit(np.zeros(4, np.float32)).any()


@given(st.lists(st.integers(1, 600), max_size=60), st.integers(1, 1024))
def test_each_text_is_in_one_run_and_no_run_of_several_goes_beyond_the_budget(lengths, budget):
    runs = packs(lengths, budget)
    assert sorted(place for run in runs for place in run) == list(range(len(lengths)))
    assert all(len(run) == 1 or len(run) * max(lengths[p] for p in run) <= budget for run in runs)


def test_little_work_is_spent_on_padding():
    lengths = RNG.integers(20, 300, 400).tolist()
    padded = sum(len(run) * max(lengths[p] for p in run) for run in packs(lengths, 512))
    assert sum(lengths) / padded > 0.97
