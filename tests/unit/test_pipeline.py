"""Files to recorded papers, with the record and the files played by fakes."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from cmo.errors import PaperRefused, StoreError
from cmo.ingest import pipeline as module
from cmo.ingest.identify import paper_key
from cmo.ingest.pipeline import Chunking, Pipeline, in_context
from cmo.model.concepts import Concept, Kind
from cmo.model.outcomes import Outcome, Refusal, Status
from cmo.model.papers import Format, Metadata, PaperRef, ParsedPaper
from cmo.model.ports import EncodedPassage, ModelIdentity
from cmo.model.record import PackedVectors, PreparedPaper, Recorded
from cmo.testing import FakeClock, FakeLinker, FakeParsers, FakeReader, HashingEmbedder, paper_of

LINES = [f"Sentence number {n} speaks of alanine in the plasma of patients." for n in range(30)]


class Memory:
    """A record and a keeper that remember."""

    def __init__(self) -> None:
        self.saved: dict[str, PreparedPaper] = {}
        self.kept: list[str] = []
        self.known: dict[str, PackedVectors] = {}
        self.retracted: set[str] = set()

    def file_owner(self, sha256: str) -> PaperRef | None:
        owner = self.saved.get(sha256)
        return owner and PaperRef("old", 1, sha256, owner.source, owner.parsed.format, owner.parsed.metadata)

    def vectors(self, keys: Iterable[str], _: ModelIdentity) -> dict[str, PackedVectors]:
        return {key: self.known[key] for key in keys if key in self.known}

    def save_all(
        self, papers: Sequence[tuple[PreparedPaper, str]], model: ModelIdentity
    ) -> list[tuple[Recorded, PaperRef]]:
        return [self.save(paper, paper_id, model) for paper, paper_id in papers]

    def save(self, paper: PreparedPaper, paper_id: str, _: ModelIdentity) -> tuple[Recorded, PaperRef]:
        about = paper.parsed.metadata
        ref = PaperRef(paper_id, 1, paper.sha256, paper.source, paper.parsed.format, about)
        if about.title in self.retracted:
            return Recorded.RETRACTED, ref
        if paper.sha256 in self.saved:
            return Recorded.KEPT, ref
        assert paper.sha256 in self.kept or not self.kept, "the file is kept before its paper is acknowledged"
        self.saved[paper.sha256] = paper
        self.known.update(zip(paper.keys, paper.vectors, strict=True))
        return Recorded.ADDED, ref

    def keep(self, source: Path, sha256: str, kind: Format) -> None:
        del source, kind
        self.kept.append(sha256)

    def remove(self, ref: PaperRef) -> None:
        self.kept.remove(ref.sha256)


class CountingEmbedder(HashingEmbedder):
    """Counts the texts that it encodes."""

    def __init__(self) -> None:
        super().__init__(32)
        self.texts: list[str] = []

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]) -> list[EncodedPassage]:
        self.texts += texts
        return super().encode_passages(texts, spans)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def encoder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths stand for files: each has its name as its content."""

    def admit(path: Path, limit: int) -> int:
        if path.name == "huge.txt":
            raise PaperRefused(Refusal.TOO_LARGE, f"huge.txt is larger than {limit}.", "Split it.")
        if path.name == "locked.txt":
            raise PermissionError(13, "Permission denied")
        return 1

    monkeypatch.setattr(module.files, "admit", admit)
    monkeypatch.setattr(module, "sha256_file", lambda path: hashlib.sha256(path.name.encode()).hexdigest())


def about(n: int) -> Metadata:
    return Metadata(title=f"Study number {n} of alanine in patients", doi=f"10.1000/{n}")


def run(memory: Memory, encoder: CountingEmbedder, papers: dict[str, ParsedPaper], *names: str) -> list[Outcome]:
    pipeline = Pipeline(
        FakeParsers(papers), encoder, memory, memory, chunking=Chunking(128, 8), clock=FakeClock(), max_bytes=10
    )
    return list(pipeline.run([Path("/papers") / name for name in names]))


