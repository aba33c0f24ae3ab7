"""The support scorer with the real encoder, the command that measures it, and a model of inference built here."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import orjson
import pytest
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from cmo.app import App, opened
from cmo.assess import Reviewed, Said
from cmo.bench import grounding
from cmo.bench.corruptions import corrupted, denied, miscounted, turned
from cmo.bench.grounding_fit import Samples, fitted
from cmo.bench.grounding_rows import Row, read
from cmo.cli import main
from cmo.embed.nli import NliModel
from cmo.errors import ModelCorrupt, ModelMissing, NotFound
from cmo.ingest.sentences import split
from cmo.model.assessments import Verdict
from cmo.settings import read_settings
from lightrag_integration import (
    AccuracyScorer,
    FactualAccuracyValidator,
    QualityAssessmentSuite,
    RelevanceScorer,
    ResponseValidator,
)

OWN = Path(__file__).parents[2] / "bench/grounding/metabolomics.jsonl"
EVIDENCE = "Plasma leucine was increased in obese adults. Samples were stored at -80 degrees."
Eval = Callable[..., tuple[int, str, str]]


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Eval:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cmo", "eval", "grounding", *map(str, arguments), "--home", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            main.run()
        said = capsys.readouterr()
        return int(str(ended.value.code or 0)), said.out, said.err

    return call


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with opened(read_settings(working_dir=tmp_path_factory.mktemp("base"))) as app:
        yield app


def write(folder: Path, *rows: object) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def row(claim: str = "Leucine rises.", evidence: object = EVIDENCE, label: object = "supported") -> dict[str, object]:
    return {"claim": claim, "evidence": evidence, "label": label}


@pytest.mark.model
def test_sentences_of_our_own_field_are_told_apart(evaluate: Eval) -> None:
    code, out, _ = evaluate("--data", OWN, "--json")
    facts = orjson.loads(out)
    assert code == 0
    assert facts["labels"] == {"supported": 12, "contradicted": 12, "unrelated": 12}
    assert facts["auroc"]["value"] > 0.85
    assert facts["auroc_contradicted"]["value"] > 0.75
    assert facts["auroc"]["low"] <= facts["auroc"]["value"] <= facts["auroc"]["high"]
    assert facts["auroc_contradicted"]["value"] > facts["baselines"]["cosine"]["auroc_contradicted"]["value"]
    assert set(facts["by_type"]) == {"supported", "contradicted", "unrelated"}


@pytest.mark.model
def test_bad_lines_are_counted_and_named_and_the_rest_is_judged(evaluate: Eval, tmp_path: Path) -> None:
    bad = [
        "nonsense", "[1]", row(claim=" "), row(evidence=[]), row(evidence=3), row(evidence=["x", 1]), row(label="maybe"),
        row(label=None), row(label=["supported"]), row(evidence="   "),
    ]  # fmt: skip
    data = write(tmp_path, row(), *bad, "", row(label="unrelated", evidence=["Trains leave every hour."]))
    code, out, _ = evaluate("--data", data, "--json")
    facts = orjson.loads(out)
    assert (code, facts["rows"], facts["bad_count"]) == (0, 2, len(bad))
    assert [line["number"] for line in facts["bad_lines"]] == list(range(2, 12))
    assert "maybe" in next(line["reason"] for line in facts["bad_lines"] if line["number"] == 8)
    code, out, err = evaluate("--data", data)
    assert "line 2 left out" in err
    assert "auroc" in out


def test_a_file_without_a_usable_row_is_refused_with_the_reason(evaluate: Eval, tmp_path: Path) -> None:
    code, _, err = evaluate("--data", write(tmp_path, row(label="maybe")))
    assert code != 0
    assert "maybe" in err
    with pytest.raises(NotFound):
        read(tmp_path / "absent.jsonl", split)


def test_one_side_alone_has_no_curve_but_a_report(house: App, tmp_path: Path) -> None:
    rows, _ = read(write(tmp_path, row(claim=EVIDENCE.split(". ", maxsplit=1)[0])), split)
    facts = grounding.report(grounding.score(rows, house.support))
    assert np.isnan(facts["auroc"]["value"])
    assert facts["by_type"]["supported"]["scorer"] == 1.0


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    right, stated = np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1])
    assert grounding.auroc(right, stated, ["a", "b", "c", "d"]).value == pytest.approx(3.5 / 4)


def test_calibration_error_is_zero_where_what_is_stated_happens() -> None:
    right = np.array([True, False] * 50)
    assert grounding.reliability(right, np.full(100, 0.5))["error"] == pytest.approx(0.0)
    assert grounding.reliability(right, np.full(100, 0.9))["error"] == pytest.approx(0.4)


def test_rouge_is_one_for_the_same_and_zero_for_the_other() -> None:
    assert grounding.rouge_l("Leucine rises in obesity", ["Nothing here.", "Leucine rises in obesity"]) == 1.0
    assert grounding.rouge_l("Leucine rises", ["Trains leave"]) == 0.0


def test_corrupted_sentences_say_something_else() -> None:
    chance = np.random.default_rng(0)
    assert denied("Leucine is raised.") == "Leucine is not raised."
    assert denied("Leucine is not raised.") == "Leucine is raised."
    assert turned("Insulin increases uptake.") == "Insulin decreases uptake."
    assert turned("Insulin binds its receptor.") == "Insulin binds its receptor."
    assert miscounted("It rose by 20 %.", chance) != "It rose by 20 %."
    rows = [Row("Insulin increases uptake.", ("Insulin increased uptake.",), Verdict.SUPPORTED, "rationale", "1")] * 2
    kinds = {made.kind: made.label for made in corrupted(rows)}
    assert kinds["claim-direction"] is Verdict.CONTRADICTED
    assert kinds["copy"] is Verdict.SUPPORTED


@pytest.mark.model
def test_heads_can_be_fitted_and_then_tell_what_they_were_fitted_on(house: App) -> None:
    rows, _ = read(OWN, split)
    rows = [Row(r.claim, r.evidence, r.label, "rationale" if r.label is not Verdict.UNRELATED else "nearest", r.group)
            for r in rows]  # fmt: skip
    rows += corrupted([r for r in rows if r.label is not Verdict.UNRELATED])
    samples = Samples.of(rows, house.support)
    heads = fitted(samples)
    said = np.array([heads.weigh(dict(zip(samples.names, x, strict=True)))[0] for x in samples.x.tolist()])
    own = np.array([r.kind in {"rationale", "nearest"} for r in samples.rows])
    right = np.array([r.label is Verdict.SUPPORTED for r in samples.rows])
    assert grounding.auroc(right, said, [r.group for r in samples.rows], own).value > 0.9


@pytest.mark.model
def test_eight_quoted_sentences_cost_little_beside_encoding_them(house: App) -> None:
    rows, _ = read(OWN, split)
    lines = [r.evidence[0] for r in rows if r.label is Verdict.SUPPORTED][:8]
    passages = house.encoder.encode_passages(lines, [()] * 8)
    known = {line: passage.vector for line, passage in zip(lines, passages, strict=True)}
    said = tuple(Said(line, (str(n),)) for n, line in enumerate(lines))
    sources = {str(n): (line,) for n, line in enumerate(lines)}
    judged, encoded = [], []
    for n in range(8):
        began = time.process_time()
        found = house.assessor.assess(Reviewed(f"Question {n}: what predicts diabetes?", said, sources, known))
        between = time.process_time()
        house.encoder.encode_passages(lines, [()] * 8)
        judged.append(between - began)
        encoded.append(time.process_time() - between)
        assert found.citation_precision == found.citation_recall == 1.0
    assert np.median(judged) < np.median(encoded)


@pytest.mark.model
async def test_the_documented_classes_judge_an_answer(tmp_path: Path) -> None:
    config = read_settings(working_dir=tmp_path)
    question = "How does leucine change in obesity?"
    good = await QualityAssessmentSuite(config).assess_response(
        query=question, response="Plasma leucine was increased in obese adults [1].", source_documents=[EVIDENCE]
    )
    bad = await QualityAssessmentSuite(config).assess_response(
        query=question, response="Plasma leucine was decreased in obese adults [1].", sources=[{"content": EVIDENCE}]
    )
    assert good.meets_threshold
    assert good.composite_score > 0.85
    assert not bad.meets_threshold
    assert bad.acceptable < 0.5 < good.acceptable
    assert any("decreased" in issue for issue in bad.issues)
    assert json.loads(json.dumps(good))["citation_precision"] == 1.0
    assert await RelevanceScorer(config).score_response(query=question, response="Trains leave every hour.") < 0.3
    assert await AccuracyScorer(config).validate_against_sources(response=EVIDENCE, sources=[EVIDENCE]) > 0.95
    told = await FactualAccuracyValidator(config).validate_claims(
        response="Plasma leucine was decreased in obese adults.", sources=[EVIDENCE]
    )
    assert told.confidence < 0.5
    assert told.issues
    unsourced = await QualityAssessmentSuite(config).assess_response(
        query=question, response="Leucine rises in obesity."
    )
    assert "no sources" in unsourced.issues[0]


WORDS = ["[PAD]", "[UNK]", "[SEP]", "leucine", "rises", "falls", "in", "obesity"]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A classifier that says contradiction by how often *falls* stands in a pair, entailment by how often *rises*."""
    table = np.zeros((len(WORDS), 3), np.float32)
    table[WORDS.index("falls"), 0], table[WORDS.index("rises"), 2] = 4.0, 4.0
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["each"]),
        helper.make_node("ReduceSum", ["each", "axis"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "t"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
        [onnx.numpy_helper.from_array(table, "table"), onnx.numpy_helper.from_array(np.array([1], np.int64), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("$A [SEP]", "$A [SEP] $B:1 [SEP]:1", [("[SEP]", 2)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    labels = {"0": "CONTRADICTION", "1": "NEUTRAL", "2": "ENTAILMENT"}
    (tmp_path / "config.json").write_text(json.dumps({"id2label": labels}))
    return tmp_path


def test_a_model_of_inference_is_run_as_its_files_say(tiny: Path) -> None:
    model = NliModel.open(tiny)
    pairs = [("leucine rises in obesity", "leucine rises"), ("leucine falls", "leucine falls in obesity")] * 9
    said = model.judge(pairs)
    assert len(said) == len(pairs)
    assert said[0] == pytest.approx((1, 0), abs=0.01)
    assert said[1][1] > 0.99
    assert model.judge([]) == []
    long = model.judge([("rises " * 5000, "falls")])[0]
    assert long[0] > long[1]


def test_it_judges_doubtful_claims_where_a_path_is_configured(tiny: Path, tmp_path: Path) -> None:
    with opened(read_settings(working_dir=tmp_path / "base", nli_model=tiny)) as app:
        assert app.support._entailment is not None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "{}"),
        ("config.json", '{"id2label": {"0": "good"}}'),
        ("tokenizer.json", "x"),
        ("model.onnx", "x"),
    ],
)
def test_files_that_are_no_such_model_are_named(tiny: Path, name: str, content: str) -> None:
    (tiny / name).write_text(content)
    with pytest.raises(ModelCorrupt, match=name):
        NliModel.open(tiny)
    (tiny / name).unlink()
    with pytest.raises(ModelMissing, match=name):
        NliModel.open(tiny)


@pytest.mark.model
async def test_an_engine_that_contradicts_its_sources_is_not_recommended(tmp_path: Path) -> None:
    validator = ResponseValidator(
        test_queries=["How does leucine change in obesity?"], config=read_settings(working_dir=tmp_path)
    )
    good = {"content": "Plasma leucine was increased in obese adults.", "sources": [EVIDENCE]}
    results = [
        await validator.compare_responses(
            query=query, response_a=good, response_b="Plasma leucine was decreased in obese adults."
        )
        for query in validator.test_queries
    ]
    assert results[0].preferred == "a"
    assert not validator.generate_migration_report(results).migration_recommended
    report = validator.generate_migration_report(results * 30)
    assert (report.migration_recommended, report.advice) == (False, "fail")
    assert report.interval[1] < 0
    same = await validator.compare_responses(query=validator.test_queries[0], response_a=good, response_b=good)
    assert same.preferred == "tie"
    assert validator.generate_migration_report([same] * 30).migration_recommended
