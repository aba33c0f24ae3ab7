"""Papers and the web, searched side by side; what both say is told once.

::

    question --+--> papers ---------------------------+--> passages of both, best first, twins folded
               '--> the web (another thread, a limit) -'
                        '--gone, slow, dear, empty--> the papers alone, and a notice that says so
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import replace
from typing import Final

import numpy as np

from cmo.errors import OracleError
from cmo.kit.deadline import in_context, remaining, within
from cmo.kit.spans import span
from cmo.model.evidence import FloatArray, Found, Passage, Term
from cmo.model.outside import WebSearch
from cmo.model.ports import Embedder, Retriever
from cmo.model.questions import Question, Web
from cmo.model.web import WebFound
from cmo.retrieve.pages import PageReader

_PAGES: Final = 8
_TWINS: Final = 0.93
"""Cosine of two passages of short texts from which they say the same; on the web sentences are copied with small changes."""
_SHARE: Final = 0.8
"""Of what is left of the time, for the search; the rest is for the answer."""
_WORD = re.compile(r"[^\W_]{4,}")
_GONE = "The web could not be asked ({why}), so this rests on the papers alone."
_EMPTY = "The web was asked and has nothing that can be quoted, so this rests on the papers alone."


class WideRetriever:
    """Searches papers, and the web for questions that want it.

    Args:
        papers: the usual search.
        web: who finds pages.
        reader: pages to passages.
        embedder: of questions.
        executor: for the search of the web, so that the papers need not wait for it.
        seconds: that the web may take.
    """

    def __init__(
        self,
        papers: Retriever,
        web: WebSearch,
        reader: PageReader,
        embedder: Embedder,
        executor: Executor,
        *,
        seconds: float,
    ) -> None:
        self._papers = papers
        self._web = web
        self._reader = reader
        self._embedder = embedder
        self._executor = executor
        self._seconds = seconds

    def retrieve(self, question: Question, limit: int) -> Found:
        """The best passages of what was asked, best first.

        Raises:
            OracleError: neither the papers nor the web can be searched.
        """
        if question.web is Web.NO:
            return self._papers.retrieve(question, limit)
        seconds = min(self._seconds, _SHARE * remaining())
        search = self._executor.submit(in_context(self._search, question.text, seconds))
        found, broken = self._found(question, limit)
        pages, trouble = _awaited(search, seconds)
        if pages is None and broken is not None:
            raise broken
        if pages is None:
            return replace(found, notice=_GONE.format(why=trouble))
        if not found.query_vector.size:  # there are no papers: then the question was not encoded either
            found = replace(found, query_vector=self._embedder.encode_query(question.text), terms=_terms(question.text))
        passages = self._reader.passages(pages.pages, found.query_vector, found.terms, limit)
        if not passages:
            return replace(found, notice=_EMPTY)
        mine = () if question.web is Web.ONLY else found.passages
        return replace(
            found, passages=tuple(_merged(mine, passages, limit)), searched=found.searched + len(pages.pages)
        )

    def _found(self, question: Question, limit: int) -> tuple[Found, OracleError | None]:
        """What the papers have; nothing where they cannot be searched, and why."""
        try:
            return self._papers.retrieve(question, limit), None
        except OracleError as error:
            return Found(question.text, (), np.empty(0, np.float32), (), "", 0), error

    def _search(self, text: str, seconds: float) -> WebFound:
        with within(seconds), span("web"):
            return self._web.search(text, _PAGES)


def _awaited(search: Future[WebFound], seconds: float) -> tuple[WebFound | None, str]:
    """What the search came to, or why to nothing."""
    try:
        return search.result(seconds), ""
    except OutOfTime:
        search.cancel()
        return None, f"no answer within {seconds:.1f} s"
    except OracleError as error:
        return None, str(error).rstrip(".")


def _merged(papers: Sequence[Passage], pages: Sequence[Passage], limit: int) -> list[Passage]:
    """Both in turns, each in its order, since their scores do not compare; twins are named with the first of them."""
    turns = [passage for pair in zip(papers, pages, strict=False) for passage in pair]
    shorter = min(len(papers), len(pages))
    turns += [*papers[shorter:], *pages[shorter:]]
    kept: list[Passage] = []
    for passage in turns:
        twin = next((n for n, other in enumerate(kept) if _alike(passage, other)), None)
        if twin is None:
            kept.append(passage)
        elif passage.paper.paper_id != kept[twin].paper.paper_id:
            kept[twin] = replace(kept[twin], duplicates=(*kept[twin].duplicates, passage.paper))
    return kept[:limit]


def _alike(one: Passage, other: Passage) -> bool:
    if not (len(one.sentence_vectors) and len(other.sentence_vectors)):
        return one.text == other.text
    return float(_middle(one.sentence_vectors) @ _middle(other.sentence_vectors)) >= _TWINS


def _middle(vectors: FloatArray) -> FloatArray:
    mean = vectors.mean(axis=0)
    unit: FloatArray = mean / max(1e-9, float(np.linalg.norm(mean)))
    return unit


def _terms(text: str) -> tuple[Term, ...]:
    """Words of a question where there are no papers to say how rare they are."""
    return tuple(Term(word, 1.0) for word in dict.fromkeys(_WORD.findall(text.casefold())))
