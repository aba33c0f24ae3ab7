"""Keys and the audit's chain, as values."""

from dataclasses import replace

import pytest

from cmo.access import Why, mint, split, standing, verify
from cmo.access.keys import digest
from cmo.model.access import Deed, Key, Line, Role


def key(**more: object) -> Key:
    return replace(Key("0123456789ab", digest("s" * 43), "ada", Role.READER, "", 0.0), **more)  # type: ignore[arg-type]


def test_a_key_is_read_back_as_the_digest_that_is_kept_of_it() -> None:
    minted = mint()
    assert split(minted.text) == (minted.id, minted.digest)
    assert minted.text.startswith(f"cmo_{minted.id}_")
    assert minted.text not in repr(minted)
    assert len({mint().text for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "text",
    ["", "cmo_", "cmo_0123456789ab_", "cmo_0123456789ab_" + "s" * 42, "cmo_0123456789ab_" + "s" * 44,
     "cmo_0123456789AB_" + "s" * 43, "cmo_0123456789ab_" + "s" * 42 + "\n", "cmo_0123456789ab_" + "ß" * 43],
)  # fmt: skip
def test_what_is_no_key_is_none(text: str) -> None:
    assert split(text) is None


@pytest.mark.parametrize(
    ("kept", "shown", "now", "why"),
    [
        (key(), "s" * 43, 10.0, None),
        (key(), "t" * 43, 10.0, Why.UNKNOWN),
        (None, "s" * 43, 10.0, Why.UNKNOWN),
        (key(expires_at=11.0), "s" * 43, 10.9, None),
        (key(expires_at=11.0), "s" * 43, 11.0, Why.EXPIRED),
        (key(revoked_at=5.0), "s" * 43, 10.0, Why.REVOKED),
        (key(revoked_at=20.0, replaced_by="b" * 12), "s" * 43, 10.0, None),
        (key(revoked_at=20.0, replaced_by="b" * 12), "s" * 43, 20.0, Why.ROTATED),
        (key(revoked_at=20.0, replaced_by="b" * 12), "t" * 43, 20.0, Why.UNKNOWN),
    ],
)
def test_a_key_opens_while_it_holds(kept: Key | None, shown: str, now: float, why: Why | None) -> None:
    assert standing(kept, digest(shown), now) is why


def test_each_role_may_what_those_before_it_may() -> None:
    assert [[a.covers(b) for b in Role] for a in Role] == [[n <= m for n in range(4)] for m in range(4)]


def chain(*actions: str) -> list[Line]:
    lines: list[Line] = []
    for n, action in enumerate(actions):
        last = (lines[-1].number, lines[-1].hash) if lines else (0, "")
        lines.append(Line.after(*last, Deed(float(n), "ada", action, "x", {"n": n})))
    return lines


def height(lines: list[Line]) -> tuple[int, str]:
    return (lines[-1].number, lines[-1].hash) if lines else (0, "")


def test_lines_that_nobody_touched_hold() -> None:
    lines = chain("a", "b", "c")
    assert verify(lines, height(lines)) is None
    assert verify([], (0, "")) is None


@pytest.mark.parametrize("what", ["at", "actor", "action", "subject", "facts"])
def test_a_line_of_which_anything_was_altered_does_not_hold(what: str) -> None:
    lines = chain("a", "b", "c")
    other: dict[str, object] = {"at": 7.5, "actor": "eve", "action": "z", "subject": "y", "facts": {"n": 2}}
    lines[1] = replace(lines[1], deed=replace(lines[1].deed, **{what: other[what]}))  # type: ignore[arg-type]
    fault = verify(lines, height(lines))
    assert fault is not None
    assert (fault.number, "altered" in fault.what) == (2, True)


def test_lines_that_were_removed_moved_forged_or_cut_off_are_missed() -> None:
    lines = chain("a", "b", "c")
    end = height(lines)
    for wrong, number in (
        (lines[:1] + lines[2:], 2),
        (lines[1:], 1),
        (lines[:2], 3),
        ([], 3),
        ([lines[1], lines[0], lines[2]], 1),
        ([lines[0], replace(lines[2], number=2), replace(lines[1], number=3)], 2),
        (chain("a", "b", "z"), 3),
    ):
        fault = verify(wrong, end)
        assert fault is not None
        assert fault.number == number
