"""The graph of a base on disk: `cmo graph`, exports read back, readings made anew, damage, old formats."""

import csv
import io
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from cmo.app import App
from cmo.cli import main
from cmo.index.graph_file import NAME
from cmo.kit.hashing import short_hash
from cmo.model.concepts import Concept, Kind, RelationType
from cmo.oracle import admit
from cmo.store.record import Record
from cmo.testing import FakeLinker, FakeReader

GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
HOSTILE = (
    "=HYPERLINK(1)", 'a"b,c\n\'d', "<script>&amp;</data>", "[bold]x[/]", "\ud7ff\uffff\x01", "-carotene", "]]>", "ß→α",
)  # fmt: skip
CONCEPTS = (
    Concept("CHEBI:17295", "phenylalanine", Kind.METABOLITE, ("Phe",)),
    Concept("CHEBI:18186", "tyrosine", Kind.METABOLITE),
    Concept("DOID:9281", "phenylketonuria", Kind.DISEASE),
    Concept("UBERON:0001969", "plasma", Kind.SPECIMEN),
)
PKU = """Phenylketonuria in newborns

Phenylalanine is raised in phenylketonuria in plasma. Tyrosine is lowered in phenylketonuria. Nothing is said here."""
AGAIN = """Another look at phenylketonuria

Phenylalanine may be raised in phenylketonuria. Tyrosine is not lowered in phenylketonuria at all."""
Base = Any


@pytest.fixture
def told(base: Base) -> Base:
    """A base with two papers that agree on one thing and not on another."""
    use(base.app, FakeReader(FakeLinker(CONCEPTS)), FakeLinker(CONCEPTS))
    base.add(pku=PKU, again=AGAIN)
    return base


def use(app: App, reader: FakeReader, linker: FakeLinker) -> None:
    app.__dict__["reader"], app.__dict__["linker"] = reader, linker


def graph(base: Base) -> Any:
    return base.app.snapshots.current().graph


def test_edges_count_papers_for_and_against_and_lead_to_their_sentences(told: Base) -> None:
    found = graph(told)
    phe, tyr, pku, nowhere = found.find(["CHEBI:17295", "CHEBI:18186", "DOID:9281", "DOID:1"]).tolist()
    assert nowhere == -1
    raised, lowered = found.edges(np.array([pku]), None, 9)
    assert (raised.subject, raised.object, raised.type) == (phe, pku, RelationType.INCREASED_IN)
    assert (raised.papers_for, raised.papers_against) == (2, 0)
    assert raised.probability == pytest.approx(1 - (1 - 0.8 * 0.9) ** 2, abs=1e-4)
    assert (lowered.papers_for, lowered.papers_against, lowered.subject) == (1, 1, tyr)
    snapshot = told.app.snapshots.current()
    for fact in found.facts(lowered, 9):
        (passage,) = snapshot.passages([fact.row], [0.0], [{}])
        assert ("not lowered" in passage.sentences[fact.sentence].text) == fact.negated
        assert fact.paper == passage.paper.paper_id
        assert fact.source == "cmo@fake0001"
    hedged = {f.hedged: [found.node(c).name for c in f.context] for f in found.facts(raised, 9)}
    assert hedged == {False: ["plasma"], True: []}
    assert found.node(phe).papers == 2
    assert found.edges(np.array([pku]), np.array([tyr]), 9) == [lowered]
    assert [found.node(n).name for n in found.paths(phe, tyr, 3, 5)[0].nodes] == [
        "phenylalanine", "phenylketonuria", "tyrosine",
    ]  # fmt: skip
    assert found.paths(phe, tyr, 1, 5) == found.paths(phe, phe, 3, 5) == []


def test_a_retraction_takes_edges_and_support_away(told: Base) -> None:
    out = next(p.ref.paper_id for p in told.app.record.papers() if "Another" in p.ref.metadata.title)
    told.app.curator.retract(out, "a reason")
    found = graph(told)
    pku = found.find(["DOID:9281"])
    assert [(e.papers_for, e.papers_against) for e in found.edges(pku, None, 9)] == [(1, 0), (1, 0)]
    assert told.app.curator.check().faults == ()


