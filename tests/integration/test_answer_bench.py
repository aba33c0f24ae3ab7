"""The figures of answers: what they count, and that what is wrong shows in them."""

import gzip
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmo.bench import answer_extractive, answer_yesno, yesno
from cmo.bench.answer_parts import PARTS, Run, measure
from cmo.bench.answer_table import markdown, publish
from cmo.bench.figures import Row
from cmo.bench.generated import Asked
from cmo.bench.yesno import NO, YES, Corpus, Sample
from cmo.cli import main
from cmo.errors import NotFound
from cmo.model.chat import Message
from cmo.settings import read_settings

PKU = (
    "Sapropterin in phenylketonuria\n\n"
    "Plasma phenylalanine was raised to 1200 µmol/L in newborns with untreated phenylketonuria. "
    "In conclusion, sapropterin reduced phenylalanine in patients with phenylketonuria."
)
ASKED = Asked("a", "pku", "Does sapropterin reduce phenylalanine in phenylketonuria?")
Cmo = Callable[..., tuple[int, str, str]]


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row.what.partition(" (")[0]: row for row in rows}


@pytest.fixture
def cmo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cmo:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cmo", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main.run()
        said = capsys.readouterr()
        return int(str(ended.value.code or 0)), said.out, said.err

    return call


def test_quotes_are_looked_up_in_the_stored_text_and_one_that_is_not_there_shows(base: Any) -> None:
    base.add(pku=PKU)
    rows = by_name(list(answer_extractive.measure(base.app, [ASKED])))
    verbatim = "quotes that stand in the stored text at the place cited"
    assert rows["questions"].value == 1
    assert rows[verbatim].met
    assert rows["citation precision"].met
    assert rows["answer over encoding, median of the ratios"].value > 1
    quoted = answer_extractive._timed(base.app, ASKED)
    paper = quoted.answer.citations[0].paper
    moved = {(paper.paper_id, paper.version): " " + base.app.record.text(paper)}
    wrong = answer_extractive._checked(base.app, quoted, moved)
    assert by_name(list(answer_extractive.rows([wrong])))[verbatim].met is False


def sample(n: int, truth: str, value: float | None, corpus: str = "c") -> Sample:
    asked = yesno.Asked(str(n), "Is it raised?", truth, frozenset())
    return Sample(corpus, asked, None if value is None else {"x": value}, ("It is raised.",), found=True)


def test_evidence_that_tells_beats_the_commonest_answer_and_evidence_that_does_not_equals_it() -> None:
    corpus = Corpus("c", "C", [], {})
    truths = [YES, YES, NO] * 400
    telling = [sample(n, truth, 1.0 if truth == YES else -1.0) for n, truth in enumerate(truths)]
    rows = {row.what: row for row in answer_yesno.rows(corpus, telling, yesno.unseen(telling))}
    assert rows["C: accuracy, an answer forced"].value == 1
    assert rows["C: accuracy, always yes"].value == pytest.approx(2 / 3, abs=1e-3)
    assert (rows["C: gain in accuracy"].low or 0) > 0
    assert rows["C: macro-F1, always yes"].value == pytest.approx(0.4)
    chance = np.random.default_rng(0)
    dumb = [sample(n, truth, float(chance.normal())) for n, truth in enumerate(truths)]
    rows = {row.what: row for row in answer_yesno.rows(corpus, dumb, yesno.unseen(dumb))}
    assert abs(rows["C: gain in accuracy"].value) < 0.1
    mute = [sample(n, truth, None) for n, truth in enumerate(truths[:3])]
    stated = yesno.unseen([*telling, *(replace(m, corpus="m") for m in mute)])[-3:]
    rows = {row.what: row for row in answer_yesno.rows(corpus, mute, stated)}
    assert rows["C: gain in accuracy"].value == rows["C: questions that get a verdict"].value == 0


class Says:
    """A model that always says the same."""

    name = "parrot"

    def __init__(self, said: str) -> None:
        self.said = said
        self.heard: list[str] = []

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Iterator[str]:
        assert most_tokens > 0
        self.heard.append(messages[-1].text)
        yield self.said


@pytest.mark.parametrize(("said", "right"), [("Yes.", 0.75), ("**No**, it is not", 0.25), ("I cannot tell", 0.0)])
def test_a_model_is_asked_with_what_is_quoted_and_its_first_word_counts(said: str, right: float) -> None:
    samples = [sample(n, NO if n % 4 == 0 else YES, None) for n in range(8)]
    model = Says(said)
    [accuracy, always] = answer_yesno.by_model(Corpus("c", "C", [], {}), samples, model, most=8)
    assert accuracy.value == right
    assert always.value == 0.75
    assert json.loads(model.heard[0]) == {"sentences": ["It is raised."], "question": "Is it raised?"}


