"""A LightRAG folder comes in whole or not at all."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cmo.errors import ImportRefused
from cmo.lightrag.folder import read_folder
from cmo.model.concepts import Kind, Reading, RelationType
from cmo.model.naming import KnowsNothing
from cmo.model.outcomes import Status
from cmo.stories.importer import Imported, Importer

Change = Callable[[str, Callable[[str], str]], Path]
GRAPH, CHUNKS = "graph_chunk_entity_relation.graphml", "kv_store_text_chunks.json"
DOCUMENTS, STATUS = "kv_store_full_docs.json", "kv_store_doc_status.json"


def importer(base: Any) -> Importer:
    return Importer(base.app.curator, base.app.record, KnowsNothing, base.folder / "importing")


def bring_in(base: Any, folder: Path) -> list[Imported]:
    story = importer(base)
    return list(story.bring_in(story.check(folder), base.pipeline()))


def readings(base: Any) -> list[Reading]:
    record = base.app.record
    found = [stored.reading for stored in record.readings.of(list(record.current_versions()))]
    return [reading for reading in found if reading.reader == "lightrag"]


def stated(base: Any) -> set[tuple[str, str, str, str]]:
    """Subject, type, object and evidence sentence of every relation, in words."""
    found = set()
    record = base.app.record
    for stored in record.readings.of(list(record.current_versions())):
        reading = stored.reading
        if reading.reader != "lightrag":
            continue
        [(_, paper)] = record.readings.parsed([stored.mark.version_id])
        names = {c.id: c.name for c in reading.concepts}
        for relation in reading.relations:
            sentence = paper.sentences[relation.sentence]
            text = paper.text[sentence.start : sentence.end]
            found.add((names[relation.subject], relation.type.value, names[relation.object], text))
    return found


def test_what_the_real_library_made_becomes_papers_and_relations_with_their_sentences(base: Any, made: Path) -> None:
    done = bring_in(base, made)
    assert [(d.outcome.status, d.new) for d in done] == [(Status.ADDED, True)] * 2
    assert {p.ref.metadata.title for p in base.app.record.papers()} == {
        "Phenylalanine and tyrosine in untreated phenylketonuria",
        "Trimethylamine oxide in plasma and the risk of atherosclerosis",
    }
    found = stated(base)
    pku = "Phenylalanine is raised in phenylketonuria."
    assert ("Phenylalanine", "increased in", "Phenylketonuria", pku) in found
    assert ("TMAO", "measured by", "Mass Spectrometry", "Plasma TMAO was measured by mass spectrometry.") in found
    assert all(subject in text.title() or subject in text for subject, _, _, text in found)


def test_every_mention_stands_where_it_says(base: Any, made: Path) -> None:
    bring_in(base, made)
    record = base.app.record
    for version, paper in record.readings.parsed(list(record.current_versions())):
        [stored] = [s for s in record.readings.of([version]) if s.reading.reader == "lightrag"]
        names = {c.id: c.name for c in stored.reading.concepts}
        assert stored.reading.mentions
        for mention in stored.reading.mentions:
            assert paper.text[mention.start : mention.end].casefold() == names[mention.concept].casefold()


def test_importing_again_changes_nothing(base: Any, made: Path) -> None:
    bring_in(base, made)
    before = base.app.record.head()
    done = bring_in(base, made)
    assert [(d.outcome.status, d.new) for d in done] == [(Status.UNCHANGED, False)] * 2
    assert base.app.record.head() == before


def test_an_import_that_was_interrupted_is_taken_up(base: Any, kept: Path) -> None:
    story = importer(base)
    steps = story.bring_in(story.check(kept), base.pipeline())
    next(steps)
    steps.close()
    assert len(readings(base)) == 1
    assert sorted(d.new for d in bring_in(base, kept)) == [False, True]
    assert not (base.folder / "importing").exists()


def test_a_retracted_document_stays_out_and_brings_no_reading(base: Any, kept: Path) -> None:
    bring_in(base, kept)
    ref = base.app.record.papers()[0].ref
    base.app.curator.retract(ref.paper_id, "only a test")
    done = {d.outcome.status: d for d in bring_in(base, kept)}
    assert done[Status.REFUSED].found is None
    assert done[Status.UNCHANGED].found is not None
    assert len(readings(base)) == 1


def test_a_relation_that_no_sentence_bears_out_is_counted_and_stays_out(base: Any, change: Change) -> None:
    edge = '<edge source="Sapropterin" target="Tyrosine"><data key="d10">doc-pku-chunk-001</data></edge>'
    folder = change(GRAPH, lambda text: text.replace("</graph>", f"{edge}</graph>"))
    found = {d.document: d.found for d in bring_in(base, folder)}["doc-pku"]
    assert found
    assert found.without_evidence == 1
    assert found.relations == len(found.reading.relations) + 1
    assert not any("Sapropterin" in s and "Tyrosine" in o for s, _, o, _ in stated(base))


def test_a_name_that_the_text_does_not_hold_is_no_mention(base: Any, change: Change) -> None:
    node = '<node id="Napoleon"><data key="d3">doc-pku-chunk-001</data></node>'
    folder = change(GRAPH, lambda text: text.replace("</graph>", f"{node}</graph>"))
    found = {d.document: d.found for d in bring_in(base, folder)}["doc-pku"]
    assert found
    assert found.not_in_text == 1
    assert "Napoleon" not in {c.name for c in found.reading.concepts}


def test_probabilities_follow_the_rule_and_denials_are_marked(base: Any, kept: Path) -> None:
    bring_in(base, kept)
    relations = [r for reading in readings(base) for r in reading.relations]
    assert {r.probability for r in relations} == {0.6667, 0.75}  # in one chunk of one, in two of two
    [denied] = [r for r in relations if r.negated]
    assert denied.type is RelationType.ASSOCIATED_WITH


def test_kinds_and_ids_are_ours(base: Any, kept: Path) -> None:
    bring_in(base, kept)
    concepts = {c.name: c for reading in readings(base) for c in reading.concepts}
    assert concepts["FMO3"].kind is Kind.GENE
    assert concepts["Mass Spectrometry"].kind is Kind.METHOD
    assert all(re.fullmatch(r"LIGHTRAG:[0-9a-f]{12}", c.id) for c in concepts.values())


def test_a_name_leads_nowhere_but_into_our_own_folder(base: Any, change: Change) -> None:
    hostile = "../../../../tmp/evil\\u0000\\u202e.md"
    folder = change(DOCUMENTS, lambda text: text.replace("Phenylketonuria.md", hostile))
    plan = importer(base).check(folder)
    assert all(re.fullmatch(r"[\w.-]+\.(md|txt)", name) and "/" not in name for name in plan.documents)
    assert {d.outcome.status for d in bring_in(base, folder)} == {Status.ADDED}


BOMB = '<?xml version="1.0"?><!DOCTYPE g [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><graphml><graph>&b;</graph></graphml>'
FOREIGN = '<?xml version="1.0"?><!DOCTYPE g SYSTEM "file:///etc/passwd"><graphml/>'
DEEP = "<graphml>" + "<graph>" * 50
BROKEN: dict[str, tuple[str, Callable[[str], str], str]] = {
    "truncated JSON": (DOCUMENTS, lambda t: t[: len(t) // 2], r"kv_store_full_docs\.json is not JSON at line \d+"),
    "no object": (CHUNKS, lambda _: "[]", r"kv_store_text_chunks\.json is not an object of records"),
    "no records": (CHUNKS, lambda _: '{"a": 1}', r"the record 'a' is not an object"),
    "truncated graph": (GRAPH, lambda t: t[: len(t) // 2], r"graphml cannot be read at line \d+, column \d+"),
    "empty graph": (GRAPH, lambda _: "", r"cannot be read at line 1"),
    "no graph": (GRAPH, lambda _: "<graphml/>", r"holds no <graph>"),
    "bomb": (GRAPH, lambda _: BOMB, r"it has a document type"),
    "foreign entity": (GRAPH, lambda _: FOREIGN, r"it has a document type"),
    "nested": (GRAPH, lambda _: DEEP, r"nested more than"),
    "an edge without an end": (
        GRAPH, lambda t: t.replace("</graph>", '<edge source="TMAO"/></graph>'), r"a <edge> lacks its target"
    ),
    "an edge of nobody": (
        GRAPH, lambda t: t.replace("</graph>", '<edge source="TMAO" target="X"/></graph>'), r"'X', which is none of its"
    ),
    "a chunk of nobody": (
        CHUNKS, lambda t: t.replace('"full_doc_id": "doc-pku"', '"full_doc_id": "gone"', 1),
        r"the chunk 'doc-pku-chunk-000' is of the document 'gone', which kv_store_full_docs\.json does not have",
    ),
    "a chunk without a text": (CHUNKS, lambda t: t.replace('"content"', '"x"', 1), r"has no content or no full_doc_id"),
    "a document without a text": (DOCUMENTS, lambda t: t.replace('"content"', '"x"', 1), r"'doc-pku' has no content"),
    "a lost document": (
        STATUS, lambda t: json.dumps(json.loads(t) | {"lost": {"status": "processed"}}), r"counts 'lost' as read"
    ),
    "vectors ahead": (
        "vdb_entities.json", lambda _: '{"data": [{"entity_name": "New"}]}', r"has the entity 'New', which graph_chunk"
    ),
    "relations ahead": (
        "vdb_relationships.json", lambda _: '{"data": [{"src_id": "A", "tgt_id": ["B"]}]}', r"has the relation 'A' – "
    ),
    "no vectors": ("vdb_entities.json", lambda _: '{"matrix": ""}', r'holds no list of records under "data"'),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_refused_with_its_place_and_nothing_comes_in(base: Any, change: Change, name: str) -> None:
    file, by, complaint = BROKEN[name]
    folder = change(file, by)
    with pytest.raises(ImportRefused, match=complaint) as caught:
        importer(base).check(folder)
    assert file in str(caught.value)
    assert base.app.record.papers() == []


@pytest.mark.parametrize("file", [DOCUMENTS, STATUS, CHUNKS, GRAPH])
def test_a_missing_file_is_named(kept: Path, file: str) -> None:
    (kept / file).unlink()
    with pytest.raises(ImportRefused, match=re.escape(f"{file} is missing")):
        read_folder(kept)


def test_all_faults_are_told_at_once(kept: Path) -> None:
    (kept / DOCUMENTS).unlink()
    (kept / CHUNKS).unlink()
    with pytest.raises(ImportRefused) as caught:
        read_folder(kept)
    assert DOCUMENTS in str(caught.value)
    assert CHUNKS in str(caught.value)


def test_a_folder_of_workspaces_says_which_to_name(kept: Path) -> None:
    with pytest.raises(ImportRefused, match=r"holds workspaces \(kept\)"):
        read_folder(kept.parent)


def test_a_link_is_not_followed(kept: Path) -> None:
    (kept / GRAPH).rename(kept / "elsewhere")
    (kept / GRAPH).symlink_to(kept / "elsewhere")
    with pytest.raises(ImportRefused, match="is a link"):
        read_folder(kept)


def test_a_folder_without_vectors_is_whole(kept: Path) -> None:
    (kept / "vdb_entities.json").unlink()
    (kept / "vdb_relationships.json").unlink()
    assert len(read_folder(kept).links) > 3


def test_entries_of_no_document_are_counted(change: Change) -> None:
    held = read_folder(change(GRAPH, lambda text: text.replace("doc-pku-chunk-001", "manual")))
    assert held.unplaced > 0