def test_a_rebuild_reads_again_what_would_be_read_otherwise_and_keeps_what_others_read(told: Base) -> None:
    curator, record = told.app.curator, told.app.record
    versions = list(record.current_versions())
    other = replace(FakeReader(FakeLinker(CONCEPTS[:1])).read(paper_of_version(record, versions[0])), reader="llm@1")
    list(curator.take_readings([(versions[0], other)]))
    use(told.app, FakeReader(FakeLinker(CONCEPTS[1:]), "cmo@fake0002"), FakeLinker(CONCEPTS[1:]))
    before = curator.holdings()
    assert (before.reader, before.stale_readings, before.missing_readings) == ("cmo@fake0002", 2, 0)
    assert curator.check().faults == ()
    told_of: list[tuple[int, int]] = []
    curator.rebuild(progress=lambda done, total: told_of.append((done, total)))
    assert (1, 2) in told_of
    assert (2, 2) in told_of
    assert curator.holdings().stale_readings == 0
    assert record.readings.readers() == {"cmo@fake0002": 2, "llm@1": 1}
    assert {graph(told).node(int(n)).name for n in graph(told).nodes} >= {"tyrosine", "phenylketonuria"}
    assert curator.check().faults == ()
    assert curator.forget_readings("llm") == 1
    assert graph(told).find(["CHEBI:17295"]).tolist() == [-1]
    assert curator.check().faults == ()


def paper_of_version(record: Record, version: int) -> Any:
    return next(record.readings.parsed([version]))[1]


def test_papers_from_before_readings_are_missing_until_a_rebuild(base: Base) -> None:
    pipeline = base.pipeline()
    pipeline._reader = None
    list(base.app.curator.ingest(pipeline, [base.write("pku", PKU)]))
    assert graph(base) is None
    assert base.app.curator.holdings().missing_readings == 1
    base.app.curator.rebuild()
    assert base.app.curator.holdings().missing_readings == 0
    assert graph(base) is not None


def test_a_graph_that_is_not_what_the_papers_say_is_told_and_mended(told: Base) -> None:
    app = told.app
    manifest = app.shelf.current()
    record = app.record.readings
    version = next(iter(app.record.current_versions()))
    with record._database.engine.begin() as connection:  # behind everybody's back
        connection.exec_driver_sql(f"UPDATE readings SET digest = 'x' WHERE version_id = {version}")
    assert any("lacks 1 reading" in fault for fault in app.curator.check().faults)
    app.curator.rebuild()
    assert app.curator.check().faults == ()
    assert app.shelf.current().id != manifest.id


def test_a_missing_graph_is_made_again_by_the_next_reader(told: Base, open_base: Callable[..., Any]) -> None:
    folder = told.app.shelf.snapshot(told.app.shelf.current().id)
    (folder / NAME).unlink()
    with open_base(told.folder) as base:
        assert base.app.oracle.reply(admit("Is phenylalanine raised in phenylketonuria?")).answer.refusal is None
        assert base.app.shelf.current().origin == "rebuild"
        assert graph(base) is not None


def test_an_index_of_the_format_before_graphs_is_made_anew(told: Base, open_base: Callable[..., Any]) -> None:
    path = told.app.shelf.snapshot(told.app.shelf.current().id) / "manifest.json"
    facts = json.loads(path.read_text())
    facts["format"] = 3
    path.write_text(json.dumps(facts))
    with open_base(told.folder) as base:
        assert base.app.oracle.reply(admit("Is phenylalanine raised in phenylketonuria?")).answer.refusal is None
        assert graph(base) is not None


def test_hubs_are_not_walked_through_but_may_be_asked_of(base: Base) -> None:
    names = [f"thing{n}" for n in range(25)]
    linker = FakeLinker([Concept("X:hub", "blood", Kind.OTHER), *(Concept(f"X:{n}", n, Kind.OTHER) for n in names)])
    use(base.app, FakeReader(linker), linker)
    base.add(**{n: f"A paper about {n} and more\n\nThe {n} is raised in blood today." for n in names})
    found = graph(base)
    hub, one, other = found.find(["X:hub", "X:thing1", "X:thing2"])
    assert found.paths(int(one), int(other), 3, 5) == []
    assert found.within(np.array([one]), 3).tolist() == sorted([int(hub), int(one)])
    assert len(found.within(np.array([hub]), 1)) == len(names) + 1
    scores = found.spread(np.array([one]), np.ones(1, np.float32))
    assert scores[other] == 0 < scores[hub] < scores[one]
    asked = found.spread(np.array([hub]), np.ones(1, np.float32))
    assert asked[other] > 0
    assert asked.sum() == pytest.approx(1, abs=1e-3)
    assert found.spread(np.array([], np.int64), np.array([], np.float32)).sum() == 0


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def cmo(told: Base, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    linker = FakeLinker(CONCEPTS)
    monkeypatch.setattr(App, "linker", linker)
    monkeypatch.setenv("CMO_HOME", str(told.folder))

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["cmo", *map(str, arguments)])
        code: Any = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(code), said.out

    return run


