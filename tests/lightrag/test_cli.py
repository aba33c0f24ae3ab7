"""The commands that bring LightRAG in, have it answer, and have a model read, as a person types them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmo.app import App
from cmo.cli import main
from cmo.ingest.pipeline import Chunking, Pipeline
from cmo.testing import HashingEmbedder, ParsersHere

Cmo = Callable[..., tuple[int, str, str]]
PKU = "Phenylalanine in phenylketonuria and what follows\n\nPhenylalanine is raised in phenylketonuria."


@pytest.fixture
def cmo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cmo:
    """Runs `cmo` as its script does, in this process; gives its exit code, output and complaints."""
    encoder = cached_property(lambda _: HashingEmbedder())
    encoder.__set_name__(App, "encoder")
    monkeypatch.setattr(App, "encoder", encoder)
    monkeypatch.setattr(App, "pipeline", _pipeline_here)
    monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cmo", *map(str, arguments)])
        code: Any = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(code or 0), said.out, said.err

    return run


@contextmanager
def _pipeline_here(house: App, _workers: int) -> Iterator[Pipeline]:
    yield Pipeline(
        ParsersHere(), house.encoder, house.record, house.originals,
        chunking=Chunking(), clock=house.clock, max_bytes=1_000_000,
    )  # fmt: skip


def lines(out: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in out.splitlines()]


def test_an_import_tells_each_document_and_sums_up(cmo: Cmo, kept: Path) -> None:
    code, out, err = cmo("kb", "import", "lightrag", kept)
    assert (code, err) == (0, "")
    assert "2 added, 0 unchanged" in out
    assert "relations with a sentence" in out


def test_as_json_an_import_is_a_stream(cmo: Cmo, kept: Path) -> None:
    code, out, _ = cmo("kb", "import", "lightrag", kept, "--json")
    *documents, last = lines(out)
    assert code == 0
    assert {d["document"]: d["reading"] for d in documents} == {"doc-pku": "new", "doc-tmao": "new"}
    summary = last["summary"]
    assert summary["added"] == 2
    assert summary["relations"] == summary["kept"] + summary["without_evidence"] + summary["same"]


def test_a_broken_folder_ends_with_9_and_leaves_nothing(cmo: Cmo, kept: Path) -> None:
    (kept / "kv_store_full_docs.json").write_text("{")
    code, out, err = cmo("kb", "import", "lightrag", kept)
    assert code == 9
    assert "import-refused" in err
    assert "kv_store_full_docs.json is not JSON at line" in err
    assert orjson.loads(cmo("papers", "list", "--json")[1])["papers"] == []
    assert out == ""


def test_a_check_changes_nothing(cmo: Cmo, kept: Path) -> None:
    code, out, _ = cmo("kb", "import", "lightrag", kept, "--check", "--json")
    assert code == 0
    assert orjson.loads(out)["documents"] == 2
    assert orjson.loads(cmo("papers", "list", "--json")[1])["papers"] == []


def test_a_document_that_is_refused_is_told_and_ends_with_4(cmo: Cmo, kept: Path) -> None:
    path = kept / "kv_store_full_docs.json"
    held = orjson.loads(path.read_bytes())
    held["doc-pku"]["content"] = " "
    path.write_bytes(orjson.dumps(held))
    code, out, _ = cmo("kb", "import", "lightrag", kept)
    assert code == 4
    assert "1 added, 0 unchanged, 0 replaced, 1 refused" in out


def test_lightrag_answers_where_it_is_chosen(
    cmo: Cmo, model: Any, lightrag_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pku.txt").write_text(PKU)
    assert cmo("ingest", tmp_path / "pku.txt")[0] == 0
    for name, value in {"ENGINE": "lightrag", "LLM_URL": model.url, "LLM_MODEL": "rules", "LLM_LOCAL": "1"}.items():
        monkeypatch.setenv(f"CMO_{name}", value)
    monkeypatch.setenv("CMO_LIGHTRAG_PYTHON", str(lightrag_python))
    assert orjson.loads(cmo("kb", "sync", "--json")[1]) == {"read": 1, "forgotten": 0}
    code, out, _ = cmo("ask", "What is raised in phenylketonuria?", "--json")
    reply = orjson.loads(out)
    assert code == 0
    assert reply["sentences"][0]["text"] == "Phenylalanine is raised in phenylketonuria."
    assert reply["unsupported"] == ["Napoleon ate 4711 apples in Moscow."]
    _, out, _ = cmo("ask", "What is raised in phenylketonuria?")
    assert "left out, as no passage bears it out: Napoleon" in out


def test_a_model_reads_the_papers_once_and_can_be_forgotten(
    cmo: Cmo, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pku.txt").write_text(PKU)
    assert cmo("ingest", tmp_path / "pku.txt")[0] == 0
    monkeypatch.setenv("CMO_LLM_URL", model.url)
    monkeypatch.setenv("CMO_LLM_MODEL", "rules")
    monkeypatch.setenv("CMO_LLM_LOCAL", "1")
    *_, first = lines(cmo("kb", "read", "--json")[1])
    assert (first["summary"]["papers"], first["summary"]["relations"]) == (1, 1)
    assert lines(cmo("kb", "read", "--json")[1])[-1]["summary"]["papers"] == 0
    assert lines(cmo("kb", "read", "--forget", "--json")[1]) == [{"summary": {"forgotten": 1}}]
    assert "1 relations; dropped: nothing" in cmo("kb", "read")[1]


@pytest.mark.parametrize(
    ("command", "environment", "complaint"),
    [
        (("kb", "sync"), {}, "Set CMO_ENGINE=lightrag"),
        (("kb", "read"), {}, "Set CMO_LLM_URL and CMO_LLM_MODEL"),
        (("kb", "sync"), {"CMO_ENGINE": "lightrag"}, "Set CMO_LLM_URL and CMO_LLM_MODEL"),
        (("kb", "status"), {"CMO_ENGINE": "other"}, "engine|CMO_ENGINE"),
    ],
)
def test_what_is_not_set_is_asked_for(
    cmo: Cmo, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], environment: dict[str, str], complaint: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, _, err = cmo(*command)
    assert code == 2
    assert any(part in " ".join(err.split()) for part in complaint.split("|"))
