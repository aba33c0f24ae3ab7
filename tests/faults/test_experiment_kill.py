"""A service that is killed in the midst of an experiment: what is written is whole, and nobody is in two arms."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cmo.delivery.experiment import Arm, Spec
from cmo.delivery.experiment_live import Laboratory, hashed
from cmo.delivery.experiments import Experiments
from cmo.kit.clock import SystemClock
from cmo.store.record import Record

SPEC = Spec("reach", (Arm("control", 0.5), Arm("new", 0.5)))
_SERVICE = """
import itertools, sys
from cmo.delivery.experiment_live import Answered, Laboratory
from cmo.delivery.arms import Metric
from cmo.kit.clock import SystemClock
from cmo.model.questions import Question
from cmo.store.record import Record

with Record.open(sys.argv[1], SystemClock()) as record:
    laboratory = Laboratory(record.experiments, SystemClock(), every=0.01)
    laboratory.start()
    print("begun", flush=True)
    for n in itertools.count(int(sys.argv[2])):
        enrolled = laboratory.decide(f"u{n % 5000}")
        laboratory.saw(enrolled, Answered(Question("q"), "", 0.1, scores={Metric.SUPPORT: 0.5}))
"""


@pytest.mark.slow
def test_whenever_the_service_is_killed_each_answer_is_there_once_with_its_user_in_one_arm(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite3'}"
    clock = SystemClock()
    with Record.open(url, clock) as record:
        experiments = Experiments(record.experiments, clock)
        experiments.plan(SPEC, "ada")
        experiments.start("reach", "ada")

        def answers() -> int:
            return int(experiments.findings("reach", cuts=0).results.answers)

        for kill in range(4):
            seen = _killed(answers, 0.013 * kill, url, kill * 1_000)
            found = experiments.findings("reach", cuts=0).results
            assert found.answers >= seen, "what was written before the kill stays"
        rows = list(record.experiments.seen("experiment/reach", 1))
        arms = {(row.sums["unit"], row.arm) for row in rows}
        assert len(arms) == len({unit for unit, _ in arms}), "nobody is in two arms"
        assert sum(found.units.values()) >= len(arms), "whoever has an answer was put into an arm"
        laboratory = Laboratory(record.experiments, clock)
        laboratory.refresh()
        enrolled = laboratory.decide("u1")
        assert enrolled is not None
        assert {arm for unit, arm in arms if unit == hashed("experiment/reach", 1, "u1")} <= {enrolled.arm}
        assert found.valid


def _killed(answers: Callable[[], int], seconds: float, url: str, first: int) -> int:
    """How many answers were there when the service was killed, so long after it had begun to write."""
    before = answers()
    command = [sys.executable, "-c", _SERVICE, url, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        assert service.stdout.readline().strip() == "begun"
        ends = time.monotonic() + 30
        while answers() == before:
            assert time.monotonic() < ends, "nothing is written"
            time.sleep(0.01)
        time.sleep(seconds)
        seen = answers()
        service.send_signal(signal.SIGKILL)
        service.wait(10)
        return seen
