"""Questions of PubMedQA and BioASQ that experts answered by yes or no, asked of the extractive path.

::

    abstracts, snippets ──ingested──> a base ──retrieve, quote──> sentences ──> P(yes) by a head that never saw the question
                                                                                  └──> beside: always the commonest answer

PubMedQA is asked twice: with its abstracts less their conclusions, as its authors set the task, and with them, as papers
are printed. Its *maybe* is never said, so it always counts as wrong. Where nothing is quoted, *yes* is counted.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cmo.app import App, opened
from cmo.assess.heads import Head
from cmo.assess.yesno import Decider, polar
from cmo.bench.bases import made
from cmo.bench.beir import DOI_PREFIX, document
from cmo.bench.logistic import Floats, fit, folds, probability
from cmo.errors import NotFound
from cmo.kit.text import clean_line
from cmo.model.papers import ParsedPaper
from cmo.oracle import admit
from cmo.settings import Settings

PASSAGES: Final = 10
ROUNDS: Final = 3
"""Splits into folds that are averaged."""
RIDGE: Final = 150.0
YES, NO, MAYBE = "yes", "no", "maybe"
Progress = Callable[[str, int, int], object]
"""Called with what is being done, how much of it is done, and how much there is."""
_PUBMEDQA, _BIOASQ = Path("pubmedqa/pubmedqa_dev.json"), Path("bioasq_7b_11b_golden/bioasq_golden.jsonl.gz")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the experts' answer."""

    id: str
    text: str
    truth: str
    """``yes``, ``no`` or ``maybe``."""
    papers: frozenset[str]
    """Documents that the experts answered from."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Questions, and the documents that a base of them holds."""

    name: str
    title: str
    asked: Sequence[Asked]
    texts: Mapping[str, str]

    def papers(self) -> Iterator[tuple[str, ParsedPaper]]:
        """As papers that are read already."""
        return ((name, document(name, "", text)) for name, text in self.texts.items())


@dataclass(frozen=True, slots=True)
class Sample:
    """A question, asked."""

    corpus: str
    asked: Asked
    values: Mapping[str, float] | None
    """What the head weighs; None where no quoted sentence concludes."""
    quoted: tuple[str, ...]
    """What the answer quotes; nothing where it is refused."""
    found: bool
    """Whether a document of the experts is quoted."""

    @property
    def polar(self) -> bool:
        """Whether it is taken for a question of yes or no."""
        return polar(self.asked.text)


def corpora(data: Path) -> list[Corpus]:
    """All three.

    Args:
        data: the folder that holds ``qa``.

    Raises:
        NotFound: a file is not there.
    """
    for path in (_PUBMEDQA, _BIOASQ):
        if not (data / "qa" / path).exists():
            raise NotFound(f"There is no {data / 'qa' / path}. Name the folder of the shared data with --data.")
    judged = json.loads((data / "qa" / _PUBMEDQA).read_text("utf-8"))
    return [
        _pubmedqa("pubmedqa", "PubMedQA dev, abstracts less their conclusions", judged, concluded=False),
        _pubmedqa("pubmedqa_concluded", "PubMedQA dev, whole abstracts", judged, concluded=True),
        _bioasq(data / "qa" / _BIOASQ),
    ]


def sampled(
    corpus: Corpus, settings: Settings, folder: Path, progress: Progress = lambda _what, _done, _all: None
) -> list[Sample]:
    """Every question, asked of a base of its corpus; made where there is none."""
    own = settings.model_copy(update={"working_dir": folder / corpus.name, "database_url": ""})
    with opened(own) as house:
        whole = len(corpus.texts)
        made(house, corpus.papers, lambda n: progress(f"ingesting {corpus.title}", n, whole), whole)
        return asked(house, corpus, lambda n: progress(f"asking {corpus.title}", n, len(corpus.asked)))


def asked(house: App, corpus: Corpus, progress: Callable[[int], object] = lambda _: None) -> list[Sample]:
    """Every question, by the extractive path."""
    from cmo.vocabulary.units import quantities  # noqa: PLC0415

    decider, samples = Decider(quantities), []
    for n, one in enumerate(corpus.asked, 1):
        question = admit(one.text)
        answer = house.answerer.answer(question, house.retriever.retrieve(question, PASSAGES))
        quoted = [e for s in answer.sentences for e in s.evidence]
        read = decider.read(question.text, [e.text for e in quoted])
        names = {e.paper.metadata.doi.removeprefix(DOI_PREFIX) for e in quoted}
        samples.append(
            Sample(
                corpus.name, one, read.values if read else None, tuple(e.text for e in quoted), bool(names & one.papers)
            )
        )
        progress(n)
    return samples


def unseen(samples: Sequence[Sample]) -> Floats:
    """P(yes) of each by heads fitted without its question, wherever it is asked; nan where no quoted sentence concludes."""
    used = _usable(samples)
    _, x, y = _table(samples)
    told, total = np.array([s.values is not None for s in samples]), np.zeros(len(samples))
    for seed in range(ROUNDS):
        fold = folds([s.asked.id for s in samples], seed=seed)
        for n in range(int(fold.max()) + 1):
            rows = used & (fold != n)
            bias, weights = fit(x[rows], y[rows], np.ones(rows.sum()), ridge=RIDGE)
            total[fold == n] += probability(bias + x[fold == n] @ weights)
    return np.where(told, total / ROUNDS, np.nan)


def fitted(samples: Sequence[Sample]) -> Head:
    """A head for all of them."""
    used = _usable(samples)
    names, x, y = _table(samples)
    bias, weights = fit(x[used], y[used], np.ones(used.sum()), ridge=RIDGE)
    return Head(bias, dict(zip(names, weights.tolist(), strict=True)))


def _usable(samples: Sequence[Sample]) -> NDArray[np.bool_]:
    """Those that a head can be fitted on."""
    return np.array([s.values is not None and s.asked.truth in {YES, NO} for s in samples])


def _table(samples: Sequence[Sample]) -> tuple[list[str], Floats, NDArray[np.bool_]]:
    """Names of the columns, the columns, and whether yes is right."""
    names = sorted({name for s in samples for name in s.values or ()})
    x = np.array([[(s.values or {}).get(name, 0.0) for name in names] for s in samples])
    return names, x, np.array([s.asked.truth == YES for s in samples])


def _pubmedqa(name: str, title: str, judged: Mapping[str, Any], *, concluded: bool) -> Corpus:
    texts = {}
    for pmid, facts in judged.items():
        parts = [f"{label}: {text}" for label, text in zip(facts["LABELS"], facts["CONTEXTS"], strict=True)]
        parts += [f"CONCLUSION: {facts['LONG_ANSWER']}"] if concluded else []
        texts[pmid] = clean_line(" ".join(parts))
    asked = [Asked(p, f["QUESTION"], f["final_decision"], frozenset({p})) for p, f in judged.items()]
    return Corpus(name, title, asked, texts)


def _bioasq(path: Path) -> Corpus:
    texts: dict[str, dict[str, None]] = {}
    asked = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for facts in map(json.loads, lines):
            if facts["type"] == "yesno":
                for snippet in facts["snippets"]:
                    texts.setdefault(_pmid(snippet["document"]), {})[clean_line(snippet["text"])] = None
                papers = frozenset(_pmid(snippet["document"]) for snippet in facts["snippets"])
                asked.append(Asked(facts["id"], facts["body"], facts["exact_answer"].lower(), papers))
    return Corpus("bioasq_yesno", "BioASQ yes/no", asked, {name: " ".join(said) for name, said in texts.items()})


def _pmid(address: str) -> str:
    return address.rsplit("/", 1)[-1]
