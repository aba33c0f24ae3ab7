"""The graph of a snapshot says what a look at each reading says, whatever was done to the papers before."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cmo.index.graph_build import CURATED_PROBABILITY
from cmo.index.graph_publish import GraphMaker
from cmo.index.publish import Publisher
from cmo.index.shelf import Shelf
from cmo.index.snapshot import Snapshot
from cmo.model.concepts import Concept, CuratedEdge, Kind, Mention, Reading, Relation, RelationType
from cmo.model.papers import Metadata
from cmo.store.originals import Originals
from cmo.store.record import Record
from cmo.stories.curator import Curator
from cmo.testing import FakeClock, HashingEmbedder, paper_of, prepared
from tests.properties import aggregate

MEMORY = Path("/dev/shm")
ENCODER = HashingEmbedder(16)
IDS = ("CHEBI:1", "CHEBI:2", "DOID:3", "DOID:4", "HGNC:5", "X:6")
KNOWN = {id_: Concept(id_, f"name of {id_}", Kind.METABOLITE) for id_ in (*IDS[:5], "PW:7", "PW:8", "PW:9")}
FEW_IDS = ("CHEBI:1", "DOID:3", "X:6")
FEW_TYPES = (
    RelationType.INCREASED_IN, RelationType.DECREASED_IN, RelationType.ASSOCIATED_WITH, RelationType.CONVERTED_TO,
)  # fmt: skip
"""So few that papers often speak of the same edge, or of its opposite."""
SENTENCES = 6
KINDS = (Kind.METABOLITE, Kind.GENE)
CURATED = (
    CuratedEdge("CHEBI:1", "PW:7", RelationType.PART_OF_PATHWAY, "Reactome", "R-HSA-1"),
    CuratedEdge("PW:7", "PW:8", RelationType.PART_OF_PATHWAY, "Reactome", "R-HSA-2"),
    CuratedEdge("CHEBI:1", "CHEBI:2", RelationType.CONVERTED_TO, "Rhea", "RHEA:1"),
)


class Stated:
    identity = "curated@1"

    def edges(self) -> Sequence[CuratedEdge]:
        return CURATED


@dataclass
class Base:
    folder: Path
    record: Record
    shelf: Shelf
    curator: Curator

    def add(self, number: int, readings: Sequence[Reading]) -> None:
        made = replace(paper(number), reading=readings[0] if readings else None)
        self.record.save(made, f"{number:012x}", ENCODER.identity)
        version = next(v for v, p in self.record.current_versions().items() if p == f"{number:012x}")
        self.record.readings.put([(version, reading) for reading in readings[1:]])

    def publish(self) -> Snapshot:
        assert self.curator.heal()
        manifest = self.shelf.current()
        assert manifest is not None
        return Snapshot.open(self.shelf, manifest)


@cache
def empty_record() -> bytes:
    """A migrated database: migrating takes longer than all that is done to it."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "record.sqlite3"
    with Record.open(f"sqlite:///{path}", FakeClock()) as record, record._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    rmtree(folder)
    return data


@contextmanager
def opened(*, curated: bool = False) -> Iterator[Base]:
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    (folder / "record.sqlite3").write_bytes(empty_record())
    record = Record.open(f"sqlite:///{folder / 'record.sqlite3'}", FakeClock())
    shelf = Shelf(folder / "index")
    maker = GraphMaker(record.readings, KNOWN.get, Stated() if curated else None)
    curator = Curator(
        folder=folder,
        record=record,
        originals=Originals(folder / "originals"),
        shelf=shelf,
        publisher=Publisher(shelf, record, FakeClock(), keep=3, graph=maker),
        encoder=lambda: ENCODER,
        clock=FakeClock(),
    )
    yield Base(folder, record, shelf, curator)
    record.close()
    rmtree(folder)


def lines(number: int) -> list[str]:
    return [f"Sentence {n} of paper {number} about many things." for n in range(SENTENCES)]


def paper(number: int) -> Any:
    return prepared(paper_of(lines(number), Metadata(title="", doi=f"10.1/{number}")), ENCODER, size=24)


GRID = st.integers(1, 9999).map(lambda n: n / 10_000)


