"""Whatever is done to a base, in any order: what can be found is what is current and not retracted.

The index is compared with a model that is a few dictionaries.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cmo.index.columns import faults
from cmo.index.publish import Publisher
from cmo.index.shelf import Shelf
from cmo.index.snapshot import Snapshot, Snapshots
from cmo.model.papers import Metadata, Section
from cmo.model.questions import Filters
from cmo.model.record import Recorded
from cmo.store.originals import Originals
from cmo.store.record import Record
from cmo.stories.curator import Curator
from cmo.testing import FakeClock, HashingEmbedder, paper_of, prepared

MEMORY = Path("/dev/shm")
ENCODER = HashingEmbedder(32)
PAPERS = 5
JOURNALS = ("Metabolomics", "Clinica", "Newborn Screening")
SECTIONS = (Section.RESULTS, Section.METHODS)
Version = tuple[int, int]
"""Paper and the number of its text: what tells one stored version from any other."""


@dataclass
class Model:
    """What should be true."""

    current: dict[int, int] = field(default_factory=dict)
    retracted: set[int] = field(default_factory=set)
    standing: set[Version] = field(default_factory=set)
    """Versions whose text is in the record."""
    visible: set[Version] = field(default_factory=set)
    published: dict[str, frozenset[Version]] = field(default_factory=dict)
    texts: int = 0


class IndexMachine(RuleBasedStateMachine):
    """Changes a base at random and compares what is found with the model."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.record = Record.open(f"sqlite:///{self.folder / 'record.sqlite3'}", FakeClock())
        self.shelf = Shelf(self.folder / "index")
        self.curator = Curator(
            folder=self.folder,
            record=self.record,
            originals=Originals(self.folder / "originals"),
            shelf=self.shelf,
            publisher=Publisher(self.shelf, self.record, FakeClock(), keep=4),
            encoder=lambda: ENCODER,
            clock=FakeClock(),
        )
        self.snapshots = Snapshots(self.shelf, lambda: False)
        self.model = Model()
        self.held: list[tuple[Snapshot, Any]] = []
        self.ids: list[int] = []

    # -- what can be done ----------------------------------------------------------------------------------------

    @rule(number=st.integers(0, PAPERS - 1), sentences=st.integers(1, 4))
    def save(self, number: int, sentences: int) -> None:
        model = self.model
        version = (number, model.texts)
        recorded, _ = self.record.save(text_of(version, sentences), paper_id(number), ENCODER.identity)
        model.texts += 1
        if number in model.retracted:
            assert recorded is Recorded.RETRACTED
            return
        assert recorded is (Recorded.REPLACED if number in model.current else Recorded.ADDED)
        model.current[number] = version[1]
        model.standing.add(version)

    @rule()
    def publish(self) -> None:
        behind = self.shelf.current() is None or self.shelf.current().seq != self.record.head()
        assert self.curator.heal()
        if behind:
            self.model.visible = set(self.model.current.items())
        self.note()

    @precondition(lambda self: self.model.current)
    @rule(data=st.data())
    def retract(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.current)))
        self.curator.retract(paper_id(number), "why not")
        del self.model.current[number]
        self.model.retracted.add(number)
        self.model.standing = {v for v in self.model.standing if v[0] != number}
        self.model.visible = set(self.model.current.items())
        self.note()

    @precondition(lambda self: self.model.retracted)
    @rule(data=st.data())
    def readmit(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.retracted)))
        self.curator.readmit(paper_id(number))
        self.model.retracted.remove(number)

    @precondition(lambda self: self.model.published)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(m.id for m in self.shelf.history())))
        self.curator.rollback(chosen)
        self.model.visible = set(self.model.published[chosen] & self.model.standing)
        self.note()

    @rule()
    def rebuild(self) -> None:
        self.curator.rebuild()
        self.model.visible = set(self.model.current.items())
        self.note()

    @precondition(lambda self: self.snapshots.current() is not None)
    @rule()
    def hold(self) -> None:
        """A slow reader goes on with the snapshot that it began with."""
        snapshot = self.snapshots.current()
        self.held.append((snapshot, answers(snapshot)))

    @precondition(lambda self: self.model.visible and self.model.visible == set(self.model.current.items()))
    @rule()
    def score_as_a_new_index_does(self) -> None:
        """What is masked counts for nothing: neither for how rare a word is, nor for how long texts are."""
        fresh = Shelf(self.folder / "fresh")
        manifest = Publisher(fresh, self.record, FakeClock(), keep=1).rebuild(ENCODER.identity)
        shown = self.snapshots.current()
        assert scores(shown) == scores(Snapshot.open(fresh, manifest))
        rmtree(self.folder / "fresh")

    # -- what is always true -------------------------------------------------------------------------------------

    @invariant()
    def what_is_found_is_what_is_visible(self) -> None:
        snapshot = self.snapshots.current() if hasattr(self, "snapshots") else None
        if snapshot is None:
            return
        mask = snapshot.eligible(Filters())
        assert found(snapshot, mask) == self.model.visible
        for version in every_version(self.model):
            hits = snapshot.matching(snapshot.terms(marker(version)), 50, mask)
            worded = {version_of(p) for p in snapshot.passages(hits.rows.tolist(), hits.scores, [{}] * len(hits.rows))}
            assert (version in worded) == (version in self.model.visible)
        assert not {number for number, _ in self.model.visible} & self.model.retracted

    @invariant()
    def filters_admit_what_a_look_at_each_row_admits(self) -> None:
        snapshot = self.snapshots.current() if hasattr(self, "snapshots") else None
        if snapshot is None:
            return
        for filters in FILTERS:
            wanted = {v for v in self.model.visible if admits(filters, v)}
            assert found(snapshot, snapshot.eligible(filters)) == wanted, filters

    @invariant()
    def files_match_their_checksums(self) -> None:
        manifest = self.shelf.current() if hasattr(self, "shelf") else None
        if manifest is not None:
            assert faults(self.shelf.columns(manifest.columns), manifest.extent) == []
            assert [fault for fault in self.curator.check().faults if "The index is at change" not in fault] == []

    @invariant()
    def held_snapshots_answer_as_they_did(self) -> None:
        for snapshot, before in getattr(self, "held", []):
            assert answers(snapshot) == before

    def note(self) -> None:
        """Ids only grow, and each id keeps one meaning."""
        manifest = self.shelf.current()
        assert manifest is not None
        self.ids.append(int(manifest.id))
        assert self.ids == sorted(self.ids)
        assert self.model.published.setdefault(manifest.id, frozenset(self.model.visible)) == self.model.visible

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.record.close()
            rmtree(self.folder)


