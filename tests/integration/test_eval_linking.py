import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from cmo.bench.annotated import read
from cmo.bench.linking import evaluate
from cmo.cli import main
from cmo.errors import BadData, NotFound
from cmo.model.concepts import Concept, Kind, Mention
from cmo.vocabulary.compile import compile_vocabulary

Linking = Callable[..., tuple[int, str, str]]
PUBTATOR = """1|t|Glucose in phenylketonuria.
1|a|Glucose was high. PKU is rare.
1\t0\t7\tGlucose\tChemical\tD005947
1\t11\t26\tphenylketonuria\tDisease\tD010661
1\t28\t35\tGlucose\tChemicalEntity\tMESH:D005947
1\t46\t49\tPKU\tSpecificDisease\tD010661
1\tAssociation\tD005947\tD010661
"""
IOB = "Glucose\tB-Chemical\nin\tO\nkidney\tB-Disease\nfailure\tI-Disease\n.\tO\n\n(\tO\nTMA\tB-Chemical\n)\tO\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "texts.txt").write_text(PUBTATOR)
    (tmp_path / "texts.tsv.gz").write_bytes(gzip.compress(IOB.encode()))
    compile_vocabulary(
        (
            Concept("CHEBI:17234", "glucose", Kind.METABOLITE, (), {"MESH": ("D005947",)}),
            Concept("DOID:9281", "phenylketonuria", Kind.DISEASE, (), {"MESH": ("D010661",)}),
        ),
        tmp_path / "vocabulary",
    )
    return tmp_path


class Fixed:
    """A linker that finds what it is told to."""

    def __init__(self, *mentions: Mention) -> None:
        self.mentions = mentions

    def link(self, _text: str) -> tuple[Mention, ...]:
        return self.mentions

    def concept(self, concept_id: str) -> Concept | None:
        return Concept(concept_id, concept_id, Kind.DISEASE) if concept_id == "MESH:D010661" else None


def test_both_formats_are_read(files: Path) -> None:
    (text,) = read(files / "texts.txt")
    assert [(text.text[g.start : g.end], g.type, g.concepts) for g in text.gold] == [
        ("Glucose", "chemical", ("MESH:D005947",)),
        ("phenylketonuria", "disease", ("MESH:D010661",)),
        ("Glucose", "chemical", ("MESH:D005947",)),
        ("PKU", "disease", ("MESH:D010661",)),
    ]
    (text,) = read(files / "texts.tsv.gz")
    assert text.text == "Glucose in kidney failure.\n(TMA)\n"
    assert [(text.text[g.start : g.end], g.type) for g in text.gold] == [
        ("Glucose", "chemical"),
        ("kidney failure", "disease"),
        ("TMA", "chemical"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.txt", PUBTATOR.replace("11\t26", "12\t27"), "line 4"),
        ("a.txt", PUBTATOR.replace("11\t26", "11\t2600"), "line 4"),
        ("a.txt", PUBTATOR + "some prose that is neither\n", "line 8"),
        ("a.txt", PUBTATOR + "1\tx\t4\tPKU\tDisease\tC1\n", "line 8.*numbers, not 'x' and '4'"),
        ("a.tsv", IOB.replace("B-Disease", "Disease"), "line 3"),
        ("a.tsv", "one\ntwo\n", "line 1"),
        ("a.tsv", "", "no text"),
        ("a.tsv.gz", IOB, "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, name: str, content: str, line: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadData, match=line):
        read(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nothing\.txt"):
        read(tmp_path / "nothing.txt")


def test_a_span_counts_only_if_both_ends_and_the_type_are_right(files: Path) -> None:
    texts = read(files / "texts.txt")
    found = Fixed(
        Mention(0, 7, "MESH:D005947", Kind.DRUG, 1.0),  # a chemical is a chemical
        Mention(11, 25, "MESH:D010661", Kind.DISEASE, 1.0),  # too short
        Mention(28, 35, "MESH:D005947", Kind.GENE, 1.0),  # nobody marks genes here: not judged
        Mention(46, 49, "MESH:D010661", Kind.METABOLITE, 1.0),  # another type
    )
    scores = evaluate(found, texts)
    assert (scores.spans.precision, scores.spans.recall) == (0.3333, 0.25)
    assert scores.by_type["chemical"].f1 == 0.5
    assert scores.by_type["disease"].f1 == 0
    assert set(scores.by_type) == {"chemical", "disease"}
    assert scores.concepts
    assert scores.concepts.recall == 1


def test_what_is_found_exactly_is_right(files: Path) -> None:
    (text,) = read(files / "texts.txt")
    kinds = {"chemical": Kind.METABOLITE, "disease": Kind.DISEASE}
    scores = evaluate(Fixed(*(Mention(g.start, g.end, "X:1", kinds[g.type], 1.0) for g in text.gold)), [text])
    assert (scores.spans.f1, scores.spans.low, scores.spans.high, scores.spans.marked) == (1, 1, 1, 4)
    assert scores.by_type["disease"].recall == 1


@pytest.fixture
def linking(files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Linking:
    """Runs ``cmo eval linking --data NAME`` as the script does."""

    def run(name: str, *more: str | Path, vocabulary: str = "vocabulary") -> tuple[int, str, str]:
        arguments = ["--data", files / name, "--vocabulary", files / vocabulary, *more]
        monkeypatch.setattr(sys, "argv", ["cmo", "eval", "linking", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return int(code or 0), said.out, " ".join(said.err.split())

    return run


def test_the_command_measures_against_the_baseline(linking: Linking) -> None:
    code, out, _ = linking("texts.txt", "--baseline", "--json")
    facts = orjson.loads(out)
    assert code == 0
    assert facts["by_type"]["chemical"]["f1"] == 1
    assert 0 <= facts["low"] <= facts["f1"] <= facts["high"] <= 1
    assert facts["concepts"]["precision"] == 1
    assert facts["texts_per_second"] > 0
    assert facts["baseline"]["recall"] <= facts["recall"]
    assert "chemical" in linking("texts.txt")[1]


@pytest.mark.parametrize(
    ("name", "vocabulary", "word"), [("none.txt", "vocabulary", "none.txt"), ("texts.txt", ".", "manifest.json")]
)
def test_the_command_says_what_is_missing(linking: Linking, name: str, vocabulary: str, word: str) -> None:
    code, _, err = linking(name, vocabulary=vocabulary)
    assert code != 0
    assert word in err.replace(" ", "")
    assert "Traceback" not in err


def many() -> str:
    """Sixty texts, each of its own."""
    texts = []
    for n in range(60):
        own = " ".join(f"word{n}x{place}" for place in range(20))
        texts.append(
            PUBTATOR.replace("PKU is rare.", f"PKU is rare. {own}").replace("1|", f"{n}|").replace("\n1\t", f"\n{n}\t")
        )
    return "\n".join(texts)


def test_what_is_kept_for_measuring_is_not_learnt_from(files: Path, linking: Linking) -> None:
    (files / "many.txt").write_text(many())
    code, _, err = linking("many.txt", "--fit", files / "fitted", "--unseen", files / "many.txt")
    assert code != 0
    assert "nothing to fit on" in err


def test_the_command_fits_anew(files: Path, linking: Linking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmo.bench.tagging.STEPS", 3)
    (files / "many.txt").write_text(many())
    code, out, _ = linking("many.txt", "--fit", files / "fitted", "--json")
    assert code == 0
    assert 0 <= orjson.loads(out)["calibration_error"] < 1
    assert {p.name for p in (files / "fitted").iterdir()} == {"tagger.npz", "confidence.json"}
