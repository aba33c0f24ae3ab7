"""`cmo cache` and `cmo bench cache` on a real base with a fake model."""

import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmo.answer.confidence import Confidence
from cmo.app import App
from cmo.bench.cache_speed import KEYS, reply
from cmo.cli import main
from cmo.testing import HashingEmbedder, by_shared_words

ASKED = "Is phenylalanine raised in phenylketonuria?"
PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."
Cmo = Callable[..., tuple[int, Any]]


@pytest.fixture(autouse=True)
def _disk_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's disk is no fault."""
    monkeypatch.setattr("cmo.cast.keeping.DISK_SECONDS", 10.0)


@pytest.fixture
def cmo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], base: Any) -> Cmo:
    """Runs `cmo … --json` as its script does, in this process; its exit code and what it prints."""
    encoder = cached_property(lambda _: HashingEmbedder())
    encoder.__set_name__(App, "encoder")
    monkeypatch.setattr(App, "encoder", encoder)
    monkeypatch.setattr(Confidence, "shipped", by_shared_words)
    monkeypatch.setenv("CMO_HOME", str(base.folder))
    base.add(pku=PKU)

    def run(*arguments: str | Path) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["cmo", *map(str, arguments), "--json"])
        code: int | str | None = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code
        return int(code or 0), orjson.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.txt"
    path.write_text(f"{ASKED}\n\n{ASKED.upper()}\nWhat does the enzyme do?\n")
    return path


def test_answers_can_be_had_ready_looked_at_and_forgotten(cmo: Cmo, questions: Path) -> None:
    assert cmo("cache", "status")[1]["entries"] == 0
    assert cmo("cache", "warm", questions) == (0, {"ready": 3, "failed": {}})
    code, held = cmo("cache", "status")
    assert (code, held["on"], held["entries"], held["shared"]) == (0, True, 3, False)
    assert 0 < held["bytes"] < held["limit_bytes"] == 1_000_000_000
    assert cmo("cache", "clear") == (0, {"memory": True, "disk": True})
    assert cmo("cache", "status")[1]["entries"] == 0


def test_a_line_that_cannot_be_asked_does_not_stop_the_others(cmo: Cmo, questions: Path) -> None:
    questions.write_bytes(b"\xef\xbb\xbf" + f"{ASKED}\n???\n{'x' * 5_000}\n".encode())
    code, told = cmo("cache", "warm", questions)
    assert (code, told["ready"], list(told["failed"])) == (4, 1, ["line 2", "line 3"])
    questions.write_bytes(b"fine\n\xff\xfe\n")
    code, told = cmo("cache", "warm", questions)
    assert (code, told["error"]["code"]) == (2, "bad-question")
    assert "Line 2 of" in told["error"]["message"]


async def test_what_was_had_ready_is_there_and_a_clearing_reaches_running_services(
    cmo: Cmo, questions: Path, base: Any
) -> None:
    import asyncio

    from cmo.oracle import admit

    question = admit(ASKED)
    await asyncio.to_thread(cmo, "cache", "warm", questions)
    del base.app.__dict__["answerer"]  # the command answers by the shipped confidence
    assert (await base.app.recall.ask(question)).tier == "disk"
    assert (await base.app.recall.ask(question)).tier == "memory"
    for how in ((), ("--emergency",)):
        await asyncio.to_thread(cmo, "cache", "clear", *how)
        assert [(await base.app.recall.ask(question)).tier for _ in range(2)] == ["", "memory"]
    await base.app.recall.aclose()


def test_what_cannot_be_cleared_is_told(cmo: Cmo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert cmo("cache", "clear", "--emergency") == (8, {"memory": True, "disk": True, "shared": False})


@pytest.mark.parametrize(
    ("text", "environment", "said"),
    [
        ("?!\n", {}, (2, "bad-question")),
        ("x" * 5_000, {}, (2, "bad-question")),
        (ASKED, {"CMO_CACHE": "false"}, (2, "settings")),
        (ASKED, {"REDIS_URL": "nonsense"}, (2, "settings")),
        (None, {}, (5, "not-found")),
    ],
)
def test_what_cannot_be_had_ready_is_told(
    cmo: Cmo, questions: Path, text: str | None, environment: dict[str, str], said: tuple[int, str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        questions.unlink() if text is None else questions.write_text(text)
        code, told = cmo("cache", "warm", questions)
    assert (code, told["error"]["code"]) == said


@pytest.mark.slow
def test_the_bench_measures_every_tier_and_what_is_gained(cmo: Cmo) -> None:
    code, said = cmo("bench", "cache", "--kilobytes", "4")
    rows = {row["what"]: row for row in said["rows"]}
    assert code == 0
    for name in ("dict", "memory", "disk", "shared", "key of a question"):
        assert 0 < rows[f"{name}: hit, p50"]["value"] <= rows[f"{name}: hit, p99"]["value"]
    assert rows["memory: hit, p50"]["value"] < rows["disk: hit, p50"]["value"]
    assert rows["computations for 10,000 who ask the same at once"]["value"] == 1
    assert rows["times faster"]["value"] > 1


def test_a_made_up_reply_has_the_size_that_is_asked_for() -> None:
    assert 16_000 <= len(reply(16_000)) < 16_500
    assert orjson.loads(reply(1_000))["evidence"]
    assert KEYS >= 100