def test_each_file_has_one_outcome(memory: Memory, encoder: CountingEmbedder) -> None:
    papers = {f"{n}.txt": paper_of(LINES, about(n)) for n in range(3)}
    names = ["0.txt", "huge.txt", "1.txt", "unknown.txt", "locked.txt", "2.txt"]
    outcomes = run(memory, encoder, papers, *names)
    assert sorted(Path(o.source).name for o in outcomes) == sorted(names)
    refused = {Path(o.source).name: o.reason for o in outcomes if o.status is Status.REFUSED}
    assert refused == {"huge.txt": "too-large", "unknown.txt": "unknown-format", "locked.txt": "unreadable"}
    assert all(o.detail for o in outcomes if o.status is Status.REFUSED)
    assert [o.status for o in outcomes].count(Status.ADDED) == 3


def test_an_outcome_tells_the_paper(memory: Memory, encoder: CountingEmbedder) -> None:
    (outcome,) = run(memory, encoder, {"0.txt": paper_of(LINES, about(0))}, "0.txt")
    (saved,) = memory.saved.values()
    assert (outcome.status, outcome.title) == (Status.ADDED, about(0).title)
    assert outcome.paper_id == paper_key(about(0), saved.sha256)
    assert (outcome.pages, outcome.sentences, outcome.chunks) == (1, 30, len(saved.chunks))
    assert saved.source == "0.txt"


def test_an_outcome_comes_after_its_paper_is_recorded(memory: Memory, encoder: CountingEmbedder) -> None:
    papers = {f"{n}.txt": paper_of(LINES, about(n)) for n in range(5)}
    pipeline = Pipeline(
        FakeParsers(papers), encoder, memory, memory, chunking=Chunking(128, 8), clock=FakeClock(), max_bytes=10
    )
    for count, outcome in enumerate(pipeline.run(Path(name) for name in papers), 1):
        assert outcome.status is Status.ADDED
        assert len(memory.saved) >= count


def test_a_file_that_was_read_before_is_not_read_again(memory: Memory, encoder: CountingEmbedder) -> None:
    papers = {"0.txt": paper_of(LINES, about(0))}
    run(memory, encoder, papers, "0.txt")
    encoder.texts.clear()
    (outcome,) = run(memory, encoder, {}, "0.txt")
    assert (outcome.status, outcome.paper_id) == (Status.UNCHANGED, "old")
    assert encoder.texts == []


def test_a_file_named_twice_has_two_outcomes(memory: Memory, encoder: CountingEmbedder) -> None:
    outcomes = run(memory, encoder, {"0.txt": paper_of(LINES, about(0))}, "0.txt", "0.txt")
    assert [o.status for o in outcomes] == [Status.ADDED, Status.UNCHANGED]


def test_only_what_is_new_in_a_corrected_paper_is_encoded(memory: Memory, encoder: CountingEmbedder) -> None:
    run(memory, encoder, {"0.txt": paper_of(LINES, about(0))}, "0.txt")
    first = len(encoder.texts)
    corrected = paper_of([*LINES[:-1], "The last sentence was corrected by the authors."], about(0))
    run(memory, encoder, {"corrected.txt": corrected}, "corrected.txt")
    assert first > 2
    assert len(encoder.texts) == first + 1


def test_the_encoder_sees_each_chunk_under_its_title(memory: Memory, encoder: CountingEmbedder) -> None:
    run(memory, encoder, {"0.txt": paper_of(LINES, about(0))}, "0.txt")
    assert all(text.startswith(f"{about(0).title}. Sentence number") for text in encoder.texts)
    assert max(encoder.count_tokens(encoder.texts)) <= 128


def test_spans_still_cut_their_sentences_after_the_title_is_put_before() -> None:
    text, spans = in_context("A title", "One. Two.", [(0, 4), (5, 9)])
    assert [text[a:b] for a, b in spans] == ["One.", "Two."]
    assert in_context("", "One.", [(0, 4)]) == ("One.", ((0, 4),))


def test_a_paper_without_a_sentence_is_too_short(memory: Memory, encoder: CountingEmbedder) -> None:
    empty = ParsedPaper(Format.TEXT, "", (), (), about(0))
    (outcome,) = run(memory, encoder, {"0.txt": empty}, "0.txt")
    assert (outcome.status, outcome.reason) == (Status.REFUSED, Refusal.TOO_SHORT)


def test_a_retracted_paper_is_refused_with_the_way_back(memory: Memory, encoder: CountingEmbedder) -> None:
    memory.retracted.add(about(0).title)
    (outcome,) = run(memory, encoder, {"0.txt": paper_of(LINES, about(0))}, "0.txt")
    assert (outcome.status, outcome.reason) == (Status.REFUSED, Refusal.RETRACTED)
    assert f"cmo papers readmit {outcome.paper_id}" in outcome.remedy
    assert memory.kept == [], "nothing of it stays here"


