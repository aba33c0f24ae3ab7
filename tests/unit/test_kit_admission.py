"""Who waits, who goes first, who goes home."""

from cmo.kit.admission import Gone, Rank, Room, WaitingRoom
from cmo.kit.refusal import Why

HEALTH, ASKED, AHEAD, SHADOW = Rank.HEALTH, Rank.INTERACTIVE, Rank.PREFETCH, Rank.SHADOW


def room(places: int = 4) -> WaitingRoom[str]:
    return WaitingRoom(Room(places, target_seconds=0.1, interval_seconds=0.5))


def filled(found: WaitingRoom[str], *whom: tuple[str, Rank], now: float = 0.0) -> WaitingRoom[str]:
    for name, rank in whom:
        assert found.offer(name, rank, now) is None
    return found


def everybody(found: WaitingRoom[str], now: float = 0.0) -> list[str]:
    return [item for _ in range(len(found)) if (item := found.take(now)[0]) is not None]


def crowd(places: int = 50) -> WaitingRoom[str]:
    """Those who wait have waited for two seconds, and some were served meanwhile."""
    found = room(places)
    for n in range(20):
        found.offer(f"n{n}", ASKED, 0.0)
    for now in (1.0, 1.6):
        found.take(now)
    assert found.crowded(ASKED)
    return found


def test_who_matters_most_goes_first_and_among_equals_who_came_first() -> None:
    found = filled(room(6), ("s", SHADOW), ("a", ASKED), ("p", AHEAD), ("b", ASKED), ("h", HEALTH))
    assert everybody(found) == ["h", "a", "b", "p", "s"]
    assert found.take(1.0) == (None, None)


def test_the_full_room_sends_home_whom_matters_least() -> None:
    found = filled(room(), ("s", SHADOW), ("t", SHADOW), ("p", AHEAD), ("a", ASKED))
    assert found.offer("b", ASKED, 0.0) == Gone("t", Why.SHED)
    assert found.offer("h", HEALTH, 0.0) == Gone("s", Why.SHED)
    assert found.offer("c", ASKED, 0.0) == Gone("p", Why.SHED)
    assert found.offer("d", ASKED, 0.0) == Gone("d", Why.FULL)
    assert found.offer("q", SHADOW, 0.0) == Gone("q", Why.FULL)
    assert everybody(found) == ["h", "a", "b", "c"]


def test_while_the_lane_moves_it_is_served_in_order() -> None:
    found = filled(room(99), *[(f"n{n}", ASKED) for n in range(60)])
    assert [found.take(n * 0.001)[0] for n in range(5)] == ["n0", "n1", "n2", "n3", "n4"]
    assert not found.crowded(ASKED)


def test_a_short_pile_is_no_crowd() -> None:
    found = filled(room(), ("a", ASKED))
    found.take(0.4)
    filled(found, ("b", ASKED), now=0.6)
    found.take(0.95)
    found.take(1.2)
    assert not found.crowded(ASKED)


def test_in_a_crowd_the_newest_goes_first_and_the_oldest_goes_home() -> None:
    found = crowd()
    found.offer("new", ASKED, 1.7)
    item, gone = found.take(1.7)
    assert item == "new"
    assert gone is not None
    assert gone.why is Why.SHED
    assert gone.item in {"n2", "n1"}


def test_in_a_crowd_a_full_room_lets_the_newcomer_in_for_the_oldest() -> None:
    found = crowd(20)
    while found.offer("x" + "'" * len(found), ASKED, 1.7) is None:
        pass
    assert len(found) == 20
    gone = found.offer("y", ASKED, 1.7)
    assert gone is not None
    assert gone.item.startswith("n")


def test_who_is_left_alone_is_served_however_long_it_waited() -> None:
    found = filled(room(), ("a", ASKED), ("b", ASKED))
    for now in (1.0, 2.0):
        assert found.take(now)[1] is None
    assert len(found) == 0


def test_when_the_crowd_has_gone_things_go_in_order_again() -> None:
    found = crowd()
    while len(found):
        found.take(1.8)
    filled(found, ("a", ASKED), ("b", ASKED), now=2.0)
    assert everybody(found, 2.01) == ["a", "b"]


def test_shadows_that_wait_do_not_turn_the_order_of_those_who_ask() -> None:
    found = filled(room(99), *[(f"s{n}", SHADOW) for n in range(30)])
    for tick in range(30):
        now = tick * 0.1
        filled(found, (f"a{tick}", ASKED), now=now)
        assert found.take(now)[0] == f"a{tick}"
    assert found.crowded(SHADOW)
    assert not found.crowded(ASKED)
    assert found.waiting(SHADOW) < 30


def test_who_leaves_is_not_served() -> None:
    found = filled(room(), ("a", ASKED), ("b", ASKED))
    found.leave("a")
    found.leave("nobody")
    assert everybody(found) == ["b"]


def test_who_is_ahead() -> None:
    found = filled(room(9), ("h", HEALTH), ("a", ASKED), ("b", ASKED), ("s", SHADOW))
    assert [found.ahead(rank) for rank in Rank] == [1, 3, 3, 4]
    assert crowd().ahead(ASKED) == 0
