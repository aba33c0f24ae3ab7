"""Every command on a real base with a fake model: what it prints, as text and as JSON, and how it ends."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmo.answer.confidence import Confidence
from cmo.app import App
from cmo.cli import main
from cmo.ingest.pipeline import Chunking, Pipeline
from cmo.testing import HashingEmbedder, ParsersHere, by_shared_words

PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."
LABEL = "Tracing [13C]glucose\n\nLabelled [13C]glucose is taken up by muscle and turned into labelled lactate there."
ASKED = "Is phenylalanine raised in phenylketonuria?"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


Cmo = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "base"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "pku.txt").write_text(PKU)
    (folder / "label.txt").write_text(LABEL)
    return folder


@pytest.fixture
def cmo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Cmo:
    """Runs `cmo` as its script does, in this process."""
    encoder = cached_property(lambda _: HashingEmbedder())
    encoder.__set_name__(App, "encoder")
    monkeypatch.setattr(App, "encoder", encoder)
    monkeypatch.setattr(App, "pipeline", _pipeline_here)
    monkeypatch.setattr(Confidence, "shipped", by_shared_words)
    monkeypatch.setenv("CMO_HOME", str(home))

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["cmo", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(int(code or 0), said.out, said.err)

    return run


@contextmanager
def _pipeline_here(house: App, _workers: int) -> Iterator[Pipeline]:
    yield Pipeline(
        ParsersHere(), house.encoder, house.record, house.originals,
        chunking=Chunking(), clock=house.clock, max_bytes=1_000_000,
    )  # fmt: skip


@pytest.fixture
def filled(cmo: Cmo, papers: Path) -> Cmo:
    assert cmo("ingest", papers).code == 0
    return cmo


def id_of(cmo: Cmo, word: str) -> str:
    return next(p["paper_id"] for p in cmo("papers", "list", "--json").json["papers"] if word in p["title"])


def test_ingest_tells_the_fate_of_each_file_and_sums_up(cmo: Cmo, papers: Path) -> None:
    said = cmo("ingest", papers)
    assert (said.code, said.err) == (0, "")
    assert said.out.count("added") == 3
    assert said.out.endswith("2 added, 0 unchanged, 0 replaced, 0 refused\n")
    assert cmo("ingest", papers, "-q").out == "0 added, 2 unchanged, 0 replaced, 0 refused\n"


def test_ingest_as_json_is_a_line_a_file_and_a_summary(cmo: Cmo, papers: Path) -> None:
    (papers / "void.pdf").touch()
    said = cmo("ingest", papers, "--json")
    *outcomes, last = [orjson.loads(line) for line in said.out.splitlines()]
    assert said.code == 4
    assert sorted(o["status"] for o in outcomes) == ["added", "added", "refused"]
    assert last["summary"] == {"added": 2, "unchanged": 0, "replaced": 0, "refused": 1}
    assert last["snapshot"]


def test_a_refused_file_is_told_with_its_remedy_even_quietly_and_the_others_are_in(cmo: Cmo, papers: Path) -> None:
    (papers / "void.pdf").touch()
    said = cmo("ingest", papers, "--quiet")
    assert said.code == 4
    assert "void.pdf  empty:" in said.out
    assert "Download or export it again." in said.out
    assert cmo("kb", "status", "--json").json["papers"] == 2


def test_an_empty_folder_a_missing_one_and_none_at_all(cmo: Cmo, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert (said := cmo("ingest", tmp_path / "empty")).code == 5
    assert "looked for" in said.err
    assert (said := cmo("ingest", tmp_path / "nowhere")).code == 5
    assert "does not exist" in said.err
    assert (said := cmo("ingest")).code == 2
    assert "LIGHTRAG_PAPERS_DIR" in said.err


def test_the_documented_variable_names_the_folder_of_papers(
    cmo: Cmo, papers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTRAG_PAPERS_DIR", str(papers))
    assert cmo("ingest", "-q").out.startswith("2 added")


def test_a_folder_that_may_not_be_read_is_said_so_and_the_others_go_in(
    cmo: Cmo, papers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = papers / "locked"
    locked.mkdir()
    (locked / "a.txt").write_text("Nobody may read this.")
    listed = Path.iterdir

    def denied(self: Path) -> Iterator[Path]:
        if self == locked:
            raise PermissionError(13, "Permission denied", str(self))
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", denied)
    said = cmo("ingest", papers)
    assert said.code == 4
    assert "The folder locked cannot be read. Check its permissions." in said.out
    assert "added" in said.out


def test_ask_shows_the_answer_its_papers_and_where_it_is_printed(filled: Cmo) -> None:
    said = filled("ask", ASKED)
    assert (said.code, said.err) == (0, "")
    assert "because the enzyme is lacking. [1]" in said.out
    assert "[1] Phenylketonuria in newborns" in said.out
    assert "page 1," in said.out


def test_ask_as_json_is_the_whole_reply(filled: Cmo) -> None:
    reply = filled("ask", ASKED, "--json").json
    assert reply["answered"] is True
    assert reply["evidence"][0]["text"] == "Phenylalanine is raised in phenylketonuria because the enzyme is lacking."


def test_ask_writes_the_pages_of_its_evidence(filled: Cmo, tmp_path: Path) -> None:
    reply = filled("ask", ASKED, "--json", "--pages", tmp_path / "out" / "pages").json
    images = {key: Path(path) for key, path in reply["images"].items()}
    assert set(images) == {e["id"] for e in reply["evidence"]}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in images.values())


def test_an_answer_stands_without_the_pages_that_cannot_be_written(filled: Cmo) -> None:
    said = filled("ask", ASKED, "--pages", "/proc/pages")
    assert said.code == 0
    assert "because the enzyme is lacking. [1]" in said.out
    assert "no image of" in said.err
    assert "/proc/pages" in said.err


def test_a_question_without_quotes_is_one_question(filled: Cmo) -> None:
    assert filled("ask", *ASKED.split(), "--json").json["question"] == ASKED


def test_no_answer_ends_with_3_and_names_what_was_nearest(filled: Cmo) -> None:
    said = filled("ask", "Who won the football cup?")
    assert said.code == 3
    assert "nearest: " in said.out
    assert (reply := filled("ask", "Who won the football cup?", "--json")).code == 3
    assert reply.json["refusal"]["reason"] == "thin-evidence"


def test_a_base_without_papers_answers_nothing_and_says_how_to_begin(cmo: Cmo) -> None:
    said = cmo("ask", ASKED)
    assert said.code == 3
    assert "cmo ingest" in said.out


@pytest.mark.parametrize("question", ["", "   ", "?!", "\x00\x07\x1b", "x" * 100_000])
def test_what_is_no_question_is_refused_before_anything_opens(cmo: Cmo, home: Path, question: str) -> None:
    said = cmo("ask", question)
    assert said.code == 2
    assert said.err.startswith("bad-question: ")
    assert len(said.err) < 300
    assert not home.exists()


@pytest.mark.parametrize(
    "question", ["a\x00b\x1b[31m phenylalanine", "phenyl\ud83d alanine\udcff", "𝕻henylalanine?", "苯丙氨酸"]
)
def test_odd_characters_are_asked_like_others(filled: Cmo, question: str) -> None:
    said = filled("ask", question)
    assert said.code in {0, 3}
    assert "\x1b[31m" not in said.out
    assert filled("ask", question, "--json").json["question"]


def test_an_unknown_mode_section_or_year_is_named(cmo: Cmo) -> None:
    assert (said := cmo("ask", ASKED, "--mode", "magic")).code == 2
    assert "naive, local, global, hybrid, mix" in said.err
    assert (said := cmo("ask", ASKED, "--section", "gossip")).code == 2
    assert "abstract" in said.err
    assert cmo("ask", ASKED, "--since", "2020", "--until", "2010").code == 2


def test_a_filter_that_nothing_meets_says_so(filled: Cmo) -> None:
    said = filled("ask", ASKED, "--journal", "Nature", "--json")
    assert (said.code, said.json["refusal"]["reason"]) == (3, "nothing-eligible")


def test_papers_are_listed_with_their_brackets(filled: Cmo) -> None:
    said = filled("papers", "list")
    assert "Tracing [13C]glucose" in said.out
    assert "2 papers, 0 retracted" in said.out
    shown = filled("papers", "show", id_of(filled, "Tracing"))
    assert "Tracing [13C]glucose" in shown.out


def test_a_paper_is_retracted_stays_out_and_is_readmitted(filled: Cmo, papers: Path, home: Path) -> None:
    paper = id_of(filled, "Tracing")
    assert "Tracing [13C]glucose" in filled("papers", "retract", paper, "--reason", "wrong").out
    assert (said := filled("ingest", papers)).code == 4
    assert "retracted" in said.out
    assert LABEL not in [p.read_text() for p in (home / "originals").rglob("*.txt")]
    assert filled("papers", "readmit", paper, "--json").json == {"readmitted": paper}
    assert filled("ingest", papers, "-q").out.startswith("1 added, 1 unchanged")
    assert filled("papers", "retract", paper, "--json").json["retracted"]["paper_id"] == paper


@pytest.mark.parametrize(
    "arguments",
    [
        ("papers", "show", "nosuchpaper"),
        ("papers", "retract", "nosuchpaper"),
        ("papers", "readmit", "nosuchpaper"),
        ("kb", "rollback", "000099"),
        ("eval", "retrieval", "--data", "nowhere"),
        ("eval", "pdf", "--data", "nowhere"),
        ("demo", "--library", "nowhere"),
    ],
)
def test_what_is_not_there_ends_with_5(filled: Cmo, arguments: tuple[str, ...]) -> None:
    said = filled(*arguments)
    assert said.code == 5
    assert said.err.startswith("not-found: ")


def test_the_state_of_the_base_as_text_and_as_json(filled: Cmo, home: Path) -> None:
    assert str(home) in filled("kb", "status").out.replace("\n", "")
    status = filled("kb", "status", "--json").json
    assert (status["papers"], status["up_to_date"]) == (2, True)
    assert "← current" in filled("kb", "history").out
    assert [s["current"] for s in filled("kb", "history", "--json").json] == [True]
    assert filled("kb", "verify").out.startswith("sound: ")
    assert filled("kb", "verify", "--json").json["sound"] is True


def test_going_back_and_making_the_index_anew(filled: Cmo, papers: Path) -> None:
    first = filled("kb", "status", "--json").json["snapshot"]
    (papers / "more.txt").write_text(
        "Bile acids\n\nBile acids are raised in cholestasis of pregnancy, as is their ratio."
    )
    filled("ingest", papers)
    assert filled("kb", "rollback", first, "--json").json["papers"] == 2
    assert filled("kb", "rebuild", "--json").json["papers"] == 3
    assert "3 papers" in filled("kb", "rebuild", "--re-embed").out


def test_a_check_that_finds_faults_ends_with_9_and_names_them(filled: Cmo, home: Path) -> None:
    for manifest in (home / "index" / "snapshots").glob("*/manifest.json"):
        manifest.write_text("{")
    said = filled("kb", "verify")
    assert said.code == 9
    assert "NOT SOUND" in said.out
    assert filled("kb", "verify", "--json").json["faults"]


def test_while_another_writes_changes_end_with_6_and_questions_go_on(filled: Cmo, home: Path, papers: Path) -> None:
    with (home / "writer.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (papers / "pku.txt").write_text(PKU + " More.")
        assert (said := filled("ingest", papers)).code == 6
        assert "--wait" in said.err
        assert filled("kb", "rebuild").code == 6
        assert filled("ask", ASKED).code == 0


@pytest.mark.parametrize("command", [("ask", ASKED), ("papers", "list"), ("kb", "status"), ("kb", "verify")])
def test_a_base_made_with_rubbish_ends_with_8(cmo: Cmo, home: Path, command: tuple[str, ...]) -> None:
    home.mkdir()
    (home / "record.sqlite3").write_bytes(b"this is no database, whatever it is called" * 100)
    said = cmo(*command)
    assert said.code == 8
    assert said.err.startswith("store-corrupt: ")


@pytest.mark.parametrize("command", [("ask", ASKED), ("papers", "list"), ("kb", "status"), ("kb", "rebuild")])
def test_a_home_that_is_a_file_ends_with_8(cmo: Cmo, home: Path, command: tuple[str, ...]) -> None:
    home.write_text("I am a file.")
    said = cmo(*command)
    assert said.code == 8
    assert "--home" in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_a_home_that_may_not_be_written_ends_with_8(cmo: Cmo, home: Path, papers: Path) -> None:
    home.mkdir(mode=0o500)
    assert cmo("ingest", papers).code == 8


def test_a_model_that_is_missing_ends_with_7(cmo: Cmo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CMO_MODELS_DIR", str(tmp_path / "models"))
    said = cmo("models", "verify")
    assert said.code == 7
    assert "cmo models install" in said.err
    assert {m["kind"]: m["installed"] for m in cmo("models", "list", "--json").json} == {
        "embedding": False, "language": False
    }  # fmt: skip


def test_a_setting_that_cannot_be_used_ends_with_2_and_is_named(cmo: Cmo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUNK_SIZE", "many")
    said = cmo("kb", "status")
    assert said.code == 2
    assert "CHUNK_SIZE" in said.err


def test_home_on_the_command_line_wins(filled: Cmo, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert filled("kb", "status", "--home", tmp_path / "other", "--json").json["papers"] == 0


@pytest.mark.parametrize(
    "command",
    [
        ("ask", ASKED),
        ("papers", "list"),
        ("kb", "status"),
        ("graph", "stats"),
        ("answers", "list"),
        ("audit", "verify"),
        ("keys", "list"),
        ("flags", "list"),
        ("rollout", "status"),
        ("privacy", "tidy"),
        ("cache", "status"),
        ("budget", "status"),
    ],
)
def test_a_named_base_that_is_not_there_ends_with_5_and_none_is_begun(
    cmo: Cmo, tmp_path: Path, command: tuple[str, ...]
) -> None:
    said = cmo(*command, "--home", tmp_path / "typo")
    assert said.code == 5
    assert said.err.startswith("not-found: ")
    assert "--home" in said.err
    assert not (tmp_path / "typo").exists()


def test_a_named_base_whose_record_is_elsewhere_needs_no_folder(
    cmo: Cmo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    assert cmo("kb", "status", "--home", tmp_path / "new").code == 0
