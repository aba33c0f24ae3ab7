from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.ingest.sentences import split

ONE_EACH = [
    "The result is shown in Fig. 2 and in Fig. 3A.",
    "As described by Smith et al. [12] and Jones et al. (2010), it rose.",
    "It was high, i.e. above the limit, e.g. Urea, vs. Creatinine in others.",
    "We grew E. coli and S. Typhimurium in the dark.",
    "The dose was 0.05 mg (approx. 2 ml, Sigma Inc. St. Louis, USA) a day.",
    "2.1. Sample preparation was simple.",
    "J. R. Smith wrote it.",
    "Cat. No. 1234 was bought (Sigma. Munich, Germany) for it.",
    "Rats (cf. Table 2) were fed p.o. Twice daily.",
    "Is it so? yes.",
    "The value was 3.4 ± 0.25 mm Hg (Fig 5) or 262.6 µM at 2.5 ± 1.",
]

SEVERAL = [
    ("It was significant (p < 0.05). The rest was not.", ["It was significant (p < 0.05).", "The rest was not."]),
    ("Effect at p < 0.05. Rats died.", ["Effect at p < 0.05.", "Rats died."]),
    ("It is known [12]. We agree.", ["It is known [12].", "We agree."]),
    ("It is known. [12,13] We agree.", ["It is known. [12,13]", "We agree."]),
    ("It is known.12,13 We agree.", ["It is known.12,13", "We agree."]),
    ("It is known.¹² We agree.", ["It is known.¹²", "We agree."]),
    ("Seen by Smith et al. However, we disagree.", ["Seen by Smith et al.", "However, we disagree."]),
    ("It was Candida spp. The rest died.", ["It was Candida spp.", "The rest died."]),
    ("They lacked vitamin C. Patients died.", ["They lacked vitamin C.", "Patients died."]),
    ("It weighed 5 g. Patients died.", ["It weighed 5 g.", "Patients died."]),
    (
        "It ended. p53 was low. mTOR too. α-Tocopherol rose.",
        ["It ended.", "p53 was low.", "mTOR too.", "α-Tocopherol rose."],
    ),
    ("He said “no.” Then he left.", ["He said “no.”", "Then he left."]),
    ("Why? Because! So it is.", ["Why?", "Because!", "So it is."]),
    ("It is glued.The next begins.", ["It is glued.", "The next begins."]),
    ("One paragraph\n\nAnother one", ["One paragraph", "Another one"]),
    ("In all, 12 died. 15 patients lived.", ["In all, 12 died.", "15 patients lived."]),
]


@pytest.mark.parametrize("text", ONE_EACH)
def test_a_full_stop_that_ends_nothing_splits_nothing(text):
    assert [text[a:b] for a, b in split(text)] == [text]


@pytest.mark.parametrize(("text", "sentences"), SEVERAL)
def test_sentences_end_where_a_reader_ends_them(text, sentences):
    assert [text[a:b] for a, b in split(text)] == sentences


PIECES = st.lists(
    st.sampled_from(
        [*"aAbB12.!?()[]\"' \n", "Fig. ", "et al. ", "The ", "0.05", ". ", ".12 ", "\n\n", "E. coli", "α", " [3] "]
    ),
    max_size=60,
).map("".join)


@given(st.one_of(st.text(max_size=200), PIECES))
def test_spans_are_ordered_disjoint_trimmed_and_cover_all_that_is_not_space(text):
    spans = split(text)
    covered = set()
    last = 0
    for start, end in spans:
        assert last <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        covered.update(range(start, end))
        last = end
    assert all(i in covered for i, c in enumerate(text) if not c.isspace())


@given(PIECES)
def test_splitting_a_sentence_again_is_harmless(text):
    for start, end in split(text):
        assert "".join(text[start:end][a:b] for a, b in split(text[start:end])).replace(" ", "").strip()


def test_a_megabyte_takes_under_two_seconds_even_when_it_is_all_brackets_and_stops():
    started = time.perf_counter()
    for piece in ("The level rose (p < 0.05) in E. coli, as in Fig. 2. ", "(. ", ".", "A. "):
        split(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - started < 12
