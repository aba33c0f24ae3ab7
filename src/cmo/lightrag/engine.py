"""LightRAG behind our own ports: it finds and writes, we say where that is printed.

::

    papers of the snapshot --passages--> LightRAG's own index, one document a paper version
    question --> LightRAG --> chunks --> the same passages of the snapshot --> Found
    question --> LightRAG --> answer --> statements --held against the passages--> cited sentences, or a refusal

A paper that was retracted or replaced since LightRAG read it is taken out of its index as soon as it turns up, and the
question is asked anew. LightRAG knows no filters: they are applied to what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cmo.errors import EngineError
from cmo.lightrag.holdings import SEPARATOR
from cmo.lightrag.process import Limits
from cmo.lightrag.support import Bearing, Statement, supported
from cmo.model.answers import Answer, AnswerSentence, Citation, NoAnswer, RefusalReason
from cmo.model.evidence import Evidence, Found, Passage
from cmo.model.papers import PaperRef
from cmo.model.ports import Embedder, Library, Searchable
from cmo.model.questions import Filters, Question

_ATTEMPTS = 3
"""Questions asked anew because papers turned up that are gone."""
_UNREAD = "If it has not read the papers yet, run `cmo kb sync`."
_UNBORNE = "Nothing that the language model said is borne out by the passages that LightRAG found."
_DATA = ("chunks", "entities", "relationships")


class Requests(Protocol):
    """Where LightRAG is: `cmo.lightrag.process.Process`."""

    def request(self, do: str, seconds: float, **said: Any) -> Any:
        """Have something done, and what came of it."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True)
class Synced:
    """A paper that LightRAG read, or forgot."""

    paper: str
    """Id and version, ``5c09795d26d8.1``."""
    added: bool
    left: int
    """Papers still to be read."""


class LightRagEngine:
    """A retriever and an answerer.

    Args:
        library: where the current snapshot comes from.
        embedder: the one that made the snapshot's vectors.
        process: LightRAG.
        limits: how long it may take.
    """

    def __init__(self, library: Library, embedder: Embedder, process: Requests, limits: Limits) -> None:
        self._library = library
        self._embedder = embedder
        self._process = process
        self._limits = limits

    def sync(self, papers: Callable[[], Sequence[PaperRef]], *, most: int | None = None) -> Iterator[Synced]:
        """Have LightRAG read the papers that it has not read, and forget those that are gone; one at a time.

        Each paper costs one completion a passage and more. Safe to interrupt and to repeat.

        Args:
            papers: all that are there.
            most: papers to read at most.

        Raises:
            EngineError: LightRAG could not read one; those before it are read.
            ChatFailed: its language model could not be reached.
        """
        snapshot = self._snapshot()
        wanted = {document_of(ref): ref for ref in papers()}
        held = set(self._process.request("held", self._limits.ask_seconds)["documents"])
        missing = [name for name in wanted if name not in held][:most]
        for name in sorted(held - wanted.keys()):
            self._process.request("remove", self._limits.read_seconds, documents=[name])
            yield Synced(name, added=False, left=len(missing))
        for done, name in enumerate(missing, 1):
            self._insert(name, [_bare(p.text) for p in _passages_of(snapshot, frozenset({wanted[name].paper_id}))])
            yield Synced(name, added=True, left=len(missing) - done)

    def retrieve(self, question: Question, limit: int) -> Found:
        """The passages that LightRAG finds, in its order.

        Raises:
            EngineError: it failed or took too long.
            ChatFailed: the model that finds its keywords could not be reached.
        """
        snapshot = self._library.current()
        if snapshot is None:
            return Found(question.text, (), np.empty(0, np.float32), (), "", 0)
        data = self._ask(snapshot, question, limit, answer=False)["data"]
        return self._found(snapshot, question, data, limit)

    def answer(self, question: Question, found: Found) -> Answer:
        """LightRAG's answer, as far as the passages bear it out.

        Raises:
            EngineError: it failed or took too long.
            ChatFailed: its language model could not be reached.
        """
        if not found.snapshot:
            return _refused(found, RefusalReason.EMPTY_BASE, "There are no papers yet. Run `cmo ingest` first.")
        if not found.passages and question.filters:
            return _refused(found, RefusalReason.NOTHING_ELIGIBLE, "Nothing that LightRAG found meets the filters.")
        if not found.passages:
            return _refused(found, RefusalReason.THIN_EVIDENCE, f"LightRAG found no passage. {_UNREAD}")
        said = self._ask(self._snapshot(), question, len(found.passages), answer=True)["answer"]
        told = supported(said, found.passages, self._embedder)
        borne, bare = [s for s in told if s.bearings], tuple(s.text for s in told if not s.bearings)
        if not borne:
            return _refused(found, RefusalReason.THIN_EVIDENCE, _UNBORNE, bare)
        return _composed(found, borne, bare)

    def close(self) -> None:
        """End LightRAG."""
        self._process.close()

    def _snapshot(self) -> Searchable:
        snapshot = self._library.current()
        if snapshot is None:
            raise EngineError("There are no papers for LightRAG to read yet. Run `cmo ingest` first.")
        return snapshot

    def _insert(self, name: str, passages: list[str]) -> None:
        said = {"document": name, "name": name, "passages": passages}
        done = self._process.request("insert", self._limits.read_seconds, **said)
        if done["state"] != "processed":
            raise EngineError(f"LightRAG could not read {name}: {done['error'] or done['state']}")

    def _ask(self, snapshot: Searchable, question: Question, limit: int, *, answer: bool) -> dict[str, Any]:
        """Ask until nothing turns up that is gone."""
        said = {"question": question.text, "mode": question.mode.value, "passages": limit, "answer": answer}
        for _ in range(_ATTEMPTS):
            found: dict[str, Any] = self._process.request("ask", self._limits.ask_seconds, **said)
            gone = _gone(snapshot, found["data"])
            if not gone:
                return found
            self._process.request("remove", self._limits.read_seconds, documents=gone)
        raise EngineError("LightRAG keeps finding papers that are gone. Run `cmo kb sync` to have it forget them all.")

    def _found(self, snapshot: Searchable, question: Question, data: dict[str, Any], limit: int) -> Found:
        names = {name for chunk in data["chunks"] for name in _names(chunk)}
        mask = snapshot.eligible(question.filters)
        passages = _passages_of(snapshot, frozenset(paper_of(name) for name in names))
        by_text = {(document_of(p.paper), _bare(p.text)): p.row for p in passages}
        rows = [by_text.get((chunk["file_path"], _bare(chunk["content"]))) for chunk in data["chunks"]]
        kept = list(dict.fromkeys(row for row in rows if row is not None and (mask is None or mask[row])))[:limit]
        vector = self._embedder.encode_query(question.text)
        return Found(
            question.text,
            tuple(_scored(snapshot, vector, kept)),
            vector,
            snapshot.terms(question.text),
            snapshot.id,
            snapshot.count(mask),
        )


