"""Packed entries: back as they were, or not at all."""

import math
import tracemalloc
import zlib

import pytest

from cmo.cache.entry import LONGEST_VALUE, SKEW_SECONDS, Entry, Spoilt, early, pack, unpack
from cmo.cache.keys import Basis, Key, key_of

KEY = key_of("What is raised in PKU?", Basis("1")) or Key("", "")
OTHER = key_of("What is lowered in PKU?", Basis("1")) or Key("", "")
ENTRY = Entry(b'{"answer": "phenylalanine"}' * 100, 1000.0, 1300.0, 0.01)


@pytest.mark.parametrize("compress", [True, False])
def test_an_entry_comes_back_as_it_was(compress: bool) -> None:
    packed = pack(KEY, ENTRY, compress=compress)
    assert unpack(KEY, packed) == ENTRY
    assert (len(packed) < len(ENTRY.value) / 2) is compress


def test_the_entry_of_another_key_is_none() -> None:
    with pytest.raises(Spoilt):
        unpack(OTHER, pack(KEY, ENTRY, compress=True))


@pytest.mark.parametrize("compress", [True, False])
def test_any_changed_byte_is_noticed(compress: bool) -> None:
    packed = pack(KEY, ENTRY, compress=compress)
    for place in range(len(packed)):
        changed = bytearray(packed)
        changed[place] ^= 0x41
        with pytest.raises(Spoilt):
            unpack(KEY, bytes(changed))


@pytest.mark.parametrize("cut", [0, 1, 20, 33, 34, 60])
def test_half_an_entry_is_none(cut: int) -> None:
    with pytest.raises(Spoilt):
        unpack(KEY, pack(KEY, ENTRY, compress=True)[:cut])


def test_nothing_is_unpacked_beyond_what_may_be_kept() -> None:
    longest = Entry(b"x" * LONGEST_VALUE, 0.0, 1.0)
    assert unpack(KEY, pack(KEY, longest, compress=True)) == longest
    bomb = pack(KEY, Entry(b"x" * (LONGEST_VALUE + 1), 0.0, 1.0), compress=True)
    assert len(bomb) < 10_000
    with pytest.raises(Spoilt, match="longer"):
        unpack(KEY, bomb)


def test_a_bomb_is_not_even_unpacked_to_see_how_long_it_is() -> None:
    bomb = pack(KEY, Entry(bytes(40 * LONGEST_VALUE), 0.0, 1.0), compress=True)
    tracemalloc.start()
    try:
        with pytest.raises(Spoilt):
            unpack(KEY, bomb)
        assert tracemalloc.get_traced_memory()[1] < 5 * LONGEST_VALUE
    finally:
        tracemalloc.stop()


def test_what_only_claims_to_be_compressed_is_spoilt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zlib, "compress", lambda value, _level: value)
    with pytest.raises(Spoilt, match="decompressed"):
        unpack(KEY, pack(KEY, ENTRY, compress=True))


def test_times_that_are_none_are_spoilt() -> None:
    with pytest.raises(Spoilt):
        unpack(KEY, pack(KEY, Entry(b"x", math.nan, math.inf), compress=False))


@pytest.mark.parametrize(
    ("now", "fresh"),
    [
        (1000.0, True),
        (1299.9, True),
        (1300.0, False),
        (1e12, False),
        (1000.0 - SKEW_SECONDS, True),
        (990.0, False),
        (0.0, False),
    ],
)
def test_an_entry_is_fresh_from_its_making_to_its_end(now: float, fresh: bool) -> None:
    assert ENTRY.fresh(now) is fresh


def test_making_anew_in_time_is_rare_long_before_the_end_and_sure_after_it() -> None:
    slow = Entry(b"", 0.0, 100.0, cost=1.0)
    chances = [n / 10_000 for n in range(10_000)]
    share = [sum(early(slow, now, chance) for chance in chances) / len(chances) for now in (80.0, 97.0, 99.0, 100.0)]
    assert share == [0.0, pytest.approx(math.exp(-3), abs=2e-4), pytest.approx(math.exp(-1), abs=2e-4), 1.0]


def test_what_costs_nothing_is_never_made_in_advance() -> None:
    assert not early(Entry(b"", 0.0, 100.0), 99.9, 0.999_999)
