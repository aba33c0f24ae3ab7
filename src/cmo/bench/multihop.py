"""Questions whose answers need two documents, and how well a way of searching finds all of them.

::

    a question --hops--> facts, each said by one or more documents --> a gold answer that none of them gives alone

What is found is measured by hops: a fact counts once, whichever of its documents is found.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import orjson

from cmo.bench.beir import judgements, lines
from cmo.bench.corpora import Document, documents, papers
from cmo.bench.metrics import Estimate, estimate
from cmo.errors import NotFound
from cmo.model.papers import ParsedPaper

FOLDER: Final = Path(__file__).parents[3] / "bench" / "multihop"
"""Where the questions are, in a checkout."""
SPLITS: Final = ("dev", "test")
HAND, TEMPLATE = "hand", "template"
DEPTH: Final = 10
_WORD: Final = re.compile(r"[^\W_]+")
_GREEK: Final = str.maketrans({
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "κ": "kappa", "λ": "lambda",
    "μ": "mu", "ω": "omega", "χ": "chi",
})  # fmt: skip


class Shape(StrEnum):
    """How the facts of a question hang together."""

    BRIDGE = "bridge"
    """One document leads from what is named to something unnamed, another from there to the answer."""
    CHAIN = "chain"
    """As a bridge, over more than two facts."""
    COMPARE = "compare"
    """One document for each of two things; the answer has two parts."""
    INTERSECTION = "intersection"
    """What is true of both: each document tells one half."""


@dataclass(frozen=True, slots=True)
class Support:
    """A document that states a fact, and where."""

    hop: int
    """Which fact, from 1."""
    document: str
    quote: str
    """Verbatim."""


@dataclass(frozen=True, slots=True)
class HopQuestion:
    """A question with its gold."""

    id: str
    text: str
    shape: Shape
    origin: str
    """`HAND`, or the template's name."""
    split: str
    topic: str
    """Questions that share a document, a named thing or an answer are of one topic, and of one split."""
    entities: tuple[tuple[str, ...], ...]
    """What it names, each with its accepted forms."""
    answers: tuple[tuple[str, ...], ...]
    """The parts of the answer, each with its accepted forms."""
    supports: tuple[Support, ...]

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> HopQuestion:
        """From a line of ``queries.jsonl``."""
        return cls(
            line["_id"],
            line["text"],
            Shape(line["kind"]),
            line["origin"],
            line["split"],
            line["topic"],
            tuple(map(tuple, line["entities"])),
            tuple(map(tuple, line["answers"])),
            tuple(Support(s["hop"], s["doc"], s["quote"]) for s in line["support"]),
        )

    @property
    def hops(self) -> tuple[frozenset[str], ...]:
        """The documents of each fact."""
        numbers = sorted({s.hop for s in self.supports})
        return tuple(frozenset(s.document for s in self.supports if s.hop == n) for n in numbers)

    def answered_by(self, text: str) -> bool:
        """Whether every part of the answer stands in a text, in an accepted form."""
        return says(fold(text), _folded(self.answers))


@dataclass(frozen=True, slots=True)
class MultiHop:
    """A set of questions with its corpus."""

    name: str
    data: Path
    corpus: Mapping[str, Document] = field(repr=False)
    queries: Mapping[str, HopQuestion] = field(repr=False)
    qrels: Mapping[str, Mapping[str, int]] = field(repr=False)
    """Query id to document id to grade, of both splits."""

    def only(self, split: str) -> MultiHop:
        """The questions of one split, over the same corpus."""
        kept = {q.id: q for q in self.queries.values() if q.split == split}
        return replace(self, queries=kept, qrels={name: self.qrels[name] for name in kept})

    def papers(self) -> Iterator[tuple[str, ParsedPaper]]:
        """The corpus as papers, to be indexed."""
        return papers(self.name, self.data)


def load(set_name: str, data: Path, folder: Path = FOLDER) -> MultiHop:
    """Read a set: its corpus from the data, its questions from the folder.

    Raises:
        NotFound: there is no such set, or a file of it is missing.
    """
    home = folder / set_name
    if not (home / "queries.jsonl").is_file():
        raise NotFound(f"{home} has no queries.jsonl.")
    queries = {q.id: q for q in map(HopQuestion.of, lines(home / "queries.jsonl"))}
    qrels = {query: grades for s in SPLITS for query, grades in judgements(home / "qrels" / f"{s}.tsv").items()}
    return MultiHop(set_name, data, {d.id: d for d in documents(set_name, data)}, queries, qrels)


