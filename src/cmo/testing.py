"""Shipped fakes of the ports, for the tests of those who build on this. Deterministic, in memory, no files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from cmo.answer.confidence import Confidence
from cmo.errors import OverBudget, PaperRefused
from cmo.ingest.chunks import chunk, chunk_text
from cmo.ingest.pages import Setting
from cmo.ingest.parse import parse_one
from cmo.ingest.pipeline import in_context
from cmo.kit.hashing import hex_hash
from cmo.model.chat import Completion, Message, Speech
from cmo.model.concepts import Concept, Guess, Kind, Mention, Reading, Relation, RelationType
from cmo.model.evidence import FloatArray
from cmo.model.money import Call, Draft
from cmo.model.notices import Notice
from cmo.model.outcomes import Refusal
from cmo.model.packing import pack
from cmo.model.papers import Format, Metadata, ParsedPaper, Role, Section, Sentence
from cmo.model.ports import EncodedPassage, Encoder, Linker, ModelIdentity, PaperReader
from cmo.model.record import PreparedPaper
from cmo.model.web import WebFound, WebPage
from cmo.spend.hold import AwaitedBlock, Block, Hold
from cmo.spend.purse import current

NEVER = Confidence(-30.0, {}, 0.5)
"""Finds nothing convincing."""


def by_shared_words(name: str = "confidence") -> Confidence:
    """Stands in for `Confidence.shipped`, which is fitted on a real model's cosines: shared words decide."""
    return Confidence(-2.0, {"coverage": 8.0}, 0.5) if name == "confidence" else NEVER


_ABOUT = Metadata(title="A paper about metabolites in plasma")


class FakeClock:
    """A clock that stands still until told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The time it was set to."""
        return self._now + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed += seconds


class HashingEmbedder:
    """Words hashed into a unit vector: texts that share words are near each other."""

    def __init__(self, dimension: int = 64, name: str = "hashing") -> None:
        self._identity = ModelIdentity(name, f"{dimension:08x}", dimension)

    @property
    def identity(self) -> ModelIdentity:
        """Name, digest and dimension."""
        return self._identity

    def encode_query(self, text: str) -> FloatArray:
        """A question to a unit vector."""
        vector = np.zeros(self._identity.dimension, np.float32)
        for word in re.findall(r"\w+", text.casefold()):
            digest = hashlib.blake2b(word[:6].encode(), digest_size=4).digest()
            place = int.from_bytes(digest, "little")
            vector[place % len(vector)] += 1.0 if place >> 31 else -1.0
        norm = float(np.linalg.norm(vector))
        if norm == 0:
            vector[0] = norm = 1.0
        unit: FloatArray = vector / norm
        return unit

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]) -> list[EncodedPassage]:
        """Passages and their sentences, each encoded on its own."""
        return [
            EncodedPassage(
                self.encode_query(text),
                np.stack([self.encode_query(text[a:b]) for a, b in places])
                if places
                else np.zeros((0, self._identity.dimension), np.float32),
            )
            for text, places in zip(texts, spans, strict=True)
        ]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words."""
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


class ScriptedChat:
    """Says what it was told to, in that order; remembers what it was asked."""

    name = "scripted"

    def __init__(self, *says: str) -> None:
        self._says = list(says)
        self.asked: list[tuple[Message, ...]] = []

    def complete(
        self,
        messages: Sequence[Message],
        *,
        most_tokens: int,  # noqa: ARG002 - the port's own signature
        schema: Mapping[str, object] | None = None,  # noqa: ARG002
    ) -> Completion:
        """The next line; the last one for ever."""
        self.asked.append(tuple(messages))
        return Completion(self._says.pop(0) if len(self._says) > 1 else self._says[0])

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Speech:
        """The same, word by word."""
        said = self.complete(messages, most_tokens=most_tokens)
        yield from re.findall(r"\s*\S+", said.text)
        return said


class FakeWeb:
    """Finds the same pages for every question; remembers what it was asked."""

    def __init__(self, *pages: WebPage, said: str = "") -> None:
        self._found = WebFound(pages, said, "fake")
        self.asked: list[str] = []

    def search(self, question: str, limit: int) -> WebFound:
        """The first of them."""
        self.asked.append(question)
        return replace(self._found, pages=self._found.pages[:limit])


class FakePayments:
    """Sets nothing aside; remembers what it would have, and refuses when told to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.holds: list[Hold] = []

    def reserved(self, call: Call) -> Block:
        """For the length of a block."""
        return Block(lambda: self._take(call), lambda _hold, _error: None)

    def areserved(self, call: Call) -> AwaitedBlock:
        """The same, for coroutines."""
        return AwaitedBlock(lambda: self._take(call), lambda _hold, _error: None)

    def _take(self, call: Call) -> Hold:
        if self.refuses:
            raise OverBudget("There is no money.")
        self.holds.append(
            Hold(len(self.holds) + 1, Draft(call, 0, 0, datetime(2026, 1, 1, tzinfo=UTC)), 0.0, current())
        )
        return self.holds[-1]


class FakeNotifier:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Notice] = []

    def tell(self, notice: Notice) -> bool:
        """Taken."""
        self.told.append(notice)
        return True


