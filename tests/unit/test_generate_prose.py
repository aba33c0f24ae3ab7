"""Whatever a model sends, in whatever pieces, what is left is plain sentences, once each, within bounds."""

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.answer.generate_prose import CHARS_A_TOKEN, LONGEST, sentences
from cmo.ingest.sentences import split

RAISED = "Phenylalanine is raised in phenylketonuria."
LOWERED = "Tyrosine is lowered in phenylketonuria."
TREATED = "Sapropterin lowers phenylalanine in some patients."
ALL = f"{RAISED} {LOWERED} {TREATED}"


def prose(*pieces: str, most_tokens: int = 700) -> list[str]:
    return list(sentences(pieces, split, most_tokens=most_tokens))


@pytest.mark.parametrize(
    "said",
    [
        ALL,
        f"{RAISED}\n{LOWERED}\n\n{TREATED}",
        f"- {RAISED}\n* {LOWERED}\n3. {TREATED}",
        f"## Answer\n\n**{RAISED}** {LOWERED}\n\n> {TREATED}",
        f"<think>Is tyrosine raised? I think that glucose rises in it.</think>\n{ALL}",
        f"<Thinking>\n{ALL.replace('is', 'was')}\n</Thinking>{ALL}",
        json.dumps({"answer": ALL}),
        json.dumps([{"text": RAISED, "cites": [1]}, {"text": LOWERED}, {"text": TREATED}]),
        f"```json\n{json.dumps({'sentences': [RAISED, LOWERED, TREATED]})}\n```",
        f"```\n{ALL}\n```",
        f"I'm sorry for the delay. Here is what I found:\n{ALL} I hope this helps!",
        f"Based on the provided passages, I can say this. {ALL} Please consult a doctor before you act.",
        f"{RAISED} {LOWERED} {RAISED} {TREATED}",
        f"{ALL} See https://evil.example/?q=secret for more. ![x](http://evil.example/x.png)",
        f"{ALL} What else is known of it?",
        f"{ALL}\n| metabolite | change |\n|---|---|\n| glucose in blood | raised a lot |",
    ],
)
def test_prose_is_found_in_whatever_it_is_wrapped_in(said: str) -> None:
    assert prose(said) == [RAISED, LOWERED, TREATED]


@pytest.mark.parametrize(
    "said",
    [
        "", " \n\t", "NO ANSWER", "No answer.", "...", "[]", "{}", "null", "{" * 9_000, "[" * 9_000, "a" * 9_000, "\x00\x1b[31m",
        "I'm sorry, but I cannot help with that.", "As an AI language model, I do not give advice on this.",
        "Sorry, there is no information about it in the passages.", "The passages do not say what causes it.",
        "<think>I wonder what they want to hear of phenylalanine.", "[1] [2] [3]", "Yes.", "Sure!",
        json.dumps({"question": "What?", "passages": [{"n": 1, "text": ALL}]}), '```json\n{"a": 1}\n```',
        "<script>alert('the user must be warned')</script>", "The following are the findings of it:",
    ],
)  # fmt: skip
def test_what_is_no_answer_leaves_nothing(said: str) -> None:
    assert prose(said) == []


def test_a_model_without_end_is_heard_so_far_and_no_further() -> None:
    heard = 0

    def endless() -> Iterator[str]:
        nonlocal heard
        for n in range(100_000):
            heard += 1
            yield f"Metabolite {'abcdefghij'[n % 10]}{chr(97 + n % 26)} number {n} rises in plasma. "

    told = list(sentences(endless(), split, most_tokens=100))
    assert heard * 20 < 2 * 100 * CHARS_A_TOKEN
    assert 5 < len(told) < 40


def test_a_model_that_repeats_itself_is_heard_no_longer() -> None:
    heard = []

    def looping() -> Iterator[str]:
        for n in range(100_000):
            heard.append(n)
            yield f"{RAISED} "

    assert list(sentences(looping(), split, most_tokens=700)) == [RAISED]
    assert len(heard) < 12


def test_a_sentence_is_told_before_the_model_has_finished() -> None:
    heard = []

    def speaking() -> Iterator[str]:
        for word in ALL.split():
            heard.append(word)
            yield f"{word} "

    telling = sentences(speaking(), split, most_tokens=700)
    assert next(telling) == RAISED
    assert len(heard) <= len(f"{RAISED} {LOWERED}".split()) - 2


def test_what_may_have_been_cut_off_is_not_told() -> None:
    cut = f"{ALL} TMAO is raised in stroke only in mice and never"
    assert prose(cut, most_tokens=60) == [RAISED, LOWERED, TREATED]
    assert prose(RAISED.rstrip("."), most_tokens=700) == [RAISED.rstrip(".")]


def test_a_sentence_without_end_takes_its_tail_along() -> None:
    monster = "It is not true that " + "very " * (LONGEST // 4) + "much glucose is safe to eat. TMAO is safe to eat.\n"
    assert prose(f"{monster}{RAISED}\n", most_tokens=5_000) == [RAISED]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.lists(st.integers(0, 400), max_size=12), st.integers(20, 800))
def test_how_a_reply_is_cut_into_pieces_changes_nothing(text: str, cuts: list[int], most_tokens: int) -> None:
    said = f"{text} {ALL}\n{text}"
    places = sorted({0, *cuts, len(said)})
    pieces = [said[a:b] for a, b in pairwise(places)]
    assert prose(*pieces, most_tokens=most_tokens) == prose(said, most_tokens=most_tokens)
    assert prose(*said, most_tokens=most_tokens) == prose(said, most_tokens=most_tokens)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from([ALL, "<think>", "</think>", "{", '"', "```", "[1]"]))))
def test_whatever_is_sent_what_is_told_is_plain_and_told_once(pieces: list[str]) -> None:
    told = prose(*pieces)
    assert len(set(told)) == len(told)
    for sentence in told:
        assert "\n" not in sentence
        assert "http" not in sentence.casefold()
        assert len(sentence) <= LONGEST + 1
