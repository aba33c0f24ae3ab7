"""What bears out a statement, how relations get their types, and where names stand."""

import numpy as np
import pytest

from cmo.lightrag.support import fits, statements, supported
from cmo.lightrag.types import typed
from cmo.model.concepts import Kind, Mention, RelationType
from cmo.model.evidence import Passage, PassageSentence
from cmo.model.naming import Given, KnowsNothing, fold, named
from cmo.model.papers import Format, Metadata, PaperRef, Role, Section
from cmo.testing import HashingEmbedder

SAID = """## Findings

**Summary:**

- **TMAO** is raised [1], as FMO3 turns it over [2, 3]. It fell by 4.1 % in e.g. fasting.
1. Plasma was drawn. (KG: none)

### References

- [1] A paper that is not a statement.
"""


def passage(*texts: str) -> Passage:
    embedder, start, sentences = HashingEmbedder(), 0, []
    for text in texts:
        role = Role.HEADING if text.isupper() else Role.PROSE
        sentences.append(PassageSentence(text, start, start + len(text), 1, role, ()))
        start += len(text) + 1
    ref = PaperRef("aaaa", 1, "00", "a.txt", Format.TEXT, Metadata())
    vectors = np.stack([embedder.encode_query(text) for text in texts])
    return Passage(0, 1.0, {}, ref, Section.RESULTS, "", tuple(sentences), vectors)


def bearing(said: str, *texts: str) -> list[str]:
    [statement] = supported(said, [passage(*texts)], HashingEmbedder())
    return [b.sentence.text for b in statement.bearings]


def test_statements_are_the_prose_without_marks_headings_and_references() -> None:
    assert list(statements(SAID)) == [
        "TMAO is raised, as FMO3 turns it over.",
        "It fell by 4.1 % in e.g. fasting.",
        "Plasma was drawn.",
        "(KG: none)",
    ]


def test_a_statement_is_borne_out_by_the_sentence_that_says_it() -> None:
    assert bearing("TMAO rose in plasma.", "Water is wet.", "TMAO rose in plasma.") == ["TMAO rose in plasma."]
    assert bearing("Napoleon ate apples.", "TMAO rose in plasma.") == []


def test_a_heading_bears_out_nothing() -> None:
    assert bearing("TMAO ROSE IN PLASMA", "TMAO ROSE IN PLASMA") == []


@pytest.mark.parametrize(
    ("statement", "sentence", "is_borne_out"),
    [
        ("It rose by 12 %.", "It rose by 12 % in all.", True),
        ("It rose by 12 %.", "It rose by 21 % in all.", False),
        ("It rose to 1,200 units.", "It rose to 1200 units.", True),
        ("It is linked to gout.", "It is not linked to gout.", False),
        ("It is not linked to gout.", "It isn't linked to gout.", True),
        ("It increased in gout.", "It decreased in gout.", False),
        ("It increased in gout.", "It rose in gout.", True),
        ("It changed in gout.", "It decreased in gout.", True),
    ],
)
def test_numbers_denials_and_the_way_must_agree(statement: str, sentence: str, *, is_borne_out: bool) -> None:
    assert fits(statement, sentence) is is_borne_out


def test_an_answer_without_a_sentence_has_no_statements() -> None:
    assert supported("## Only a heading\n\n---", [passage("TMAO rose.")], HashingEmbedder()) == []
    assert [s.bearings for s in supported("TMAO rose.", [], HashingEmbedder())] == [()]


def ends(sentence: str, a: tuple[str, Kind], b: tuple[str, Kind]) -> tuple[Mention, Mention]:
    first, second = (
        Mention(sentence.index(name), sentence.index(name) + len(name), name, kind, 1.0) for name, kind in (a, b)
    )
    return first, second


@pytest.mark.parametrize(
    ("said", "sentence", "a", "b", "expected"),
    [
        ("increase", "Alanine is raised in diabetes.", "Alanine", "diabetes", ("increased in", "Alanine")),
        ("increase", "In diabetes alanine is raised.", "diabetes", "alanine", ("increased in", "alanine")),
        ("increase", "Alanine was studied in diabetes.", "Alanine", "diabetes", ("associated with", "Alanine")),
        ("topic", "Alanine is raised in diabetes.", "Alanine", "diabetes", ("associated with", "Alanine")),
        ("conversion", "Alanine is converted to pyruvate.", "Alanine", "pyruvate", ("converted to", "Alanine")),
        ("conversion", "Alanine is converted from pyruvate.", "Alanine", "pyruvate", ("associated with", "Alanine")),
    ],
)
def test_a_type_needs_both_their_words_and_the_sentence_s_and_a_clear_direction(
    said: str, sentence: str, a: str, b: str, expected: tuple[str, str]
) -> None:
    kinds = {"diabetes": Kind.DISEASE}
    first, second = ends(sentence, (a, kinds.get(a, Kind.METABOLITE)), (b, kinds.get(b, Kind.METABOLITE)))
    found = (
        typed(f"{said} converted raised", sentence, first, second, 0)
        if said != "topic"
        else typed(said, sentence, first, second, 0)
    )
    assert (found.type.value, found.subject.concept) == expected


def test_an_association_is_ordered_by_ids() -> None:
    b, a = ends("b and a", ("b", Kind.GENE), ("a", Kind.GENE))
    found = typed("", "b and a", b, a, 0)
    assert (found.type, found.subject, found.object) == (RelationType.ASSOCIATED_WITH, a, b)


@pytest.mark.parametrize(
    ("name", "text", "places"),
    [
        ("Beta-Alanine", "Beta alanine and beta-alanines.", ["Beta alanine", "beta-alanines"]),
        ("CAT", "The cat has no CAT.", ["CAT"]),
        ("Alanine", "Phenylalanine alone.", []),
        ("(+)-Catechin", "We took (+)-catechin.", ["(+)-catechin"]),
        ("---", "A --- line.", []),
        ("A.*", "AAAA A.* B", ["A.*"]),
        ("x" * 500, "x" * 500, []),
    ],
)
def test_names_are_found_as_they_are_printed(name: str, text: str, places: list[str]) -> None:
    found = named(text, [Given(name, Kind.OTHER)], KnowsNothing(), "LIGHTRAG")
    assert [text[m.start : m.end] for m in found.mentions] == places
    assert bool(found.concepts) == bool(places)


def test_a_known_name_is_its_concept_and_longer_names_win() -> None:
    class Knows(KnowsNothing):
        def link(self, text: str) -> tuple[Mention, ...]:
            at = text.find("alanine")
            return (Mention(at, at + 7, "CHEBI:1", Kind.METABOLITE, 0.8),) if at >= 0 else ()

    text = "The alanine transaminase turns alanine over."
    found = named(text, [Given("alanine", Kind.OTHER), Given("alanine transaminase", Kind.GENE)], Knows(), "X")
    assert [(text[m.start : m.end], m.concept.partition(":")[0]) for m in found.mentions] == [
        ("alanine transaminase", "X"),
        ("alanine", "CHEBI"),
    ]


def test_folded_names_are_one() -> None:
    assert fold("Trimethylamine N-Oxide") == fold("trimethylamine n oxide")