def test_show_draws_what_is_said_of_a_concept(cmo: Callable[..., Any], tmp_path: Path) -> None:
    code, out = cmo("graph", "show", "Phe", "--hops", "2", "--svg", tmp_path / "phe.svg")
    assert code == 0
    assert "phenylalanine increased in phenylketonuria 0.92 · 2 for, 0 against" in out
    assert "tyrosine decreased in phenylketonuria" in out
    assert "Phenylalanine is raised in phenylketonuria in plasma. Phenylketonuria in newborns, page 1" in out
    assert "may be raised" not in out
    assert "Phenylalanine may be raised" in cmo("graph", "show", "Phe", "--sentences", "2")[1]
    assert "page 1" not in cmo("graph", "show", "Phe", "--sentences", "0")[1]
    assert "against: Tyrosine is not lowered" in cmo("graph", "show", "tyrosine", "--sentences", "5")[1]
    assert ET.parse(tmp_path / "phe.svg").getroot().tag.endswith("svg")
    code, out = cmo("graph", "show", "DOID:9281", "--json")
    facts = orjson.loads(out)
    assert facts["concept"]["name"] == "phenylketonuria"
    assert {r["subject"]["name"] for r in facts["relations"]} == {"phenylalanine", "tyrosine"}
    (stated,) = facts["relations"][0]["sentences"]
    assert (stated["text"], stated["against"]) == ("Phenylalanine is raised in phenylketonuria in plasma.", False)
    assert (stated["cited"], stated["page"]) == ("Phenylketonuria in newborns", 1)


def test_path_and_stats_tell_the_same_to_people_and_programs(cmo: Callable[..., Any]) -> None:
    _, out = cmo("graph", "path", "phenylalanine", "tyrosine", "--json")
    (way,) = orjson.loads(out)["paths"]
    assert [step["relation"] for step in way["steps"]] == ["increased in", "decreased in"]
    assert "phenylalanine increased in" in cmo("graph", "path", "phenylalanine", "tyrosine")[1]
    assert "Nothing leads" in cmo("graph", "path", "phenylalanine", "tyrosine", "--hops", 1)[1]
    facts = orjson.loads(cmo("graph", "stats", "--json")[1])
    assert (facts["nodes"], facts["edges"], facts["facts"]) == (4, 2, 4)
    assert facts["readers"] == {"cmo@fake0001": 2}
    assert "metabolite 2" in cmo("graph", "stats")[1]


def test_what_is_not_there_is_told(cmo: Callable[..., Any], tmp_path: Path) -> None:
    for arguments in (("show", "unobtainium"), ("path", "Phe", "unobtainium")):
        code, out = cmo("graph", *arguments, "--json")
        assert code != 0
        assert orjson.loads(out)["error"]["code"] == "not-found"
    assert cmo("graph", "export", tmp_path / "x", "--format", "rdf")[0] != 0
    assert cmo("graph", "stats", "--home", tmp_path / "empty")[0] != 0


