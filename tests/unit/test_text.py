"""What a plain text file becomes."""

import codecs
from pathlib import Path

import pytest

from cmo.errors import PaperRefused
from cmo.ingest.encoding import decode
from cmo.ingest.text import TextParser
from cmo.model.papers import Metadata, ParsedPaper, Role, Section

ARTICLE = """Phenylalanine in
phenylketonuria

Authors: Jane Doe, J. Roe
DOI: https://doi.org/10.1000/ABC.
Year: 2019

ABSTRACT
We measured it. It was
high.

1. Introduction

Beta-
alanine is no short- and
long-term marker.

1.1 Sampling of urine

Urine was taken.

Results
=======

Figure 1. Levels in urine.

Levels rose.

References

1. Doe J. Cell 2019.

2. Roe J. Cell 2020.
"""


def read(tmp_path: Path, text: str | bytes) -> ParsedPaper:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return TextParser().parse(path)


def test_an_article_in_plain_text(tmp_path: Path) -> None:
    paper = read(tmp_path, ARTICLE)
    assert paper.metadata == Metadata(
        "Phenylalanine in phenylketonuria", ("Jane Doe", "J. Roe"), "10.1000/abc", year=2019
    )
    rows = [(paper.text[s.start : s.end], s.role, s.section, s.heading) for s in paper.sentences]
    assert [r for r in rows if r[1] not in {Role.HEADING, Role.FRONT}] == [
        ("We measured it.", Role.PROSE, Section.ABSTRACT, "ABSTRACT"),
        ("It was high.", Role.PROSE, Section.ABSTRACT, "ABSTRACT"),
        ("Beta-alanine is no short- and long-term marker.", Role.PROSE, Section.INTRODUCTION, "1. Introduction"),
        ("Urine was taken.", Role.PROSE, Section.INTRODUCTION, "1.1 Sampling of urine"),
        ("Figure 1. Levels in urine.", Role.CAPTION, Section.RESULTS, "Results"),
        ("Levels rose.", Role.PROSE, Section.RESULTS, "Results"),
        ("1. Doe J. Cell 2019.", Role.REFERENCE, Section.REFERENCES, "References"),
        ("2. Roe J. Cell 2020.", Role.REFERENCE, Section.REFERENCES, "References"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Just one paragraph of prose that ends with a stop.",
        "A paragraph first. It is prose.\n\nMore prose.",
        "Methods for measuring amino acids in\nplasma are many. They differ.",
    ],
)
def test_prose_is_not_taken_for_titles_or_headings(tmp_path: Path, text: str) -> None:
    paper = read(tmp_path, text)
    assert {s.role for s in paper.sentences} == {Role.PROSE}
    assert paper.metadata.title == ""


def test_long_lines_are_paragraphs(tmp_path: Path) -> None:
    line = "A sentence that goes on. " * 10
    assert read(tmp_path, f"{line}\n{line}\n").text.count("\n\n") == 1


def test_control_characters_are_gone(tmp_path: Path) -> None:
    assert read(tmp_path, "A\x07 pep\u00adtide\x00\u200b was found.".replace("\x00", "")).text == "A peptide was found."


@pytest.mark.parametrize(
    "data",
    [
        "5 µM → β".encode(),
        codecs.BOM_UTF8 + "5 µM → β".encode(),
        "5 µM → β".encode("utf-16"),
        codecs.BOM_UTF16_BE + "5 µM → β".encode("utf-16-be"),
        "5 µM → β".encode("utf-32"),
    ],
)
def test_unicode_is_read_with_and_without_a_mark(data: bytes) -> None:
    assert decode(data, "a.txt") == "5 µM → β"


def test_western_text_is_read() -> None:
    text = "A naïve reader sees 5 µM ± 2 at 37 °C – and the “normal” range of Müller."
    assert decode(text.encode("cp1252"), "a.txt") == text


def test_a_cut_off_character_at_the_end_does_not_garble_the_rest() -> None:
    assert decode("5 µM of β".encode()[:-1], "a.txt").startswith("5 µM of ")


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(128, 256)) * 20,
        "синильная кислота".encode("koi8-r"),
        "タンパク質".encode("shift_jis"),
        b"a\0b\0" * 9,
    ],
)
def test_other_encodings_are_refused_not_guessed(data: bytes) -> None:
    with pytest.raises(PaperRefused) as caught:
        decode(data, "a.txt")
    assert caught.value.reason == "bad-encoding"


@pytest.mark.parametrize(("text", "reason"), [(" \n \n", "empty"), ("RESULTS", "too-short")])
def test_nothing_to_cite_is_a_refusal(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(PaperRefused) as caught:
        read(tmp_path, text)
    assert caught.value.reason == reason
