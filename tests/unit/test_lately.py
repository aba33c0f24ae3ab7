"""What a store said lately."""

import pytest

from cmo.errors import StoreError
from cmo.kit.lately import Lately
from cmo.testing import FakeClock


class Store:
    """Says how often it was asked, unless it is silent."""

    def __init__(self) -> None:
        self.asked = 0
        self.silent = False

    def ask(self, name: str) -> str:
        self.asked += 1
        if self.silent:
            raise StoreError("silent")
        return f"{name}{self.asked}"


def test_it_is_asked_again_after_half_a_second_and_not_before() -> None:
    store, clock = Store(), FakeClock()
    lately = Lately(store.ask, clock)
    assert lately.known("a") is None
    assert [lately.now("a"), lately.now("a"), lately.now("b")] == ["a1", "a1", "b2"]
    clock.advance(0.49)
    assert lately.now("a") == "a1"
    clock.advance(0.02)
    assert (lately.known("a"), lately.now("a")) == (None, "a3")
    lately.forget("a")
    assert lately.now("a") == "a4"


def test_while_it_is_silent_what_it_said_holds_for_a_minute_and_few_wait_for_it() -> None:
    store, clock = Store(), FakeClock()
    lately = Lately(store.ask, clock)
    lately.now("a")
    store.silent = True
    for _ in range(990):
        clock.advance(0.06)
        assert lately.now("a") == "a1"
    assert store.asked <= 1 + 60 / 0.5
    clock.advance(1.0)
    with pytest.raises(StoreError):
        lately.now("a")
    with pytest.raises(StoreError):
        lately.now("never heard of")
    store.silent = False
    assert lately.now("a").startswith("a")


def test_no_more_names_are_remembered_than_may_be() -> None:
    store = Store()
    lately = Lately(store.ask, FakeClock(), most=2)
    for name in "abc":
        lately.now(name)
    assert [lately.known(name) is None for name in "abc"] == [True, False, False]