class FakeParsers:
    """Papers by file name; anything else is refused."""

    def __init__(self, papers: Mapping[str, ParsedPaper]) -> None:
        self._papers = papers

    def parse_many(self, paths: Iterable[Path]) -> Iterator[tuple[Path, ParsedPaper | PaperRefused]]:
        """In the order given."""
        for path in paths:
            refusal = PaperRefused(Refusal.UNKNOWN_FORMAT, f"{path.name} is not known here.", "")
            yield path, self._papers.get(path.name, refusal)


class ParsersHere:
    """Reads files in this process: quick, and without the guard against hostile ones."""

    def parse_many(self, paths: Iterable[Path]) -> Iterator[tuple[Path, ParsedPaper | PaperRefused]]:
        """In the order given."""
        for path in paths:
            try:
                yield path, parse_one(path)
            except PaperRefused as refused:
                yield path, refused


class FakeLinker:
    """Links the names of some concepts, whole words in any case."""

    def __init__(self, concepts: Sequence[Concept]) -> None:
        self._concepts = {concept.id: concept for concept in concepts}
        self._names = {name.casefold(): c for c in concepts for name in (c.name, *c.synonyms)}
        longest_first = sorted(map(re.escape, self._names), key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first) or '(?!)'})(?!\w)", re.IGNORECASE)

    def link(self, text: str) -> tuple[Mention, ...]:
        """The concepts that a text names, in its order."""
        found = ((m, self._names[m.group().casefold()]) for m in self._pattern.finditer(text))
        return tuple(Mention(m.start(), m.end(), concept.id, concept.kind, 1.0) for m, concept in found)

    def link_question(self, text: str) -> tuple[Mention, ...]:
        """The same."""
        return self.link(text)

    def guesses(self, text: str) -> tuple[Guess, ...]:  # noqa: ARG002 - the port's own signature
        """Nothing: it knows all that its papers name."""
        return ()

    def concept(self, concept_id: str) -> Concept | None:
        """A concept by its id."""
        return self._concepts.get(concept_id)


class FakeReader:
    """Relates the first concept of a sentence to each later one, as raised, lowered or else associated.

    ``not`` denies it and ``may`` hedges it; specimens are what a sentence is set in.
    """

    def __init__(self, linker: Linker, identity: str = "cmo@fake0001") -> None:
        self._linker = linker
        self._identity = identity

    @property
    def identity(self) -> str:
        """Whatever it was given."""
        return self._identity

    def read(self, paper: ParsedPaper) -> Reading:
        """Mentions and relations of one paper."""
        relations: list[Relation] = []
        mentions: list[Mention] = []
        for ordinal, sentence in enumerate(paper.sentences):
            words = paper.text[sentence.start : sentence.end]
            found = self._linker.link(words)
            mentions += [replace(m, start=m.start + sentence.start, end=m.end + sentence.start) for m in found]
            relations += _relations(words, found, ordinal)
        return Reading(self._identity, tuple(mentions), tuple(relations))


def _relations(words: str, mentions: Sequence[Mention], sentence: int) -> Iterator[Relation]:
    told = set(re.findall(r"\w+", words.casefold()))
    kind = RelationType.ASSOCIATED_WITH
    if told & {"raised", "lowered"}:
        kind = RelationType.INCREASED_IN if "raised" in told else RelationType.DECREASED_IN
    context = tuple(dict.fromkeys(m.concept for m in mentions if m.kind is Kind.SPECIMEN))
    first, *others = [m.concept for m in mentions if m.kind is not Kind.SPECIMEN] or [""]
    for other in dict.fromkeys(others):
        if other != first:
            pair = sorted((first, other)) if kind is RelationType.ASSOCIATED_WITH else (first, other)
            yield Relation(pair[0], pair[1], kind, 0.9, sentence, "not" in told, "may" in told, context)


def paper_of(
    sentences: Sequence[str],
    metadata: Metadata = _ABOUT,
    *,
    section: Section = Section.RESULTS,
    kind: Format = Format.TEXT,
) -> ParsedPaper:
    """A paper of some sentences, set on pages, all in one section."""
    text = " ".join(sentences)
    setting = Setting(text)
    spans = []
    start = 0
    for sentence in sentences:
        spans.append((start, start + len(sentence)))
        start += len(sentence) + 1
    boxes = [setting.boxes(a, b) for a, b in spans]
    return ParsedPaper(
        kind,
        text,
        setting.pages,
        tuple(
            Sentence(a, b, places[0].page, section, section.value.title(), Role.PROSE, places)
            for (a, b), places in zip(spans, boxes, strict=True)
        ),
        metadata,
    )


def prepared(
    paper: ParsedPaper,
    encoder: Encoder,
    *,
    size: int = 64,
    source: str = "paper.txt",
    reader: PaperReader | None = None,
) -> PreparedPaper:
    """A paper cut, encoded and read, ready for the record; its text stands for the bytes of its file."""
    chunks = tuple(chunk(paper, encoder, size=size, overlap=0))
    contexts = [in_context(paper.metadata.title, *chunk_text(paper, c)) for c in chunks]
    encoded = encoder.encode_passages([text for text, _ in contexts], [spans for _, spans in contexts])
    return PreparedPaper(
        sha256=hex_hash(paper.text, paper.format, size=32),
        source=source,
        parsed=paper,
        chunks=chunks,
        keys=tuple(hex_hash(text, repr(spans)) for text, spans in contexts),
        vectors=tuple(pack(e.vector, e.sentences) for e in encoded),
        reading=reader.read(paper) if reader else None,
    )
