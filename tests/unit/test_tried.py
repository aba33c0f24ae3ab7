"""A question in an experiment: answered whatever the arm does, and blamed on the arm only what is the arm's."""

import asyncio
from typing import Any

import orjson
import pytest

from cmo.cast.released import ReleasedReply
from cmo.cast.tried import Tried, part
from cmo.delivery.experiment import Arm, Phase, Spec, Status
from cmo.delivery.experiment_live import Answered, Enrolled, Trial
from cmo.delivery.releases import BASELINE, Bundle
from cmo.delivery.traffic import Asker
from cmo.errors import BadQuestion, EngineError
from cmo.model.questions import Mode, Question, Reach
from cmo.stories.recall import Told
from cmo.testing import FakeClock

SPEC = Spec("reach", (Arm("control", 0.5), Arm("graph", 0.5, "mix")))
MIX = Bundle(mode=Mode.MIX)
TRIAL = Trial(SPEC, Status(Phase.RUNNING, 1), {"control": BASELINE, "graph": MIX})
ASKED = Question("What is raised in phenylketonuria?")
TOLD = Told(orjson.dumps({"id": "ab", "answered": True}))


class World:
    """What a question meets, and what was written down."""

    def __init__(self, arm: str | None, *, raises: BaseException | None = None) -> None:
        self.arm, self.raises = arm, raises
        self.seen: list[Answered] = []
        self.units: list[str] = []
        self.asked: list[str] = []
        self.clock = FakeClock()
        self.offered = 0
        any_: Any = self
        self.tried = Tried(any_, any_, Reach, self.clock, laboratory=_Laboratory(self), shadow=_Shadow(self))  # type: ignore[arg-type]

    async def ask(self, question: Question, *_: Any, **__: Any) -> Any:
        """As what is in place, or as a recall."""
        if question.release:
            self.asked.append(question.release)
            if self.raises is not None:
                raise self.raises
            return TOLD
        self.asked.append("in place")
        if self.raises is not None and self.arm == "control":
            raise self.raises
        return ReleasedReply(TOLD, "", "control")

    def get(self, bundle: Bundle) -> Any:
        assert bundle == MIX
        return self


class _Laboratory:
    def __init__(self, world: World) -> None:
        self.world = world

    def trial(self) -> Trial:
        return TRIAL

    def enrol(self, trial: Trial, unit: str, part: str) -> Enrolled | None:
        arm = self.world.arm
        self.world.units.append(unit)
        if arm is None:
            return None
        release = {"control": "", "graph": "mix"}[arm]
        return Enrolled(trial, arm, release, unit, TRIAL.bundles[arm], part)

    def saw(self, _enrolled: Enrolled, answered: Answered) -> None:
        self.world.seen.append(answered)


class _Shadow:
    def __init__(self, world: World) -> None:
        self.world = world

    def offer(self, _question: Question, reply: Any) -> None:
        assert "answered" in reply()
        self.world.offered += 1


async def test_an_arm_with_a_release_answers_by_it_and_one_without_by_what_is_in_place() -> None:
    for arm, asked, release in (("graph", ["mix"], "mix"), ("control", ["in place"], "")):
        world = World(arm)
        reply = await world.tried.ask(ASKED, Asker("ada"))
        assert (reply.release, reply.arm, world.asked) == (release, arm, asked)
        assert [(one.failed, one.refused, one.made, one.reply_id) for one in world.seen] == [(False, False, True, "ab")]
        assert world.offered == 1


async def test_who_is_in_no_experiment_is_answered_as_ever() -> None:
    world = World(None)
    assert (await world.tried.ask(ASKED, Asker("ada"))).arm == "control"
    assert world.seen == []
    assert world.offered == 1


async def test_a_release_that_fails_is_counted_and_answered_for() -> None:
    world = World("graph", raises=EngineError("broken"))
    assert (await world.tried.ask(ASKED, Asker("ada"))).arm == "fallback"
    assert world.asked == ["mix", "in place"]
    assert [one.failed for one in world.seen] == [True]


@pytest.mark.parametrize(
    ("error", "counted"),
    [(BadQuestion("no question"), 0), (asyncio.CancelledError(), 0), (RuntimeError("a bug"), 1)],
)
async def test_an_asker_s_own_mistake_is_no_arm_s_and_a_bug_is(error: BaseException, counted: int) -> None:
    world = World("graph", raises=error)
    with pytest.raises(type(error)):
        await world.tried.ask(ASKED, Asker("ada"))
    assert [one.failed for one in world.seen] == [True] * counted
    assert world.offered == 0


async def test_a_failure_of_what_is_in_place_is_the_control_s() -> None:
    world = World("control", raises=EngineError("broken"))
    with pytest.raises(EngineError):
        await world.tried.ask(ASKED, Asker("ada"))
    assert [one.failed for one in world.seen] == [True]
    assert world.asked == ["in place"]


def test_parts_of_the_traffic_are_known_before_the_answer() -> None:
    assert part(Question("What is raised in PKU?")) == "short questions"
    assert part(Question("Which of the many amino acids are raised in newborns with PKU?")) == "long questions"


async def test_a_refusal_and_a_kept_reply_are_known_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"question": 'what is "id":"ff" in here', "id": "cd", "answered": False, "evidence": [{"id": "1.2"}]}
    monkeypatch.setitem(globals(), "TOLD", Told(orjson.dumps(facts), tier="memory"))
    world = World("graph")
    await world.tried.ask(ASKED, Asker("ada"))
    assert [(one.refused, one.made, one.reply_id) for one in world.seen] == [(True, False, "cd")]


async def test_who_logs_in_midway_stays_who_they_were_until_the_conversation_is_over() -> None:
    world = World("graph")
    for asker in (Asker(session="s"), Asker("ada", "s"), Asker("ada"), Asker("ada", "other")):
        await world.tried.ask(ASKED, asker)
    world.clock.advance(1_700)
    await world.tried.ask(ASKED, Asker("ada", "s"))
    world.clock.advance(1_800)
    await world.tried.ask(ASKED, Asker("ada", "s"))
    assert world.units == ["s", "s", "ada", "ada", "s", "ada"]