def test_a_head_never_sees_a_question_that_it_is_asked_in_another_corpus() -> None:
    """Were the same question on both sides, noise would be learnt by heart."""
    chance = np.random.default_rng(1)
    truths = [YES if chance.random() < 0.5 else NO for _ in range(60)]
    noise = [{f"n{k}": float(k == n) for k in range(60)} for n in range(60)]
    both = [
        Sample(corpus, yesno.Asked(str(n), "Is it?", truths[n], frozenset()), noise[n], (), found=True)
        for corpus in ("a", "b")
        for n in range(60)
    ]
    stated = yesno.unseen(both)
    right = np.mean([(p >= 0.5) == (s.asked.truth == YES) for p, s in zip(stated, both, strict=True)])
    assert right < 0.7


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("papers", "qa/pubmedqa", "qa/bioasq_7b_11b_golden", "grounding/scifact_claims"):
        (folder / name).mkdir(parents=True)
    facts = {
        "QUESTION": "Does sapropterin reduce phenylalanine?",
        "CONTEXTS": ["Sapropterin was given to forty patients for a month."],
        "LABELS": ["METHODS"],
        "LONG_ANSWER": "Sapropterin reduced phenylalanine in these patients.",
        "final_decision": "yes",
    }
    (folder / "qa/pubmedqa/pubmedqa_dev.json").write_text(json.dumps({"1": facts}))
    snippet = {"text": "Betaine lowers homocysteine.", "document": "http://www.ncbi.nlm.nih.gov/pubmed/7"}
    asked = {
        "type": "yesno",
        "id": "b",
        "body": "Does betaine lower homocysteine?",
        "exact_answer": "Yes",
        "snippets": [snippet],
    }
    other = {"type": "list", "id": "l"}
    lines = "\n".join(map(json.dumps, (asked, other)))
    (folder / "qa/bioasq_7b_11b_golden/bioasq_golden.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return folder


def test_experts_questions_become_a_base_with_and_without_the_conclusion(data: Path, tmp_path: Path) -> None:
    bare, whole, bioasq = yesno.corpora(data)
    assert "reduced" not in bare.texts["1"]
    assert whole.texts["1"].endswith("CONCLUSION: Sapropterin reduced phenylalanine in these patients.")
    assert [(a.id, a.truth, a.papers) for a in bioasq.asked] == [("b", YES, frozenset({"7"}))]
    [told] = yesno.sampled(whole, read_settings(), tmp_path)
    assert told.polar
    assert told.found
    assert told.values
    [told] = yesno.sampled(whole, read_settings(), tmp_path)
    assert told.values, "the base is there already"


def test_scifact_is_judged_by_heads_that_never_saw_the_claim(cmo: Cmo, data: Path, tmp_path: Path) -> None:
    folder = data / "grounding/scifact_claims"
    own = (Path(__file__).parents[2] / "bench/grounding/metabolomics.jsonl").read_text("utf-8").splitlines()
    judged = [row for row in map(json.loads, own) if row["label"] != "unrelated"]
    papers, claims = [], []
    for n, row in enumerate(judged):
        evidence = row["evidence"] if isinstance(row["evidence"], list) else [row["evidence"]]
        papers.append({"doc_id": n, "abstract": [*evidence, "Samples were stored at -80 degrees."]})
        label = "SUPPORT" if row["label"] == "supported" else "CONTRADICT"
        sets = [{"sentences": list(range(len(evidence))), "label": label}]
        claims.append({"id": n, "claim": row["claim"], "cited_doc_ids": [n], "evidence": {str(n): sets}})
    (folder / "claims_train.jsonl").write_text("\n".join(map(json.dumps, claims)))
    (folder / "corpus_sentences.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, papers)).encode()))
    code, out, _ = cmo("eval", "grounding", "--data", folder, "--home", tmp_path / "base", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["labels"]["supported"] == 12
    assert facts["labels"]["contradicted"] == 12
    assert facts["auroc_unrelated"]["value"] > 0.7
    assert set(facts["baselines"]) == {"cosine", "rouge_l"}
    assert any(name.startswith("contradicted, claim-") for name in facts["by_type"])
    assert "rationale / contradicted" not in facts["by_kind"]
    assert "rationale / nearest" in facts["by_kind"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere"], "no folder papers"),
        (["--data", "{data}", "--only", "speed"], "There is no part 'speed'"),
        (["--data", "{data}", "--publish", "none.md"], "none.md has no place for the table"),
        (["--data", "{data}", "--url", "http://127.0.0.1:1/v1"], "give --model"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is(
    cmo: Cmo, data: Path, arguments: list[str], said: str
) -> None:
    code, _, err = cmo("bench", "answer", *(a.format(data=data) for a in arguments))
    assert code != 0
    assert said in " ".join(err.split())


def test_data_that_are_not_there_are_named_by_each_part(tmp_path: Path) -> None:
    run = Run(read_settings(), tmp_path, tmp_path, lambda _what, _done, _all: None)
    for name in set(PARTS) - {"grounding"}:
        with pytest.raises(NotFound, match=str(tmp_path)):
            list(measure(run, (name,)))


def test_a_table_is_put_between_the_marks_of_a_page_and_says_when_the_machine_was_busy(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Before\n\n<!-- answers -->\n\nold\n\n<!-- /answers -->\n\nafter\n")
    rows = [
        Row.mean("share", [1.0, 0.0], least=0.9),
        replace(Row("count", 1234, "", part="b"), low=None),
    ]
    about = {"cores": 2, "load": 4.0, "load_after": 1.0}
    text = markdown(rows, about, datetime(2026, 11, 21, tzinfo=UTC))
    publish(page, text)
    publish(page, text)
    written = page.read_text()
    assert written.startswith("# Before")
    assert written.endswith("<!-- /answers -->\n\nafter\n")
    assert written.count("| share | 0.5 [0.000, 1.000] | ≥ 0.9 | **no** |") == 1
    assert "| b | count | 1,234 |  |  |" in written
    assert "old" not in written
    assert "was busy" in written
    assert "was busy" not in markdown(rows, about | {"load": 0.5}, datetime(2026, 11, 21, tzinfo=UTC))
    with pytest.raises(NotFound, match="no place"):
        publish(tmp_path / "none.md", text)
