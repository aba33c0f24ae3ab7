"""The word search under a mask finds what a filter over all hits would find."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.index.snapshot import Snapshot
from cmo.index.words import Words, WordsWriter
from cmo.model.evidence import Term

ROWS = 400
STEMS = ("alanin", "glycin", "plasma", "urin")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Words:
    folder = tmp_path_factory.mktemp("words") / "words"
    draw = np.random.default_rng(7)
    writer = WordsWriter(folder)
    for row in range(ROWS):
        writer.add(row, [STEMS[n] for n in draw.integers(0, 2 + row % 3, draw.integers(1, 20))])
    writer.commit()
    return Words(folder)


def snapshot_of(words: Words) -> Snapshot:
    """As much of a snapshot as a word search needs."""
    snapshot = Snapshot.__new__(Snapshot)
    snapshot._words = words
    return snapshot


@given(
    seed=st.integers(0, 10_000),
    admitted=st.integers(0, ROWS),
    limit=st.integers(0, 50),
    stems=st.lists(st.sampled_from([*STEMS, "unknown"]), max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_a_mask_hides_rows_and_costs_none(words: Words, seed: int, admitted: int, limit: int, stems: list[str]) -> None:
    everything = words.search(stems, ROWS)
    mask = np.zeros(ROWS, np.bool_)
    if seed % 2:  # the rows that the search likes least
        unmatched = np.setdiff1d(np.arange(ROWS), everything.rows)
        mask[np.concatenate([unmatched, everything.rows[::-1]])[:admitted]] = True
    else:
        mask[np.random.default_rng(seed).permutation(ROWS)[:admitted]] = True
    found = snapshot_of(words).matching([Term(stem, 1.0) for stem in stems], limit, mask)
    wanted = everything.scores[mask[everything.rows]][:limit]
    assert mask[found.rows].all()
    assert len(np.unique(found.rows)) == len(found.rows)
    assert np.array_equal(found.scores, wanted)


def test_what_is_not_committed_is_not_found(tmp_path: Path) -> None:
    writer = WordsWriter(tmp_path / "words")
    writer.add(0, ["alanin"])
    writer.commit()
    unfinished = WordsWriter(tmp_path / "words")
    unfinished.add(1, ["alanin"])
    assert Words(tmp_path / "words").search(["alanin"], 10).rows.tolist() == [0]


def test_rarity_counts_rows_not_occurrences(words: Words) -> None:
    assert words.document_frequency("unknown") == 0
    assert words.document_frequency("alanin") == len(words.search(["alanin"], ROWS).rows)