def test_a_file_that_vanishes_before_it_is_kept_stops_no_other(memory: Memory, encoder: CountingEmbedder) -> None:
    def keep(source: Path, sha256: str, kind: Format) -> None:
        del kind
        if source.name == "1.txt":
            raise FileNotFoundError(2, "No such file or directory")
        memory.kept.append(sha256)

    memory.keep = keep  # type: ignore[method-assign]
    papers = {f"{n}.txt": paper_of(LINES, about(n)) for n in range(3)}
    outcomes = {Path(o.source).name: o for o in run(memory, encoder, papers, *papers)}
    assert [outcomes[name].status for name in papers] == ["added", "refused", "added"]
    assert outcomes["1.txt"].reason == Refusal.UNREADABLE


def test_papers_that_come_in_one_file_are_recorded_without_files(memory: Memory, encoder: CountingEmbedder) -> None:
    pipeline = Pipeline(
        FakeParsers({}), encoder, memory, memory, chunking=Chunking(128, 8), clock=FakeClock(), max_bytes=10
    )
    parsed = [(f"corpus/{n}", paper_of([f"Paper {n} speaks of valine."], about(n))) for n in range(150)]
    assert [o.status for o in pipeline.record_parsed(iter(parsed))] == ["added"] * 150
    assert (len(memory.saved), memory.kept) == (150, [])


def test_a_failing_encoder_fails_the_ingest_and_loses_nothing_acknowledged(memory: Memory) -> None:
    class Failing(CountingEmbedder):
        def encode_passages(
            self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
        ) -> list[EncodedPassage]:
            if any("number 149" in text for text in texts):
                raise RuntimeError("the endpoint is gone")
            return super().encode_passages(texts, spans)

    papers = {f"{n}.txt": paper_of([f"Paper {n} speaks of valine."], about(n)) for n in range(150)}

    def outcomes() -> Iterator[Outcome]:
        pipeline = Pipeline(
            FakeParsers(papers), Failing(), memory, memory, chunking=Chunking(128, 8), clock=FakeClock(), max_bytes=10
        )
        yield from pipeline.run(Path(name) for name in papers)

    seen: list[Outcome] = []
    with pytest.raises(RuntimeError, match="endpoint"):
        seen.extend(outcomes())
    assert 0 < len(seen) <= len(memory.saved) < 150


def test_a_paper_that_the_store_does_not_take_keeps_none_out_that_came_before_it(
    memory: Memory, encoder: CountingEmbedder
) -> None:
    saved_singly = memory.save

    def save_all(papers: Sequence[tuple[PreparedPaper, str]], model: ModelIdentity) -> list[tuple[Recorded, PaperRef]]:
        if any(paper.source == "20.txt" for paper, _ in papers):
            raise StoreError("20.txt is not taken.")
        return [saved_singly(paper, paper_id, model) for paper, paper_id in papers]

    memory.save_all = save_all  # type: ignore[method-assign]
    papers = {f"{n}.txt": paper_of([f"Paper {n} speaks of valine."], about(n)) for n in range(30)}
    pipeline = Pipeline(
        FakeParsers(papers), encoder, memory, memory, chunking=Chunking(128, 8), clock=FakeClock(), max_bytes=10
    )
    seen: list[Outcome] = []
    with pytest.raises(StoreError, match="not taken"):
        seen.extend(pipeline.run(Path(name) for name in papers))
    assert [o.source for o in seen] == [f"{n}.txt" for n in range(20)]


def test_papers_are_read_for_concepts_where_there_is_a_reader() -> None:
    memory = Memory()
    linker = FakeLinker([Concept("CHEBI:1", "alanine", Kind.METABOLITE), Concept("CMO:1", "plasma", Kind.SPECIMEN)])
    reader = FakeReader(linker)
    pipeline = Pipeline(
        FakeParsers({}), HashingEmbedder(), memory, memory, chunking=Chunking(64, 0), clock=FakeClock(),
        max_bytes=1_000_000, reader=reader,
    )  # fmt: skip
    paper = paper_of(LINES)
    list(pipeline.record_parsed([("a.txt", paper)]))
    (saved,) = memory.saved.values()
    assert saved.reading == reader.read(paper)
    assert len(saved.reading.mentions) == 2 * len(LINES)
