"""A program that is begun answers before anybody goes on, and ends with whatever needed it."""

import sys
from pathlib import Path

import pytest

from cmo.errors import ServiceGone
from cmo.kit.begun import begun

SILENT = ServiceGone("it did not begin")


def _program(does: str) -> list[str]:
    return [sys.executable, "-ISc", does]


def test_it_is_waited_for_and_ended(tmp_path: Path) -> None:
    here, gone = tmp_path / "here", tmp_path / "gone"
    does = (
        "import pathlib, signal, sys, time\n"
        f"def end(*_): pathlib.Path({str(gone)!r}).touch(); sys.exit()\n"
        f"signal.signal(signal.SIGTERM, end); pathlib.Path({str(here)!r}).touch(); time.sleep(120)"
    )
    with begun(_program(does), here.exists, 60.0, SILENT):
        assert here.exists()
        assert not gone.exists()
    assert gone.exists()


def test_one_that_ends_before_it_answers_is_told_at_once() -> None:
    with pytest.raises(ServiceGone, match="did not begin"), begun(_program(""), lambda: False, 3_600.0, SILENT):
        raise AssertionError("nobody goes on")


def test_one_that_says_nothing_is_ended(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    does = "import time; time.sleep(120)"
    with pytest.raises(ServiceGone), begun(_program(does), gone.exists, 0.0, SILENT, quiet=True):
        raise AssertionError("nobody goes on")
