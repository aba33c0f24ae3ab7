"""The README does what it shows: every block is run in a fresh folder, against the real model."""

from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]

pytestmark = [pytest.mark.model, pytest.mark.slow]


def test_the_readme_runs_from_the_first_block_to_the_last(run_document: Callable[[Path], int]) -> None:
    assert run_document(REPO / "README.md") >= 8
