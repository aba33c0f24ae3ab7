"""Files to recorded papers.

::

    files --known?--> unchanged
      |
      +--> read (worker processes) --> cut --> encode (one thread, batches) --> record --> outcome

While the encoder works on one batch, the next files are read and the last batch is recorded. An outcome is handed
out only after its paper is committed: what was acknowledged survives anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from cmo.errors import PaperRefused, StoreError
from cmo.ingest import files
from cmo.ingest.chunks import chunk, chunk_text
from cmo.ingest.identify import paper_key
from cmo.kit.clock import Clock
from cmo.kit.files import sha256_file
from cmo.kit.hashing import hex_hash
from cmo.model.concepts import Reading
from cmo.model.outcomes import Outcome, Refusal, Status
from cmo.model.packing import pack
from cmo.model.papers import Chunk, PaperRef, ParsedPaper
from cmo.model.ports import Encoder, Keeper, PaperReader, Papers, Parsers
from cmo.model.record import PackedVectors, PreparedPaper, Recorded

_BATCH_CHUNKS = 128
"""Chunks that go to the encoder together: enough to sort by length, few enough to show progress."""
_FIRST_PAPERS, _BATCH_PAPERS = 8, 64
"""The first batch is small, so that the encoder soon has work; each may have twice the papers of the one before."""
_GROUP_PAPERS = 16
"""Papers that are recorded in one transaction: enough to share its cost, few enough to be acknowledged soon."""
_SHORTEST_CHUNK = 64
_SPECIAL_TOKENS = 3
_STATUS = {
    Recorded.ADDED: Status.ADDED,
    Recorded.REPLACED: Status.REPLACED,
    Recorded.KEPT: Status.UNCHANGED,
    Recorded.RETRACTED: Status.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Chunking:
    """How papers are cut, in tokens of the encoder."""

    size: int = 512
    overlap: int = 50


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class _Cut:
    """A paper cut into chunks: the texts that the encoder sees, and their sentences' spans."""

    file: _File
    parsed: ParsedPaper
    chunks: tuple[Chunk, ...]
    texts: tuple[str, ...]
    spans: tuple[tuple[tuple[int, int], ...], ...]
    keys: tuple[str, ...]
    reading: Reading | None


class _Intake:
    """Hands out the files that have to be read, and holds meanwhile what it learned of each.

    Args:
        paths: of all files.
        look: the file if it has to be read, else its outcome.
    """

    def __init__(self, paths: Iterable[Path], look: Callable[[Path], _File | Outcome]) -> None:
        self._paths = paths
        self._look = look
        self._settled: list[Outcome] = []
        self.files: dict[Path, _File] = {}
        """Files handed out; they stay, as a file may be named twice."""

    def unread(self) -> Iterator[Path]:
        """Paths of the files that have to be read."""
        for path in self._paths:
            found = self._look(path)
            if isinstance(found, Outcome):
                self._settled.append(found)
            else:
                self.files[path] = found
                yield path

    def settled(self) -> list[Outcome]:
        """Outcomes of the others, each once."""
        settled, self._settled = self._settled, []
        return settled


