"""Every page of the documentation does what it shows: its blocks are run in a fresh folder, against the real model."""

from collections.abc import Callable
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    "tutorial.md",
    *sorted(str(page.relative_to(DOCS)) for page in (DOCS / "how-to").glob("*.md")),
    *sorted(str(page.relative_to(DOCS)) for page in (DOCS / "explanation").glob("*.md")),
    "reference/documented-names.md",
]
SAYS_ONLY = {page for page in PAGES if page.startswith("explanation/")}

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs_from_its_first_block_to_its_last(page: str, run_document: Callable[[Path], int]) -> None:
    assert run_document(DOCS / page) >= (page not in SAYS_ONLY)
