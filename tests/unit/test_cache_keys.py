"""Which questions are one, and which stay apart."""

import pytest

from cmo.cache.keys import LONGEST_QUESTION, Basis, canonical, key_of
from cmo.cache.normal import normalised
from cmo.model.papers import Section
from cmo.model.questions import Filters, Mode, Reach

BASIS = Basis("000012", "clinic", "b", ("minilm@1", "rules@2"), "en", "")
ASKED = "What is raised in PKU?"


@pytest.mark.parametrize(
    "same",
    [
        "what is raised in PKU",
        "  What  is raised\tin PKU ?",
        "Please, what is raised in PKU? Thanks!",
        "Hello, can you please tell me what is raised in PKU, thank you very much",
        "I'd like to know what is raised in PKU...",
        "\uff37hat is raised in \uff30KU\uff1f",
        "What\u200b is\u00a0raised in PKU?!",
    ],
)
def test_what_asks_the_same_has_one_key(same: str) -> None:
    assert key_of(same, BASIS) == key_of(ASKED, BASIS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is 5 µM toxic?", "Is 5 μM toxic?"),
        ("Is 5 µmol/L toxic?", "Is 5 umol/L toxic?"),
        ("What does α-ketoglutarate do?", "What does alpha-ketoglutarate do?"),
        ("What is Phenylketonuria?", "What is phenylketonuria?"),
        ("How many cells are 10⁶ cells?", "How many cells are 10^6 cells?"),
        ("Does L‑carnitine help?", "Does L-carnitine help?"),
        ("What does Ca²⁺ do?", "What does Ca2+ do?"),
        ("¿Qué es la PKU?", "qué es la PKU"),
    ],
)
def test_another_way_to_write_it_is_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is L-lactate raised?", "Is D-lactate raised?"),
        ("Is (R)-3-hydroxybutyrate raised?", "Is (S)-3-hydroxybutyrate raised?"),
        ("What binds CO?", "What binds Co?"),
        ("What does NO do?", "What does no do?"),
        ("Is Cat active in the liver?", "Is CAT active in the liver?"),
        ("Is 5 mM toxic?", "Is 5 MM toxic?"),
        ("Is 5 mg toxic?", "Is 5 Mg toxic?"),
        ("Is 5 µM toxic?", "Is 5 mM toxic?"),
        ("Is 5 M toxic?", "Is 5 m toxic?"),
        ("Are 10³ cells enough?", "Are 103 cells enough?"),
        ("Are 10⁻³ mol enough?", "Are 10³ mol enough?"),
        ("What is 1.5 mM?", "What is 15 mM?"),
        ("What does Ca2+ do?", "What does Ca do?"),
        ("What does Na+ do?", "What does Na- do?"),
        ("What is the Δ 13C?", "What is the δ 13C?"),
        ("Is PC(36:2) raised?", "Is PC(36:3) raised?"),
        ("Is C5-DC raised?", "Is C5DC raised?"),
        ("What is β-alanine?", "What is alanine?"),
        ("Is tyrosine raised?", "Is tyrosine not raised?"),
        ("Can you tell me about PKU?", "What is PKU?"),
        ("Is PKU worse before a fast?", "Is PKU worse after a fast?"),
        ("Is (+)-catechin absorbed?", "Is (-)-catechin absorbed?"),
        ("Does Pah decline in mice?", "Does PAH decline in mice?"),
    ],
)
def test_near_twins_stay_apart(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@pytest.mark.parametrize("text", ["Please?", "thanks", "???", "", " ", "¿?", "Hello, please. Thanks!"])
def test_politeness_alone_is_left_as_it_is(text: str) -> None:
    assert normalised(text) == normalised(normalised(text))
    assert bool(normalised(text)) == any(map(str.isalnum, text)) or text in {"???", "¿?"}


@pytest.mark.parametrize(
    "other",
    [
        Basis("000013", "clinic", "b", ("minilm@1", "rules@2"), "en", ""),
        Basis("000012", "ward", "b", ("minilm@1", "rules@2"), "en", ""),
        Basis("000012", "clinic", "a", ("minilm@1", "rules@2"), "en", ""),
        Basis("000012", "clinic", "b", ("minilm@2", "rules@2"), "en", ""),
        Basis("000012", "clinic", "b", ("minilm@1",), "en", ""),
        Basis("000012", "clinic", "b", ("minilm@1", "rules@2"), "de", ""),
        Basis("000012", "clinic", "b", ("minilm@1", "rules@2"), "en", "0123456789abcdef"),
        Basis("000012clinic", "", "b", ("minilm@1", "rules@2"), "en", ""),
    ],
)
def test_an_answer_is_for_one_state_of_the_world(other: Basis) -> None:
    assert key_of(ASKED, other) != key_of(ASKED, BASIS)


def test_only_what_a_scope_names_decides_on_it() -> None:
    one, other = key_of(ASKED, BASIS), key_of("Another?", Basis("000012", "clinic", "z", (), "fr"))
    assert one is not None
    assert other is not None
    assert one.scope == other.scope != Basis("000013", "clinic").scope


@pytest.mark.parametrize(
    "ways",
    [
        (Mode.NAIVE, Filters(), Reach()),
        (Mode.HYBRID, Filters(year_from=2010), Reach()),
        (Mode.HYBRID, Filters(year_to=2010), Reach()),
        (Mode.HYBRID, Filters(journals=frozenset({"2010"})), Reach()),
        (Mode.HYBRID, Filters(papers=frozenset({"2010"})), Reach()),
        (Mode.HYBRID, Filters(without=frozenset({"2010"})), Reach()),
        (Mode.HYBRID, Filters(sections=frozenset({Section.RESULTS})), Reach()),
        (Mode.HYBRID, Filters(), Reach(hops=2)),
        (Mode.HYBRID, Filters(), Reach(reasoning=False)),
        (Mode.HYBRID, Filters(), None),
        (Mode.HYBRID, Filters(papers=frozenset({"a,b"})), Reach()),
        (Mode.HYBRID, Filters(papers=frozenset({"a", "b"})), Reach()),
        (Mode.HYBRID, Filters(papers=frozenset({"\ud800"})), Reach()),
    ],
)
def test_how_it_is_asked_is_in_the_key(ways: tuple[object, ...]) -> None:
    usual = key_of(ASKED, BASIS, Mode.HYBRID, Filters(), Reach())
    assert key_of(ASKED, BASIS, *ways) != usual
    assert key_of(ASKED, BASIS, *ways) == key_of(ASKED, BASIS, *ways)


def test_the_order_of_a_set_is_not_in_the_key() -> None:
    names = [str(n) for n in range(50)]
    assert canonical(frozenset(names)) == canonical(frozenset(reversed(names)))


def test_what_has_no_one_text_cannot_be_part_of_a_key() -> None:
    with pytest.raises(TypeError, match="object cannot be part of a key"):
        canonical((1, object()))


def test_a_question_beyond_measure_has_no_key() -> None:
    assert key_of("x" * LONGEST_QUESTION, BASIS) is not None
    assert key_of("x" * (LONGEST_QUESTION + 1), BASIS) is None


@pytest.mark.parametrize(
    "text", ["\x00", "\ud800", "'; DROP TABLE entries; --", "*", "{}" * 1000, "\n\r\n", "🧬" * 500]
)
def test_hostile_questions_have_keys_like_others(text: str) -> None:
    key = key_of(text, BASIS)
    assert key is not None
    assert all(c in "0123456789abcdef" for c in key.digest + key.scope)
    assert len(key.digest) == len(key.scope) == 32
