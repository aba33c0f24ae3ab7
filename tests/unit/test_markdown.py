"""What a Markdown file becomes."""

from pathlib import Path

import pytest

from cmo.errors import PaperRefused
from cmo.ingest.markdown import MarkdownParser
from cmo.model.papers import Metadata, ParsedPaper, Role, Section


def read(tmp_path: Path, text: str) -> ParsedPaper:
    path = tmp_path / "note.md"
    path.write_text(text, encoding="utf-8")
    return MarkdownParser().parse(path)


def rows(paper: ParsedPaper) -> list[tuple[str, Role, Section, str]]:
    return [(paper.text[s.start : s.end], s.role, s.section, s.heading) for s in paper.sentences]


def test_headings_give_sections_and_the_first_gives_the_title(tmp_path: Path) -> None:
    paper = read(
        tmp_path,
        "# On PKU\n\n## Methods\n\nWe measured. Twice.\n\n### Samples\n\nUrine.\n\nResults\n-------\n\nHigh.\n",
    )
    assert paper.metadata == Metadata(title="On PKU")
    assert rows(paper) == [
        ("On PKU", Role.HEADING, Section.TITLE, "On PKU"),
        ("Methods", Role.HEADING, Section.METHODS, "Methods"),
        ("We measured.", Role.PROSE, Section.METHODS, "Methods"),
        ("Twice.", Role.PROSE, Section.METHODS, "Methods"),
        ("Samples", Role.HEADING, Section.METHODS, "Samples"),
        ("Urine.", Role.PROSE, Section.METHODS, "Samples"),
        ("Results", Role.HEADING, Section.RESULTS, "Results"),
        ("High.", Role.PROSE, Section.RESULTS, "Results"),
    ]


@pytest.mark.parametrize(
    ("front", "facts"),
    [
        (
            "title: On PKU\nauthors: [Jane Doe, J. Roe]\nyear: 2019\ndoi: https://doi.org/10.1000/ABC\nlicense: CC-BY-4.0",
            Metadata("On PKU", ("Jane Doe", "J. Roe"), "10.1000/abc", year=2019, licence="CC-BY-4.0"),
        ),
        ("title: T\nauthor: Jane Doe and J. Roe\ndate: 2019-03-01", Metadata("T", ("Jane Doe", "J. Roe"), year=2019)),
        ("title: T\nauthors:\n  - name: Jane Doe\n  - J. Roe", Metadata("T", ("Jane Doe", "J. Roe"))),
        ("title: T\nrests_on:\n  doi: 10.1000/other\n  journal: Cell", Metadata("T")),
        ("title: [a, b]\nyear: {a: 1}\npmid: 123", Metadata(pmid="123")),
    ],
)
def test_front_matter_gives_the_facts(tmp_path: Path, front: str, facts: Metadata) -> None:
    paper = read(tmp_path, f"---\n{front}\n---\n\nText.\n")
    assert paper.metadata == facts
    assert paper.text.endswith("Text.")


def test_front_matter_that_cannot_be_read_is_text(tmp_path: Path) -> None:
    assert "key: [unclosed" in read(tmp_path, "---\nkey: [unclosed\n---\n\nText.\n").text


def test_marks_are_gone_and_words_stay(tmp_path: Path) -> None:
    paper = read(
        tmp_path,
        "**Raised** [phenylalanine](http://x.org) at `5 µM`\nin CO<sub>2</sub>.\n\n> Quoted.\n\n- One.\n- Two.\n\n```\ncode\n```\n",
    )
    assert [text for text, *_ in rows(paper)] == ["Raised phenylalanine at 5 µM in CO2.", "Quoted.", "One.", "Two."]


def test_tables_captions_pictures_and_references_have_their_roles(tmp_path: Path) -> None:
    paper = read(
        tmp_path,
        "## Results\n\nTable 1. Levels.\n\n| PKU | µM |\n|---|---|\n| **yes** | 1200 |\n\nTable 1 shows it.\n\n"
        "![A scheme](x.png)\n\n## References\n\n1. Doe J. Cell 2019. doi:10.1/x\n",
    )
    assert [(text, role) for text, role, *_ in rows(paper)] == [
        ("Results", Role.HEADING),
        ("Table 1. Levels.", Role.CAPTION),
        ("PKU | µM", Role.TABLE),
        ("yes | 1200", Role.TABLE),
        ("Table 1 shows it.", Role.PROSE),
        ("A scheme", Role.CAPTION),
        ("References", Role.HEADING),
        ("Doe J. Cell 2019. doi:10.1/x", Role.REFERENCE),
    ]


@pytest.mark.parametrize(
    ("text", "reason"), [(" \n\n", "empty"), ("# Only a title\n", "too-short"), ("```\nx\n```", "too-short")]
)
def test_nothing_to_cite_is_a_refusal(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(PaperRefused) as caught:
        read(tmp_path, text)
    assert caught.value.reason == reason


def test_deep_nesting_is_survived(tmp_path: Path) -> None:
    assert read(tmp_path, "Text.\n\n" + ">" * 5_000 + " deep\n\n" + "[" * 5_000 + "\n").text.startswith("Text.")
