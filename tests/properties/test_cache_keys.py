"""Keys over made-up questions and states of the world."""

import string

from hypothesis import given
from hypothesis import strategies as st

from cmo.cache.keys import Basis, key_of
from cmo.cache.normal import normalised
from cmo.model.questions import Filters

WORDS = st.sampled_from(
    [
        "Please", "please", "what", "What", "IS", "is", "raised", "PKU", "pku", "5", "µM", "μM", "mM", "MM", "α", "Δ9-THC",
        "β-alanine", "L-lactate", "D-lactate", "10³", "Ca²⁺", "thanks", "Thanks!", "?", "NO", "no", "Co", "CO", "(R)-", "...",
        "tell me", "Straße", "ﬁbre", "İ", "ŉ", "ǅ", "½", "①", "℃", "´", "s'il vous plaît", ",", "¿",
    ]
)  # fmt: skip
QUESTIONS = st.one_of(
    st.text(max_size=60), st.lists(WORDS, max_size=8).map(" ".join), st.lists(WORDS, max_size=8).map("".join)
)
PARTS = st.text(string.ascii_letters + ",()'\\\ud800", max_size=4)
BASES = st.builds(Basis, PARTS, PARTS, PARTS, st.lists(PARTS, max_size=3).map(tuple), PARTS, PARTS)
FILTERS = st.builds(Filters, journals=st.frozensets(PARTS, max_size=3), papers=st.frozensets(PARTS, max_size=3))


@given(QUESTIONS)
def test_the_form_of_a_form_is_itself(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(QUESTIONS)
def test_digits_and_signs_of_charge_survive(text: str) -> None:
    kept = normalised(text)
    assert sum(map(str.isdecimal, kept)) >= sum(map(str.isdecimal, text))
    assert kept.count("+") >= text.count("+")


@given(QUESTIONS, BASES, BASES, FILTERS, FILTERS)
def test_two_states_of_the_world_never_meet(
    text: str, one: Basis, other: Basis, these: Filters, those: Filters
) -> None:
    same = (one, these) == (other, those)
    assert (key_of(text, one, these) == key_of(text, other, those)) is same


@given(QUESTIONS, QUESTIONS, BASES)
def test_two_forms_never_meet(text: str, other: str, basis: Basis) -> None:
    assert (key_of(text, basis) == key_of(other, basis)) is (normalised(text) == normalised(other))
