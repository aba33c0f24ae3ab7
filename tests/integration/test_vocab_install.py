"""Installing vocabularies: whole or not at all, from files, from a server on loopback, and at full size."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmo.cli import main
from cmo.errors import NotFound, VocabularyCorrupt, VocabularyError
from cmo.vocabulary import installed
from cmo.vocabulary.installed import Vocabularies
from cmo.vocabulary.normal import load_manifest
from cmo.vocabulary.sources.catalog import Source, source

DICTS = Path(__file__).parents[3] / "shared" / "data" / "dicts"
ON_CI = "CI" in os.environ  # noqa: TID251 - no setting of ours
with_dicts = pytest.mark.skipif(not DICTS.exists() and not ON_CI, reason="the shared dictionaries are absent")
HEADER = "name\tid\tsynonyms\txrefs\tparents\n"
PATHWAYS = (
    "15724\tR-HSA-1\thttps://x\tTrimethylamine N-oxide\tTAS\tHomo sapiens\n"
    "15724\tR-HSA-2\thttps://x\tCholine catabolism\tTAS\tHomo sapiens\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "base"


@pytest.fixture
def vocabularies(home: Path) -> Vocabularies:
    return Vocabularies(home)


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "metabolites.tsv"
    path.write_text(HEADER + "our marker\tLAB:1\tOM\tHMDB:HMDB9999999\tCHEBI:15724\nhalf a row\n")
    return path


@pytest.fixture
def reactome(tmp_path: Path) -> Path:
    (folder := tmp_path / "reactome").mkdir()
    (folder / "ChEBI2Reactome.txt").write_text(PATHWAYS)
    return folder


@pytest.fixture
def served(reactome: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reactome's file on a server, and a catalog that names it."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(reactome))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/ChEBI2Reactome.txt"

    def known(name: str) -> Source:
        return replace(source(name), urls=(url,))

    monkeypatch.setattr(installed, "source", known)
    yield
    server.shutdown()
    server.server_close()


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()} - {".lock"}


def test_what_is_installed_is_merged_with_the_starter_and_tells_where_it_comes_from(
    vocabularies: Vocabularies, ours: Path
) -> None:
    before = vocabularies.digest
    manifest = vocabularies.install("own", ours)
    assert (manifest.concepts, manifest.edges, manifest.source) == (1, 0, ("metabolites.tsv",))
    assert manifest.problems == {"bad row": 1}
    assert manifest.places == ("bad row: metabolites.tsv:3: it has 1 fields where the header has 5",)
    assert load_manifest(vocabularies.folder / "own") == manifest
    assert vocabularies.find("OM")[0].parents == ("CHEBI:15724",)
    assert vocabularies.find("TMAO")[0].id == "CHEBI:15724"
    assert vocabularies.digest != before
    assert names(vocabularies.folder) == {"own"}


def test_the_digest_changes_with_the_content_and_with_nothing_else(vocabularies: Vocabularies, ours: Path) -> None:
    starter_alone = vocabularies.digest
    vocabularies.install("own", ours)
    first = vocabularies.digest
    vocabularies.install("own", ours)
    assert vocabularies.digest == first
    assert (vocabularies.folder / "own" / "concepts.jsonl.gz").read_bytes()[4:8] == bytes(4)  # no time of day
    ours.write_text(ours.read_text().replace("OM", "OM2"))
    vocabularies.install("own", ours)
    assert vocabularies.digest not in {first, starter_alone}
    vocabularies.remove("own")
    assert vocabularies.digest == starter_alone


def test_edges_of_a_vocabulary_lead_between_concepts_of_all(vocabularies: Vocabularies, reactome: Path) -> None:
    vocabularies.install("reactome", reactome)
    found = vocabularies.merged()
    assert {(e.subject, e.object, e.evidence) for e in found.edges} == {
        ("CHEBI:15724", "REACTOME:R-HSA-1", "R-HSA-1"), ("CHEBI:15724", "REACTOME:R-HSA-2", "R-HSA-2"),
    }  # fmt: skip
    assert {e.object for e in found.edges} <= {c.id for c in found.concepts}


def test_files_from_which_nothing_can_be_read_leave_what_was_installed(vocabularies: Vocabularies, ours: Path) -> None:
    vocabularies.install("own", ours)
    before = vocabularies.digest
    ours.write_text(HEADER + "half a row\n")
    with pytest.raises(VocabularyError, match=r"holds no concept of Your own vocabulary. The first of 1 problems"):
        vocabularies.install("own", ours)
    with pytest.raises(VocabularyError, match=r"There is no .*nowhere"):
        vocabularies.install("own", ours.parent / "nowhere")
    with pytest.raises(NotFound, match="There is no vocabulary 'x'"):
        vocabularies.install("x", ours)
    assert vocabularies.digest == before


@pytest.mark.parametrize("where", ["write", "write_manifest", "Vocabularies._swap"])
def test_an_install_that_fails_on_the_way_leaves_what_was_there(
    vocabularies: Vocabularies, ours: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    vocabularies.install("own", ours)
    before = vocabularies.digest
    ours.write_text(ours.read_text().replace("OM", "OM2"))

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(f"cmo.vocabulary.installed.{where}", fail)
    with pytest.raises(OSError, match="Input/output"):
        vocabularies.install("own", ours)
    assert (vocabularies.digest, vocabularies.verify()) == (before, [])
    assert names(vocabularies.folder) == {"own"}


def test_what_a_killed_writer_left_is_swept_and_what_it_had_ready_is_put_in_place(
    vocabularies: Vocabularies, ours: Path, reactome: Path
) -> None:
    vocabularies.install("own", ours)
    killed = vocabularies.folder / ".staged-killed"
    shutil.copytree(vocabularies.folder / "own", killed / "old")
    (vocabularies.folder / "own").rename(killed / "own")  # between the two renames of a swap
    half = vocabularies.folder / ".staged-half" / "chebi"
    half.mkdir(parents=True)
    (half / "concepts.jsonl.gz").write_bytes(b"half")
    assert [m.name for m in vocabularies.installed()] == []
    vocabularies.install("reactome", reactome)
    assert names(vocabularies.folder) == {"own", "reactome"}
    assert vocabularies.verify() == []


@pytest.mark.parametrize("file", ["concepts.jsonl.gz", "edges.jsonl.gz", "manifest.json"])
def test_damage_is_found_never_read_and_can_be_removed(vocabularies: Vocabularies, ours: Path, file: str) -> None:
    vocabularies.install("own", ours)
    path = vocabularies.folder / "own" / file
    path.write_bytes(path.read_bytes()[:-3])
    assert len(vocabularies.verify()) == 1
    assert str(path) in vocabularies.verify()[0]
    with pytest.raises(VocabularyCorrupt, match="cmo vocab install own"):
        vocabularies.merged()
    vocabularies.remove("own")
    assert vocabularies.verify() == []
    with pytest.raises(NotFound, match="own is not installed"):
        vocabularies.remove("own")


@pytest.mark.usefixtures("served")
def test_files_are_downloaded_where_they_have_an_address(vocabularies: Vocabularies) -> None:
    told: list[str] = []
    manifest = vocabularies.install("reactome", progress=lambda what, _count: told.append(what))
    assert (manifest.concepts, manifest.source) == (2, ("ChEBI2Reactome.txt",))
    assert list(dict.fromkeys(told)) == ["downloading ChEBI2Reactome.txt", "reading", "writing"]


@pytest.mark.usefixtures("served")
def test_what_cannot_be_downloaded_says_where_a_person_finds_it(vocabularies: Vocabularies, reactome: Path) -> None:
    (reactome / "ChEBI2Reactome.txt").unlink()
    with pytest.raises(VocabularyError, match=r"404.*https://reactome.org/download-data.*--from FOLDER"):
        vocabularies.install("reactome")
    assert not vocabularies.folder.exists() or names(vocabularies.folder) == set()


def test_without_an_address_the_page_and_the_files_are_named(vocabularies: Vocabularies) -> None:
    with pytest.raises(VocabularyError, match=r"gmt-Homo_sapiens.gmt from https://data.wikipathways.org"):
        vocabularies.install("wikipathways")


@with_dicts
@pytest.mark.slow
def test_all_of_it_is_installed_and_merged_in_seconds(vocabularies: Vocabularies) -> None:
    begun = time.perf_counter()
    for name, folder in (
        ("chebi", "chebi_names"), ("disease-ontology", "disease_ontology"), ("human-gem", "human_gem"),
        ("reactome", "pathways"), ("wikipathways", "pathways"), ("famplex", "famplex"), ("goslin", "goslin_lipids"),
    ):  # fmt: skip
        vocabularies.install(name, DICTS / folder)
    found = vocabularies.merged()
    assert time.perf_counter() - begun < 60  # 6 s on an idle machine
    listed = {v.name: (v.concepts, v.problems) for v in vocabularies.listed()}
    assert listed["chebi"] == (52_018, 0)
    assert listed["disease-ontology"] == (12_246, 0)
    assert listed["human-gem"] == (7_188, 6)
    assert len(found.concepts) > 70_000
    assert len(found.edges) > 30_000
    ids = {c.id for c in found.concepts}
    assert len(ids) == len(found.concepts)
    assert {end for e in found.edges for end in (e.subject, e.object)} <= ids
    assert {p for c in found.concepts for p in c.parents} <= ids
    lactate = next(c for c in found.concepts if c.id == "CHEBI:422")
    assert {"16651", "24996"} <= set(lactate.xrefs["CHEBI"])
    assert ("CHEBI:16828", "HGNC:708") not in {(e.subject, e.object) for e in found.edges}
    assert any((e.subject, e.object) == ("CHEBI:17295", "CHEBI:17895") for e in found.edges)  # Phe to Tyr


Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``cmo vocab …`` in this process: its exit code, its JSON if there is any, and all that it printed."""

    def run_(*arguments: object) -> tuple[int, Any, str]:
        monkeypatch.setattr("sys.argv", ["cmo", "vocab", *map(str, arguments), "--home", str(home)])
        try:
            main.run()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, orjson.loads(said.out) if "--json" in arguments else None, said.out + said.err

    return run_


