"""A candidate answers unseen: whatever it does, the reply and the service do not feel it."""

import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cmo.delivery.compare import Kind, Pair, Shown, compare, shown
from cmo.delivery.shadow import Candidate, Fate, Sampling, Shadow
from cmo.delivery.shadow_book import Book
from cmo.errors import OverBudget, SettingsError
from cmo.kit.deadline import remaining
from cmo.model.questions import Question
from cmo.testing import FakeClock, FakeNotifier

ALL = Sampling(share=1.0, queue=4, per_minute=6_000, seconds=5.0, hangs=2)


def reply(*sentences: str, paper: str = "p1", ms: float = 10.0) -> dict[str, Any]:
    """As the service sends it."""
    return {
        "answered": bool(sentences),
        "confidence": 0.9,
        "sentences": [{"text": s, "citations": [1], "evidence": [f"{paper}.1.{s[:5]}"]} for s in sentences],
        "evidence": [{"id": f"{paper}.1.{s[:5]}", "citation": 1, "text": s} for s in sentences],
        "citations": [{"number": 1, "paper_id": paper}] if sentences else [],
        "timings": {"total_time_ms": ms},
    }


class Room:
    """A shadow, what it kept, and its clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.notifier = FakeNotifier()
        self.kept: list[Pair] = []
        self.busy = False
        self.open: list[Shadow] = []

    def shadow(self, candidate: Candidate, sampling: Sampling = ALL) -> Shadow:
        made = Shadow(
            candidate,
            lambda _question, pair: self.kept.append(pair),
            sampling,
            monotonic=self.clock.monotonic,
            busy=lambda: self.busy,
            notifier=self.notifier,
        )
        self.open.append(made)
        return made


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    yield made
    for shadow in made.open:
        shadow.close(5.0)


def ask(shadow: Shadow, text: str = "What is raised in PKU?") -> Fate:
    return shadow.offer(Question(text), lambda: reply("Phenylalanine is raised."))


def waiting_for(released: threading.Event) -> Candidate:
    def candidate(_: Question) -> Mapping[str, Any]:
        released.wait(30)
        return reply()

    return candidate


def test_the_candidate_answers_and_the_pair_is_kept(room: Room) -> None:
    shadow = room.shadow(lambda _: reply("Phenylalanine is raised.", ms=30.0))
    assert ask(shadow) is Fate.TAKEN
    assert shadow.settle(5)
    assert [pair.kind for pair in room.kept] == [Kind.SAME]
    assert (room.kept[0].now.milliseconds, room.kept[0].candidate.milliseconds) == (10.0, 30.0)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt(), MemoryError()])
def test_whatever_the_candidate_raises_becomes_a_value_and_the_next_one_is_compared(
    room: Room, error: BaseException
) -> None:
    def candidate(question: Question) -> Mapping[str, Any]:
        if question.text == "bad":
            raise error
        return reply("Phenylalanine is raised.")

    shadow = room.shadow(candidate)
    ask(shadow, "bad")
    ask(shadow, "good")
    assert shadow.settle(5)
    assert [pair.kind for pair in room.kept] == [Kind.FAILED, Kind.SAME]
    assert room.kept[0].why.startswith(type(error).__name__)


def test_a_candidate_that_says_nonsense_has_failed(room: Room) -> None:
    shadow = room.shadow(lambda _: {"answered": True})
    ask(shadow)
    assert shadow.settle(5)
    assert "sentences" in room.kept[0].why


def test_a_candidate_that_hangs_is_left_to_itself_and_another_thread_goes_on(room: Room) -> None:
    released = threading.Event()

    def candidate(question: Question) -> Mapping[str, Any]:
        if question.text == "hang":
            released.wait(30)
        return reply("Phenylalanine is raised.")

    shadow = room.shadow(candidate)
    ask(shadow, "hang")
    _until(lambda: threading.active_count() > 1 and not shadow.settle(0.05))
    ask(shadow, "waits")
    assert not shadow.settle(0.1)  # one thread, and it hangs
    room.clock.advance(6)
    assert ask(shadow, "goes on") is Fate.TAKEN
    assert shadow.settle(5)
    assert [pair.kind for pair in room.kept] == [Kind.SAME] * 2
    assert shadow.counts().hung == 1
    released.set()
    _until(lambda: sum(thread.name == "cmo-shadow" for thread in threading.enumerate()) == 1)
    assert ask(shadow, "later") is Fate.TAKEN
    assert shadow.settle(5)
    assert len(room.kept) == 3, "what came too late is dropped"
    assert shadow.counts().kinds == {"hung": 1, "same": 3}


def test_after_some_hanging_answers_it_is_over_and_somebody_is_told(room: Room) -> None:
    released = threading.Event()
    shadow = room.shadow(waiting_for(released))
    fates = []
    for number in range(4):
        fates.append(ask(shadow, f"question {number}"))
        _until(lambda: shadow._worker.since is not None or not shadow.counts().open)
        room.clock.advance(6)
    assert fates == [Fate.TAKEN, Fate.TAKEN, Fate.CLOSED, Fate.CLOSED]
    assert not shadow.counts().open
    assert [notice.about for notice in room.notifier.told] == ["shadow/failing"]
    released.set()


def test_an_offer_never_waits_for_a_candidate_that_hangs(room: Room) -> None:
    released = threading.Event()
    shadow = room.shadow(waiting_for(released))
    began = time.perf_counter()
    fates = [ask(shadow, f"question {number}") for number in range(500)]
    took = time.perf_counter() - began
    assert took < 0.5  # milliseconds; half a second leaves room for a loaded machine, and a hang would take thirty
    assert fates.count(Fate.FULL) >= 490
    released.set()


def test_it_is_shed_first_when_the_machine_is_busy_and_what_waits_goes_too(room: Room) -> None:
    released = threading.Event()
    shadow = room.shadow(waiting_for(released))
    for number in range(3):
        ask(shadow, f"question {number}")
    room.busy = True
    assert ask(shadow, "under load") is Fate.BUSY
    released.set()
    assert shadow.settle(5)
    assert len(room.kept) <= 1


def test_where_the_system_gives_out_no_threads_nothing_is_taken_and_nothing_raised(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    shadow = room.shadow(lambda _: reply())
    with monkeypatch.context() as lacking:
        lacking.setattr(threading.Thread, "start", none)
        assert ask(shadow, "now") is Fate.FULL
    assert ask(shadow, "later") is Fate.TAKEN
    assert shadow.settle(5)


def test_the_rate_bounds_it(room: Room) -> None:
    shadow = room.shadow(lambda _: reply(), Sampling(share=1.0, queue=1_000, per_minute=6))
    fates = [ask(shadow, f"question {number}") for number in range(20)]
    assert fates.count(Fate.TAKEN) == 1
    assert fates.count(Fate.BUDGET) == 19
    room.clock.advance(10)
    assert ask(shadow, "later") is Fate.TAKEN


def test_without_money_nothing_is_compared(room: Room) -> None:
    def candidate(_: Question) -> Mapping[str, Any]:
        raise OverBudget("There is no money.")

    shadow = room.shadow(candidate)
    ask(shadow)
    assert shadow.settle(5)
    assert room.kept == []
    assert shadow.counts().fates == {Fate.TAKEN: 1, Fate.BUDGET: 1}


def test_a_share_is_drawn_by_the_question_and_the_same_ones_every_time(room: Room) -> None:
    shadow = room.shadow(lambda _: reply(), Sampling(share=0.2, queue=100_000, per_minute=10_000_000))
    drawn = {n for n in range(5_000) if ask(shadow, f"question {n}") is not Fate.PASSED}
    assert 850 < len(drawn) < 1_150
    again = room.shadow(lambda _: reply(), Sampling(share=0.2, queue=100_000, per_minute=10_000_000))
    assert {n for n in range(500) if ask(again, f"question {n}") is not Fate.PASSED} == {n for n in drawn if n < 500}


def test_the_same_question_is_not_compared_again_at_once(room: Room) -> None:
    shadow = room.shadow(lambda _: reply())
    assert [ask(shadow), ask(shadow)] == [Fate.TAKEN, Fate.REPEATED]


def test_the_candidate_is_told_how_long_it_has(room: Room) -> None:
    left: list[float] = []

    def candidate(_: Question) -> Mapping[str, Any]:
        left.append(remaining())
        return reply()

    shadow = room.shadow(candidate)
    ask(shadow)
    assert shadow.settle(5)
    assert 0 < left[0] <= ALL.seconds


def test_three_failures_in_a_row_are_told_without_the_error_s_text(room: Room) -> None:
    def candidate(question: Question) -> Mapping[str, Any]:
        raise ValueError(f"secret {question.text}")

    shadow = room.shadow(candidate, Sampling(share=1.0, per_minute=6_000, hangs=3))
    for number in range(5):
        ask(shadow, f"question {number}")
    assert shadow.settle(5)
    assert len(room.notifier.told) == 1
    assert "ValueError" in room.notifier.told[0].text
    assert "secret" not in room.notifier.told[0].text


def test_nothing_is_taken_after_the_end_and_the_end_does_not_wait_for_a_hanging_answer(room: Room) -> None:
    released = threading.Event()
    shadow = room.shadow(waiting_for(released))
    ask(shadow)
    began = time.perf_counter()
    shadow.close(0.05)
    assert time.perf_counter() - began < 5
    assert ask(shadow, "late") is Fate.CLOSED
    released.set()


@pytest.mark.parametrize("wrong", [{"share": 1.1}, {"share": -0.1}, {"queue": 0}, {"seconds": 0.0}])
def test_a_sampling_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Sampling(**wrong)


@pytest.mark.parametrize(
    ("now", "candidate", "kind"),
    [
        (reply("A."), reply("A."), Kind.SAME),
        (reply(), reply(), Kind.SAME),
        (reply("A."), reply("B."), Kind.REWORDED),
        (reply("A."), reply("A.", paper="p2"), Kind.OTHER_PAPERS),
        (reply("A."), reply(), Kind.LOST),
        (reply(), reply("A."), Kind.GAINED),
    ],
)
def test_a_pair_is_named_for_how_it_differs(now: dict[str, Any], candidate: dict[str, Any], kind: Kind) -> None:
    assert compare(shown(now), shown(candidate)).kind is kind


def test_overlaps_are_shares_of_what_either_has() -> None:
    pair = compare(shown(reply("A one.", "B two.")), shown(reply("a  one.", "C three.")), (0.5, 0.75))
    assert pair.sentences == pytest.approx(1 / 3)
    assert pair.papers == 1.0
    assert pair.difference == 0.25
    assert pair.candidate.sentences == ("a  one.", "C three.")


def test_the_book_keeps_pairs_sums_them_up_and_never_grows_large(tmp_path: Path) -> None:
    book = Book(tmp_path, "mix", FakeClock(), most_bytes=20_000)
    for number in range(200):
        now, candidate = shown(reply("A.", ms=10)), shown(reply("A." if number % 2 else "B.", ms=20))
        book.keep(Question(f"question {number}"), compare(now, candidate, (0.8, 0.9)))
        assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("*.jsonl"))
    files = sorted(tmp_path.glob("*.jsonl"))
    assert len(files) == 2
    assert sum(f.stat().st_size for f in files) <= 40_000
    summary = book.summary()
    assert summary.kinds.keys() == {"same", "reworded"}
    assert summary.milliseconds == (10.0, 20.0)
    assert summary.support is not None
    assert float(summary.support.value) == pytest.approx(0.1)
    newest = book.differences(3)
    assert [entry.question for entry in newest] == ["question 198", "question 196", "question 194"]
    assert newest[0].pair.candidate.sentences == ("B.",)
    book.clear()
    assert book.summary().pairs == 0


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    book = Book(tmp_path, "mix", clock)
    pair = compare(shown(reply("A.")), shown(reply("B.")))
    for day in range(5):
        book.keep(Question(f"day {day}"), pair)
        clock.advance(86_400)
    assert book.forget(clock.now() - timedelta(days=2)) == 3
    assert [entry.question for entry in book.entries()] == ["day 3", "day 4"]
    assert book.forget(clock.now() - timedelta(days=2)) == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("*.jsonl"))


def test_a_line_that_was_cut_off_is_skipped_and_questions_can_be_left_out(tmp_path: Path) -> None:
    book = Book(tmp_path, "mix", FakeClock(), questions=False)
    book.keep(Question("a name of a patient"), compare(Shown(answered=True, sentences=("A.",)), Shown(answered=False)))
    with (tmp_path / "shadow.jsonl").open("ab") as file:
        file.write(b'{"at": "2026')
    assert [entry.question for entry in book.entries()] == [""]
    assert b"patient" not in (tmp_path / "shadow.jsonl").read_bytes()


def _until(true: Any, seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)
