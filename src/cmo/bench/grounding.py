"""`cmo eval grounding`: claims with evidence and a label, against what the support scorer says.

``auroc`` ranks supported claims against all the rest by P(supported). ``auroc_contradicted`` ranks supported against
contradicted ones by the share of P(supported) in both: how well what is said is told from its opposite, whether or not
it is said of the same thing. Cosine alone and ROUGE-L are asked the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.assess.support import SupportScorer
from cmo.assess.words import content, stem, terms
from cmo.bench.grounding_rows import BadRow, Row
from cmo.bench.metrics import Estimate
from cmo.model.assessments import Claim, Flag, Support, Verdict

Floats = NDArray[np.float64]
RESAMPLES = 1_000
BINS = 10
_BATCH = 32
Baselines = dict[str, Floats]


@dataclass(frozen=True, eq=False)
class Scores:
    """Rows with what was said to them."""

    rows: Sequence[Row]
    supported: Floats
    contradicted: Floats
    found: Sequence[Support | None]
    """None where probabilities come from a cross-validation."""
    baselines: Baselines

    @cached_property
    def labels(self) -> NDArray[np.str_]:
        """Of each row."""
        return np.array([row.label.value for row in self.rows])

    @cached_property
    def stance(self) -> Floats:
        """Share of P(supported) in P(supported) + P(contradicted)."""
        return np.asarray(self.supported / np.maximum(1e-9, self.supported + self.contradicted))


def score(rows: Sequence[Row], scorer: SupportScorer, progress: Callable[[int], object] = lambda _: None) -> Scores:
    """Judge every row."""
    found: list[Support] = []
    cosines: list[float] = []
    for start in range(0, len(rows), _BATCH):
        claims = [Claim(row.claim, row.evidence) for row in rows[start : start + _BATCH]]
        found += scorer.score(claims)
        vectors = scorer.vectors(claims)
        cosines += [max(float(vectors[line] @ vectors[c.text]) for line in c.evidence) for c in claims]
        progress(len(found))
    baselines = {"cosine": np.array(cosines), "rouge_l": np.array([rouge_l(r.claim, r.evidence) for r in rows])}
    supported, contradicted = np.array([s.supported for s in found]), np.array([s.contradicted for s in found])
    return Scores(rows, supported, contradicted, found, baselines)


def report(scores: Scores, bad: Sequence[BadRow] = ()) -> dict[str, Any]:
    """Everything that is told, as plain values."""
    labels = scores.labels
    supported = labels == Verdict.SUPPORTED.value
    judged = labels != Verdict.UNRELATED.value
    related = labels != Verdict.CONTRADICTED.value
    groups = [row.group for row in scores.rows]

    def figures(values: Floats, stance: Floats) -> dict[str, Any]:
        return {
            "auroc": asdict(auroc(supported, values, groups)),
            "auroc_unrelated": asdict(auroc(supported, values, groups, related)),
            "auroc_contradicted": asdict(auroc(supported, stance, groups, judged)),
        }

    return {
        "rows": len(scores.rows),
        "labels": dict(Counter(labels.tolist())),
        **figures(scores.supported, scores.stance),
        "calibration": {
            "supported": reliability(supported, scores.supported),
            "contradicted": reliability(labels == Verdict.CONTRADICTED.value, scores.contradicted),
        },
        "baselines": {name: figures(values, values) for name, values in scores.baselines.items()},
        "by_type": by_type(scores),
        "flags": flags(scores),
        "bad_lines": [asdict(line) for line in bad],
        "bad_count": len(bad),
    }


def by_type(scores: Scores) -> dict[str, dict[str, Any]]:
    """Recall of each type: supported rows that pass, others that do not.

    A baseline passes as many supported rows as the scorer does, so what is compared is what else each lets through.
    """
    supported = scores.labels == Verdict.SUPPORTED.value
    passes = {"scorer": scores.supported >= 0.5}  # noqa: PLR2004 - likelier than not
    share = float(passes["scorer"][supported].mean()) if supported.any() else 0.5
    for name, values in scores.baselines.items():
        level = float(np.quantile(values[supported], 1 - share)) if supported.any() else 0.0
        passes[name] = values >= level
    found: dict[str, dict[str, Any]] = {}
    types = [_types(row) for row in scores.rows]
    for name in sorted({t for row in types for t in row}):
        rows = np.array([name in row for row in types])
        right = {who: float((passed == supported)[rows].mean()) for who, passed in passes.items()}
        found[name] = {"rows": int(rows.sum()), **{who: round(value, 4) for who, value in right.items()}}
    return found


def flags(scores: Scores) -> dict[str, dict[str, float]]:
    """How often each flag is raised, and how many of the rows that it is raised at are supported all the same."""
    told: dict[str, dict[str, float]] = {}
    for flag in Flag:
        raised = [
            row for row, s in zip(scores.rows, scores.found, strict=True) if s and flag in {r.flag for r in s.reasons}
        ]
        wrong = sum(row.label is Verdict.SUPPORTED for row in raised)
        told[flag.value] = {"raised": len(raised), "at_supported": wrong}
    return told


def auroc(
    positive: NDArray[np.bool_], values: Floats, groups: Sequence[str], among: NDArray[np.bool_] | None = None
) -> Estimate:
    """Area under the ROC curve with a 95 % interval, groups drawn as a whole; nan where one side is empty."""
    mask = np.ones(len(values), np.bool_) if among is None else among
    y, v = positive[mask], values[mask]
    if y.all() or not y.any():
        return Estimate(float("nan"), float("nan"), float("nan"))
    _, member = np.unique(np.array(groups)[mask], return_inverse=True)
    order = np.argsort(v, kind="stable")
    y, v, member = y[order], v[order], member[order]
    _, tie = np.unique(v, return_inverse=True)
    chance, count = np.random.default_rng(0), int(member.max()) + 1
    drawn = [
        _area(y, tie, np.bincount(chance.integers(0, count, count), minlength=count)[member].astype(np.float64))
        for _ in range(RESAMPLES)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Estimate(round(_area(y, tie, np.ones(len(y))), 4), round(float(low), 4), round(float(high), 4))


def reliability(right: NDArray[np.bool_], stated: Floats) -> dict[str, Any]:
    """Calibration error over bins of equal mass, with the bins."""
    order = np.argsort(stated, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    told = [(float(stated[part].mean()), float(right[part].mean()), len(part)) for part in bins]
    error = sum(abs(said - was) * n for said, was, n in told) / max(1, len(stated))
    return {
        "error": round(error, 4),
        "brier": round(float(np.mean((stated - right) ** 2)), 4),
        "bins": [{"stated": round(said, 4), "right": round(was, 4), "rows": n} for said, was, n in told],
    }


def rouge_l(claim: str, evidence: Sequence[str]) -> float:
    """ROUGE-L F1 with the sentence that it is highest with, over stems."""
    mine = _stems(claim)
    return max((_rouge(mine, _stems(line)) for line in evidence), default=0.0)


def _area(y: NDArray[np.bool_], tie: NDArray[np.int64], counts: Floats) -> float:
    """Of values in rising order, `tie` numbering equal ones; each row counts so often."""
    above = np.bincount(tie, counts * y)
    below = np.bincount(tie, counts * ~y)
    total = float(above.sum() * below.sum())
    lower = np.concatenate([[0.0], np.cumsum(below)[:-1]])
    return float((above * (lower + below / 2)).sum()) / total if total else float("nan")


def _types(row: Row) -> list[str]:
    """What a row is counted under: its label, and the label with how it came about where that is known."""
    return [row.label.value, f"{row.label.value}, {row.kind}"] if row.kind else [row.label.value]


def _rouge(mine: Sequence[str], theirs: Sequence[str]) -> float:
    before = [0] * (len(theirs) + 1)
    for word in mine:
        here = [0]
        for n, other in enumerate(theirs):
            here.append(before[n] + 1 if word == other else max(here[n], before[n + 1]))
        before = here
    return 2 * before[-1] / max(1, len(mine) + len(theirs))


def _stems(text: str) -> list[str]:
    return [stem(word) for word in terms(text) if content(word)]
