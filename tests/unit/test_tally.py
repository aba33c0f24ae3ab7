"""What came of the last requests."""

import pytest

from cmo.kit.tally import Served, Tally, quantile


def test_figures_are_of_the_window_and_counts_of_everything() -> None:
    tally = Tally(3, target=0.1, limit=0.2)
    for n, seconds in enumerate((9.0, 0.05, 0.15, 0.25)):
        tally.add(Served(float(n), seconds, ("memory",) if n % 2 else (), ok=seconds < 1))
    figures = tally.figures()
    assert (figures.total, figures.failed, figures.window) == (4, 1, 3)
    assert figures.success == 0.75
    assert figures.mean == pytest.approx(0.15)
    assert (figures.p50, figures.longest) == (0.15, 0.25)
    assert figures.within == pytest.approx(1 / 3)
    assert figures.within_limit == pytest.approx(2 / 3)
    assert figures.rate == pytest.approx(3 / 2.05)
    assert figures.marks == {"memory": 2}


def test_before_the_first_request_nothing_is_wrong() -> None:
    figures = Tally(3, 0.1, 0.2).figures()
    assert (figures.total, figures.success, figures.within, figures.rate, figures.p99) == (0, 1.0, 1.0, 0.0, 0.0)


def test_quantiles_are_values_that_were_seen() -> None:
    assert [quantile([1, 2, 3, 4], share) for share in (0, 0.25, 0.5, 0.51, 1)] == [1, 1, 2, 3, 4]
    assert quantile([], 0.5) == 0
