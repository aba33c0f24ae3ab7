"""What is sealed is read with its key and by nobody else, and cannot be moved or changed."""

import base64

import pytest

from cmo.errors import SettingsError, StoreCorrupt
from cmo.kit.seal import PLAIN, fresh_key, seal_of

SECRET = b"which patient has phenylketonuria"


def test_what_is_sealed_is_opened_with_the_same_key_and_looks_different_each_time() -> None:
    seal = seal_of(fresh_key())
    first, second = (seal.seal(SECRET, "a.reply") for _ in range(2))
    assert first != second
    assert SECRET not in first
    assert seal.opened(first, "a.reply") == seal.opened(second, "a.reply") == SECRET


def test_what_was_kept_before_there_was_a_key_is_read_all_the_same() -> None:
    assert seal_of(fresh_key()).opened(b"\x78\x01plain", "a") == b"\x78\x01plain"
    assert PLAIN.seal(SECRET, "a") == PLAIN.opened(SECRET, "a") == SECRET


def test_another_key_comes_first_and_the_old_one_still_opens() -> None:
    old, new = fresh_key(), fresh_key()
    kept = seal_of(old).seal(SECRET, "a")
    both = seal_of(f"{new}, {old}")
    assert both.opened(kept, "a") == SECRET
    with pytest.raises(StoreCorrupt, match="another key"):
        seal_of(new).opened(kept, "a")
    assert seal_of(new).opened(both.seal(SECRET, "a"), "a") == SECRET


@pytest.mark.parametrize("place", [5, 16, 17, -1])
def test_what_was_changed_moved_or_has_no_key_is_not_read(place: int) -> None:
    seal = seal_of(fresh_key())
    kept = bytearray(seal.seal(SECRET, "a"))
    with pytest.raises(StoreCorrupt, match="changed"):
        seal.opened(bytes(kept), "b")
    with pytest.raises(StoreCorrupt, match="no key is set"):
        PLAIN.opened(bytes(kept), "a")
    kept[place] ^= 1
    with pytest.raises(StoreCorrupt, match="changed"):
        seal.opened(bytes(kept), "a")


@pytest.mark.parametrize("text", ["x", "a" * 43, base64.urlsafe_b64encode(b"short").decode(), "A" * 43 + "=,x", "ä"])
def test_what_is_no_key_is_said_at_once(text: str) -> None:
    with pytest.raises(SettingsError, match="cmo privacy key"):
        seal_of(text)
