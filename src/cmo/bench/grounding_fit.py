"""Fits the heads of the support scorer, and says how they do on claims that they have not seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.assess.heads import Head, Heads
from cmo.assess.support import SupportScorer
from cmo.bench.grounding_rows import Row
from cmo.bench.logistic import Floats, fit, folds
from cmo.model.assessments import Claim, Verdict

_COUNTS = {"rationale": 1.0, "one": 1.0, "abstract": 0.5, "same-abstract": 0.1, "other-claim": 1.0, "nearest": 1.0,
           "cited": 0.7, "cited-abstract": 0.4}  # fmt: skip
"""What a row of each kind counts. Other sentences of a judged abstract count little, because many do bear on
the claim; corrupted ones, because no person wrote them."""
_TURNED = frozenset({"claim-negation", "claim-direction", "copy", "copy-negation", "copy-direction"})
_EXCHANGED = frozenset({"claim-number", "copy-number", "claim-name", "copy-name"})
_TURNED_COUNT, _EXCHANGED_COUNT, _COPY_COUNT = 0.1, 0.2, 0.5
_RIDGE = {"about": 10.0, "stance": 20.0, "intact": 1.0}
_INTACT = ("figures_missing", "figures_other", "odd_figure", "odd_word", "rarest_missing", "covered_by_three",
           "covered_by_one", "cosine")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows with the values that the heads weigh."""

    rows: Sequence[Row]
    names: tuple[str, ...]
    x: Floats
    """(rows, names)"""

    @classmethod
    def of(
        cls, rows: Sequence[Row], scorer: SupportScorer, progress: Callable[[int], object] = lambda _: None
    ) -> Samples:
        """Compare each claim with its evidence, what stands in it word for word left out."""
        kept: list[Row] = []
        values: list[dict[str, float]] = []
        for start in range(0, len(rows), 64):
            batch = rows[start : start + 64]
            compared = scorer.compare([Claim(row.claim, row.evidence) for row in batch], exact=False)
            for row, comparison in zip(batch, compared, strict=True):
                if comparison is not None:
                    kept.append(row)
                    values.append(comparison.values)
            progress(min(len(rows), start + 64))
        names = tuple(values[0])
        return cls(kept, names, np.array([[one[name] for name in names] for one in values]))

    def part(self, mask: NDArray[np.bool_]) -> Samples:
        """Some of them."""
        return Samples([row for row, wanted in zip(self.rows, mask, strict=True) if wanted], self.names, self.x[mask])


def fitted(samples: Samples) -> Heads:
    """Heads for these rows."""
    kinds = [row.kind for row in samples.rows]
    labels = np.array([row.label.value for row in samples.rows])
    supported, told = labels == Verdict.SUPPORTED.value, labels != Verdict.UNRELATED.value
    counts = np.array([_COUNTS.get(kind, 0.0) for kind in kinds])
    turned, exchanged = np.isin(kinds, list(_TURNED)), np.isin(kinds, list(_EXCHANGED))
    stance = np.where(turned, _TURNED_COUNT, counts) * told
    intact = np.where(exchanged, _EXCHANGED_COUNT, np.where(np.isin(kinds, ["copy"]), _COPY_COUNT, counts * told))
    return Heads(
        _head(samples, told, counts, "about", samples.names),
        _head(samples, supported, stance, "stance", samples.names),
        _head(samples, ~exchanged, intact, "intact", _INTACT),
    )


def unseen(samples: Samples, *, rounds: int = 2) -> NDArray[np.float64]:
    """(rows, 2): probabilities of support and contradiction by heads fitted without the row's group."""
    total = np.zeros((len(samples.rows), 2))
    groups = [row.group for row in samples.rows]
    for seed in range(rounds):
        fold = folds(groups, seed=seed)
        for n in range(int(fold.max()) + 1):
            heads = fitted(samples.part(fold != n))
            total[fold == n] += [heads.weigh(values) for values in _by_name(samples.part(fold == n))]
    return total / rounds


def weighed(samples: Samples, heads: Heads) -> NDArray[np.float64]:
    """(rows, 2): the same by given heads."""
    return np.array([heads.weigh(values) for values in _by_name(samples)])


def write(heads: Heads, path: Path, fitted_on: str) -> None:
    """As `Heads.shipped` reads it."""
    facts = {
        name: head.as_json()
        for name, head in (("about", heads.about), ("stance", heads.stance), ("intact", heads.intact))
    }
    path.write_text(json.dumps({"fitted_on": fitted_on, **facts}, indent=1) + "\n", "utf-8")


def _by_name(samples: Samples) -> list[dict[str, float]]:
    return [dict(zip(samples.names, row, strict=True)) for row in samples.x.tolist()]


def _head(samples: Samples, y: NDArray[Any], counts: Floats, name: str, columns: Sequence[str]) -> Head:
    used = counts > 0
    x = samples.x[used][:, [samples.names.index(column) for column in columns]]
    bias, weights = fit(x, y[used], counts[used], ridge=_RIDGE[name])
    return Head(bias, dict(zip(columns, weights.tolist(), strict=True)))
