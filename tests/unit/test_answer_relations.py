"""The table of an answer: whom its sentences speak of, one line a pair."""

from dataclasses import replace

import numpy as np

from cmo.answer.relations import asked, statements, table
from cmo.model.concepts import Kind, RelationType
from cmo.model.evidence import Passage, PassageSentence, Relationship, Statement, Trace
from cmo.model.graph import Node
from cmo.model.papers import Format, Metadata, PaperRef, Role, Section

BUTYRATE = Node(1, "CHEBI:17968", "butyrate", Kind.METABOLITE, 2)
COLITIS = Node(2, "DOID:0060180", "colitis", Kind.DISEASE, 2)
MOUSE, HUMAN = (
    Node(3, "NCBITaxon:10090", "mouse", Kind.ORGANISM, 1),
    Node(4, "NCBITaxon:9606", "human", Kind.ORGANISM, 1),
)
FAECES = Node(5, "UBERON:0001988", "feces", Kind.SPECIMEN, 1)


def passage(number: int, *texts: str) -> Passage:
    ref = PaperRef(f"p{number}", 1, "0" * 64, f"{number}.txt", Format.TEXT, Metadata())
    sentences = tuple(
        PassageSentence(text, 100 * n, 100 * n + len(text), 1, Role.PROSE, ()) for n, text in enumerate(texts)
    )
    return Passage(number, 1.0, {}, ref, Section.RESULTS, "", sentences, np.zeros((len(texts), 4), np.float32))


def stated(number: int, text: str, *context: Node, against: bool = False, probability: float = 0.8) -> Statement:
    return Statement(passage(number, text), 0, probability, against, hedged=False, context=context)


def related(*said: Statement, kind: RelationType = RelationType.DECREASED_IN, asked: bool = True) -> Relationship:
    return Relationship(BUTYRATE, COLITIS, kind, 0.8, 1, 1, "papers", said, asked)


def trace(*relationships: Relationship) -> Trace:
    return Trace((COLITIS,), 1, relationships, (), 0.5)


def test_whom_each_side_speaks_of_is_told_apart() -> None:
    mice = stated(1, "Butyrate was lower in feces of mice with colitis.", FAECES, MOUSE)
    people = stated(2, "Butyrate was not lower in humans with colitis.", HUMAN, against=True)
    (row,) = table(asked(trace(related(mice, people))))
    assert (row.specimens, row.organisms, row.organisms_against) == (("feces",), ("mouse",), ("human",))


def test_nothing_is_told_of_whom_where_the_sentences_do_not_say() -> None:
    (row,) = table(asked(trace(related(stated(1, "Butyrate was lower in colitis.")))))
    assert (row.organisms, row.organisms_against) == ((), ())


def test_of_two_lines_on_a_pair_the_first_is_told() -> None:
    first, second = related(stated(1, "a")), related(stated(2, "b"), kind=RelationType.ASSOCIATED_WITH)
    told = asked(trace(first, second))
    assert [row.type for row in table(told)] == [RelationType.DECREASED_IN]
    assert [passage.paper.paper_id for passage, _, _ in statements(told, 5)] == ["p1"]


def test_a_sentence_that_names_only_one_of_the_two_is_not_quoted_for_them() -> None:
    across = replace(stated(1, "Patients with colitis were seen.", probability=0.95), apart=True)
    both = stated(2, "Butyrate was lower in colitis.", probability=0.5)
    told = asked(trace(related(across, both)))
    assert [passage.paper.paper_id for passage, _, _ in statements(told, 5)] == ["p2"]
    assert [e.paper.paper_id for e in table(told)[0].evidence_for] == ["p2"]
    assert asked(trace(related(across))) == []


def test_what_is_unsure_or_only_near_what_is_asked_is_not_told() -> None:
    assert asked(trace(related(stated(1, "a"), asked=False))) == []
    assert asked(trace(replace(related(stated(1, "a")), probability=0.3))) == []
    assert asked(None) == []