def test_a_vocabulary_is_installed_listed_looked_into_verified_and_removed(run: Run, ours: Path) -> None:
    code, _, text = run("install", "own", "--from", ours)
    assert code == 0
    assert "Your own vocabulary is installed: 1 concepts, 0 edges. © you, yours." in text
    assert "bad row: metabolites.tsv:3" in text
    assert run("install", "own", "--from", ours, "--json")[1]["concepts"] == 1
    listed = run("list", "--json")[1]
    assert [(v["name"], v["installed"]) for v in listed if v["installed"]] == [("starter", True), ("own", True)]
    assert "disease-ontology" in run("list")[2]
    assert run("verify", "--json")[1]["sound"]
    assert "All vocabularies are sound" in run("verify")[2]
    assert run("remove", "own")[:2] == (0, None)
    assert run("remove", "own", "--json")[0] == 5


def test_papers_that_were_read_by_other_names_are_counted_and_told(base: Any, run: Run, ours: Path) -> None:
    base.add(one="Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.")
    told = "One paper was read by the names known before. `cmo kb rebuild` reads them anew."
    assert told in run("install", "own", "--from", ours)[2]
    assert run("install", "own", "--from", ours, "--json")[1]["stale_readings"] == 0  # it is what it was
    assert run("remove", "own", "--json")[1]["stale_readings"] == 1