def document_of(ref: PaperRef) -> str:
    """What LightRAG calls a version of a paper."""
    return f"{ref.paper_id}.{ref.version}"


def paper_of(document: str) -> str:
    """The paper of what LightRAG calls a document."""
    return document.rpartition(".")[0]


def _gone(snapshot: Searchable, data: dict[str, Any]) -> list[str]:
    """Documents among what was found that are no current version of a paper."""
    names = {name for part in _DATA for item in data[part] for name in _names(item)}
    there = {document_of(p.paper) for p in _passages_of(snapshot, frozenset(map(paper_of, names)))}
    return sorted(names - there)


def _names(item: dict[str, str]) -> list[str]:
    return [name for name in item["file_path"].split(SEPARATOR) if paper_of(name)]


def _passages_of(snapshot: Searchable, papers: frozenset[str]) -> list[Passage]:
    mask = snapshot.eligible(Filters(papers=papers)) if papers else None
    rows = [] if mask is None else np.flatnonzero(mask).tolist()
    return snapshot.passages(rows, [0.0] * len(rows), [{}] * len(rows))


def _scored(snapshot: Searchable, vector: np.ndarray, rows: list[int]) -> list[Passage]:
    """Passages in LightRAG's order, with the signals that our own judge of confidence looks at."""
    places = np.array(rows, np.int64)
    if not rows:
        return []
    dense, best = snapshot.cosines(vector, places), snapshot.sentence_maxima(vector, places)
    signals = [
        {"dense": float(d), "sentence": float(b), "words": 0.0, "grams": 0.0} for d, b in zip(dense, best, strict=True)
    ]
    return snapshot.passages(rows, [1.0 / (n + 1) for n in range(len(rows))], signals)


def _composed(found: Found, told: Sequence[Statement], unsupported: tuple[str, ...]) -> Answer:
    papers = list(dict.fromkeys(b.passage.paper for s in told for b in s.bearings))
    numbers = {paper: n for n, paper in enumerate(papers, 1)}
    return Answer(
        question=found.question,
        sentences=tuple(
            AnswerSentence(
                s.text,
                tuple(sorted({numbers[b.passage.paper] for b in s.bearings})),
                tuple(_quote(b) for b in s.bearings),
            )
            for s in told
        ),
        citations=tuple(Citation(n, paper) for paper, n in numbers.items()),
        confidence=round(told[0].bearings[0].cosine, 4),
        snapshot=found.snapshot,
        searched=found.searched,
        unsupported=unsupported,
    )


def _quote(bearing: Bearing) -> Evidence:
    ref, sentence = bearing.passage.paper, bearing.sentence
    return Evidence(
        id=f"{ref.paper_id}.{ref.version}.{sentence.start}-{sentence.end}",
        paper=ref,
        page=sentence.page,
        start=sentence.start,
        end=sentence.end,
        boxes=sentence.boxes,
        text=sentence.text,
        section=bearing.passage.section,
        heading=bearing.passage.heading,
        score=round(bearing.cosine, 4),
    )


def _refused(found: Found, reason: RefusalReason, why: str, unsupported: tuple[str, ...] = ()) -> Answer:
    nearest = tuple(dict.fromkeys(p.paper for p in found.passages))[:3]
    refusal = NoAnswer(reason, why, found.searched, nearest)
    return Answer(found.question, (), (), 0.0, found.snapshot, found.searched, refusal, unsupported=unsupported)


def _bare(text: str) -> str:
    """A passage as LightRAG gets it: one line, since a blank line parts two of them."""
    return " ".join(text.split())