def paper_id(number: int) -> str:
    return f"{number:012x}"


def marker(version: Version) -> str:
    """A word that no other version has."""
    return f"marker{version[0]}x{version[1]}"


def text_of(version: Version, sentences: int) -> Any:
    number, text = version
    about = Metadata(
        title="Metabolites in plasma", doi=f"10.1000/{number}", year=2000 + number, journal=JOURNALS[number % 3]
    )
    lines = [f"The {marker(version)} was measured in sample {n} of text {text}." for n in range(sentences)]
    return prepared(paper_of(lines, about, section=SECTIONS[text % 2]), ENCODER, size=16)


FILTERS = (
    Filters(year_from=2002),
    Filters(year_to=2001),
    Filters(year_from=2001, year_to=2003, journals=frozenset({"clinica", "metabolomics"})),
    Filters(sections=frozenset({Section.METHODS})),
    Filters(papers=frozenset({paper_id(0), paper_id(3)})),
    Filters(papers=frozenset({"ffff"})),
)


def admits(filters: Filters, version: Version) -> bool:
    number, text = version
    return (
        (filters.year_from is None or 2000 + number >= filters.year_from)
        and (filters.year_to is None or 2000 + number <= filters.year_to)
        and (not filters.journals or JOURNALS[number % 3].casefold() in filters.journals)
        and (not filters.sections or SECTIONS[text % 2] in filters.sections)
        and (not filters.papers or paper_id(number) in filters.papers)
    )


def every_version(model: Model) -> set[Version]:
    return set().union(*model.published.values(), model.standing)


def version_of(passage: Any) -> Version:
    number, text = passage.sentences[0].text.split()[1].removeprefix("marker").split("x")
    return int(number), int(text)


def found(snapshot: Snapshot, mask: Any) -> set[Version]:
    """Versions that a search for anything finds."""
    hits = snapshot.nearest(ENCODER.encode_query("measured in sample"), 1000, mask)
    assert len(hits.rows) == snapshot.count(mask)
    return {version_of(p) for p in snapshot.passages(hits.rows.tolist(), hits.scores, [{}] * len(hits.rows))}


def answers(snapshot: Snapshot) -> Any:
    """All that a question gets from a snapshot."""
    query = ENCODER.encode_query("What was measured in sample 2?")
    mask = snapshot.eligible(Filters())
    near = snapshot.nearest(query, 20, mask)
    words = snapshot.matching(snapshot.terms("measured in sample 2"), 20, mask)
    passages = snapshot.passages(near.rows.tolist(), near.scores.tolist(), [{}] * len(near.rows))
    return (
        snapshot.id,
        near.scores.tolist(),
        [(p.paper, p.sentences, p.sentence_vectors.tolist()) for p in passages],
        sorted(words.rows.tolist()),
        np.round(snapshot.sentence_maxima(query, near.rows), 4).tolist(),
        snapshot.terms("measured in sample 2"),
    )


def scores(snapshot: Snapshot) -> list[tuple[Version, float, float]]:
    """How well each version that is shown matches, by its words and by their grams."""
    text = "marker1x2 measured in sample 2 of text 3"
    hits = snapshot.nearest(ENCODER.encode_query(text), 1000, snapshot.eligible(Filters()))
    passages = snapshot.passages(hits.rows.tolist(), hits.scores.tolist(), [{}] * len(hits.rows))
    words, parts = snapshot.stem_scores(snapshot.terms(text), hits.rows), snapshot.gram_scores(text, hits.rows)
    found = zip(map(version_of, passages), words, parts, strict=True)
    return sorted((version, round(float(word), 4), round(float(part), 4)) for version, word, part in found)


IndexMachine.TestCase.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestIndex = IndexMachine.TestCase
