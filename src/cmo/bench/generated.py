"""`cmo bench answer`: what a language model's answers about papers are worth once they are checked, and what checking costs.

::

    questions about articles ──> passages ──> model ──> what it said ──checked──> answer
                                                            └── said / borne out: recall
                 answer, its quotes ──judged anew, citation by citation (ALCE)──> precision
                 told sentences, made untrue by one word ──checked──> how many get through

Precision by the assessor that also checked is near one by construction; it says that what is shown is what was checked.
What a check is worth is told by the last line: sentences of which it is known that they are untrue.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from cmo.answer import cite
from cmo.answer.cite import Citer, Source
from cmo.answer.generate import ABSENT, NOTHING, GeneratedAnswerer, Limits
from cmo.answer.generate_prose import sentences
from cmo.answer.prompt_orders import without_orders
from cmo.app import App
from cmo.assess import Assessor, Reviewed, Said, claims_of, reviewed
from cmo.bench.bases import made
from cmo.bench.beir import DOI_PREFIX
from cmo.bench.corpora import papers
from cmo.bench.corruptions import denied, miscounted, misnamed, turned
from cmo.bench.figures import Row
from cmo.errors import NotFound
from cmo.ingest.sentences import split
from cmo.model.answers import Answer
from cmo.model.chat import Message
from cmo.model.evidence import Found
from cmo.model.outside import ChatStream
from cmo.oracle import admit

QUESTIONS: Final = Path(__file__).parents[3] / "bench" / "generated" / "questions.jsonl"
"""Where the questions are, in a checkout: 110 about 67 of the articles in JATS, by hand."""
CORPUS: Final = "jats"
PASSAGES: Final = 10
GOAL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the article that it is about."""

    id: str
    paper: str
    text: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one question."""

    asked: Asked
    answer: Answer
    said: int
    """Claims that the model made; 0 where it was not asked."""
    first_seconds: float | None
    """To the first sentence that was told; None where the model told none."""
    seconds: float
    precision: float | None
    """Of citations, by ALCE; None where none of the model's sentences is told."""
    untrue: Mapping[str, tuple[int, int]]
    """Told sentences made untrue, by the way: how many, and how many of them pass."""
    known: tuple[tuple[bool, bool], ...] = ()
    """Of sentences whose truth is known: whether each is true, and whether it is told."""
    alone: tuple[float, float] | None = None
    """Citation precision and recall of what the model said, by what it cites itself, nothing checked."""

    @property
    def told(self) -> int:
        """Sentences of the model that are told."""
        return len(self.answer.sentences) if self.generated else 0

    @property
    def generated(self) -> bool:
        """Whether the answer is the model's."""
        return self.first_seconds is not None

    @property
    def found(self) -> bool:
        """Whether it cites the article that the question is about."""
        return any(c.paper.metadata.doi == f"{DOI_PREFIX}{self.asked.paper}" for c in self.answer.citations)


@dataclass(slots=True)
class _Heard:
    """A model, and what it said last."""

    chat: ChatStream
    said: list[str] = field(default_factory=list)
    given: Mapping[str, str] = field(default_factory=dict)
    """Texts of the passages by the numbers that it may cite."""

    @property
    def name(self) -> str:
        """Of the model."""
        return self.chat.name

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Iterator[str]:
        """As the model says it."""
        self.given = {str(p["n"]): p["text"] for p in json.loads(messages[-1].text)["passages"]}
        for piece in self.chat.stream(messages, most_tokens=most_tokens):
            self.said.append(piece)
            yield piece


class Bench:
    """Asks questions about articles of a base.

    Args:
        house: holds the articles.
        chat: the model.
        limits: of the answers.
        true: whether a sentence is true, where that is known.
    """

    def __init__(
        self,
        house: App,
        chat: ChatStream,
        limits: Limits | None = None,
        *,
        true: Callable[[str], bool | None] = lambda _sentence: None,
    ) -> None:
        self._house = house
        self._true = true
        self._limits = limits or Limits()
        self._heard = _Heard(chat)
        self._citer = Citer(house.support, self._limits.least_support, self._limits.most_foreign)
        self._engine = GeneratedAnswerer(
            self._heard, house.support, house.answerer, split, self._limits, reach=house.reach.now
        )
        self._assessor = Assessor(house.support)
        self._chance = np.random.default_rng(0)
        self._other = ""

    def ask(self, asked: Asked) -> Trial:
        """One question."""
        question = admit(asked.text)
        self._heard.said.clear()
        clock, found = self._house.clock, without_orders(self._house.retriever.retrieve(question, PASSAGES))
        began, first = clock.monotonic(), None
        telling = self._engine.told(question, found)
        while True:
            try:
                next(telling)
            except StopIteration as end:
                answer: Answer = end.value
                break
            first = first or clock.monotonic() - began
        seconds = clock.monotonic() - began
        said = list(sentences(self._heard.said, split, most_tokens=self._limits.most_tokens))
        generated = answer.refusal is None and not answer.remark.startswith((NOTHING, ABSENT))
        precision = self._assessor.assess(reviewed(answer)).citation_precision if generated else None
        untrue = self._untrue(answer, cite.passages(found)) if generated else {}
        told = {s.text for s in answer.sentences} if generated else set()
        known = tuple((true, s in told) for s in said if (true := self._true(s)) is not None)
        alone = self._alone(question.text, found) if said else None
        return Trial(asked, answer, len(said), first if generated else None, seconds, precision, untrue, known, alone)

    def _alone(self, question: str, found: Found) -> tuple[float, float]:
        """What the model said, taken as it came, as systems do that trust it."""
        stated = claims_of("".join(self._heard.said), split)
        sources = {n: tuple(text[a:b] for a, b in split(text)) for n, text in self._heard.given.items()}
        vectors = {s.text: v for p in found.passages for s, v in zip(p.sentences, p.sentence_vectors, strict=True)}
        sentences = tuple(Said(one.text, tuple(map(str, one.cites))) for one in stated)
        cited = tuple(
            one for one in sentences if set(one.cites) & sources.keys()
        )  # without a citation nothing bears it out
        if not cited:
            return 0.0, 0.0
        worth = self._assessor.assess(Reviewed(question, cited, sources, vectors))
        return worth.citation_precision or 0.0, (worth.citation_recall or 0.0) * len(cited) / len(sentences)

    def _untrue(self, answer: Answer, sources: Sequence[Source]) -> dict[str, tuple[int, int]]:
        tried: Counter[str] = Counter()
        passed: Counter[str] = Counter()
        for text in (s.text for s in answer.sentences):
            for way, changed in self._changes(text):
                if changed != text:
                    tried[way] += 1
                    passed[way] += bool(self._citer.borne(changed, sources).evidence)
            self._other = text
        return {way: (tried[way], passed[way]) for way in tried}

    def _changes(self, text: str) -> Iterator[tuple[str, str]]:
        yield "denied", denied(text)
        yield "turned round", turned(text)
        yield "another number", miscounted(text, self._chance)
        yield "another name", misnamed(text, self._other) if self._other else text


