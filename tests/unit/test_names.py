import numpy as np
import pytest

from cmo.vocabulary.names import Text, form

SAME = [
    ("γ-aminobutyric acid", "gamma aminobutyric acids"),
    ("IL-6", "IL 6"),
    ("IL6", "il-6"),
    ("haemoglobin", "Hemoglobin"),
    ("tumour necrosis factor", "tumor-necrosis factor"),
    ("3′,5′-cyclic AMP", "3',5'-cyclic AMP"),
    ("type II diabetes", "type 2 diabetes"),
    ("H₂O", "H2O"),
    ("TMAOs", "TMAO"),
    ("enzyme deficiencies", "enzyme deficiency"),
    ("cafe\u0301 au lait", "café au lait"),
]
DIFFERENT = [
    ("L-carnitine", "D-carnitine"),
    ("Ca2+", "Ca2"),
    ("NAD+", "NAD"),
    ("PC 34:1", "PC 341"),
    ("12-HETE", "1,2-HETE"),
    ("(+)-catechin", "(-)-catechin"),
    ("AIDS", "AID"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_name_has_one_form_however_it_is_set(one: str, other: str) -> None:
    assert form(one) == form(other) != ""


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_tells_two_things_apart_is_kept(one: str, other: str) -> None:
    assert form(one) != form(other)


@pytest.mark.parametrize("nothing", ["", "   ", "—", "()", "'"])
def test_a_name_without_letters_has_no_form(nothing: str) -> None:
    assert form(nothing) == ""


def test_a_span_hashes_as_it_does_on_its_own() -> None:
    text = Text.of("Plasma PC 34:1, IL-6 and γ-aminobutyric acids (Ca2+) rose.")
    for first in range(len(text)):
        for last in range(first, len(text)):
            alone = Text.of(text.source[text.starts[first] : text.ends[last]])
            whole = alone.hashes(np.array([0]), np.array([len(alone) - 1]))
            assert text.hashes(np.array([first]), np.array([last]))[0] == whole[0]
