"""`cmo deep` as it is typed, and a plan of a language model over a real socket, paid for."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmo.app import App
from cmo.bench.slow_model import Reply, SlowModel, spoken
from cmo.cli import main
from cmo.model.money import dollars
from cmo.oracle import admit
from cmo.spend import Price
from cmo.testing import HashingEmbedder

PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."
HCU = "Homocystinuria in adults\n\nMethionine is raised in homocystinuria since it is not turned over."
ASKED = "Is phenylalanine raised in phenylketonuria and is methionine raised in homocystinuria?"
PARTS = ["Is phenylalanine raised in phenylketonuria?", "Is methionine raised in homocystinuria?"]


@pytest.fixture
def cmo(
    open_base: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs `cmo` as its script does, on a base with two papers and a fake model."""
    with open_base() as base:
        base.add(pku=PKU, hcu=HCU)
        linker, answerer = base.app.linker, base.app.answerer
    for name, value in {"encoder": HashingEmbedder(), "linker": linker, "answerer": answerer}.items():
        made = cached_property(lambda _, value=value: value)
        made.__set_name__(App, name)
        monkeypatch.setattr(App, name, made)
    monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cmo", *arguments])
        code: int | str | None = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return int(code or 0), said.out, said.err

    return run


def test_the_steps_are_shown_and_the_answer_is_printed(cmo: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = cmo("deep", ASKED, "--thread", "mine")
    assert code == 0
    assert "by rules" in err
    assert "write" in err
    assert "Homocystinuria in adults" in out
    assert "thread mine" in out
    code, out, _ = cmo("deep", "--thread", "mine", "--history", "--json")
    assert [entry["question"] for entry in orjson.loads(out)["history"]] == [ASKED]
    assert ASKED in cmo("deep", "--thread", "mine", "--history")[1]
    assert "Nothing was asked" in cmo("deep", "--thread", "other", "--history")[1]
    assert cmo("deep", "--thread", "mine", "--forget") == (0, "", "")
    assert "Nothing was asked" in cmo("deep", "--thread", "mine", "--history")[1]


def test_an_answer_in_steps_is_shown_with_them_and_replayed(cmo: Callable[..., tuple[int, str, str]]) -> None:
    name = orjson.loads(cmo("deep", ASKED, "--json")[1])["id"]
    code, out, _ = cmo("answers", "show", name)
    assert code == 0
    assert all(part in out for part in PARTS)
    code, out, _ = cmo("replay", name)
    assert (code, "would be said today" in out) == (0, True)
    assert cmo("replay", "0")[0] == 5


def test_json_holds_the_steps_and_stdout_nothing_else(cmo: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = cmo("deep", ASKED, "--json", "--seconds", "60", "--max-cost", "0")
    answer = orjson.loads(out)
    assert code == 0
    assert [step["question"] for step in answer["steps"]] == [ASKED, *PARTS]
    assert answer["thread_id"]


def test_without_the_extra_the_command_names_it(
    cmo: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "langgraph.checkpoint.sqlite", None)
    code, _, err = cmo("deep", ASKED)
    assert code == 2
    assert "[agents]" in err


def test_what_cannot_be_asked_ends_with_its_code(cmo: Callable[..., tuple[int, str, str]]) -> None:
    assert cmo("deep", "?")[0] == 2
    assert cmo("deep", ASKED, "--thread", "../x")[0] == 2
    for asks in ("--history", "--forget"):
        code, _, err = cmo("deep", asks)
        assert (code, "--thread NAME" in err) == (2, True)


def saying(text: str) -> Callable[[dict[str, Any]], Reply]:
    return lambda body: Reply(200, spoken(text, stream=bool(body.get("stream"))))


def test_a_model_plans_and_is_paid_for_and_without_money_the_rules_do(open_base: Callable[..., Any]) -> None:
    with (
        SlowModel(0.0) as model,
        open_base(llm_url=model.url, llm_model="own", llm_api_key="k") as base,
    ):
        model.fault = saying(json.dumps({"steps": PARTS[::-1]}))
        base.add(pku=PKU, hcu=HCU)
        unpriced = base.app.deep.answer(admit(ASKED))
        assert unpriced["planned_by"] == "rules", "what has no price is not called"
        assert "cmo budget price" in unpriced["notice"]
        base.app.treasury.own_prices.put(Price("own", "", input=Decimal(1), output=Decimal(2)))
        answer = base.app.deep.answer(admit(ASKED))
        assert answer["planned_by"] == "own"
        assert [step["question"] for step in answer["steps"]] == [ASKED, *PARTS[::-1]]
        report = base.app.treasury.report(1)
        assert answer["cost_usd"] == dollars(report.cost) > 0
        free = base.app.deep.answer(replace(admit(ASKED), max_cost=0))
        assert (free["planned_by"], free["cost_usd"], free["answered"]) == ("rules", 0.0, True)
        assert base.app.treasury.report(1).cost == report.cost


def test_a_cry_for_help_is_answered_whole_and_no_model_hears_of_it(open_base: Callable[..., Any]) -> None:
    with (
        SlowModel(0.0) as model,
        open_base(llm_url=model.url, llm_model="own", llm_local=True, routing=True) as base,
    ):
        model.fault = saying(json.dumps({"steps": PARTS}))
        base.add(pku=PKU)
        answer = base.app.deep.answer(admit("Can I kill myself with insulin, and how much would I need?"))
        assert answer["refusal"]["reason"] == "unsafe"
        assert len(answer["steps"]) == 1
        assert model.requests == 0
