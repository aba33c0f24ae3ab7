"""A model's own citations go, in whatever format; what only looks like one stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.answer.cite_marks import bare, leads_away

SAID = "TMAO rose in plasma."


@pytest.mark.parametrize(
    "marked",
    [
        "TMAO rose in plasma [1].", "TMAO rose in plasma. [1]", "TMAO rose in plasma [1, 2][3].", "TMAO rose in plasma [1–3].",
        "TMAO rose in plasma [^1].", "TMAO rose [1] in plasma.", "TMAO rose in plasma [[1]](https://x.example/a).",
        "TMAO rose in plasma [1](http://x.example).", "TMAO rose in plasma 【1†source】.", "TMAO rose in plasma【4:0†a.pdf】.",
        "TMAO rose in plasma (Smith 2020).", "TMAO rose in plasma (Smith et al., 2020; Doe & Roe, 2019a).",
        "TMAO rose in plasma (see Smith and Doe, 2020, p. 4).", "TMAO rose in plasma¹.", "TMAO rose in plasma.¹˒²", "TMAO rose in plasma³⁻⁵.",
        "TMAO rose in plasma<sup>1,2</sup>.", "TMAO rose in plasma^1^.", "TMAO rose in plasma^{12}.", "TMAO rose in plasma \\cite{smith2020}.",
        "TMAO rose in plasma (doi:10.1234/abc.5).", "TMAO rose in plasma doi: 10.1234/abc.5.", "TMAO rose in plasma 10.1234/abc.5.",
        "TMAO rose in plasma (PMID: 12345678).", "TMAO rose in plasma (passage 3).", "TMAO rose in plasma [Passage 2].",
        "TMAO rose in plasma (source: 2, 4).", "TMAO rose in plasma (Document 1, page 4).", "TMAO rose in plasma (3).",
        "According to passage 3, TMAO rose in plasma.", "As stated in the provided documents, TMAO rose in plasma.",
        "Passage 2 states that TMAO rose in plasma.", "Passage 4: TMAO rose in plasma.", "The paper reports that TMAO rose in plasma.",
        "- **TMAO** rose in plasma.", "2) TMAO rose in plasma.", "> *TMAO rose in plasma.*", "Answer: TMAO rose in plasma.",
    ],
)  # fmt: skip
def test_marks_of_citation_go(marked: str) -> None:
    assert bare(marked) == SAID


@pytest.mark.parametrize(
    "said",
    [
        "The index was 24 kg/m² at 10⁻³ mol/L.", "Ca²⁺ and ¹³C glucose were traced in cells/mm³.", "Levels fell (p < 0.05, n = 12).",
        "Vitamin B₁₂ was low (95 % CI 1–3).", "It rose from 1 to 2 (Table 3).", "Values were 4 (2–6) in mice.", "In 2020 it rose in plasma.",
        "[U-13C]glucose was infused.", "The lipid PC(18:1/16:0) rose.", "Cells were kept at 37 °C for 2 h.", "1,2-Propanediol rose in plasma.",
        "3-Hydroxybutyrate rose in plasma.",
    ],
)  # fmt: skip
def test_what_belongs_to_the_sentence_stays(said: str) -> None:
    assert bare(said) == said


@pytest.mark.parametrize(
    "said",
    [
        "See https://evil.example for more.", "![x](data)", "Write to a.b@evil.example now.", "<a href=x>this</a> is safe.",
        "Visit www.evil.example today.", "It is safe [here](javascript:alert(1)).",
    ],
)  # fmt: skip
def test_what_leads_away_is_told(said: str) -> None:
    assert leads_away(said)


def test_figures_and_comparisons_lead_nowhere() -> None:
    assert not leads_away("Levels fell (p <0.05) and a < b held in 5 % of samples.")


@given(st.text(max_size=300))
def test_it_never_fails_and_never_grows(text: str) -> None:
    once = bare(text)
    assert "\n" not in once
    assert len(once) <= len(text) * 3 + 1
