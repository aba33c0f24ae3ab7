"""`cmo eval relations`: are the pairs that we tell those that people marked, with the right sign, as likely as we say?

A pair counts once a text. With the file's own names, what is judged is reading alone; with a linker, its mistakes
count as well, and a concept that it finds takes the id of the name that it overlaps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cmo.bench.metrics import RESAMPLES, Estimate
from cmo.bench.related import Related
from cmo.model.concepts import Mention
from cmo.model.ports import Linker
from cmo.relate.layout import CHEMICAL, CLASS, DISEASE, GENE, OTHER, lay_out
from cmo.relate.pairs import pairs
from cmo.relate.statements import Statement, Teller
from cmo.relate.types import NEGATIVE, POSITIVE

BINS = 15
Pair = frozenset[str]
Counts = NDArray[np.float64]
Floats = NDArray[np.float64]
_CLASSES: Final[Mapping[int, str]] = {CHEMICAL: "chemical", GENE: "gene", DISEASE: "disease", OTHER: "other"}
_ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What was told of one text, and what people marked in it."""

    told: Mapping[Pair, int]
    """Pairs to their sign."""
    marked: Mapping[Pair, int]
    together: frozenset[Pair]
    """Pairs that share a sentence: the baseline."""
    kinds: Mapping[str, int]
    """Classes of concepts."""
    probability: Floats
    """Of every pair that may be related, told or not."""
    true: Floats
    seconds: float
    """It took to link and to read it."""


