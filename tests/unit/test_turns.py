"""How many answers a worker computes at once."""

from pathlib import Path

import pytest

from cmo.app import App
from cmo.kit import hands
from cmo.settings import read_settings


@pytest.mark.parametrize(("cores", "workers", "threads"), [(2, 2, 1), (2, 1, 2), (1, 1, 1), (16, 2, 2), (2, 8, 1)])
def test_answers_that_compute_take_turns_on_a_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, workers: int, threads: int
) -> None:
    monkeypatch.setattr(hands, "cores", lambda: cores)
    app = App(read_settings(working_dir=tmp_path / "base"))
    app.workers = workers
    assert app.executor._max_workers == threads
    app.executor.shutdown()


def test_a_tenant_has_as_many_turns_as_the_service(tmp_path: Path) -> None:
    app = App(read_settings(working_dir=tmp_path / "base"))
    app.workers = 3
    assert app.sibling("ward").workers == 3
