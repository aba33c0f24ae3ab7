"""The generated answerer: a language model's prose, each sentence with the printed sentences that bear it out.

::

    found --without papers that give orders--> extractive answer --a refusal--> stays one, no model is asked
                                                    │ passages, relations
                                                    v
    model --piece by piece--> sentence --borne out by a quote?--no--> removed, or told apart
                                            │ yes
                                            v
                                 told at once, with citation and quote

Nothing is told before it is checked, so a stream holds what the whole answer holds. The model's own citations are thrown
away. Where nothing of what it says is borne out, or it cannot be asked, the extractive answer stands in, with a remark.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from cmo.answer import cite, prompt
from cmo.answer.cite import Borne, Citer, Source
from cmo.answer.denied import bears_out, denied
from cmo.answer.generate_prose import Split, sentences
from cmo.answer.prompt_orders import gives_orders, ordering, without_orders
from cmo.answer.refuse import refuse
from cmo.errors import ModelError, NotNow, OutOfTime, PriceUnknown
from cmo.kit.hashing import hex_hash
from cmo.kit.telling import tell
from cmo.model.answers import Answer, AnswerSentence, Citation, RefusalReason
from cmo.model.assessments import LIKELY
from cmo.model.chat import Message
from cmo.model.evidence import Found
from cmo.model.outside import Chat, ChatStream
from cmo.model.papers import PaperRef
from cmo.model.ports import Answerer, Scorer
from cmo.model.questions import Question, Reach

log = logging.getLogger("cmo.answer")

NOTHING = "The language model said nothing that the passages bear out; these are the papers' own words."
ABSENT = "The language model could not be asked; these are the papers' own words."
CUT_OFF = "The language model stopped before it had finished; what it had said is borne out by the passages."
LEFT_OUT = "Left out, since they speak to machines and not to readers:"
_UNASKABLE = (ModelError, NotNow, OutOfTime, PriceUnknown)
_POINTS_BACK = re.compile(
    r"(?:it|its|they|their|them|he|she|his|her|such|those|the (?:latter|former|same)|the other"
    r"|(?:this|these)(?! (?:stud|results?\b|findings?\b|data\b|work\b|review|analys|report|paper)))\b",
    re.IGNORECASE,
)
_MOST_MARKED = 20
_LONGEST_MARKED = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a model may be told and may say, and what it takes to be believed."""

    most_tokens: int = 700
    most_sentences: int = 8
    most_chars: int = 8_000
    """Of passages."""
    least_support: float = LIKELY
    """Probability that a quote bears a sentence out, from which the sentence is told."""
    most_foreign: int = 0
    """Words of a sentence that its quote may lack. On claims of SciFact and changed copies of its sentences 0, 1 and 2 tell
    6, 14 and 24 % of those that are true in quite other words, all true copies, and .5, 4 and 7 % of what is not true."""
    mark_unsupported: bool = False
    """Tell apart what nothing bears out, instead of leaving it out."""


@dataclass(slots=True)
class _Draft:
    """An answer while it is written."""

    sentences: list[AnswerSentence] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    papers: dict[PaperRef, int] = field(default_factory=dict)
    remark: str = ""
    before: frozenset[str] = frozenset()
    """Papers that bore out the sentence before; none where nothing did."""

    def add(self, text: str, borne: Borne) -> AnswerSentence:
        """A sentence with its citations, numbered as they come."""
        for evidence in borne.evidence:
            self.papers.setdefault(evidence.paper, len(self.papers) + 1)
        numbers = dict.fromkeys(self.papers[e.paper] for e in borne.evidence)
        self.sentences.append(AnswerSentence(text, tuple(numbers), borne.evidence))
        return self.sentences[-1]


