"""Which sentences of a passage are quoted, and which first."""

from collections.abc import Sequence

import numpy as np
import pytest

from cmo.answer.candidates import candidates, coverage
from cmo.model.evidence import Found, Passage, PassageSentence, Term
from cmo.model.papers import Format, Metadata, PaperRef, Role, Section
from cmo.testing import HashingEmbedder

ENCODER = HashingEmbedder()
PAPER = PaperRef("aaaa00000001", 1, "0" * 64, "a.pdf", Format.PDF, Metadata(title="A study"))


def found(question: str, texts: Sequence[str]) -> Found:
    sentences, at = [], 0
    for text in texts:
        sentences.append(PassageSentence(text, at, at + len(text), 1, Role.PROSE, ()))
        at += len(text) + 1
    vectors = np.stack([ENCODER.encode_query(question)] * len(texts))  # alike, so that the words decide
    signals = {"dense": 0.5, "words": 5.0, "sentence": 0.5, "grams": 3.0}
    passage = Passage(0, 1.0, signals, PAPER, Section.RESULTS, "Results", tuple(sentences), vectors)
    terms = tuple(Term(word, 3.0) for word in question.lower().rstrip("?").split())
    return Found(question, (passage,), ENCODER.encode_query(question), terms, "000001", 1)


def first(question: str, *texts: str) -> str:
    return candidates(found(question, texts))[0].sentence.text


def test_a_finding_comes_before_the_aim_that_names_the_same_things() -> None:
    aim = "The aim of this study was to measure leucine in plasma of patients."
    finding = "Leucine in plasma of patients was significantly raised at every visit."
    assert first("leucine plasma patients?", aim, finding) == finding
    assert first("leucine plasma patients?", finding, aim) == finding


def test_what_nobody_knew_is_no_answer() -> None:
    unknown = "No study has compared leucine in plasma of treated patients so far."
    known = "Leucine in plasma of treated patients fell to normal within a week."
    assert first("leucine plasma treated patients?", unknown, known) == known


def test_a_question_for_a_number_prefers_a_sentence_with_one() -> None:
    without = "Leucine in plasma of patients fell after the first treatment."
    number = "Leucine in plasma of patients fell by 43 % after treatment."
    assert first("by how much leucine plasma patients fell?", without, number) == number


def test_a_caption_that_passes_for_prose_comes_last() -> None:
    caption = "Figure-3: Leucine in plasma of patients at each visit of the study."
    prose = "At each visit of the study leucine in plasma of patients stayed high."
    assert first("leucine plasma patients visit?", caption, prose) == prose


@pytest.mark.parametrize(
    "debris",
    [
        "Chemical composition of oils Number Compounds Retention time min Monoterpene thujene 5.48",
        "Leucine Isoleucine Valine 12.5 13.1 14.0 patients controls plasma",
    ],
)
def test_rows_of_a_table_are_not_quoted(debris: str) -> None:
    whole = "The oil holds thujene and forty other compounds in small amounts."
    quoted = [c.sentence.text for c in candidates(found("thujene patients compounds?", [debris, whole]))]
    assert quoted == [whole]


@pytest.mark.parametrize("end", [".", ". [12]", ".12", " (p < 0.05).", " at 0.05.", ".”", " [3,4]."])
def test_a_sentence_may_end_in_marks_of_citation(end: str) -> None:
    assert len(candidates(found("leucine?", [f"Leucine was raised in the plasma of patients{end}"]))) == 1


def test_a_short_stem_is_no_beginning_of_a_longer_word() -> None:
    assert coverage(["The hind foot has extensive webbing."], [Term("hi", 3.0)]) == [0.0]
    assert coverage(["They say hi in the clinic."], [Term("hi", 3.0)]) == [1.0]
    assert coverage(["Therapies differ."], [Term("therapi", 3.0)]) == [1.0]
