"""The repository as its readers find it: the files that are tracked, by kind."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
_NOT_TEXT = {".pdf", ".png", ".ttf", ".lock", ".gz"}


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def tracked() -> Sequence[Path]:
    """Tracked files that are text and ours."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout")
    paths = (REPO / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file() and path.suffix not in _NOT_TEXT]


@pytest.fixture(scope="session")
def pages(tracked: Sequence[Path]) -> Sequence[Path]:
    """Every page of Markdown."""
    return [path for path in tracked if path.suffix == ".md"]
