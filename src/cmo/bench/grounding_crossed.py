"""The support scorer on SciFact's claims, each judged by heads that were fitted without it: five folds, twice.

::

    claims, judged evidence ──> plain rows: AUROC, calibration ──beside── cosine, ROUGE-L
          └──changed on purpose──> what no longer passes, by the way in which it was changed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cmo.assess.support import SupportScorer
from cmo.bench.corruptions import corrupted
from cmo.bench.figures import Row as Figure
from cmo.bench.grounding import Baselines, Scores, auroc, by_type, report, rouge_l
from cmo.bench.grounding_fit import Samples, unseen
from cmo.bench.grounding_rows import PLAIN, Row, scifact
from cmo.model.assessments import Claim

_UNRELATED, _CONTRADICTED, _CALIBRATED = 0.88, 0.75, 0.05
_BATCH: Final = 64
Progress = Callable[[int, int], object]
"""Called with how many rows are compared, and how many there are."""
_KINDS: Final = ("claim", "copy")
_WAYS: Final = ("negation", "direction", "number", "name")


def samples_of(folder: Path, scorer: SupportScorer, progress: Progress = lambda _done, _all: None) -> Samples:
    """All rows of SciFact's folder, and copies of them changed on purpose, compared with their evidence."""
    rows = scifact(folder)
    rows += corrupted([row for row in rows if row.kind == "rationale"])
    return Samples.of(rows, scorer, lambda done: progress(done, len(rows)))


def crossed(samples: Samples, scorer: SupportScorer) -> dict[str, Any]:
    """Everything that is told of plain rows, recall of changed ones, and AUROC against each kind of the rest."""
    stated = unseen(samples)
    kinds = np.array([row.kind for row in samples.rows])
    plain = np.isin(kinds, list(PLAIN))
    facts = report(_scores(samples, stated, plain, scorer))
    return {
        **facts,
        "flags": {},  # they are not fitted, so there is nothing to cross
        "by_type": facts["by_type"] | _changed(samples, stated, kinds, scorer),
        "by_kind": _by_kind(samples, stated, kinds),
    }


def figures(facts: dict[str, Any]) -> Iterator[Figure]:
    """The same as rows of a table: ours with its goals, then the baselines, then recall by type."""
    for name, part in {"scorer": facts, **facts["baselines"]}.items():
        goals = (_UNRELATED, _CONTRADICTED) if part is facts else (None, None)
        for column, against, least in zip(
            ("unrelated", "contradicted"), ("unrelated", "contradicted"), goals, strict=True
        ):
            told = part[f"auroc_{column}"]
            goal, met = ("", None) if least is None else (f"≥ {least:g}", told["value"] >= least)
            what = f"AUROC, supported against {against}: {name}"
            yield Figure(what, told["value"], "", goal, met, told["low"], told["high"])
    for name, part in facts["calibration"].items():
        yield Figure.at_most(f"calibration error of P({name})", part["error"], "", _CALIBRATED)
    for name, row in facts["by_type"].items():
        beside = ", ".join(f"{who} {row[who]:.2f}" for who in facts["baselines"])
        yield Figure(f"recall, {name} ({row['rows']}; {beside})", row["scorer"], "")


def _scores(samples: Samples, stated: NDArray[np.float64], wanted: NDArray[np.bool_], scorer: SupportScorer) -> Scores:
    rows = samples.part(wanted).rows
    return Scores(rows, stated[wanted, 0], stated[wanted, 1], [None] * len(rows), _baselines(rows, scorer))


def _changed(
    samples: Samples, stated: NDArray[np.float64], kinds: NDArray[np.str_], scorer: SupportScorer
) -> dict[str, dict[str, Any]]:
    """Of claims, and of sentences copied from the evidence: recall of those that were changed."""
    found: dict[str, dict[str, Any]] = {}
    for kind in _KINDS:
        whole = "rationale" if kind == "claim" else "copy"
        labels = np.array([row.label.value for row in samples.rows])
        among = np.isin(kinds, [f"{kind}-{way}" for way in _WAYS]) | ((kinds == whole) & (labels == "supported"))
        types = by_type(_scores(samples, stated, among, scorer))
        found |= {name: row for name, row in types.items() if f", {kind}-" in name}
    return found


def _baselines(rows: Sequence[Row], scorer: SupportScorer) -> Baselines:
    cosines: list[float] = []
    for start in range(0, len(rows), _BATCH):
        claims = [Claim(row.claim, row.evidence) for row in rows[start : start + _BATCH]]
        vectors = scorer.vectors(claims)
        cosines += [max(float(vectors[line] @ vectors[c.text]) for line in c.evidence) for c in claims]
    return {"cosine": np.array(cosines), "rouge_l": np.array([rouge_l(row.claim, row.evidence) for row in rows])}


def _by_kind(samples: Samples, stated: NDArray[np.float64], kinds: NDArray[np.str_]) -> dict[str, float]:
    """AUROC of supported rationales (of copies, where copies were changed) against each kind of the rest."""
    found = {}
    supported = np.array([row.label.value == "supported" for row in samples.rows])
    groups = [row.group for row in samples.rows]
    for kind in sorted(set(kinds[~supported])):
        base = {"copy": "copy", "abst": "abstract"}.get(kind[:4], "rationale")
        among = (supported & (kinds == base)) | (~supported & (kinds == kind))
        found[f"{base} / {kind}"] = auroc(supported, stated[:, 0], groups, among).value
    return found
