"""References of cited papers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.answer.bibliography import Style, bibliography
from cmo.model.papers import Format, Metadata, PaperRef


def paper(**about: object) -> PaperRef:
    return PaperRef("p1", 1, "0" * 64, "file.pdf", Format.PDF, Metadata(**about))  # type: ignore[arg-type]


TMAO = paper(
    title="TMAO & risk: 50 % of what_we know",
    authors=("Jane A. van der Smith", "Müller, Hans-Peter", "Tang WH"),
    doi="10.1000/abc_1",
    pmid="123",
    year=2013,
    journal="N Engl J Med",
)


def test_bibtex_escapes_and_keeps_capitals() -> None:
    text = bibliography([TMAO], Style.BIBTEX)
    assert text.startswith("@article{vandersmith2013tmao,\n")
    assert r"title = {{TMAO \& risk: 50 \% of what\_we know}}" in text
    assert "author = {Jane A. van der Smith and Müller, Hans-Peter and Tang WH}" in text
    assert "doi = {10.1000/abc_1}" in text


def test_bibtex_keys_are_never_the_same() -> None:
    keys = re.findall(r"@\w+\{([^,]+),", bibliography([TMAO, TMAO, paper(), paper()], Style.BIBTEX))
    assert len(set(keys)) == 4


def test_ris_has_one_author_a_line_and_ends() -> None:
    lines = bibliography([TMAO], Style.RIS).split("\r\n")
    assert lines[0] == "TY  - JOUR"
    assert [line[6:] for line in lines if line.startswith("AU")] == [
        "van der Smith, Jane A.", "Müller, Hans-Peter", "Tang, WH",
    ]  # fmt: skip
    assert lines[-2:] == ["ER  - ", ""]


def test_vancouver_gives_initials_and_numbers() -> None:
    assert bibliography([TMAO, paper(title="Two")], Style.VANCOUVER) == (
        "1. van der Smith JA, Müller HP, Tang WH. TMAO & risk: 50 % of what_we know. N Engl J Med. 2013. "
        "doi: 10.1000/abc_1. PMID: 123.\n2. Two.\n"
    )


def test_vancouver_names_six_authors() -> None:
    many = paper(title="T", authors=tuple(f"Smith {c}" for c in "ABCDEFGH"))
    assert bibliography([many], Style.VANCOUVER).startswith(
        "1. Smith A, Smith B, Smith C, Smith D, Smith E, Smith F, et al. T."
    )


def test_a_group_of_authors_keeps_its_name() -> None:
    group = paper(title="T", authors=("The COMETS Consortium",))
    assert bibliography([group], Style.VANCOUVER) == "1. The COMETS Consortium. T.\n"
    assert "author = {{The COMETS Consortium}}" in bibliography([group], Style.BIBTEX)


@pytest.mark.parametrize("style", list(Style))
def test_nothing_is_made_up_where_a_file_says_nothing(style: Style) -> None:
    text = bibliography([paper()], style)
    assert "file.pdf" in text
    assert "None" not in text


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=3))
def test_hostile_metadata_cannot_leave_its_field(title: str, authors: list[str]) -> None:
    ref = paper(title=title, authors=tuple(authors), journal="J")
    bibtex = bibliography([ref], Style.BIBTEX)
    bare = re.sub(r"\\(?:textbackslash|textasciitilde|textasciicircum)\{\}|\\[{}]", "", bibtex)
    assert bare.count("{") == bare.count("}")
    assert bibtex.count("\n") == bibtex.count(",\n") + 2
    assert sum(line.startswith("TY  - ") for line in bibliography([ref], Style.RIS).split("\r\n")) == 1
