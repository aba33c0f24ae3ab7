"""`cmo eval cache`: labelled pairs in, rates with exact intervals out."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from cmo.bench.cache_pairs import Pair, judge, read, report
from cmo.cache.semantic import Likeness, SemanticGuard
from cmo.cli import main
from cmo.errors import NotFound
from cmo.testing import FakeLinker, HashingEmbedder
from cmo.vocabulary.units import quantities

Cache = Callable[..., tuple[int, str, str]]
PAIRS = [
    {"a": "What is the role of TMAO in heart failure?", "b": "What role does TMAO play in HF?", "same": True, "kind": "phrasing"},
    {"a": "Is TMAO raised in CKD?", "b": "Is TMAO lowered in CKD?", "same": False, "kind": "direction"},
    {"a": "Is TMAO raised in CKD?", "b": "is tmao elevated in chronic kidney disease", "same": True, "kind": "phrasing"},
    {"a": "Does TMAO cause gout?", "b": "Does gout cause TMAO?", "same": False, "kind": "roles"},
    {"a": "Where does TMAO come from?", "b": "Which organ makes TMAO?", "same": True, "kind": "phrasing"},
]  # fmt: skip
BAD = [
    '{"a": "x"',
    '["a", "b"]',
    "17",
    '{"a": "", "b": "What?", "same": true}',
    '{"a": "What?", "same": true}',
    '{"a": "What?", "b": "Why?", "same": "perhaps"}',
    '{"a": "What?", "b": "Why?"}',
    json.dumps({"a": "a" * 5000, "b": "Why?", "same": False}),
    "\x00\xff",
]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cache:
    """Runs ``cmo eval cache --pairs FILE`` as the script does."""

    def run(path: Path, *more: str | Path) -> tuple[int, str, str]:
        arguments = ["--pairs", path, "--home", tmp_path / "home", *more]
        monkeypatch.setattr(sys, "argv", ["cmo", "eval", "cache", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return int(code or 0), said.out, " ".join(said.err.split())

    return run


@pytest.mark.model
def test_the_command_reports_rates_with_intervals(cache: Cache, pairs: Path) -> None:
    code, out, _ = cache(pairs, "--json")
    assert code == 0
    facts = orjson.loads(out)
    assert (facts["pairs"], facts["same"], facts["bad_rows"]) == (5, 3, 0)
    assert facts["hit_rate"] | {"low": 0, "high": 0} == {"value": 0.4, "low": 0, "high": 0, "count": 2, "of": 5}
    assert facts["recall"]["value"] == 0.6667
    assert facts["false_hit_rate"] == {"value": 0.0, "low": 0.0, "high": 0.8419, "count": 0, "of": 2}
    assert facts["by_kind"]["direction"] == {"pairs": 1, "same": 0, "hits": 0, "wrong": 0}
    assert facts["wrong_hits"] == []
    assert [row["line"] for row in facts["missed"]] == [5]
    default = next(part for name, part in facts["baselines"].items() if "GPTCache" in name)
    assert default["false_hit_rate"]["value"] > 0
    assert facts["compare_ms"]["p50"] < 5


@pytest.mark.model
def test_the_command_shows_people_what_was_missed_and_why(cache: Cache, pairs: Path) -> None:
    with pairs.open("a") as file:
        file.write('{"a": "x"\n')
    code, out, err = cache(pairs, "--show")
    assert code == 0
    assert "missed (phrasing, line 5)" in out
    assert "line 6 left out: no JSON object" in err


@pytest.mark.model
def test_the_command_fits_the_model_anew(cache: Cache, pairs: Path, tmp_path: Path) -> None:
    code, out, _ = cache(pairs, "--fit", tmp_path / "model.json", "--json")
    assert code == 0
    fitted = Likeness.of_json((tmp_path / "model.json").read_text())
    assert not fitted.proven  # five pairs prove nothing
    assert fitted.threshold == 0.99
    assert orjson.loads(out)["fitted"]["learn_then_test"]["proven"] is False


def test_bad_rows_are_counted_and_named(pairs: Path) -> None:
    with pairs.open("ab") as file:
        file.write(b"\n" + "\n".join(BAD).encode("latin-1") + b"\n")
    found, bad = read(pairs)
    assert len(found) == len(PAIRS)
    assert [row.line for row in bad] == list(range(7, 7 + len(BAD)))
    assert [row.reason for row in bad][3:8] == [
        "'a' is no text",
        "'b' is no text",
        "'same' is neither true nor false",
        "'same' is neither true nor false",
        "'a' is longer than 4000 characters",
    ]


@pytest.mark.parametrize("same", ["true", "True", "1", 1, "yes"])
def test_labels_are_understood_however_they_are_written(tmp_path: Path, same: object) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"a": "What?", "b": "Why?", "same": same}))
    assert read(path)[0] == [Pair("What?", "Why?", same=True, line=1)]


@pytest.mark.parametrize("content", ["", "\n\n", "nothing of the kind\n"])
def test_a_file_without_a_pair_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(content)
    with pytest.raises(NotFound, match="holds no pair"):
        read(path)


def test_a_missing_file_is_named_by_the_command(cache: Cache, tmp_path: Path) -> None:
    code, _, err = cache(tmp_path / "nothing.jsonl")
    assert code != 0
    assert "nothing.jsonl" in err


def test_a_wrong_hit_is_listed() -> None:
    linker, embedder = FakeLinker([]), HashingEmbedder()
    guard = SemanticGuard(
        lambda: linker, quantities, lambda: embedder, Likeness(0.0, {"cosine": 0.0}, 0.1, 0.05, proven=False)
    )
    same = Pair("Is TMAO raised in CKD?", "Is TMAO elevated in CKD?", same=False, kind="mislabelled", line=3)
    facts = report(list(judge(guard, embedder, [same])), [])
    assert facts["false_hit_rate"]["value"] == 1.0
    (row,) = facts["wrong_hits"]
    assert (row["line"], row["kind"], row["verdict"]) == (3, "mislabelled", "same")
    assert row["reasons"][0].startswith("signature: ")
