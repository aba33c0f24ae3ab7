"""What a sentence says: which way it goes, what it denies, and how rare its words are."""

import pytest

from cmo.assess.polarity import Way
from cmo.assess.reading import read
from cmo.assess.words import Rarity, stem
from cmo.vocabulary.units import quantities

RARITY = Rarity.shipped()


def ways(text):
    return [event.way for event in read(text, RARITY, quantities).events]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Aspirin increases bleeding.", [Way.UP]),
        ("Aspirin attenuates bleeding.", [Way.DOWN]),
        ("Aspirin does not increase bleeding.", [Way.NONE]),
        ("Aspirin had no effect on bleeding.", [Way.NONE]),
        ("TMAO is associated with stroke.", [Way.RELATED]),
        ("TMAO is negatively associated with stroke.", [Way.DOWN]),
        ("It shows enhanced suppression of p53.", [Way.DOWN]),
        ("Exercise improved sleep.", [Way.BETTER]),
        ("Exercise worsened sleep.", [Way.WORSE]),
        ("The odds ratio for stroke was 2.77.", [Way.UP]),
        ("The hazard ratio for death was 0.57.", [Way.DOWN]),
        ("A relative risk of 1.0 was found.", []),
        ("Surgical patients sat in a room.", []),
    ],
)
def test_a_sentence_goes_the_way_that_its_words_say(text, said):
    assert ways(text) == said


def test_not_only_denies_nothing():
    assert not read("Not only insulin rose.", RARITY, quantities).denials
    assert read("Insulin did not rise.", RARITY, quantities).denials


def test_a_negation_ends_at_the_end_of_its_clause():
    assert ways("It was not measured; glucose increased.") == [Way.UP]


def test_what_stands_near_an_event_says_what_it_is_of():
    (event,) = read("Metformin lowers plasma glucose; the weather was fine.", RARITY, quantities).events
    assert event.around[stem("glucose")] > 0
    assert event.around["plasma"] > event.around[stem("glucose")]
    assert stem("weather") not in event.around


def test_rare_words_weigh_more_and_unknown_ones_most():
    idf = RARITY.idf
    assert idf(stem("patients")) < idf(stem("phenylalanine")) < idf("zzzzqqq")


def test_endings_make_no_other_word():
    assert stem("ubiquitination") == stem("ubiquitinated")
    assert stem("increased") == stem("increases") == stem("increasing")
    assert stem("virus") == "virus"


@pytest.mark.parametrize("text", ["", "…", "12", "?!", "\u200b", "α" * 2000])
def test_whatever_is_read_nothing_breaks(text):
    assert read(text, RARITY, quantities).weight >= 0