def test_hostile_names_survive_every_export(base: Base) -> None:
    ids = [f"X:{name}" for name in HOSTILE]
    concepts = [Concept(id_, f"thing{n}", Kind.OTHER) for n, id_ in enumerate(ids)]
    shown = FakeLinker([replace(c, name=name) for c, name in zip(concepts, HOSTILE, strict=True)])
    use(base.app, FakeReader(FakeLinker(concepts)), shown)
    lines = " ".join(f"The thing{n} is raised in thing{(n + 1) % len(ids)} indeed." for n in range(len(ids)))
    base.add(hostile=f"A paper about hostile names\n\n{lines}")
    from cmo.index.graph_export import graphml, jsonld, table

    view = graph(base)
    nodes = [view.node(int(n)) for n in view.nodes]
    assert {n.name for n in nodes} == set(HOSTILE)
    wanted = {(view.node(e.subject).name, view.node(e.object).name) for e in view.all_edges()}
    assert len(wanted) == len(ids)

    def clean(name: str) -> str:
        return "".join("\ufffd" if c in "\uffff\x01" else c for c in name)

    tree = ET.fromstring(graphml(view))
    names = {
        node.get("id"): next(d.text for d in node if d.get("key") == "node_name")
        for node in tree.iter(f"{GRAPHML}node")
    }
    found = {(names[e.get("source")], names[e.get("target")]) for e in tree.iter(f"{GRAPHML}edge")}
    assert found == {(clean(a), clean(b)) for a, b in wanted}

    document = json.loads(jsonld(view))
    called = {thing["@id"]: thing["name"] for thing in document["@graph"] if "@id" in thing}
    assert all(not set(id_) & set(' <>"{}|\\^`\n') for id_ in called)
    stated = [thing for thing in document["@graph"] if "subject" in thing]
    assert {(called[s["subject"]], called[s["object"]]) for s in stated} == wanted
    assert all(len(s["stated_by"]) == 1 for s in stated)

    rows = list(csv.DictReader(io.StringIO(table(view).decode(), newline="")))
    assert {(r["subject_name"].removeprefix("'"), r["object_name"].removeprefix("'")) for r in rows} == wanted
    assert not [cell for row in rows for cell in row.values() if cell.lstrip()[:1] in set("=+-@")]


@pytest.mark.parametrize("kind", ["graphml", "jsonld", "csv"])
def test_export_writes_the_whole_graph(cmo: Callable[..., Any], told: Base, tmp_path: Path, kind: str) -> None:
    code, out = cmo("graph", "export", tmp_path / "graph.out", "--format", kind)
    assert code == 0
    assert "4 concepts and 2 relations" in out
    text = (tmp_path / "graph.out").read_text()
    for paper in told.app.record.papers():
        assert paper.ref.paper_id in text
    facts = orjson.loads(cmo("graph", "export", tmp_path / "graph.out", "--format", kind, "--json")[1])
    assert (facts["format"], facts["nodes"], facts["edges"]) == (kind, 4, 2)


def test_a_file_for_a_folder_that_is_not_there_is_refused_by_the_folders_name(
    cmo: Callable[..., Any], tmp_path: Path
) -> None:
    missing = tmp_path / "no such folder"
    for arguments in (("export", missing / "graph.csv"), ("show", "Phe", "--svg", missing / "phe.svg")):
        code, out = cmo("graph", *arguments, "--json")
        error = orjson.loads(out)["error"]
        assert (code, error["code"]) == (5, "not-found")
        assert str(missing) in error["message"]
        assert ".tmp" not in error["message"]


def test_status_tells_of_the_graph(cmo: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "reader", FakeReader(FakeLinker(CONCEPTS)))
    facts = orjson.loads(cmo("kb", "status", "--json")[1])
    assert (facts["nodes"], facts["edges"], facts["facts"], facts["curated_edges"]) == (4, 2, 4, 0)
    assert (facts["reader"], facts["stale_readings"], facts["missing_readings"]) == ("cmo@fake0001", 0, 0)
    assert cmo("kb", "verify")[0] == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_concept_that_only_readings_know_is_called_the_same_in_whatever_order_they_came(
    base: Base, order: tuple[int, int]
) -> None:
    names = ("ketone body", "acetone body")
    concepts = [Concept("X:1", "phenylalanine", Kind.OTHER), Concept("X:2", "phenylketonuria", Kind.OTHER)]
    use(base.app, FakeReader(FakeLinker(concepts)), FakeLinker(()))
    base.add(pku=PKU, again=AGAIN)
    papers = sorted((p.ref.metadata.title, p.ref.paper_id) for p in base.app.record.papers())
    versions = {paper: version for version, paper in base.app.record.current_versions().items()}
    for n in order:
        mine = versions[papers[n][1]]
        read = FakeReader(FakeLinker(concepts), "llm@1").read(paper_of_version(base.app.record, mine))
        called = replace(read, concepts=(Concept("X:1", names[n], Kind.METABOLITE),))
        list(base.app.curator.take_readings([(mine, called)]))

    def name() -> str:
        found = graph(base)
        return str(found.node(int(found.find(["X:1"])[0])).name)

    first = name()
    assert first == min(names, key=lambda n: short_hash(f"metabolite {n}"))
    base.app.curator.retract(papers[names.index(first)][1], "a reason")
    assert name() == names[1 - names.index(first)]
    base.app.curator.forget_readings("llm")
    assert name() == "X:1"
