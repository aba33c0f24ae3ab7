"""`cmo eval relations` on files: figures, intervals, baselines, and what a bad file is told."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cmo.bench.fit_relations import fitted
from cmo.bench.related import read
from cmo.bench.relations import BINS, by_overlap, calibration_error, evaluate
from cmo.cli.main import app
from cmo.errors import BadData, NotFound
from cmo.model.concepts import Concept, Kind, Mention
from cmo.relate.patterns import Phrases
from cmo.relate.statements import Teller
from cmo.vocabulary.compile import compile_vocabulary

TITLE = "TMAO and heart failure."
BODY = "TMAO levels were higher in heart failure. Cisplatin was given with choline. TMAO was not related to FMO3."
TEXT = f"{TITLE}\n{BODY}"
NAMES = {
    "TMAO": ("ChemicalEntity", "C1"), "heart failure": ("DiseaseOrPhenotypicFeature", "D1"),
    "Cisplatin": ("ChemicalEntity", "C2"), "choline": ("ChemicalEntity", "C3,C4"), "FMO3": ("GeneOrGeneProduct", "G1"),
    "given": ("CellLine", "X1"),
}  # fmt: skip


def pubtator(number: int, *relations: str) -> str:
    lines = [f"{number}|t|{TITLE}", f"{number}|a|{BODY}"]
    for name, (kind, concepts) in NAMES.items():
        start = TEXT.find(name)
        while start >= 0:
            lines.append(f"{number}\t{start}\t{start + len(name)}\t{name}\t{kind}\t{concepts}")
            start = TEXT.find(name, start + 1)
    return "\n".join([*lines, *(f"{number}\t{relation}" for relation in relations)]) + "\n\n"


POSITIVE = "Positive_Correlation\tC1\tD1\tNovel"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "texts.PubTator"
    path.write_text("".join(pubtator(n, POSITIVE, "Association\tC2\tC2\tNo") for n in range(1, 7)))
    return path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["eval", "relations", *arguments])
    return result.exit_code, result.output


def test_the_figures_carry_intervals_and_a_baseline(data: Path) -> None:
    code, output = run("--data", str(data), "--gold-entities", "--json")
    assert code == 0, output
    facts = json.loads(output)
    for name in ("precision", "recall", "f1", "sign_accuracy", "sign_coverage", "calibration_error"):
        assert facts[name]["low"] <= facts[name]["high"], name
    assert facts["recall"]["value"] == 1.0
    assert facts["sign_accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert facts["by_type"]["chemical-disease"]["marked"] == facts["marked"] == 6
    assert facts["cooccurrence"]["recall"]["value"] == 1.0
    # TMAO and heart failure, TMAO and FMO3, cisplatin with both cholines, the two cholines: 1 of 5 is right
    assert facts["cooccurrence"]["precision"]["value"] == pytest.approx(0.2)
    assert facts["texts"] == 6


def test_the_figures_are_printed_for_people(data: Path) -> None:
    code, output = run("--data", str(data), "--gold-entities")
    assert code == 0
    assert "cooccurrence" in output
    assert "chemical-disease" in output


def test_the_vocabulary_that_is_named_links_the_names(data: Path, tmp_path: Path) -> None:
    concepts = (
        Concept("CHEBI:15724", "trimethylamine N-oxide", Kind.METABOLITE, ("TMAO",)),
        Concept("DOID:6000", "heart failure", Kind.DISEASE),
    )
    compile_vocabulary(concepts, tmp_path / "vocabulary")
    code, output = run("--data", str(data), "--vocabulary", str(tmp_path / "vocabulary"), "--json")
    assert code == 0, output
    assert json.loads(output)["recall"]["value"] == 1.0


def test_the_vocabularies_of_the_home_link_by_default(data: Path, tmp_path: Path) -> None:
    code, output = run("--data", str(data), "--home", str(tmp_path / "home"), "--json")
    assert code == 0, output
    assert json.loads(output)["texts_per_second"] > 0
    assert (tmp_path / "home" / "eval" / "vocabulary" / "manifest.json").exists()


@pytest.mark.slow
def test_fitting_writes_models_that_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = tmp_path / "many.txt"
    many.write_text(
        "".join(pubtator(n, POSITIVE, *(["Negative_Correlation\tC1\tG1\tNo"] * (n % 2))) for n in range(60))
    )
    code, output = run("--data", str(many), "--gold-entities", "--fit", str(tmp_path / "fitted"), "--json")
    assert code == 0, output
    assert json.loads(output)["fitted_cross_validated"]["recall"]["value"] > 0.6
    for part, name in (("judge", "pairs.json"), ("signs", "signs.json")):
        text = (tmp_path / "fitted" / name).read_text("utf-8")
        monkeypatch.setattr(f"cmo.relate.{part}.source", lambda text=text: text)
    assert json.loads((tmp_path / "fitted" / "pairs.json").read_text("utf-8"))["fitted_on"] == "many.txt, 60 texts"
    scores = evaluate(read(many), Teller.shipped())
    assert scores.by_type["chemical-disease"].f1.value == 1.0
    assert scores.overall.precision.value > scores.cooccurrence.precision.value


def test_too_few_texts_are_not_fitted_on(data: Path) -> None:
    with pytest.raises(BadData, match="at least"):
        fitted(read(data), Phrases.shipped())


def test_compressed_files_are_read(data: Path) -> None:
    packed = data.with_suffix(".gz")
    packed.write_bytes(gzip.compress(data.read_bytes()))
    assert read(packed) == read(data)


def test_a_linked_name_takes_the_ids_of_the_marked_name_that_it_overlaps() -> None:
    marked = [Mention(5, 10, i, Kind.METABOLITE, 1.0) for i in ("C1", "C2")]
    found = [Mention(0, 5, "A", Kind.DRUG, 0.5), Mention(8, 12, "B", Kind.DRUG, 0.5)]
    assert [(m.start, m.concept) for m in by_overlap(found, marked)] == [(0, "A"), (8, "C1"), (8, "C2")]


def test_names_in_the_title_and_in_the_text_are_found_where_they_stand(data: Path) -> None:
    text = read(data)[0]
    assert {text.text[m.start : m.end] for m in text.mentions} == set(NAMES) - {"given"}
    assert [text.text[a:b] for a, b in text.window().sentences][:2] == [TITLE, BODY.split(". ", maxsplit=1)[0] + "."]
    assert text.relations == {frozenset(("C1", "D1")): 1}


@pytest.mark.parametrize(
    ("broken", "line", "says"),
    [
        (pubtator(1).replace("\tTMAO\t", "\tTMA0\t", 1), 3, "'TMAO'"),
        (pubtator(1, "Association\tC1"), 12, "neither"),
        (pubtator(1, "Association\tC1\tZ9\tNo"), 12, "'Z9'"),
        (pubtator(1).rstrip() + "\n1\tx\t4\tTMAO\tChemicalEntity\tC1\n", 12, "numbers, not 'x' and '4'"),
        (pubtator(1).rstrip() + "\n1\t0\t4\tTMAO\tChemicalEntity\n", 12, "six columns.*here are 5"),
        (
            pubtator(1).rstrip() + "\n1\t0\t4000\tTMAO\tChemicalEntity\tC1\n",
            12,
            "end at 4000, but title and abstract have",
        ),
        (pubtator(1).rstrip() + "\n1\t4\t0\tTMAO\tChemicalEntity\tC1\n", 12, "end behind its start"),
        (pubtator(1).rstrip() + "\n9\t0\t4\tTMAO\tChemicalEntity\tC1\n", 12, "of text '9' and stands under '1'"),
        (pubtator(1, "Association\tC1\t\tNo"), 12, "two concepts"),
        ("nothing\there\n", 1, "title"),
        (pubtator(1, POSITIVE) + "2\t0\t4\tTMAO\tChemicalEntity\tC1\n", 14, "title"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, broken: str, line: int, says: str) -> None:
    path = tmp_path / "broken.txt"
    path.write_text(broken)
    with pytest.raises(BadData, match=rf"line {line}\b.*{says}"):
        read(path)


def test_a_file_without_relations_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text(pubtator(1))
    with pytest.raises(BadData, match="marks no relation"):
        read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadData, match="cannot be read"):
        read(path)
    with pytest.raises(NotFound):
        read(tmp_path / "missing.txt")


def test_calibration_is_right_where_shares_are() -> None:
    import numpy as np

    drawn = np.random.default_rng(0)
    p = drawn.random(30_000)
    assert calibration_error(p, (drawn.random(30_000) < p).astype(float)) < 0.02
    assert calibration_error(np.full(BINS * 10, 0.9), np.zeros(BINS * 10)) == pytest.approx(0.9)


def test_what_is_never_told_costs_recall(data: Path) -> None:
    silent = Teller.shipped()
    scores = evaluate(read(data), silent, _Nobody())
    assert scores.overall.recall.value == 0.0
    assert scores.sign_coverage.value == 0.0
    assert scores.calibration_error.value == 0.0


class _Nobody:
    """Finds no name."""

    def link(self, text: str) -> tuple[Mention, ...]:  # noqa: ARG002 - a Linker takes a text
        return ()

    def concept(self, concept_id: str) -> Concept | None:  # noqa: ARG002
        return None
