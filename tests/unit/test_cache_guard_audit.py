"""The semantic tier stops itself when too many of its hits are wrong, and seldom otherwise."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.cache.semantic import Audit, Evidence, Told

LOOKS = 300


def stopped_within(share: float, seed: int, looks: int = LOOKS) -> int | None:
    """After how many looks a tier stops of whose hits this share is wrong."""
    chance = random.Random(seed)
    evidence = Evidence(epsilon=0.05, alpha=0.05)
    for look in range(1, looks + 1):
        evidence = evidence.after(wrong=chance.random() < share)
        if evidence.stopped:
            return look
    return None


def test_a_tier_that_keeps_to_its_bound_seldom_stops() -> None:
    stopped = [stopped_within(0.05, seed) for seed in range(160)]
    # At most alpha of them, whenever one looks; four standard deviations of the simulation above it.
    assert sum(s is not None for s in stopped) / len(stopped) < 0.05 + 4 * (0.05 * 0.95 / 160) ** 0.5
    assert all(stopped_within(0.01, seed) is None for seed in range(30))


@pytest.mark.parametrize(("share", "within"), [(0.2, 60), (0.5, 12)])
def test_a_tier_that_is_much_worse_stops_soon(share: float, within: int) -> None:
    stopped = sorted(stopped_within(share, seed) or LOOKS * 2 for seed in range(30))
    assert stopped[15] <= within
    assert stopped[-1] <= LOOKS


@given(looked=st.integers(0, 400), wrong=st.integers(0, 400), share=st.floats(0, 0.05))
def test_evidence_does_not_grow_on_average_while_the_bound_holds(looked: int, wrong: int, share: float) -> None:
    now = Evidence(0.05, 0.05, looked, min(looked, wrong))
    after = share * now.after(wrong=True).e_value + (1 - share) * now.after(wrong=False).e_value
    assert after <= now.e_value * (1 + 1e-9)


def test_evidence_that_was_enough_stays_enough() -> None:
    evidence = Evidence(0.05, 0.05)
    for _ in range(3):
        evidence = evidence.after(wrong=True)
    assert evidence.stopped
    for _ in range(200):
        evidence = evidence.after(wrong=False)
    assert evidence.e_value < 1
    assert evidence.stopped


def test_right_hits_alone_are_no_evidence_against_a_tier() -> None:
    evidence = Evidence(0.05, 0.05)
    values = []
    for _ in range(2000):
        evidence = evidence.after(wrong=False)
        values.append(evidence.e_value)
    assert values == sorted(values, reverse=True)
    assert values[0] < 1


def test_a_stop_holds_for_all_processes_and_after_a_restart(tmp_path: Path) -> None:
    here, there = (Audit(tmp_path / "audit.json", lambda: 0.0) for _ in range(2))
    assert here.running
    for n in range(6):
        (here, there)[n % 2].record(wrong=True)
    assert not here.running
    assert not there.running
    again = Audit(tmp_path / "audit.json", lambda: 0.0)
    assert not again.running
    assert again.evidence.wrong == 6
    again.start_again()
    assert here.running
    assert here.evidence.looked == 0


def test_the_audit_goes_on_in_memory_where_its_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "audit.json").mkdir()
    audit = Audit(tmp_path / "audit.json", lambda: 0.0)
    for _ in range(6):
        audit.record(wrong=True)
    assert not audit.running
    assert audit.evidence.wrong == 6


@pytest.mark.parametrize(
    "broken",
    [
        b"", b"[]", b"{", b'{"epsilon": 0.05}', b'{"epsilon": 2, "alpha": 0.05}',
        b'{"epsilon": 0.05, "alpha": 0.05, "looked": 1, "wrong": 2}',
        b'{"epsilon": 0.05, "alpha": 0.05, "looked": "many"}', b'{"epsilon": 0.05, "alpha": 0.05, "more": 1}',
    ],
)  # fmt: skip
def test_a_broken_file_does_not_count(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "audit.json").write_bytes(broken)
    audit = Audit(tmp_path / "audit.json", lambda: 0.0)
    assert audit.running
    assert audit.record(wrong=True).looked == 1


def test_evidence_is_kept_whole() -> None:
    evidence = Evidence(0.02, 0.01, 400, 7, stopped=False)
    assert Evidence.of(evidence.encoded()) == evidence
    assert json.loads(evidence.encoded())["looked"] == 400


def test_a_small_share_of_hits_is_looked_at(tmp_path: Path) -> None:
    chance = random.Random(0)
    audit = Audit(tmp_path / "audit.json", chance.random, share=0.05)
    assert 400 < sum(audit.drawn() for _ in range(10_000)) < 600


@pytest.mark.parametrize(
    ("kept", "anew", "agree"),
    [
        (Told(frozenset("ab"), frozenset("xyz")), Told(frozenset("ab"), frozenset("xyw")), True),
        (Told(frozenset("ab"), frozenset("xyz")), Told(frozenset("cd"), frozenset("xyz")), False),
        (Told(frozenset("ab"), frozenset("xyz")), Told(frozenset("ab"), frozenset("uvw")), False),
        (Told(frozenset(), frozenset(), refused=True), Told(frozenset("ab"), frozenset("x")), False),
        (Told(frozenset(), frozenset(), refused=True), Told(frozenset(), frozenset(), refused=True), True),
        (Told(frozenset("a"), frozenset("x")), Told(frozenset(), frozenset()), False),
        (Told(frozenset(), frozenset("x")), Told(frozenset(), frozenset("x")), True),
    ],
)
def test_answers_agree_that_rest_on_the_same_papers_and_sentences(kept: Told, anew: Told, *, agree: bool) -> None:
    assert kept.agrees(anew) is agree
    assert anew.agrees(kept) is agree
