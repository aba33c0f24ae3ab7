"""A paper read by a language model, as far as its own sentences bear that out.

::

    paper --> passages (the telling sections first, a bounded number) --> model --> reply
    reply --is it JSON of the schema? are the names printed? is the evidence a sentence, word for word,
            that names both?--> mentions and relations; what fails is dropped and counted

**Probability.** A model's own is worth nothing, and ours for its relations was not calibrated: `PROBABILITY` is one
number for all of them, as ADR 5 says of readings that cannot be made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from cmo.errors import ChatEmpty
from cmo.llm.prompt import RelationSaid, ReplySaid, digest, messages, schema
from cmo.model.concepts import Kind, Reading, Relation, RelationType
from cmo.model.naming import LLM, Given, Named, by_sentence, fold, named
from cmo.model.outside import Chat
from cmo.model.papers import CITABLE, ParsedPaper, Section
from cmo.model.ports import Linker

PREFIX = LLM
PROBABILITY = 0.5
"""Of a relation whose sentence names both ends: no more than even odds until somebody measures the model."""
PASSAGE_CHARS = 2_000
MOST_TOKENS = 1_500
"""Of one reply."""
_FIRST = (Section.ABSTRACT, Section.RESULTS, Section.CONCLUSION, Section.DISCUSSION, Section.INTRODUCTION)
_NEVER = frozenset({Section.TITLE, Section.REFERENCES, Section.BACK})
_SETTING = frozenset({Kind.SPECIMEN, Kind.ORGANISM, Kind.METHOD})


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a model said and was not believed, and what it was not asked."""

    replies: int = 0
    """That are no JSON of the schema."""
    names: int = 0
    """That do not stand in the passage."""
    evidence: int = 0
    """Relations whose evidence is no sentence of the passage, word for word."""
    ends: int = 0
    """Relations whose evidence does not name both ends, or of a thing with itself."""
    passages: int = 0
    """Beyond the most that a paper is read for."""


@dataclass(frozen=True, slots=True)
class Study:
    """A reading, and what it took."""

    reading: Reading
    dropped: Dropped
    passages: int
    """That the model was asked about."""
    prompt_tokens: int
    completion_tokens: int


@dataclass(slots=True)
class _Notes:
    """What gathers while a paper is read."""

    entities: dict[str, Given] = field(default_factory=dict)
    relations: list[tuple[int, RelationSaid]] = field(default_factory=list)
    replies: int = 0
    names: int = 0
    evidence: int = 0
    tokens: list[int] = field(default_factory=lambda: [0, 0])


class LlmReader:
    """Reads papers with a chat model.

    Args:
        chat: the model.
        linker: knows concepts by name.
        most_passages: of one paper, each at the cost of one completion.
    """

    def __init__(self, chat: Chat, linker: Linker, *, most_passages: int) -> None:
        self._chat = chat
        self._linker = linker
        self._most = most_passages

    @property
    def identity(self) -> str:
        """The model, and the digest of what it is told: ``llm/qwen2.5@9f8e7d6c``."""
        return f"llm/{self._chat.name.replace('@', '-')}@{digest()}"

    def read(self, paper: ParsedPaper) -> Reading:
        """Mentions and relations of one paper.

        Raises:
            ChatFailed: the model could not be reached.
        """
        return self.study(paper).reading

    def study(self, paper: ParsedPaper) -> Study:
        """As `read`, with what was dropped and what it cost.

        Raises:
            ChatFailed: the model could not be reached.
        """
        asked = passages(paper)
        notes = _Notes()
        for passage in asked[: self._most]:
            self._ask(paper, passage, notes)
        found = named(paper.text, notes.entities.values(), self._linker, PREFIX)
        relations = tuple(_once(_stated(paper, found, notes.relations)))
        dropped = Dropped(
            notes.replies, notes.names, notes.evidence, len(notes.relations) - len(relations), len(asked[self._most :])
        )
        reading = Reading(self.identity, found.mentions, relations, found.concepts)
        return Study(reading, dropped, min(len(asked), self._most), *notes.tokens)

    def _ask(self, paper: ParsedPaper, passage: Sequence[int], notes: _Notes) -> None:
        texts = {n: _one_line(paper.text[paper.sentences[n].start : paper.sentences[n].end]) for n in passage}
        try:
            said = self._chat.complete(messages(list(texts.values())), most_tokens=MOST_TOKENS, schema=schema())
        except ChatEmpty:  # of this passage it says nothing; of the next it may
            notes.replies += 1
            return
        notes.tokens[0] += said.prompt_tokens
        notes.tokens[1] += said.completion_tokens
        try:
            reply = ReplySaid.model_validate_json(said.text)
        except ValidationError:
            notes.replies += 1
            return
        whole = fold(" ".join(texts.values()))
        for entity in reply.entities:
            if (key := fold(entity.name)) and key in whole:
                notes.entities.setdefault(key, Given(entity.name, entity.kind))
            else:
                notes.names += 1
        places = {text: n for n, text in texts.items()}
        for relation in reply.relations:
            place = places.get(_one_line(relation.evidence))
            if place is None:
                notes.evidence += 1
            else:
                notes.relations.append((place, relation))


def passages(paper: ParsedPaper) -> list[list[int]]:
    """Sentences that may be cited, by ordinal, in runs of one section; the sections that tell most come first."""
    runs: list[tuple[Section, list[int]]] = []
    size = 0
    for n, sentence in enumerate(paper.sentences):
        if sentence.role not in CITABLE or sentence.section in _NEVER:
            continue
        size += sentence.end - sentence.start
        if not runs or runs[-1][0] is not sentence.section or size > PASSAGE_CHARS:
            runs.append((sentence.section, []))
            size = sentence.end - sentence.start
        runs[-1][1].append(n)
    rank = {section: n for n, section in enumerate(_FIRST)}
    return [run for _, run in sorted(runs, key=lambda run: rank.get(run[0], len(rank)))]


def _stated(paper: ParsedPaper, found: Named, said: Sequence[tuple[int, RelationSaid]]) -> Iterator[Relation]:
    """The relations whose sentence names both ends."""
    naming = by_sentence(paper.sentences, found.mentions)
    by_key = {fold(name): concept for name, concept in found.ids.items()}
    for place, relation in said:
        a, b = by_key.get(fold(relation.subject)), by_key.get(fold(relation.object))
        here = naming[place]
        if a is None or b is None or a == b or a not in here or b not in here:
            continue
        if relation.type is RelationType.ASSOCIATED_WITH:
            a, b = sorted((a, b))
        context = tuple(c for c, mention in here.items() if mention.kind in _SETTING and c not in {a, b})
        yield Relation(a, b, relation.type, PROBABILITY, place, relation.negated, relation.hedged, context)


def _once(relations: Iterator[Relation]) -> Iterator[Relation]:
    """Each statement of a sentence once, in the order of the text."""
    kept = {replace(r, context=()): r for r in relations}
    yield from sorted(kept.values(), key=lambda r: (r.sentence, r.subject, r.object, r.type))


def _one_line(text: str) -> str:
    return " ".join(text.split())
