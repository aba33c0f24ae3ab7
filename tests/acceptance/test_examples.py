"""Every example runs as a reader would run it: as a program, on the library's notes, with the real model and no key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
EXAMPLES = sorted((REPO / "examples").glob("*.py"))
NOTES = ("phenylketonuria.md", "plasma-preanalytics.md", "trimethylamine-and-tmao.md", "lc-ms-gc-ms-platform.md")
SAYS = {
    "compared": ("40 users, significant: False", "Too early to say"),
    "configured": ("production   $500 a day, quality 0.85: sound", "development  $50 a day", "phenylketonuria", "[1]"),
    "diagnosed": ("nothing is in the way", "thin coverage: ", "spent $0.00 in all", "all "),
    "faster": ("FMO3", "kept: True", "past the cache: True"),
    "in_production": ("lightrag: quality 0.", "[1]", "none: quality 0.00", "The question is empty"),
    "in_shadow": ("[1]", "compared: Which enzyme makes TMAO from trimethylamine?", "compared by hand: True"),
    "judged": ("[1] CMO starter library.", "4 questions: migration ", "composite of .9, .8 and .7: 0.81"),
    "queued": ("FMO3", "kept: True", "refused: The question is empty"),
    "rolled_out": ("canary: running at 50 %", "error_rate is 0.4", "a wrong dose", "rollback: 0 %", "gets it: False"),
    "two_engines": ("ann: lightrag", "bob: lightrag", "[1]"),
    "watched": ("'error_rate': 0.0", "alerts: []", "'healthy': True"),
}
"""What each has to print."""

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the notes, so that they are read in seconds, and one base for all examples."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "notes").mkdir()
    for name in NOTES:
        (folder / "notes" / name).symlink_to(REPO / "library" / "notes" / name)
    return folder


def test_every_example_is_short_and_is_run_here() -> None:
    assert {path.stem for path in EXAMPLES} == set(SAYS)
    assert [path.name for path in EXAMPLES if len(path.read_text().splitlines()) > 120] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(example: Path, folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}  # noqa: TID251
    environment |= {"LIGHTRAG_WORKING_DIR": str(folder / "base"), "LIGHTRAG_PAPERS_DIR": str(folder / "notes")}
    done = subprocess.run(
        [sys.executable, "-W", "error", example], cwd=folder, env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert [words for words in SAYS[example.stem] if words not in done.stdout] == [], done.stdout
