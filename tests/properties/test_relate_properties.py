"""Aggregation and reading for any input: order is nothing, support only grows, retraction undoes, nothing is invented."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.model.concepts import Kind, Mention
from cmo.relate.layout import Window
from cmo.relate.statements import Teller
from tests.properties.aggregate import SOURCE, TYPES, Edges, Facts, combine

TELLER = Teller.shipped()
COLUMNS = ("subject", "object", "type", "support", "conflict", "papers_for", "papers_against", "papers_neutral")
IDS = (1, 2, 3, 2**64 - 1)
ROW = st.tuples(
    st.sampled_from(IDS),
    st.sampled_from(IDS),
    st.integers(0, len(TYPES) - 1),
    st.floats(0, 1, width=32),
    st.integers(0, 5),
    st.booleans(),
)
ROWS = st.lists(ROW, max_size=30)
WORDS = st.sampled_from(
    ["TMAO", "choline", "stroke", "FMO3", "plasma", "was", "not", "higher", "in", "by", "caused", "converted", "to",
     "may", ",", "(", ")", "-", "induced", "3.5", "²", "_", "İ", "β", "but", "levels", "of"]
)  # fmt: skip
KINDS = {
    "TMAO": Kind.METABOLITE, "choline": Kind.DRUG, "stroke": Kind.DISEASE, "FMO3": Kind.GENE, "plasma": Kind.SPECIMEN,
    "β": Kind.OTHER,
}  # fmt: skip


def facts(rows: list[tuple[int, int, int, float, int, bool]]) -> Facts:
    subject, object_, type_, probability, paper, negated = list(zip(*rows, strict=True)) or [()] * 6
    return Facts(
        np.array(subject, np.uint64), np.array(object_, np.uint64), np.array(type_, np.uint8),
        np.array(probability, np.float32), np.array(paper, np.uint64), np.array(negated, np.bool_),
    )  # fmt: skip


def same(a: Edges, b: Edges) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in COLUMNS)


def by_hand(rows: list[tuple[int, int, int, float, int, bool]], subject: int, object_: int, type_: int) -> float:
    """The support of one edge, in plain Python."""
    papers: dict[int, float] = {}
    for s, o, t, p, paper, negated in rows:
        pair = {(s, o), (o, s)} if TYPES[t] == "associated with" else {(s, o)}
        if t == type_ and (subject, object_) in pair and not negated:
            papers[paper] = max(papers.get(paper, 0.0), float(np.float32(p)))
    doubt = 1.0
    for p in papers.values():
        doubt *= 1 - SOURCE * p
    return 1 - doubt


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_facts_is_nothing(rows, random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert same(combine(facts(rows)), combine(facts(shuffled)))


@given(ROWS)
def test_support_is_what_plain_arithmetic_gives(rows) -> None:
    edges = combine(facts(rows))
    for n in range(len(edges)):
        wanted = by_hand(rows, int(edges.subject[n]), int(edges.object[n]), int(edges.type[n]))
        assert abs(edges.support[n] - wanted) < 1e-9


@given(ROWS, ROW)
def test_one_more_fact_never_lowers_support_or_conflict(rows, row) -> None:
    before, after = combine(facts(rows)), combine(facts([*rows, row]))
    grown = dict(zip(_keys(after), zip(after.support, after.conflict, strict=True), strict=True))
    for key, support, conflict in zip(_keys(before), before.support, before.conflict, strict=True):
        assert grown[key][0] >= support - 1e-12
        assert grown[key][1] >= conflict - 1e-12


@given(ROWS, st.integers(0, 5))
def test_a_retracted_paper_leaves_no_trace(rows, paper) -> None:
    everything = facts(rows)
    left = everything.take(everything.paper != paper)
    assert same(combine(left), combine(facts([row for row in rows if row[4] != paper])))


@given(ROWS)
def test_counts_of_papers_add_up(rows) -> None:
    edges = combine(facts(rows))
    papers = len({row[4] for row in rows})
    assert (edges.papers_neutral >= 0).all()
    assert ((edges.papers_for + edges.papers_against + edges.papers_neutral) <= 2 * papers).all()
    assert ((edges.support > 0) <= (edges.papers_for > 0)).all()
    assert ((edges.support <= 1) & (edges.conflict <= 1)).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=25), max_size=5), st.booleans())
def test_whatever_is_written_only_named_concepts_are_told(sentences, titled) -> None:
    window = _window(sentences, titled)
    told = TELLER.tell(window)
    named = {m.concept for m in window.mentions}
    for statement in told:
        assert {statement.subject, statement.object, *statement.context} <= named
        assert statement.subject != statement.object
        assert 0 < statement.probability <= 1
        assert 0 <= statement.sentence < len(sentences)
    assert told == TELLER.tell(window)


def _window(sentences: list[list[str]], titled: bool) -> Window:
    text, spans, mentions = "", [], []
    for words in sentences:
        start = len(text)
        for word in words:
            if word in KINDS:
                mentions.append(Mention(len(text), len(text) + len(word), word, KINDS[word], 1.0))
            text += word + " "
        spans.append((start, len(text) - 1))
        text += "\n"
    return Window(text, spans, mentions, titled)


def _keys(edges: Edges) -> list[tuple[int, int, int]]:
    return list(zip(edges.subject.tolist(), edges.object.tolist(), edges.type.tolist(), strict=True))
