"""Where chunks are cut, on papers small enough to read."""

from collections.abc import Sequence

from cmo.ingest.chunks import chunk, chunk_text
from cmo.model.papers import Format, Page, ParsedPaper, Role, Section, Sentence

Row = tuple[str, Section, str, Role]


class Words:
    """Counts words."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


def paper_of(rows: Sequence[Row]) -> ParsedPaper:
    text, sentences = "", []
    for words, section, heading, role in rows:
        text += "\n" if text else ""
        sentences.append(Sentence(len(text), len(text) + len(words), 1, section, heading, role, ()))
        text += words
    return ParsedPaper(Format.TEXT, text, (Page(1, 595, 842),), tuple(sentences))


def texts(rows: Sequence[Row], size: int, overlap: int) -> list[str]:
    paper = paper_of(rows)
    return [chunk_text(paper, c)[0] for c in chunk(paper, Words(), size=size, overlap=overlap)]


def prose(words: str, heading: str = "H", section: Section = Section.RESULTS) -> Row:
    return words, section, heading, Role.PROSE


def test_a_paper_without_citable_text_has_no_chunks() -> None:
    assert texts([("Smith J. Title. 2019.", Section.REFERENCES, "References", Role.REFERENCE)], 10, 2) == []


def test_the_last_sentences_are_repeated_up_to_the_overlap() -> None:
    assert texts([prose("a a a"), prose("b b"), prose("c c c")], 6, 2) == ["a a a b b", "b b c c c"]


def test_the_overlap_shrinks_so_that_the_next_sentence_fits() -> None:
    assert texts([prose("a"), prose("b b"), prose("c c c c")], 4, 3) == ["a b b", "c c c c"]


def test_a_sentence_longer_than_the_size_stands_alone_uncut() -> None:
    assert texts([prose("a"), prose("b b b b b"), prose("c")], 3, 1) == ["a", "b b b b b", "c"]


def test_a_new_heading_ends_a_chunk_that_is_half_full() -> None:
    rows = [prose("a a a", "One"), prose("b b", "Two"), prose("c c", "Two")]
    assert texts(rows, 6, 1) == ["a a a", "b b c c"]


def test_short_subsections_share_a_chunk() -> None:
    assert texts([prose("a", "One"), prose("b", "Two")], 6, 1) == ["a b"]


def test_a_heading_between_sentences_is_no_text_of_the_chunk() -> None:
    rows = [prose("a", "One"), ("Two", Section.RESULTS, "Two", Role.HEADING), prose("b", "Two")]
    assert texts(rows, 6, 1) == ["a b"]


def test_a_table_goes_with_its_caption_and_not_with_the_prose() -> None:
    rows = [
        prose("before"),
        ("Table 1.", Section.RESULTS, "H", Role.CAPTION),
        ("x | 1", Section.RESULTS, "H", Role.TABLE),
        prose("after"),
        ("Figure 1.", Section.RESULTS, "H", Role.CAPTION),
    ]
    assert texts(rows, 20, 2) == ["before", "Table 1. x | 1", "after Figure 1."]
