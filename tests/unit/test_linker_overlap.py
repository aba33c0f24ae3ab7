from cmo.bench.annotated import Annotated
from cmo.bench.overlap import unlike


def text(words: str) -> Annotated:
    return Annotated("t", words, ())


LONG = " ".join(f"word{n}" for n in range(100))
OTHER = " ".join(f"other{n}" for n in range(100))


def test_a_text_is_known_again_in_another_setting() -> None:
    same = LONG.upper().replace(" ", ",  ")
    assert unlike([text(same), text(OTHER), text("short")], [text(LONG)]) == [False, True, True]


def test_a_part_of_a_text_is_the_same_text() -> None:
    part = " ".join(LONG.split()[40:70])
    assert unlike([text(part)], [text(LONG)]) == [False]
    assert unlike([text(LONG)], [text(part)]) == [False]
    assert unlike([text(f"{OTHER} {part}")], [text(LONG)]) == [False]


def test_a_turn_of_phrase_is_not() -> None:
    phrase = " ".join(LONG.split()[:9])
    assert unlike([text(f"{OTHER} {phrase}")], [text(LONG)]) == [True]
