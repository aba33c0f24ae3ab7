"""The documented names, used as the documents use them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import lightrag_integration
from cmo.answer.confidence import Confidence
from cmo.app import App, opened
from cmo.errors import BadFilter, BadQuestion, NotFound, OracleError, SettingsError, SnapshotCorrupt
from cmo.ingest.pipeline import Chunking, Pipeline
from cmo.model.audit import Given
from cmo.model.money import Payer
from cmo.settings import read_settings
from cmo.testing import HashingEmbedder, ParsersHere, by_shared_words
from lightrag_integration import (
    AsyncClinicalRAG,
    ClinicalMetabolomicsRAG,
    LightRAGConfig,
    RAGResponse,
    create_clinical_rag_system,
    quality_diagnostics,
    test_knowledge_base_integrity,
)

PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."
ASKED = "Is phenylalanine raised in phenylketonuria?"
LOADED: list[int] = []


@pytest.fixture(autouse=True)
def papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment that the documents set, a small folder of papers, and a fake model."""
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "pku.txt").write_text(PKU)
    monkeypatch.setenv("LIGHTRAG_WORKING_DIR", str(tmp_path / "base"))
    monkeypatch.setenv("LIGHTRAG_PAPERS_DIR", str(folder))
    monkeypatch.setattr(Confidence, "shipped", by_shared_words)
    monkeypatch.setattr("cmo.embed.provision.install", lambda *_, **__: None)
    monkeypatch.setattr(App, "pipeline", _pipeline_here)
    LOADED.clear()

    def load(_: App) -> HashingEmbedder:
        LOADED.append(1)
        return HashingEmbedder()

    encoder = cached_property(load)
    encoder.__set_name__(App, "encoder")
    monkeypatch.setattr(App, "encoder", encoder)
    return folder


@contextmanager
def _pipeline_here(house: App, _workers: int) -> Iterator[Pipeline]:
    yield Pipeline(
        ParsersHere(), house.encoder, house.record, house.originals,
        chunking=Chunking(), clock=house.clock, max_bytes=1_000_000, reader=house.reader,
    )  # fmt: skip


async def test_the_first_example_of_the_documents_runs() -> None:
    config = LightRAGConfig()
    rag = ClinicalMetabolomicsRAG(config)
    assert await rag.initialize_knowledge_base() == {"added": 1, "unchanged": 0, "replaced": 0, "refused": 0}
    response = await rag.query(ASKED, mode="hybrid")
    assert "because the enzyme is lacking. [1]" in response
    assert rag.get_last_sources() == ["Phenylketonuria in newborns"]
    await rag.stop_all_processing()


async def test_initializing_twice_adds_nothing_twice() -> None:
    rag = ClinicalMetabolomicsRAG()
    await rag.initialize_knowledge_base()
    assert (await rag.initialize_knowledge_base())["unchanged"] == 1
    await rag.stop_all_processing()


async def test_the_factory_gives_a_system_that_can_be_asked() -> None:
    system = await create_clinical_rag_system()
    assert (await system.query(ASKED)).answered
    await system.stop_all_processing()


async def test_the_asynchronous_class_initializes_with_papers_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    rag = AsyncClinicalRAG()
    await rag.initialize()
    assert (await rag.query(ASKED, mode="hybrid")).answered
    await rag.stop_all_processing()
    monkeypatch.delenv("LIGHTRAG_PAPERS_DIR")
    again = AsyncClinicalRAG()
    await again.initialize()
    assert (await again.query(ASKED, mode="naive", connection=object())).answered
    await again.stop_all_processing()


async def test_an_answer_is_text_that_knows_where_it_comes_from() -> None:
    system = await create_clinical_rag_system()
    response = await system.query(ASKED)
    await system.stop_all_processing()
    assert isinstance(response, str)
    assert type(response) is RAGResponse
    assert json.loads(json.dumps({"answer": response}))["answer"] == response
    assert response.upper() == str(response).upper()
    assert 0.5 <= response.confidence == response.quality_score <= 1
    assert response.processing_time == pytest.approx(1000 * response.processing_time_s)
    assert response.citations[0]["title"] == "Phenylketonuria in newborns"
    assert response.evidence[0]["text"] in PKU
    assert response.snapshot
    assert json.dumps([response.citations, response.evidence, response.sources])


async def test_an_honest_refusal_is_an_answer_too() -> None:
    system = await create_clinical_rag_system()
    await system.query(ASKED)
    response = await system.query("Who won the football cup?")
    assert not response.answered
    assert "do not say enough" in response
    assert system.get_last_sources() == []
    await system.stop_all_processing()


async def test_questions_may_come_at_once_and_the_model_is_loaded_once() -> None:
    system = await create_clinical_rag_system()
    await system.stop_all_processing()
    LOADED.clear()
    rag = ClinicalMetabolomicsRAG()
    answers = await asyncio.gather(*(rag.query(ASKED) for _ in range(20)))
    assert {str(a) for a in answers} == {str(answers[0])}
    assert LOADED == [1]
    await rag.stop_all_processing()


async def test_what_cannot_be_asked_is_said_so_before_anything_opens(tmp_path: Path) -> None:
    rag = ClinicalMetabolomicsRAG()
    with pytest.raises(BadQuestion):
        await rag.query(" ")
    with pytest.raises(BadFilter, match="naive, local, global, hybrid, mix"):
        await rag.query(ASKED, mode="magic")
    assert not (tmp_path / "base").exists()


