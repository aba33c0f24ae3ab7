"""Who is who in the chat: no two people share a name by which conversations are kept."""

from itertools import product

from cmo.chat.guests import person

NAMES = ("ada", "ada@", "ada@lab", "ada@lab@", "ada@lab@x", "@")
TENANTS = ("", "lab", "x")


def test_no_two_people_are_known_by_the_same() -> None:
    everybody = list(product(NAMES, TENANTS))
    assert len({person(*one) for one in everybody}) == len(everybody)
    assert person("ada", "") == "ada"
    assert person("ada", "lab") == "ada@lab"
