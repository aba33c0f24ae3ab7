"""Flags: a value, a variant and a reason for each unit; the same through OpenFeature."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import ErrorCode
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from cmo.delivery.assign import place
from cmo.delivery.flags import (
    CAP,
    CONTROL,
    ENABLED,
    NEW,
    Reason,
    completed,
    evaluate,
    evaluate_release,
    flag,
    pinned,
    share,
)
from cmo.delivery.flags_provider import StoredProvider, ThroughOpenFeature, provider_at
from cmo.delivery.releases import BASELINE, Bundle, bundle, parsed, release
from cmo.delivery.state import LastKnown
from cmo.delivery.told import explained, flags
from cmo.delivery.traffic import Asker, Direct
from cmo.errors import NotFound, ReleaseRefused
from cmo.model.delivery import Current, Release, Setting, StoredFlag, StoredRollout, Talk
from cmo.model.questions import Mode, Question, Reach
from cmo.testing import FakeClock

USERS = [f"user-{n}" for n in range(2_000)]
HOPS = Release("hops", {"max_hops": 2})
DEFAULTS: dict[str, Setting] = {"max_hops": 1, "reasoning": True, "mode": "hybrid"}


def current(percent: float = 30.0, phase: str = "running", **spec: Any) -> Current:
    status = {"percent": percent, "steps": 3, "phase": phase}
    rollout = StoredRollout("r1", "hops", "", {"salt": "rollout:r1", **spec}, status)
    return Current(rollout, {"hops": HOPS})


def stored(name: str, value: Any, **who: Any) -> Current:
    return Current(flags={name: replace(flag(name, value, Current(), **who), version=1)})


# -- which release answers -----------------------------------------------------------------------------------------


def test_a_share_of_the_users_has_the_release_and_is_counted() -> None:
    given = [evaluate_release(current(), user) for user in USERS]
    exposed = [e for e in given if e.variant == NEW]
    assert len(exposed) / len(USERS) == pytest.approx(0.3, abs=0.03)
    assert {e.value for e in exposed} == {"hops"}
    assert {(e.reason, e.facts["counted"], e.facts["step"]) for e in given} == {(Reason.SPLIT, True, 3)}


def test_nobody_who_has_it_loses_it_while_it_grows_and_the_last_come_are_the_first_to_lose_it() -> None:
    before: set[str] = set()
    for percent in (0.0, 1.0, 10.0, 50.0, 99.0, 100.0):
        now = {user for user in USERS if evaluate_release(current(percent), user).variant == NEW}
        assert before <= now
        before = now
    assert before == set(USERS)


def test_who_is_on_a_list_is_in_or_out_and_not_counted() -> None:
    state = current(30.0, allowed=["user-1"], denied=["user-2"])
    for user, arm in (("user-1", NEW), ("user-2", CONTROL)):
        given = evaluate_release(state, user)
        assert (given.variant, given.reason, given.facts["counted"]) == (arm, Reason.TARGETING_MATCH, False)


def test_what_was_taken_back_is_taken_from_those_on_the_list_too() -> None:
    assert evaluate_release(current(0.0, "back", allowed=["user-1"]), "user-1").variant == CONTROL


def test_who_nobody_knows_has_the_baseline_until_everybody_has_the_release() -> None:
    assert evaluate_release(current(99.0), "").variant == CONTROL
    assert evaluate_release(current(100.0), "").variant == CONTROL, "it is not promoted yet"
    assert evaluate_release(current(100.0, "done"), "").variant == NEW


def test_after_a_long_silence_everybody_has_the_baseline_save_where_all_had_the_release() -> None:
    assert {evaluate_release(current(50.0), user, stale=True).reason for user in USERS[:50]} == {Reason.STALE}
    assert evaluate_release(current(100.0, "done"), "mia", stale=True).variant == NEW


def test_the_switch_and_the_cap_come_before_the_rollout() -> None:
    state = current(50.0)
    off = replace(state, flags={ENABLED: StoredFlag(ENABLED, {"value": False, "salt": "s"}, 1)})
    assert {evaluate_release(off, user).reason for user in USERS[:50]} == {Reason.DISABLED}
    capped = replace(state, flags={CAP: StoredFlag(CAP, {"value": 5, "salt": "s"}, 1)})
    assert (share(state), share(off), share(capped)) == (50.0, 0.0, 5.0)
    assert sum(evaluate_release(capped, user).variant == NEW for user in USERS) < 160


def test_what_the_environment_says_holds_where_nothing_is_stored() -> None:
    assert share(completed(current(50.0), {CAP: 10})) == 10
    state = replace(current(50.0), flags={CAP: StoredFlag(CAP, {"value": 20, "salt": "s"}, 1)})
    assert share(completed(state, {CAP: 10})) == 20


# -- flags ---------------------------------------------------------------------------------------------------------


def test_a_flag_holds_for_its_share_and_its_lists() -> None:
    state = stored("reasoning", False, percent=20, allowed=["mia"], denied=["leo"])  # noqa: FBT003
    given = {user: evaluate(state, "reasoning", user) for user in [*USERS, "mia", "leo"]}
    assert sum(e is not None for e in given.values()) / len(USERS) == pytest.approx(0.2, abs=0.03)
    assert given["mia"] is not None
    assert given["mia"].reason is Reason.TARGETING_MATCH
    assert given["leo"] is None
    assert pinned(state, "mia") == {"reasoning": False}


def test_a_flag_and_a_rollout_share_no_order() -> None:
    flagged = {user for user in USERS if place("flag:reasoning", user) < 0.5}
    released = {user for user in USERS if place("rollout:r1", user) < 0.5}
    assert len(flagged & released) / len(flagged) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("name", "value", "who"),
    [
        ("max_hops", 3, {}),
        ("max_hops", True, {}),
        ("prompt", "be brief", {}),
        ("colour", "red", {}),
        ("reasoning", "yes", {}),
        (ENABLED, 0, {}),
        (CAP, 101, {}),
        (CAP, True, {}),
        (ENABLED, False, {"percent": 10}),
        ("min_confidence", 1.5, {}),
        ("mode", "psychic", {}),
    ],
)
def test_a_flag_that_cannot_be_is_refused(name: str, value: Any, who: dict[str, Any]) -> None:
    with pytest.raises(ReleaseRefused):
        flag(name, value, Current(), **who)


def test_which_flags_there_are_is_told_to_whoever_names_another() -> None:
    with pytest.raises(ReleaseRefused, match=r"The flags are: engine.*lightrag_enabled, rollout_percentage"):
        flag("MAX_HOPS", 1, Current())


def test_a_flag_for_what_a_live_release_changes_is_refused_and_for_what_it_does_not_is_not() -> None:
    with pytest.raises(ReleaseRefused, match="both arms alike"):
        flag("max_hops", 1, current())
    assert flag("reasoning", False, current()).version == 0  # noqa: FBT003
    assert flag("max_hops", 1, current(0.0, "back")).name == "max_hops"


def test_where_a_value_comes_from_is_told() -> None:
    state = replace(current(100.0), flags=stored("reasoning", False).flags)  # noqa: FBT003
    assert explained(state, "reasoning", "mia", "", DEFAULTS)["source"] == "stored"
    assert explained(state, "max_hops", "mia", "", DEFAULTS)["source"] == "release hops"
    assert explained(state, "mode", "mia", "", DEFAULTS)["source"] == "settings"
    assert explained(state, "release", "mia", "", DEFAULTS)["value"] == "hops"
    with pytest.raises(NotFound):
        explained(state, "colour", "mia", "", DEFAULTS)
    assert {row["name"]: row["source"] for row in flags(state, DEFAULTS)}["reasoning"] == "stored"


# -- releases ------------------------------------------------------------------------------------------------------


def test_a_bundle_asks_a_question_its_way_and_leaves_what_the_asker_chose() -> None:
    made = bundle({"mode": "mix", "max_hops": 2})
    asked = made.on(Question("?"), Reach(multi_hop=True, hops=1))
    assert (asked.mode, asked.reach) == (Mode.MIX, Reach(multi_hop=True, hops=2))
    chosen = Question("?", Mode.NAIVE, reach=Reach(hops=0))
    assert made.on(chosen, Reach()) == chosen
    assert BASELINE.on(Question("?"), Reach()) == Question("?")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "changes nothing"),
        ({"model": "gpt"}, "takes another index or process"),
        ({"chunk_size": 100}, "takes another index or process"),
        ({"colour": "red"}, "may set: engine"),
        ({"max_hops": -1}, "0 to 2"),
        ({"engine": "magic"}, "cmo or lightrag"),
    ],
)
def test_what_cannot_differ_between_two_questions_is_no_release(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ReleaseRefused, match=said):
        release("r", settings)


def test_settings_are_read_as_people_write_them() -> None:
    assert [parsed(text) for text in ("max_hops=2", "reasoning=False", "min_confidence=0.5", "mode = mix")] == [
        ("max_hops", 2), ("reasoning", False), ("min_confidence", 0.5), ("mode", "mix")
    ]  # fmt: skip
    with pytest.raises(ReleaseRefused):
        parsed("max_hops")
    assert bundle({"min_confidence": 1}) == Bundle(min_confidence=1.0)


# -- OpenFeature ---------------------------------------------------------------------------------------------------


class Fixed:
    """A store that says one thing."""

    def __init__(self, state: Current) -> None:
        self.state = state

    def current(self) -> Current:
        return self.state

    def mark(self) -> object:
        return id(self.state)

    def talks(self, _since: float) -> Sequence[Talk]:
        return ()

    def observe(self, *_: object) -> None:
        raise AssertionError


def known(state: Current) -> LastKnown:
    last = LastKnown(Fixed(state), FakeClock())
    last.refresh()
    return last


def test_openfeature_says_what_we_say() -> None:
    last = known(current(30.0, allowed=["user-1"]))
    through = ThroughOpenFeature.with_provider(StoredProvider(last, DEFAULTS), "test-release")
    direct = Direct(last.now)
    for user in USERS[:200]:
        assert through.release(Asker(user)) == direct.release(Asker(user))
    assert through.release(Asker()) == direct.release(Asker())


def test_each_kind_of_flag_has_its_value_its_reason_and_its_error() -> None:
    state = replace(current(100.0), flags=stored("reasoning", False).flags)  # noqa: FBT003
    client = ThroughOpenFeature.with_provider(StoredProvider(known(state), DEFAULTS), "test-kinds").client
    context = EvaluationContext("mia")
    told = client.get_boolean_details("reasoning", True, context)  # noqa: FBT003
    assert (told.value, told.reason, told.variant) == (False, "STATIC", "on")
    assert client.get_integer_details("max_hops", 0, context).value == 1
    assert client.get_float_details("max_hops", 0.0, context).value == 1.0
    assert client.get_object_value("release", {}, context) == {"max_hops": 2}
    missing = client.get_string_details("colour", "red", context)
    assert (missing.value, missing.error_code) == ("red", ErrorCode.FLAG_NOT_FOUND)
    wrong = client.get_string_details("max_hops", "one", context)
    assert (wrong.value, wrong.error_code) == ("one", ErrorCode.TYPE_MISMATCH)


def test_another_provider_may_decide_and_is_not_counted() -> None:
    flags = {"release": InMemoryFlag("on", {"on": "hops", "off": ""})}
    through = ThroughOpenFeature.with_provider(InMemoryProvider(flags), "test-elsewhere")
    given = through.release(Asker("mia"))
    assert (given.value, given.variant, given.facts.get("counted")) == ("hops", "on", None)
    api.clear_providers()


def test_another_provider_is_named_by_who_makes_it() -> None:
    made = provider_at("openfeature.provider.no_op_provider:NoOpProvider")
    assert made.get_metadata().name
    for wrong in ("nowhere:x", "cmo.delivery.flags:nothing", "builtins:dict", "no-colon"):
        with pytest.raises(ReleaseRefused):
            provider_at(wrong)