async def test_after_stopping_nothing_runs_any_more(papers: Path) -> None:
    for n in range(40):
        (papers / f"{n}.txt").write_text(
            f"Study number {n} of alanine\n\nAlanine number {n} is raised in plasma today."
        )
    rag = ClinicalMetabolomicsRAG()
    rag._stopped.set()
    with pytest.raises(OracleError, match="Make a new system"):
        await rag.initialize_knowledge_base()
    with pytest.raises(OracleError, match="Make a new system"):
        await rag.query(ASKED)
    await rag.stop_all_processing()


async def test_stopping_ends_a_running_ingest_early_and_keeps_what_is_in(
    papers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        (papers / f"{n}.txt").write_text(
            f"Study number {n} of alanine\n\nAlanine number {n} is raised in plasma today."
        )
    rag = ClinicalMetabolomicsRAG()
    walked = rag._until_stopped

    def stopping_after_three(files: list[Path]) -> Iterator[Path]:
        for n, path in enumerate(walked(files)):
            if n == 3:
                rag._stopped.set()
            yield path

    monkeypatch.setattr(rag, "_until_stopped", stopping_after_three)
    assert (await rag.initialize_knowledge_base())["added"] == 4
    await rag.stop_all_processing()
    assert test_knowledge_base_integrity()


async def test_a_missing_folder_of_papers_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        await ClinicalMetabolomicsRAG(LightRAGConfig(papers_dir=tmp_path / "no")).initialize_knowledge_base()
    (tmp_path / "none").mkdir()
    with pytest.raises(NotFound, match="no papers"):
        await ClinicalMetabolomicsRAG(LightRAGConfig(papers_dir=tmp_path / "none")).initialize_knowledge_base()
    monkeypatch.delenv("LIGHTRAG_PAPERS_DIR")
    with pytest.raises(SettingsError, match="LIGHTRAG_PAPERS_DIR"):
        await ClinicalMetabolomicsRAG().initialize_knowledge_base()


def test_a_wrong_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUNK_OVERLAP", "all of it")
    with pytest.raises(SettingsError, match="CHUNK_OVERLAP"):
        ClinicalMetabolomicsRAG()


def test_the_documented_variables_are_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CHUNK_SIZE", "256"), ("CHUNK_OVERLAP", "25"), ("EMBED_MODEL", "my-model")):
        monkeypatch.setenv(name, value)
    config = LightRAGConfig()
    assert (config.chunk_size, config.chunk_overlap, config.embed_model) == (256, 25, "my-model")
    assert (config.working_dir, config.papers_dir) == (tmp_path / "base", tmp_path / "papers")


async def test_the_check_of_integrity_passes_on_a_sound_base_and_names_the_fault_of_another(tmp_path: Path) -> None:
    system = await create_clinical_rag_system()
    await system.stop_all_processing()
    assert test_knowledge_base_integrity() is True
    for manifest in (tmp_path / "base/index/snapshots").glob("*/manifest.json"):
        manifest.write_text("{")
    with pytest.raises(SnapshotCorrupt, match="cmo kb rebuild"):
        test_knowledge_base_integrity()


@pytest.mark.parametrize(("content", "code"), [(None, 0), (b"no database" * 500, 1)])
def test_the_check_of_integrity_ends_a_script_with_its_code(tmp_path: Path, content: bytes | None, code: int) -> None:
    home = tmp_path / "scripted"
    home.mkdir()
    if content:
        (home / "record.sqlite3").write_bytes(content)
    environment = {"PATH": os.defpath, "LIGHTRAG_WORKING_DIR": str(home)}
    script = "from lightrag_integration import test_knowledge_base_integrity; test_knowledge_base_integrity()"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert code == 0 or "cannot be read" in done.stderr.splitlines()[-1]


def test_all_documented_names_are_there_and_no_other_is() -> None:
    assert dir(lightrag_integration) == sorted(lightrag_integration.__all__)
    assert all(hasattr(lightrag_integration, name) for name in lightrag_integration.__all__)
    module: Any = lightrag_integration
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = module.Nonsense


async def test_coverage_counts_the_concepts_of_the_field_that_papers_mention() -> None:
    empty = await quality_diagnostics.analyze_knowledge_coverage()
    assert (empty.coverage_percentage, empty.mentioned, empty.relations) == (0.0, 0, 0)
    system = await create_clinical_rag_system()
    await system.stop_all_processing()
    some = await quality_diagnostics.analyze_knowledge_coverage()
    assert some.mentioned >= 2
    assert some.coverage_percentage == pytest.approx(some.mentioned / some.concepts, abs=1e-4)
    assert some.by_kind["disease"] > 0 < some.by_kind["metabolite"]
    assert (await quality_diagnostics.check_embedding_quality()).score == 1.0


async def test_patterns_of_what_was_asked_are_told() -> None:
    assert (await quality_diagnostics.analyze_query_patterns()).questions == 0
    plain = "What is TMAO?"
    long = (
        "How does metformin lower lactate in diabetes, and which trials of it in phenylketonuria and obesity are under way? "
        * 2
    )
    with opened(read_settings()) as house:
        for name, question, answered in (("a", plain, True), ("b", long.strip(), False)):
            facts = {"id": name, "answered": answered}
            house.record.answers.put([Given(name, house.clock.now(), Payer(), "", "0", {"query": question}, facts)])
    told = await quality_diagnostics.analyze_query_patterns()
    assert (told.questions, told.refused, told.several_parts) == (2, 0.5, 0.5)
    assert 0.3 < told.complexity_score < 0.8
