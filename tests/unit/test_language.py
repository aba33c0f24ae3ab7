"""In which language a question is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.kit.language import language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What is TMAO?", "en"),
        ("Which amino acids are raised in PKU?", "en"),
        ("LC-MS QC CV", "en"),
        ("TMAO CVD risk", "en"),
        ("HMDB0000925", "en"),
        ("BCAA T2D IR", "en"),
        ("S-adenosylmethionine hepatic", "en"),
        ("resent papers on burn injury metabolomic", "en"),
        ("", "en"),
        ("?!", "en"),
        ("Welche Aminosäuren sind bei PKU erhöht?", "de"),
        ("Quels acides aminés sont élevés dans la phénylcétonurie ?", "fr"),
        ("¿Cómo producen miopatía las estatinas?", "es"),
        ("プリン代謝のサルベージ経路を説明してください。", "ja"),
        ("苯丙酮尿症中哪些氨基酸升高？", "zh"),
        ("Какие аминокислоты повышены при фенилкетонурии?", "ru"),
        ("Quali metaboliti sono aumentati nel diabete di tipo 2?", "it"),
    ],
)
def test_a_language_is_told_and_acronyms_are_none(text: str, code: str) -> None:
    assert language(text) == code


@given(st.text(max_size=200))
def test_any_text_has_a_language(text: str) -> None:
    assert language(text).isalpha()