def digest(set_name: str, split: str, folder: Path = FOLDER) -> str:
    """SHA-256 of one split of a set: its lines of ``queries.jsonl`` and its qrels."""
    home = folder / set_name
    kept = [line for line in (home / "queries.jsonl").read_bytes().splitlines() if orjson.loads(line)["split"] == split]
    return hashlib.sha256(b"\n".join((*kept, (home / "qrels" / f"{split}.tsv").read_bytes()))).hexdigest()


def fold(text: str) -> str:
    """A text as words between single spaces: no case, no punctuation, Greek letters by name."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold().translate(_GREEK))
    return f" {' '.join(words)} "


def says(text: str, groups: Iterable[Iterable[str]]) -> bool:
    """Whether a text has at least one form of each group, as whole words; both are folded already."""
    return all(any(form in text for form in group) for group in groups)


def alone(data: MultiHop) -> Iterator[tuple[str, str]]:
    """Questions with documents that name all that they name and give the whole answer: there should be none."""
    wanted = {q.id: _folded((*q.entities, *q.answers)) for q in data.queries.values()}
    for found in data.corpus.values():
        text = fold(found.text)
        yield from ((name, found.id) for name, groups in wanted.items() if says(text, groups))


def _folded(groups: Iterable[Iterable[str]]) -> list[list[str]]:
    return [[fold(form) for form in group] for group in groups]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a way of searching gives for a question."""

    ranked: Sequence[str]
    """Documents, best first."""
    answer: str = ""


Ask = Callable[[str], Reply]
"""From a question's text."""


@dataclass(frozen=True, slots=True)
class Row:
    """How one question went."""

    recall: float
    """Share of its facts of which a document stands among the first `DEPTH`."""
    complete: float
    """1 if all of them do."""
    correct: float
    """1 if every part of the answer stands in the reply."""


@dataclass(frozen=True, slots=True)
class Part:
    """Means over some of the questions, with bootstrap intervals over questions."""

    questions: int
    recall10: Estimate
    complete10: Estimate
    correct: Estimate

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Part:
        """Average."""
        recall10, complete10, correct = (
            estimate([getattr(row, name) for row in rows]) for name in ("recall", "complete", "correct")
        )
        return cls(len(rows), recall10, complete10, correct)


@dataclass(frozen=True, slots=True)
class HopScores:
    """What one way of searching reaches."""

    overall: Part
    by_kind: Mapping[str, Part]
    by_origin: Mapping[str, Part]
    """`HAND`, `TEMPLATE` for all templates together, and each template by name."""

    def as_json(self) -> dict[str, Any]:
        """The whole set at the top, the parts below."""
        kinds, origins = ({n: asdict(p) for n, p in parts.items()} for parts in (self.by_kind, self.by_origin))
        return {**asdict(self.overall), "by_kind": kinds, "by_origin": origins}


def judge(question: HopQuestion, reply: Reply) -> Row:
    """Compare a reply with the gold."""
    top = set(reply.ranked[:DEPTH])
    reached = [not top.isdisjoint(documents) for documents in question.hops]
    share = sum(reached) / len(reached)
    return Row(share, float(all(reached)), float(question.answered_by(reply.answer)))


def rows(data: MultiHop, ask: Ask) -> dict[str, Row]:
    """Ask every question; by its id, so that two ways of searching can be compared question by question."""
    return {name: judge(question, ask(question.text)) for name, question in data.queries.items()}


def scores(data: MultiHop, found: Mapping[str, Row]) -> HopScores:
    """Sum up what `rows` found."""
    by_kind: dict[str, list[Row]] = {}
    by_origin: dict[str, list[Row]] = {}
    for name, row in found.items():
        question = data.queries[name]
        by_kind.setdefault(question.shape.value, []).append(row)
        for origin in dict.fromkeys((question.origin if question.origin == HAND else TEMPLATE, question.origin)):
            by_origin.setdefault(origin, []).append(row)
    return HopScores(
        Part.of(list(found.values())),
        {name: Part.of(group) for name, group in sorted(by_kind.items())},
        {name: Part.of(group) for name, group in sorted(by_origin.items())},
    )
