from __future__ import annotations

import pytest

from cmo.ingest.pdf import repair, signs
from cmo.ingest.pdf.letters import clean
from cmo.ingest.pdf.lines import Line
from cmo.ingest.pdf.spelling import Lexicon, seam
from cmo.ingest.pdf.words import Font

FONT = Font("Times", bold=False, italic=False, extent=1.2)


def line(text):
    words = text.split()
    places = [10.0 * i for i in range(len(words))]
    return Line(1, words, places, [x + 9 for x in places], 0, 0, 100, 12, 10, FONT, bold=False, italic=False)


def joined(above, below, *elsewhere):
    first, second = line(above), line(below)
    drop, between = seam(first, second, Lexicon(map(line, elsewhere)))
    return first.text[: len(first.text) - drop] + between + second.text


@pytest.mark.parametrize(
    ("above", "below", "elsewhere", "text"),
    [
        ("of high signif-", "icance here", (), "of high significance here"),
        ("with age-", "matched controls", ("x age-matched y",), "with age-matched controls"),
        ("by high-", "performance work", ("a high b performance c",), "by high-performance work"),
        ("for anti-", "HIV drugs", (), "for anti-HIV drugs"),
        ("with NaO-", "Cl was", ("the NaOCl was",), "with NaOCl was"),
        ("pre-", "and postoperative", (), "pre- and postoperative"),
        ("IL-", "6 was", (), "IL-6 was"),
        ("in 2010–", "2012 and", (), "in 2010–2012 and"),
        ("two lines", "without a hyphen", (), "two lines without a hyphen"),
        ("glucose-", "dependent uptake", (), "glucose-dependent uptake"),
    ],
)
def test_a_word_broken_at_the_end_of_a_line_is_made_whole_as_the_document_spells_it(above, below, elsewhere, text):
    assert joined(above, below, *elsewhere) == text


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("ﬁnd", "find"),
        ("eﬀect", "effect"),
        ("𝑝", "p"),
        ("co\u00adop", "co-op"),
        ("a\u200bb", "ab"),
        ("e\u0301", "é"),
        ("\uf061", "α"),
    ],
)
def test_letters_are_plain(raw, plain):
    assert clean(raw) == plain


def test_th_drawn_as_one_shape_is_spelt_out_where_the_document_proves_it():
    lines = [line("*e level and *is one"), line("of *ese and *e one")]
    repair.mend([lines])
    assert [each.text for each in lines] == ["The level and This one", "of These and The one"]


def test_a_footnote_star_stays_a_star():
    lines = [line("*significant at p"), line("*e alone")]
    repair.mend([lines])
    assert lines[0].text == "*significant at p"


def test_keys_of_a_font_of_signs_become_signs_where_a_five_must_be_equals():
    def key(character):
        return signs.mark("AdvP4C4E74", character)

    lines = [line(f"n {key('5')} 30 and p{key(',')}0.05"), line(f"at {key('2')}20")]
    repair.mend([lines])
    assert [each.text for each in lines] == ["n = 30 and p<0.05", "at −20"]


def test_keys_without_proof_stay_what_the_file_says():
    lines = [line(f"see {signs.mark('AdvP1', '2')} and 7 {signs.mark('AdvP1', '5')} x")]
    repair.mend([lines])
    assert lines[0].text == "see 2 and 7 5 x"