@st.composite
def readings(draw: st.DrawFn, reader: str = "cmo@1") -> Reading:
    starts = np.cumsum([0, *(len(line) + 1 for line in lines(0))])
    ends = starts[1:] - 1
    mentions = []
    for sentence in sorted(draw(st.lists(st.integers(0, SENTENCES - 1), max_size=8))):
        start = int(starts[sentence]) + draw(st.integers(0, 10))
        mentions.append(
            Mention(start, int(ends[sentence]), draw(st.sampled_from(IDS)), draw(st.sampled_from(KINDS)), draw(GRID))
        )
    relation = st.builds(
        Relation, st.sampled_from(FEW_IDS), st.sampled_from(FEW_IDS), st.sampled_from(FEW_TYPES), GRID,
        st.integers(0, SENTENCES), st.booleans(), st.booleans(), st.lists(st.sampled_from(IDS), max_size=2).map(tuple),
        st.booleans(),
    ).filter(lambda r: r.subject != r.object)  # fmt: skip
    return Reading(reader, tuple(sorted(mentions, key=lambda m: m.start)), tuple(draw(st.lists(relation, max_size=8))))


PAPERS = st.lists(st.tuples(readings(), st.booleans(), readings("llm@1")), min_size=1, max_size=5)


def told(snapshot: Snapshot) -> Any:
    """All that a graph says, by ids and texts, so that snapshots of different bases can be compared."""
    graph = snapshot.graph
    if graph is None:
        return None
    names = {int(n): graph.node(int(n)) for n in graph.nodes}
    id_of = {n: node.concept for n, node in names.items()}

    def sentence(row: int, place: int) -> str:
        (passage,) = snapshot.passages([row], [0.0], [{}])
        return passage.sentences[place].text

    edges = {}
    for edge in graph.all_edges():
        facts = sorted(
            (id_of[f.subject], id_of[f.object], f.type, f.probability, f.negated, f.hedged, f.apart, f.paper, f.source,
             tuple(graph.node(c).concept for c in f.context), sentence(f.row, f.sentence) if f.row >= 0 else "")
            for f in graph.facts(edge, 1000)
        )  # fmt: skip
        key = (id_of[edge.subject], id_of[edge.object], edge.type, edge.source)
        assert key not in edges
        edges[key] = (round(edge.probability, 5), edge.papers_for, edge.papers_against, facts)
    passages = {}
    for row in range(len(snapshot.columns.rows)):
        mentioned = {id_of[int(n)] for n in graph.mentioned(row)}
        if mentioned:
            (passage,) = snapshot.passages([row], [0.0], [{}])
            passages[passage.text] = mentioned
    return {(n.concept, n.name, n.kind, n.papers) for n in names.values()}, edges, passages


def expected(papers: dict[int, list[Reading]]) -> tuple[Any, Any, Any]:
    """The same, by looking at each reading, with the colleague's arithmetic for the edges."""
    rows = []
    passages: dict[str, set[str]] = defaultdict(set)
    spoken: dict[str, set[int]] = defaultdict(set)
    for number, given_ in papers.items():
        made = paper(number)
        for reading in given_:
            for mention in reading.mentions:
                for chunk in made.chunks:
                    mine = made.parsed.sentences[chunk.first : chunk.last]
                    if mine[0].start <= mention.start < mine[-1].end:
                        text = " ".join(made.parsed.text[s.start : s.end] for s in mine)
                        passages[text].add(mention.concept)
                        spoken[mention.concept].add(number)
            for r in reading.relations:
                if r.sentence < SENTENCES:
                    turned = r.type is RelationType.ASSOCIATED_WITH and r.subject > r.object
                    one, other = (r.object, r.subject) if turned else (r.subject, r.object)
                    rows.append((IDS.index(one), IDS.index(other), r.type, r.probability, number, r.negated))
    facts = aggregate.Facts(
        *(
            np.array(column, kind)
            for column, kind in zip(
                zip(*[(a, b, aggregate.TYPES.index(t), p, n, d) for a, b, t, p, n, d in rows], strict=True)
                if rows
                else [[]] * 6,
                ("u8", "u8", "u1", "f4", "u8", "?"),
                strict=True,
            )
        )
    )
    combined = aggregate.combine(facts)
    edges = {
        (IDS[int(combined.subject[n])], IDS[int(combined.object[n])], aggregate.TYPES[combined.type[n]], "papers"): (
            float(combined.support[n]),
            int(combined.papers_for[n]),
            int(combined.papers_against[n]),
        )
        for n in range(len(combined))
    }
    shown = set(spoken) | {end for subject, object_, *_ in edges for end in (subject, object_)}
    nodes = {(id_, KNOWN[id_].name if id_ in KNOWN else id_, len(spoken.get(id_, ()))) for id_ in shown}
    return nodes, edges, dict(passages)


FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(PAPERS)
def test_a_graph_says_what_a_look_at_each_reading_says(papers: list[tuple[Reading, bool, Reading]]) -> None:
    given_ = {n: [own, other] if both else [own] for n, (own, both, other) in enumerate(papers)}
    with opened() as base:
        for number, found in given_.items():
            base.add(number, found)
        snapshot = base.publish()
        nodes, edges, passages = expected(given_)
        if snapshot.graph is None:
            assert not passages
            assert not edges
            return
        got_nodes, got_edges, got_passages = told(snapshot)
        assert {(id_, name, n) for id_, name, _, n in got_nodes} == nodes
        assert got_passages == passages
        assert set(got_edges) == set(edges)
        for key, (probability, papers_for, papers_against) in edges.items():
            assert abs(got_edges[key][0] - probability) < 1e-4
            assert got_edges[key][1:3] == (papers_for, papers_against)
            assert len({fact[:3] for fact in got_edges[key][3]}) <= 2  # itself and its opposite


@FEW
@given(PAPERS, st.data(), st.booleans())
def test_a_retracted_paper_leaves_the_graph_as_if_it_had_never_been(
    papers: list[tuple[Reading, bool, Reading]], data: st.DataObject, curated: bool
) -> None:
    out = data.draw(st.sets(st.integers(0, len(papers) - 1)))
    again = data.draw(st.sets(st.integers(0, len(papers) - 1)))
    with opened(curated=curated) as base, opened(curated=curated) as other:
        for number, (own, both, foreign) in enumerate(papers):
            base.add(number, [own, foreign] if both else [own])
            if number % 2:
                base.publish()
            if number not in out:
                read = replace(foreign, reader="cmo@2") if number in again else own
                other.add(number, [read, foreign] if both else [read])
        versions = {p: v for v, p in base.record.current_versions().items()}
        base.publish()
        for number in out:
            base.curator.retract(f"{number:012x}", "a reason")
        base.record.readings.put(
            [(versions[f"{n:012x}"], replace(papers[n][2], reader="cmo@2")) for n in sorted(again - out)]
        )
        snapshot = base.publish()
        if len(out) < len(papers):
            alone = other.publish()
            assert told(snapshot) == told(alone)
        elif snapshot.graph is not None:
            assert told(snapshot) == (set(), {}, {})
        assert base.curator.check().faults == ()
        base.curator.rebuild()
        rebuilt = base.publish()
        if len(out) < len(papers):
            assert told(rebuilt) == told(alone)


@FEW
@given(PAPERS)
@example([(Reading("cmo@1", (Mention(0, 5, "CHEBI:1", Kind.METABOLITE, 0.5),)), False, Reading("llm@1"))])
def test_curated_edges_reach_one_step_beyond_the_papers_and_say_where_they_come_from(
    papers: list[tuple[Reading, bool, Reading]],
) -> None:
    with opened(curated=True) as base:
        for number, (own, _, _) in enumerate(papers):
            base.add(number, [own])
        graph = base.publish().graph
        if graph is None:
            return
        spoken = {concept for concept, _, _ in expected({n: [own] for n, (own, _, _) in enumerate(papers)})[0]}
        edges = {
            (graph.node(e.subject).concept, graph.node(e.object).concept, e.source)
            for e in graph.all_edges()
            if e.source != "papers"
        }
        near = {c for c in CURATED if {c.subject, c.object} & spoken}
        assert edges == {(c.subject, c.object, c.source) for c in near}
        assert {graph.node(e.object).name for e in graph.all_edges() if e.source == "Reactome"} <= {"name of PW:7"}
        assert ("PW:7" in {graph.node(int(n)).concept for n in graph.nodes}) == ("CHEBI:1" in spoken)
        for edge in graph.all_edges():
            if edge.source != "papers":
                (fact,) = graph.facts(edge, 9)
                assert (fact.row, fact.paper, fact.source) == (-1, "", edge.source)
                assert edge.papers_for == edge.papers_against == 0


def test_what_papers_state_stands_before_what_a_vocabulary_states_however_unsure() -> None:
    said = Relation("CHEBI:1", "DOID:3", RelationType.ASSOCIATED_WITH, 0.2, 0)
    with opened(curated=True) as base:
        base.add(1, [Reading("cmo@1", (Mention(0, 5, "CHEBI:1", Kind.METABOLITE, 0.9),), (said,))])
        graph = base.publish().graph
        assert graph is not None
        edges = graph.edges(graph.find(["CHEBI:1"]), None, 9)
        assert [edge.source == "papers" for edge in edges] == [True, False, False]
        assert edges[0].probability < edges[1].probability == CURATED_PROBABILITY