def test_what_stays_beside_a_concept_of_its_identifier_is_told(run: Run, tmp_path: Path) -> None:
    (path := tmp_path / "methods.tsv").write_text(HEADER + "our panel\tLAB:1\t\tCHEBI:15724\t\n")
    text = run("install", "own", "--from", path)[2]
    assert (
        "kinds differ: LAB:1 'our panel' (method, of own) and CHEBI:15724 'trimethylamine N-oxide' (metabolite, of starter)"
        in text
    )
    assert len(run("install", "own", "--from", path, "--json")[1]["apart"]) == 1


@pytest.mark.parametrize("wanted", ["CHEBI:15724", "HMDB0000925", "HMDB:HMDB0000925", "C01104", "tmao"])
def test_a_concept_is_shown_by_id_identifier_or_name(run: Run, wanted: str) -> None:
    code, found, _ = run("show", wanted, "--json")
    assert (code, [c["id"] for c in found]) == (0, ["CHEBI:15724"])
    text = run("show", wanted)[2]
    assert "trimethylamine N-oxide  CHEBI:15724" in text
    assert "HMDB:HMDB0000925" in text


def test_what_goes_wrong_ends_with_a_message_and_a_code(run: Run, ours: Path, home: Path) -> None:
    assert run("show", "no such thing at all")[0] == 5
    assert run("install", "nonsense", "--from", ours)[0] == 5
    code, _, text = run("install", "wikipathways")
    assert (code, "wikipathways.org" in text) == (9, True)
    run("install", "own", "--from", ours)
    (home / "vocabulary" / "own" / "edges.jsonl.gz").write_bytes(b"")
    code, facts, _ = run("verify", "--json")
    assert (code, facts["sound"], len(facts["faults"])) == (9, False, 1)
    assert run("show", "TMAO")[0] == 8
