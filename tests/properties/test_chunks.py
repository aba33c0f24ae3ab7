"""Whatever the paper, chunks keep sentences whole, sections apart and lose nothing."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.ingest.chunks import chunk, chunk_sentences, chunk_text
from cmo.model.papers import CITABLE, Format, Page, ParsedPaper, Role, Section, Sentence


class Words:
    """Counts words."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@st.composite
def papers(draw: st.DrawFn) -> ParsedPaper:
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(1, 12), st.sampled_from(list(Section)[:4]), st.sampled_from("AB"), st.sampled_from(Role)
            ),
            max_size=40,
        )
    )
    text, sentences = "", []
    for number, (length, section, heading, role) in enumerate(rows):
        words = " ".join(f"w{number}" for _ in range(length))
        text += "\n" if text else ""
        sentences.append(Sentence(len(text), len(text) + len(words), 1, section, heading, role, ()))
        text += words
    return ParsedPaper(Format.TEXT, text, (Page(1, 595, 842),), tuple(sentences))


sizes = st.integers(1, 30).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


@given(papers(), sizes)
def test_every_citable_sentence_is_in_a_chunk_and_no_other_is(paper: ParsedPaper, limits: tuple[int, int]) -> None:
    chunks = chunk(paper, Words(), size=limits[0], overlap=limits[1])
    assert {s for c in chunks for s in chunk_sentences(paper, c)} == {s for s in paper.sentences if s.role in CITABLE}


@given(papers(), sizes)
def test_a_chunk_is_small_or_one_sentence(paper: ParsedPaper, limits: tuple[int, int]) -> None:
    for c in chunk(paper, Words(), size=limits[0], overlap=limits[1]):
        text, spans = chunk_text(paper, c)
        assert len(text.split()) <= limits[0] or len(spans) == 1


@given(papers(), sizes)
def test_a_chunk_never_crosses_a_section(paper: ParsedPaper, limits: tuple[int, int]) -> None:
    for c in chunk(paper, Words(), size=limits[0], overlap=limits[1]):
        assert {s.section for s in chunk_sentences(paper, c)} == {c.section}


@given(papers(), sizes)
def test_chunks_advance_and_share_no_more_than_the_overlap(paper: ParsedPaper, limits: tuple[int, int]) -> None:
    size, overlap = limits
    chunks = chunk(paper, Words(), size=size, overlap=overlap)
    assert [c.ordinal for c in chunks] == list(range(len(chunks)))
    for before, after in pairwise(chunks):
        assert before.first < after.first
        assert before.last < after.last
        shared = [s for s in chunk_sentences(paper, before) if s in chunk_sentences(paper, after)]
        assert sum(len(paper.text[s.start : s.end].split()) for s in shared) <= overlap


@given(papers(), sizes)
def test_the_spans_of_a_chunk_give_its_sentences_verbatim(paper: ParsedPaper, limits: tuple[int, int]) -> None:
    for c in chunk(paper, Words(), size=limits[0], overlap=limits[1]):
        text, spans = chunk_text(paper, c)
        verbatim = [paper.text[s.start : s.end] for s in chunk_sentences(paper, c)]
        assert [text[a:b] for a, b in spans] == verbatim


@pytest.mark.parametrize(("size", "overlap"), [(10, 10), (10, -1), (0, 0)])
def test_an_overlap_that_cannot_advance_is_an_error(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        chunk(ParsedPaper(Format.TEXT, "", (), ()), Words(), size=size, overlap=overlap)
