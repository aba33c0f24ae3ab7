"""Health: the worst part counts, what is late is told, what hangs holds one thread."""

import threading
import time

import pytest

from cmo.errors import StoreError
from cmo.ops.health import Grade, Health, Part, Ping, degraded, grade_of, healthy, worth


def refuses() -> Part:
    raise StoreError("The database is gone.")


def breaks() -> Part:
    raise RuntimeError("a secret of the inside")


@pytest.mark.parametrize(
    ("vital", "grade"), [(True, Grade.UNHEALTHY), (False, Grade.DEGRADED)], ids=["vital", "not vital"]
)
def test_a_part_that_fails_counts_by_whether_answers_need_it(vital: bool, grade: Grade) -> None:
    report = Health([Ping("model", lambda: healthy("well")), Ping("record", refuses, vital)]).examined()
    assert report.grade is grade
    assert report.parts["record"] == Part(grade, "The database is gone.")
    assert report.parts["model"].grade is Grade.HEALTHY


def test_degraded_is_a_state_of_its_own() -> None:
    assert (
        Health([Ping("a", lambda: healthy("")), Ping("b", lambda: degraded("slow"))]).examined().grade is Grade.DEGRADED
    )
    assert Health([]).examined().grade is Grade.HEALTHY


def test_an_error_that_nobody_thought_of_tells_nothing_of_the_inside() -> None:
    part = Health([Ping("a", breaks, vital=True)]).examined().parts["a"]
    assert part == Part(Grade.UNHEALTHY, "It cannot be asked: RuntimeError.")


def test_a_part_that_hangs_is_told_in_time_and_holds_one_thread() -> None:
    end, asked = threading.Event(), []

    def hangs() -> Part:
        asked.append(1)
        end.wait(20)
        return healthy("at last")

    health = Health([Ping("disk", hangs, vital=True), Ping("model", lambda: healthy("well"))], seconds=0.05)
    began = time.monotonic()
    reports = [health.examined() for _ in range(4)]
    assert time.monotonic() - began < 2
    assert len(asked) == 1
    assert {report.parts["disk"].detail for report in reports} == {"It did not answer within 0.05 s."}
    assert {report.parts["model"].grade for report in reports} == {Grade.HEALTHY}
    end.set()
    while health.examined().parts["disk"].grade is not Grade.HEALTHY:
        time.sleep(0.01)
    health.close()


def test_parts_are_asked_beside_each_other() -> None:
    together = threading.Barrier(3, timeout=5)

    def meets() -> Part:
        together.wait()
        return healthy("")

    assert Health([Ping(name, meets) for name in "abc"]).examined().grade is Grade.HEALTHY


def test_grades_are_numbers_and_back() -> None:
    assert [worth(grade) for grade in Grade] == [1.0, 0.5, 0.0]
    assert [grade_of(worth(grade)) for grade in Grade] == list(Grade)
