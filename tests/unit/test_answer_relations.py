"""The table of an answer: whom its sentences speak of, one line a pair."""

import numpy as np

from cmo.answer.relations import statements, table
from cmo.model.concepts import Kind, RelationType
from cmo.model.evidence import Found, Passage, PassageSentence, Relationship, Statement, Trace
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


def test_whom_each_side_speaks_of_is_told_apart() -> None:
    mice = stated(1, "Butyrate was lower in feces of mice with colitis.", FAECES, MOUSE)
    people = stated(2, "Butyrate was not lower in humans with colitis.", HUMAN, against=True)
    (row,) = table(Trace((COLITIS,), 1, (related(mice, people),), (), 0.5))
    assert (row.specimens, row.organisms, row.organisms_against) == (("feces",), ("mouse",), ("human",))


def test_nothing_is_told_of_whom_where_the_sentences_do_not_say() -> None:
    (row,) = table(Trace((COLITIS,), 1, (related(stated(1, "Butyrate was lower in colitis.")),), (), 0.5))
    assert (row.organisms, row.organisms_against) == ((), ())


def test_of_two_lines_on_a_pair_the_first_is_told() -> None:
    first, second = related(stated(1, "a")), related(stated(2, "b"), kind=RelationType.ASSOCIATED_WITH)
    assert [row.type for row in table(Trace((COLITIS,), 1, (first, second), (), 0.5))] == [RelationType.DECREASED_IN]
    found = Found("?", (), np.zeros(4, np.float32), (), "s", 2, Trace((COLITIS,), 1, (first, second), (), 0.5))
    assert [passage.paper.paper_id for passage, _, _ in statements(found, 5)] == ["p1"]