class GeneratedAnswerer:
    """Answers in a language model's words, as far as the papers bear them out. Threads may share it.

    Args:
        chat: the model.
        scorer: says how far a quote bears a sentence out.
        extractive: answers where the model does not, and says where there is nothing to answer from.
        split: a paragraph to the spans of its sentences.
        limits: how much, and how sure.
        reach: whether the model is told by which relations the question's concepts hang together, where the question
            itself does not say.
    """

    def __init__(
        self,
        chat: ChatStream,
        scorer: Scorer,
        extractive: Answerer,
        split: Split,
        limits: Limits | None = None,
        *,
        reach: Callable[[], Reach] = Reach,
    ) -> None:
        self._chat = chat
        self._limits = limits or Limits()
        self._citer = Citer(scorer, self._limits.least_support, self._limits.most_foreign)
        self._extractive = extractive
        self._split = split
        self._reach = reach

    @property
    def identity(self) -> str:
        """The model, and a digest of what it is told and of the limits: ``qwen2.5@9f8e7d6c``."""
        return f"{self._chat.name.replace('@', '-')}@{hex_hash(prompt.digest(), repr(self._limits), size=4)}"

    def answer(self, question: Question, found: Found) -> Answer:
        """Compose the answer, or refuse; whoever listens is told each sentence as soon as it is checked."""
        telling = self.told(question, found)
        while True:
            try:
                tell(next(telling))
            except StopIteration as end:
                answer: Answer = end.value
                return answer

    def told(self, question: Question, found: Found) -> Generator[AnswerSentence, None, Answer]:
        """The sentences of the answer, each as soon as it is checked; then, as the generator's value, the answer.

        Closing it before its end stops the model.
        """
        hostile, sound = ordering(found), without_orders(found)
        if hostile and not sound.passages:
            plain = refuse(question, found, RefusalReason.THIN_EVIDENCE, 0.0)
        else:
            plain = self._extractive.answer(question, sound)
        if plain.refusal:
            return replace(plain, remark=_remark("", hostile))
        draft = _Draft()
        yield from self._drafted(question, sound, plain, draft)
        if draft.sentences:
            return _composed(plain, draft, _remark(draft.remark, hostile))
        yield from plain.sentences
        remark = _remark(draft.remark or NOTHING, hostile)
        return replace(plain, unsupported=tuple(draft.unsupported), remark=remark)

    def _drafted(self, question: Question, found: Found, plain: Answer, draft: _Draft) -> Iterator[AnswerSentence]:
        """What the model says, as far as it is borne out."""
        wanted = prompt.chains(plain) if (question.reach or self._reach()).reasoning else []
        chains = [chain for chain in wanted if not gives_orders(prompt.told(chain))]
        sources = [*cite.passages(found), *cite.chains(chains)]
        sense = denied(question.text)
        asked = self._messages(question, found, [prompt.told(chain) for chain in chains])
        try:
            with _heard(self._chat.stream(asked, most_tokens=self._limits.most_tokens)) as pieces:
                for said in sentences(pieces, self._split, most_tokens=self._limits.most_tokens):
                    if sense is not None and not bears_out(said, sense):
                        continue
                    if told := self._checked(said, sources, draft):
                        yield told
                    if len(draft.sentences) == self._limits.most_sentences:
                        return
        except _UNASKABLE as error:
            log.info("the language model was not heard out: %s", error)
            draft.remark = CUT_OFF if draft.sentences else ABSENT

    def _checked(self, said: str, sources: Sequence[Source], draft: _Draft) -> AnswerSentence | None:
        """A sentence with its quotes; one that points back needs the paper of the one before."""
        borne = self._citer.borne(said, sources)
        papers = frozenset(e.paper.paper_id for e in borne.evidence)
        dangling = _POINTS_BACK.match(said) and papers.isdisjoint(draft.before)
        draft.before = frozenset() if dangling else papers
        if borne.evidence and not dangling:
            return draft.add(said, borne)
        if self._limits.mark_unsupported and len(draft.unsupported) < _MOST_MARKED:
            draft.unsupported.append(said[:_LONGEST_MARKED])
        return None

    def _messages(self, question: Question, found: Found, relations: Sequence[str]) -> list[Message]:
        limits = self._limits
        return prompt.messages(
            question.text,
            found.passages,
            relations,
            most_sentences=limits.most_sentences,
            most_chars=limits.most_chars,
        )


class AtOnce:
    """A model that is heard only when it has finished, as one that is heard while it speaks.

    Args:
        chat: the model.
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    @property
    def name(self) -> str:
        """Of the model."""
        return self._chat.name

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Iterator[str]:
        """All that it says, in one piece."""
        yield self._chat.complete(messages, most_tokens=most_tokens).text


def _remark(why: str, hostile: Sequence[PaperRef]) -> str:
    """Why it is as it is; papers by their ids alone, since their titles may give orders, too."""
    if not hostile:
        return why
    papers = ", ".join(dict.fromkeys(ref.paper_id for ref in hostile))
    return f"{why} {LEFT_OUT} {papers}.".strip()


def _composed(plain: Answer, draft: _Draft, remark: str) -> Answer:
    """The draft with what the search found besides; papers of its relations are cited after those of its sentences."""
    told = replace(
        plain,
        sentences=tuple(draft.sentences),
        citations=(),
        unsupported=tuple(draft.unsupported),
        remark=remark,
    )
    papers = dict.fromkeys([*draft.papers, *(e.paper for e in told.evidence)])
    return replace(told, citations=tuple(Citation(n, paper) for n, paper in enumerate(papers, 1)))


@contextmanager
def _heard(pieces: Iterator[str]) -> Iterator[Iterable[str]]:
    """Pieces of speech; the model stops when nobody listens any longer."""
    try:
        yield pieces
    finally:
        if isinstance(pieces, Generator):
            pieces.close()
