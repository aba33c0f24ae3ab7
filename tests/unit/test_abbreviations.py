import time

import pytest

from cmo.vocabulary.abbreviations import abbreviations


def long_forms(text: str) -> dict[str, str]:
    return {short: text[found.start : found.end] for short, found in abbreviations(text).items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plasma trimethylamine N-oxide (TMAO) rose.", {"TMAO": "trimethylamine N-oxide"}),
        ("We measured TMA (trimethylamine) first.", {"TMA": "trimethylamine"}),
        ("patients with chronic kidney disease (CKD; n = 12)", {"CKD": "chronic kidney disease"}),
        ("by ultra-high performance liquid chromatography [UHPLC]", {"UHPLC": "ultra-high performance liquid chromatography"}),
        ("insulin-like growth factor 1 (IGF-1)", {"IGF-1": "insulin-like growth factor 1"}),
        ("heat shock protein ( HSP ) in mice", {"HSP": "heat shock protein"}),
    ],
)  # fmt: skip
def test_a_definition_is_found_with_its_long_form(text: str, expected: dict[str, str]) -> None:
    assert long_forms(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "The level rose (see Table 2).",
        "in men (n = 12)",
        "glucose (p < 0.05)",
        "It ended. (CKD) began.",
        "rose (12) and fell (3.4)",
        "the same same (same)",
        "(" * 50,
        "(ABC",
    ],
)
def test_a_parenthesis_that_defines_nothing_is_left_alone(text: str) -> None:
    assert long_forms(text) == {}


def test_the_first_definition_counts() -> None:
    text = "Parkinson disease (PD) and later panic disorder (PD)."
    assert long_forms(text) == {"PD": "Parkinson disease"}


def test_the_long_form_begins_at_the_beginning_of_a_word() -> None:
    assert long_forms("of metabolic acidosis syndrome (MAS)") == {"MAS": "metabolic acidosis syndrome"}


def test_a_text_of_parentheses_takes_time_in_proportion_to_its_length() -> None:
    begun = time.perf_counter()
    abbreviations("a (AB) " * 40_000 + "(" * 200_000)
    assert time.perf_counter() - begun < 10
