import math

import pytest

from cmo.vocabulary.units import Quantity, quantities


def one(text: str) -> Quantity:
    (found,) = quantities(text)
    return found


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("5 µM", "5000 nM"),
        ("5 μM", "5 µM"),
        ("5 umol/L", "0.005 mM"),
        ("90 mg/dL", "0.9 g/L"),
        ("90 mg dL-1", "90 mg·dL⁻¹"),
        ("5–10 µM", "5 to 10 µM"),
        ("2 h", "120 min"),
        ("p < 0.05", "P<.05"),
        ("p = 3×10−4", "P = 0.0003"),
        ("2.5-fold", "fold change of 2.5"),
        ("log2FC = -1", "0.5-fold"),
        ("12 %", "12%"),
        ("1,200 ng/mL", "1.2 mg/L"),
        ("≤ 5 mM", "<= 5 mM"),
    ],
)
def test_equal_quantities_are_equal_however_they_are_written(here: str, there: str) -> None:
    assert one(here).equals(one(there))
    assert one(there).equals(one(here))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("5 µM", "5 mM"),
        ("5 mM", "5 MHz"),
        ("p < 0.05", "p > 0.05"),
        ("5 mM", "5–10 mM"),
        ("5 µM", "5 µg/L"),
        ("10 mmol/mol", "10 mmol/L"),
    ],
)
def test_different_quantities_are_not_equal(here: str, there: str) -> None:
    assert not one(here).equals(one(there))


@pytest.mark.parametrize("text", ["", "IL-6", "PC 34:1", "C18", "HbA1c", "22:6", "vitamin B12", "CYP2D6", "x²"])
def test_digits_within_names_are_no_quantities(text: str) -> None:
    assert quantities(text) == ()


def test_a_quantity_says_where_it_stands_and_how_far_it_spreads() -> None:
    text = "It was 5.2 ± 0.3 mM (p < 0.001) in 12 of 40 patients."
    found = quantities(text)
    assert [text[q.start : q.end] for q in found] == ["5.2 ± 0.3 mM", "p < 0.001", "12", "40 patients"]
    assert found[0].spread == pytest.approx(0.0003)
    assert [q.unit for q in found] == ["mol/L", "p", "", "patients"]


@pytest.mark.parametrize("text", ["3×10^400 M", "1e-999999 M", "9" * 400, "1" * 5000 + " mM"])
def test_absurd_numbers_do_no_harm(text: str) -> None:
    assert all(math.isfinite(q.low) and math.isfinite(q.high) for q in quantities(text))