@dataclass(frozen=True, slots=True)
class Score:
    """Over all texts, with intervals from resampled texts."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    marked: int


@dataclass(frozen=True, slots=True)
class RelationScores:
    """What a reader reaches on one file."""

    overall: Score
    by_type: Mapping[str, Score]
    """By the kinds of the two: ``chemical-disease``."""
    cooccurrence: Score
    """Every two that share a sentence told as related."""
    sign_accuracy: Estimate
    """Of the marked pairs with a sign for which a sign was told, the share that is right."""
    sign_coverage: Estimate
    """Of the marked pairs with a sign, the share for which a sign was told."""
    calibration_error: Estimate
    """Over `BINS` bins of equal mass."""
    texts: int
    texts_per_second: float

    def as_json(self) -> dict[str, Any]:
        """``precision``, ``recall`` and ``f1`` at the top."""
        return {
            **asdict(self.overall),
            "sign_accuracy": asdict(self.sign_accuracy),
            "sign_coverage": asdict(self.sign_coverage),
            "calibration_error": asdict(self.calibration_error),
            "cooccurrence": asdict(self.cooccurrence),
            "by_type": {name: asdict(score) for name, score in self.by_type.items()},
            "texts": self.texts,
            "texts_per_second": self.texts_per_second,
        }


def evaluate(
    texts: Sequence[Related],
    teller: Teller,
    linker: Linker | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> RelationScores:
    """Read all texts, with their own names or with those of a linker, and compare."""
    trials = list[Trial]()
    for done, text in enumerate(texts, 1):
        trials.append(trial(text, teller, linker))
        progress(done)
    return scores(trials)


def trial(text: Related, teller: Teller, linker: Linker | None = None) -> Trial:
    """Read one text, with its own names or with those of a linker."""
    begun = time.perf_counter()
    linked = linker.link(text.text) if linker else None
    took = time.perf_counter() - begun
    window = text.window(None if linked is None else by_overlap(linked, text.mentions))
    begun = time.perf_counter()
    told = teller.tell(window)
    took += time.perf_counter() - begun
    layout = lay_out(window, teller.cues)
    ids, found = layout.concepts, pairs(layout)
    named = [frozenset((ids[i], ids[j])) for i, j in zip(found.i.tolist(), found.j.tolist(), strict=True)]
    kinds = {m.concept: CLASS[m.kind] for m in text.mentions}
    return Trial(
        told={frozenset((s.subject, s.object)): _sign(s) for s in told if frozenset((s.subject, s.object)) in set(named)},
        marked=text.relations,
        together=frozenset(named[n] for n in np.unique(found.pair).tolist()),
        kinds={**dict(zip(ids, layout.classes.tolist(), strict=True)), **kinds},
        probability=teller.pairs.judge(layout).probability,
        true=np.array([pair in text.relations for pair in named], np.float64),
        seconds=took,
    )  # fmt: skip


def cross_validated(models: Iterable[tuple[Teller, Sequence[Related]]]) -> RelationScores:
    """Scores of several models together, each on the texts that it was not fitted on."""
    return scores([trial(text, teller) for teller, texts in models for text in texts])


def scores(trials: Sequence[Trial]) -> RelationScores:
    """Put the trials together."""
    picks = np.random.default_rng(0).integers(0, len(trials), (RESAMPLES, len(trials)))
    told = {name: _counts([t.told for t in trials], trials, name) for name in _types(trials)}
    decided = np.array([_signs(t) for t in trials], np.float64)
    return RelationScores(
        overall=_score(told[_ALL], picks),
        by_type={name: _score(counts, picks) for name, counts in told.items() if name != _ALL},
        cooccurrence=_score(_counts([dict.fromkeys(t.together, 0) for t in trials], trials, _ALL), picks),
        sign_accuracy=_ratio(decided[:, 0], decided[:, 1], picks),
        sign_coverage=_ratio(decided[:, 1], decided[:, 2], picks),
        calibration_error=_calibration(trials, picks),
        texts=len(trials),
        texts_per_second=round(len(trials) / max(1e-9, sum(t.seconds for t in trials)), 1),
    )


def by_overlap(found: Sequence[Mention], marked: Sequence[Mention]) -> list[Mention]:
    """Each mention with the id of the marked name that it overlaps, if there is one; once for each id it has."""
    taken: list[Mention] = []
    for mention in found:
        ids = dict.fromkeys(m.concept for m in marked if m.start < mention.end and mention.start < m.end)
        taken += (replace(mention, concept=i) for i in ids or (mention.concept,))
    return taken


def calibration_error(probability: Floats, true: Floats) -> float:
    """Expected calibration error over `BINS` bins of equal mass."""
    bins = np.array_split(np.argsort(probability, kind="stable"), BINS)
    error = sum(len(b) * abs(float(probability[b].mean() - true[b].mean())) for b in bins if len(b))
    return error / max(1, len(probability))


def _sign(statement: Statement) -> int:
    return (statement.type in POSITIVE) - (statement.type in NEGATIVE)


def _types(trials: Sequence[Trial]) -> list[str]:
    return [_ALL, *sorted({_type(pair, t) for t in trials for pair in t.marked})]


def _type(pair: Pair, trial: Trial) -> str:
    return "-".join(_CLASSES.get(c, "setting") for c in sorted(trial.kinds[concept] for concept in pair))


def _counts(told: Sequence[Mapping[Pair, int]], trials: Sequence[Trial], name: str) -> Counts:
    """(texts, 3): right, told and marked."""
    rows = []
    for mine, trial in zip(told, trials, strict=True):
        chosen = {p for p in mine if name in {_ALL, _type(p, trial)}}
        marked = {p for p in trial.marked if name in {_ALL, _type(p, trial)}}
        rows.append((len(chosen & marked), len(chosen), len(marked)))
    return np.array(rows, np.float64)


def _signs(trial: Trial) -> tuple[int, int, int]:
    """How many marked signs are told right, told, and there."""
    signed = {pair: sign for pair, sign in trial.marked.items() if sign}
    told = {pair: trial.told[pair] for pair in signed if trial.told.get(pair)}
    return sum(sign == signed[pair] for pair, sign in told.items()), len(told), len(signed)


def _score(counts: Counts, picks: NDArray[np.int64]) -> Score:
    right, told, marked = counts.T
    return Score(
        _ratio(right, told, picks),
        _ratio(right, marked, picks),
        _ratio(2 * right, told + marked, picks),
        int(marked.sum()),
    )


def _ratio(part: Floats, whole: Floats, picks: NDArray[np.int64]) -> Estimate:
    """A ratio of sums, 0 where there is nothing, with its 95 % interval over resampled texts."""
    low, high = np.quantile(part[picks].sum(axis=1) / np.maximum(whole[picks].sum(axis=1), 1), [0.025, 0.975])
    value = float(part.sum() / max(whole.sum(), 1))
    return Estimate(round(value, 4), round(float(low), 4), round(float(high), 4))


def _calibration(trials: Sequence[Trial], picks: NDArray[np.int64]) -> Estimate:
    """The interval is drawn outward, not about the value: resampling adds noise to every bin."""
    p, y = [t.probability for t in trials], [t.true for t in trials]
    value = calibration_error(np.concatenate(p), np.concatenate(y))
    drawn = [
        calibration_error(np.concatenate([p[n] for n in pick]), np.concatenate([y[n] for n in pick]))
        for pick in picks[: RESAMPLES // 4].tolist()
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(round(value, 4), round(float(low), 4), round(float(high), 4))