def questions(path: Path = QUESTIONS) -> list[Asked]:
    """The questions.

    Raises:
        NotFound: there is no such file.
    """
    if not path.exists():
        raise NotFound(f"{path} is not there: questions about articles come with a checkout of the source.")
    return [
        Asked(row["id"], row["paper"], row["text"]) for row in map(json.loads, path.read_text("utf-8").splitlines())
    ]


def filled(house: App, data: Path, say: Callable[[str], object]) -> None:
    """The articles, brought into a base that has none; some minutes of encoding.

    Raises:
        NotFound: they are not where they should be.
    """
    made(house, lambda: papers(CORPUS, data), lambda n: say(f"ingesting the articles: {n}"))


def rows(trials: Sequence[Trial]) -> list[Row]:
    """The figures of a run, with 95 % intervals over questions."""
    asked = [t for t in trials if t.said or t.generated]
    own = [t for t in trials if t.generated]
    untrue = {way for t in own for way in t.untrue}
    alone = [t.alone for t in asked if t.alone is not None]
    return [
        Row("questions", len(trials), ""),
        Row("refused, the papers say too little", sum(t.answer.refusal is not None for t in trials), ""),
        Row("answered by the model", len(own), ""),
        Row(
            "answered in the papers' own words instead",
            sum(not t.generated and not t.answer.refusal for t in trials),
            "",
        ),
        Row.mean(
            "citation precision (ALCE, same judge)", [t.precision for t in own if t.precision is not None], least=GOAL
        ),
        Row.mean("citation recall: told of what was said", [t.told / max(1, t.said) for t in asked]),
        *(
            Row.mean(f"the same model unchecked, by its own citations: {name} (ALCE)", [pair[n] for pair in alone])
            for n, name in ((0, "precision"), (1, "recall"))
        ),
        Row("sentences said", sum(t.said for t in trials), ""),
        Row("sentences told", sum(t.told for t in trials), ""),
        *_known([pair for t in trials for pair in t.known]),
        *(_passing(way, own) for way in sorted(untrue)),
        Row.mean("cites the article asked about", [float(t.found) for t in own]),
        *_times("to the first sentence told", [t.first_seconds for t in own if t.first_seconds is not None]),
        *_times("to the whole answer", [t.seconds for t in own]),
    ]


def told(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Each question with its answer, as plain values."""
    return [
        {
            "id": t.asked.id,
            "question": t.asked.text,
            "answer": t.answer.text,
            "generated": t.generated,
            "said": t.said,
            "told": t.told,
            "precision": t.precision,
            "alone": t.alone,
            "seconds": round(t.seconds, 3),
        }
        for t in trials
    ]


def _known(pairs: Sequence[tuple[bool, bool]]) -> Iterator[Row]:
    """How true what is told is, and what becomes of what is true and untrue, where that is known."""
    for name, among in (
        ("true, of the sentences told", [true for true, told in pairs if told]),
        ("told, of the true sentences", [told for true, told in pairs if true]),
        ("told, of the untrue sentences", [told for true, told in pairs if not true]),
    ):
        if among:
            yield Row.mean(f"{name} ({len(among)})", [float(value) for value in among])


def _passing(way: str, trials: Sequence[Trial]) -> Row:
    pairs = [t.untrue[way] for t in trials if way in t.untrue]
    tried, passed = (sum(pair[n] for pair in pairs) for n in (0, 1))
    return Row(f"told sentences made untrue ({way}) that pass, of {tried}", round(passed / max(1, tried), 4), "")


def _times(name: str, values: Sequence[float]) -> Iterator[Row]:
    for share in (50, 95) if values else ():
        yield Row(f"{name}, p{share}", round(float(np.percentile(values, share)), 2), "s")