class Pipeline:
    """Turns files into recorded papers.

    Args:
        parsers: read files in processes of their own.
        encoder: text to vectors.
        papers: the record.
        keeper: keeps the files themselves.
        chunking: how papers are cut.
        clock: for durations.
        max_bytes: largest file that is looked at.
        reader: reads papers for concepts while the encoder works; None where they are not read.
    """

    def __init__(
        self,
        parsers: Parsers,
        encoder: Encoder,
        papers: Papers,
        keeper: Keeper,
        *,
        chunking: Chunking,
        clock: Clock,
        max_bytes: int,
        reader: PaperReader | None = None,
    ) -> None:
        self._parsers = parsers
        self._encoder = encoder
        self._papers = papers
        self._keeper = keeper
        self._chunking = chunking
        self._clock = clock
        self._max_bytes = max_bytes
        self._reader = reader

    def run(self, paths: Iterable[Path]) -> Iterator[Outcome]:
        """Ingest files; one outcome each, in order of completion, after it is durable."""
        yield from self._encode_and_record(self._cuts(_Intake(paths, self._look)))

    def record_parsed(self, papers: Iterable[tuple[str, ParsedPaper]]) -> Iterator[Outcome]:
        """Record papers that are read already, each with a source name: for corpora that come in one file."""
        files_ = ((_File(Path(name), hex_hash(name, p.text, size=32)), p) for name, p in papers)
        yield from self._encode_and_record((self._cut(file, parsed) for file, parsed in files_), keep=False)

    def _look(self, path: Path) -> _File | Outcome:
        """The file if it has to be read; else its outcome."""
        try:
            files.admit(path, self._max_bytes)
            sha256 = sha256_file(path)
        except PaperRefused as refused:
            return _refusal(path, refused)
        except OSError as error:
            return _unreadable(path, error)
        owner = self._papers.file_owner(sha256)
        if owner is None:
            return _File(path, sha256)
        if owner.sha256 == sha256:  # a backup without the files gets them back
            self._keeper.keep(path, sha256, owner.format)
        return _unchanged(path, owner, sha256)

    def _cuts(self, intake: _Intake) -> Iterator[_Cut | Outcome]:
        """Read what has to be read; the outcome of what need not be read comes as soon as it is known."""
        for path, result in self._parsers.parse_many(intake.unread()):
            yield from intake.settled()
            yield self._cut(intake.files[path], result)
        yield from intake.settled()

    def _cut(self, file: _File, result: ParsedPaper | PaperRefused) -> _Cut | Outcome:
        if isinstance(result, PaperRefused):
            return _refusal(file.path, result)
        title = result.metadata.title
        room = self._chunking.size - self._encoder.count_tokens([title])[0] - _SPECIAL_TOKENS
        size = max(_SHORTEST_CHUNK, room)
        chunks = tuple(chunk(result, self._encoder, size=size, overlap=min(self._chunking.overlap, size // 2)))
        if not chunks:
            reason = PaperRefused(
                Refusal.TOO_SHORT, f"{file.path.name} holds no sentence.", "Check that it is a paper."
            )
            return _refusal(file.path, reason)
        texts, spans = zip(*(in_context(title, *chunk_text(result, c)) for c in chunks), strict=True)
        keys = tuple(hex_hash(text, repr(places)) for text, places in zip(texts, spans, strict=True))
        reading = self._reader.read(result) if self._reader else None
        return _Cut(file, result, chunks, texts, spans, keys, reading)

    def _encode_and_record(self, cuts: Iterator[_Cut | Outcome], *, keep: bool = True) -> Iterator[Outcome]:
        """Encode a batch in a thread of its own while the next one is read."""
        with ThreadPoolExecutor(1, thread_name_prefix="encode") as thread:
            running: Future[list[PreparedPaper]] | None = None
            for batch, outcomes in _batches(cuts):
                yield from outcomes
                following = thread.submit(self._encode, batch) if batch else None
                if running is not None:
                    yield from self._record(running.result(), keep=keep)
                running = following
            if running is not None:
                yield from self._record(running.result(), keep=keep)

    def _encode(self, batch: Sequence[_Cut]) -> list[PreparedPaper]:
        identity = self._encoder.identity
        known = self._papers.vectors((key for cut in batch for key in cut.keys), identity)
        missing = {
            key: (text, spans)
            for cut in batch
            for key, text, spans in zip(cut.keys, cut.texts, cut.spans, strict=True)
            if key not in known
        }
        if missing:
            texts, spans = zip(*missing.values(), strict=True)
            encoded = self._encoder.encode_passages(texts, spans)
            known.update((key, pack(e.vector, e.sentences)) for key, e in zip(missing, encoded, strict=True))
        return [_prepared(cut, known) for cut in batch]

    def _record(self, prepared: Sequence[PreparedPaper], *, keep: bool) -> Iterator[Outcome]:
        for start in range(0, len(prepared), _GROUP_PAPERS):
            group = prepared[start : start + _GROUP_PAPERS]
            try:
                outcomes = self._record_group(group, keep=keep)
            except StoreError:  # those before the one that the store does not take are recorded and acknowledged first
                for paper in group:
                    yield from self._record_group([paper], keep=keep)
            else:
                yield from outcomes

    def _record_group(self, prepared: Sequence[PreparedPaper], *, keep: bool) -> list[Outcome]:
        """Record papers in one transaction; their outcomes after it."""
        began = self._clock.monotonic()
        gone, kept = self._kept(prepared) if keep else ([], prepared)
        named = [replace(paper, source=Path(paper.source).name) for paper in kept]
        keyed = [(paper, paper_key(paper.parsed.metadata, paper.sha256)) for paper in named]
        recorded = self._papers.save_all(keyed, self._encoder.identity) if keyed else []
        for status, ref in recorded:
            if keep and status is Recorded.RETRACTED:
                self._keeper.remove(ref)
        seconds = (self._clock.monotonic() - began) / len(prepared)
        return gone + [_outcome(paper, *what, seconds) for paper, what in zip(named, recorded, strict=True)]

    def _kept(self, prepared: Sequence[PreparedPaper]) -> tuple[list[Outcome], list[PreparedPaper]]:
        """Keep the papers' files, before the papers are recorded: outcomes of those that vanished, and the others."""
        gone: list[Outcome] = []
        kept: list[PreparedPaper] = []
        for paper in prepared:
            path = Path(paper.source)
            try:
                self._keeper.keep(path, paper.sha256, paper.parsed.format)
                kept.append(paper)
            except OSError as error:  # it vanished since it was read
                gone.append(_unreadable(path, error))
        return gone, kept


def in_context(title: str, text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """What the encoder sees of a chunk, and where its sentences stand in that.

    The text under its paper's title: a chunk alone often does not say what it is about.
    """
    if not title:
        return text, tuple(spans)
    shift = len(title) + 2
    return f"{title}. {text}", tuple((start + shift, end + shift) for start, end in spans)


def _batches(cuts: Iterator[_Cut | Outcome]) -> Iterator[tuple[list[_Cut], list[Outcome]]]:
    batch: list[_Cut] = []
    outcomes: list[Outcome] = []
    most = _FIRST_PAPERS
    for item in cuts:
        if isinstance(item, Outcome):
            outcomes.append(item)
            if not batch:  # nothing to wait for
                yield [], outcomes
                outcomes = []
            continue
        batch.append(item)
        if sum(len(c.chunks) for c in batch) >= _BATCH_CHUNKS or len(batch) >= most:
            yield batch, outcomes
            batch, outcomes = [], []
            most = min(2 * most, _BATCH_PAPERS)
    if batch or outcomes:
        yield batch, outcomes


def _prepared(cut: _Cut, known: dict[str, PackedVectors]) -> PreparedPaper:
    return PreparedPaper(
        sha256=cut.file.sha256,
        source=str(cut.file.path),
        parsed=cut.parsed,
        chunks=cut.chunks,
        keys=cut.keys,
        vectors=tuple(known[key] for key in cut.keys),
        reading=cut.reading,
    )


def _unchanged(path: Path, owner: PaperRef, sha256: str) -> Outcome:
    detail = "" if owner.sha256 == sha256 else f"The same paper is here as {owner.source}."
    return Outcome(str(path), Status.UNCHANGED, owner.paper_id, owner.version, owner.metadata.title, detail=detail)


def _refusal(path: Path, refused: PaperRefused) -> Outcome:
    return Outcome(str(path), Status.REFUSED, reason=str(refused.reason), detail=refused.detail, remedy=refused.remedy)


def _unreadable(path: Path, error: OSError) -> Outcome:
    reason = f"{path.name} cannot be read: {error.strerror}."
    return _refusal(path, PaperRefused(Refusal.UNREADABLE, reason, "Check that it is there and may be read."))


def _outcome(paper: PreparedPaper, recorded: Recorded, ref: PaperRef, seconds: float) -> Outcome:
    if recorded is Recorded.RETRACTED:
        return Outcome(
            paper.source,
            Status.REFUSED,
            ref.paper_id,
            title=ref.metadata.title,
            reason=Refusal.RETRACTED,
            detail=f"{paper.source} was retracted from this base before.",
            remedy=f"If that was a mistake: `cmo papers readmit {ref.paper_id}`, then ingest it again.",
        )
    kept = recorded is Recorded.KEPT and ref.sha256 != paper.sha256
    return Outcome(
        paper.source,
        _STATUS[recorded],
        ref.paper_id,
        ref.version,
        ref.metadata.title,
        detail=f"The same paper is here as {ref.source}, which shows its printed pages." if kept else "",
        pages=len(paper.parsed.pages),
        sentences=len(paper.parsed.sentences),
        chunks=len(paper.chunks),
        seconds=round(seconds, 4),
    )
