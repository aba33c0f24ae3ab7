"""Experiments: arms by chance, users as the unit, intervals that hold at every look, verdicts that thin data cannot make."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cmo.delivery.arms import Metric
from cmo.delivery.assign import place
from cmo.delivery.experiment import Arm, Phase, Spec, Status, assigned, started, stopped
from cmo.delivery.experiment_results import Outcome, looks, results
from cmo.delivery.experiment_scores import Scores, Seen
from cmo.delivery.experiment_simulate import World, simulate
from cmo.delivery.means import Moments, difference, paired, radius
from cmo.delivery.power import crossing, drift, least_mean, least_proportion, means, proportions
from cmo.errors import SettingsError

HALVES = (Arm("control", 0.5), Arm("graph", 0.5, "graph"))
SPEC = Spec("reach", HALVES, planned=600, least=0.05)


def seen(users: int, effect: float = 0.0, *, asks: int = 1, seed: int = 1, **more: float) -> list[Seen]:
    """Users of both arms in turn, each with a level of their own and `asks` answers."""
    chance = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        arm = HALVES[user % 2].name
        level = chance.normal(0.7, 0.1)
        for ask in range(asks):
            prior = level + chance.normal(0, 0.03)
            values = {Metric.SUPPORT: prior + chance.normal(0, 0.03) + effect * (user % 2)}
            values |= {Metric(name): float(chance.random() < rate) for name, rate in more.items()}
            at = float(user + ask * users)
            rows.append(Seen(at, arm, f"u{user}", f"u{user}/{ask}", values, prior, "short" if ask % 2 else "long"))
    return rows


def found(rows: list[Seen], spec: Spec = SPEC, exposed: tuple[int, int] | None = None) -> Any:
    scores = Scores.of(rows, [arm.name for arm in spec.arms])
    return results(spec, exposed or scores.units(), scores)


def test_sizes_are_those_of_the_textbook() -> None:
    for now, then, size in [(0.65, 0.78, 188), (0.80, 0.85, 903), (0.005, 0.01, 4_541)]:
        assert proportions(now, then).fixed == pytest.approx(size, abs=2)
    assert means(0.5, 1.0).fixed == 63  # Cohen's table has 64 with the t distribution
    assert means(0.5, 1.0, correlation=0.8).fixed == pytest.approx(63 * 0.36, abs=1)
    assert 1.7 < proportions(0.1, 0.12).inflation < 1.8


@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.01, 0.9), (0.1, 0.5)])
def test_the_size_for_many_looks_is_what_a_brownian_motion_takes(alpha: float, power: float) -> None:
    chance, looks, runs = np.random.default_rng(11), 20, 20_000
    effect = drift(alpha, power)
    steps = chance.normal(effect / looks, (1 / looks) ** 0.5, (runs, looks)).cumsum(axis=1)
    times = np.arange(1, looks + 1) / looks
    edges = radius(np.ones(looks), times * 1_000, alpha, 1_000) * np.sqrt(times)
    assert (np.abs(steps) >= edges).any(axis=1).mean() == pytest.approx(power, abs=0.012)
    assert crossing(effect, alpha) == pytest.approx(power, abs=1e-6)
    assert crossing(0.0, alpha) < alpha


def test_what_a_size_can_show_is_what_it_was_planned_for() -> None:
    assert least_mean(0.18, means(0.02, 0.18).sequential) == pytest.approx(0.02, rel=0.01)
    assert least_proportion(0.8, proportions(0.8, 0.85).sequential) == pytest.approx(0.85, abs=0.001)
    assert least_proportion(0.99, 2) == 1.0


@pytest.mark.parametrize("wrong", [(0.5, 0.5), (-0.1, 0.5), (0.5, 1.1)])
def test_what_cannot_be_planned_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(SettingsError):
        proportions(*wrong)
    with pytest.raises(SettingsError):
        means(0.0, 1.0)
    with pytest.raises(SettingsError, match="billion"):
        means(1e-9, 1.0)


@pytest.mark.parametrize(
    "world", [World(), World(base=0.02, shares=True), World(correlation=0.7)], ids=["mean", "share", "adjusted"]
)
def test_of_experiments_without_a_difference_one_in_twenty_at_most_finds_one_at_any_of_a_hundred_looks(
    world: World,
) -> None:
    summary = simulate(world, 1_000, runs=500, seed=3)
    assert summary.found.value <= 0.05
    assert summary.covered.value >= 0.95
    assert summary.repeated.value > 0.2  # what looking a hundred times does to an ordinary test


@pytest.mark.parametrize(
    ("world", "least"),
    [
        (World(effect=0.04), 0.04),
        (World(base=0.8, effect=0.06, shares=True), 0.06),
        (World(effect=0.04, correlation=0.7), 0.04),
    ],
    ids=["mean", "share", "adjusted"],
)
def test_a_difference_of_the_planned_size_is_found_as_often_as_planned_and_sooner_than_the_end(
    world: World, least: float
) -> None:
    size = world.size(least)
    summary = simulate(world, size.sequential, runs=1_000, seed=4)
    assert summary.found.value == pytest.approx(
        0.82, abs=0.03
    )  # .8 at the 20 looks that are counted on, a little more at 100
    assert summary.covered.value >= 0.95
    assert summary.users_when_found is not None
    assert summary.users_when_found < 0.7 * size.sequential


def test_the_covariate_takes_away_the_square_of_its_correlation() -> None:
    summary = simulate(World(correlation=0.8), 1_000, runs=100, looks=2, seed=5)
    assert summary.reduction == pytest.approx(0.64, abs=0.01)


def test_the_same_seed_plays_the_same_experiments() -> None:
    assert simulate(World(), 300, runs=50, seed=6) == simulate(World(), 300, runs=50, seed=6)


def test_users_who_ask_often_do_not_make_the_interval_too_narrow() -> None:
    chance, wrong, naive = np.random.default_rng(7), 0, 0
    for _ in range(200):
        users = np.repeat(np.arange(240), chance.integers(1, 20, 240))
        value, arm = chance.normal(0.7, 0.1, 240)[users] + chance.normal(0, 0.02, len(users)), users % 2
        nothing = {metric: np.full(len(users), np.nan) for metric in Metric}
        zero = np.zeros(len(users), int)
        values = nothing | {Metric.SUPPORT: value}
        scores = Scores(("control", "graph"), ("",), zero * 0.0, arm, users, zero, values, nothing[Metric.SUPPORT])
        control, new = scores.moments(Metric.SUPPORT)
        assert (new.mean, new.n) == (pytest.approx(value[arm == 1].mean()), 120), "the mean is that of the answers"
        by_user = difference(new, control, 0.05, planned=240)
        wrong += bool(by_user.low > 0 or by_user.high < 0)
        by_answer = difference(Moments.of(value[arm == 1]), Moments.of(value[arm == 0]), 0.05, 240)
        naive += bool(by_answer.low > 0 or by_answer.high < 0)
    assert wrong <= 10
    assert naive > 40


def test_a_clear_difference_is_better_or_worse_as_the_metric_has_it() -> None:
    better = found(seen(1_000, 0.05)).compared[0]
    assert better.outcome is Outcome.BETTER
    assert better.text.startswith("graph is better: support 0.")
    assert better.primary.low < 0.05 < better.primary.high
    assert found(seen(1_000, -0.05)).compared[0].outcome is Outcome.WORSE
    slower = [
        replace(row, values={Metric.LATENCY: 1_000 + 300 * row.values[Metric.SUPPORT]}) for row in seen(1_000, 0.2)
    ]
    assert found(slower, replace(SPEC, primary=Metric.LATENCY, least=5)).compared[0].outcome is Outcome.WORSE


def test_the_shadow_s_score_narrows_the_interval() -> None:
    one = found(seen(1_000, 0.05)).compared[0]
    assert one.primary.reduction > 0.7
    assert one.primary.high - one.primary.low < 0.6 * (one.unadjusted.high - one.unadjusted.low)
    assert one.unadjusted.low < 0.05 < one.unadjusted.high


def test_a_prior_that_is_there_for_some_answers_only_shifts_nothing() -> None:
    chance = np.random.default_rng(8)
    rows = [replace(r, prior=r.prior if chance.random() < 0.5 else None) for r in seen(1_000, 0.05)]
    one = found(rows).compared[0].primary
    assert one.low < 0.05 < one.high
    assert 0.1 < one.reduction < 0.8


def test_thin_data_decides_nothing() -> None:
    assert found(seen(60, 0.5)).compared[0].outcome is Outcome.TOO_EARLY
    assert found([]).compared[0].outcome is Outcome.TOO_EARLY
    assert looks(SPEC, Scores.of([], ["control", "graph"])) == []


def test_at_the_planned_size_without_a_difference_it_says_so() -> None:
    assert found(seen(1_300)).compared[0].outcome is Outcome.NO_DIFFERENCE


def test_a_broken_assignment_makes_all_invalid_whatever_else_there_is() -> None:
    whole = found(seen(1_000, 0.05), exposed=(700, 300))
    assert not whole.valid
    assert whole.sample_ratio >= 1
    assert whole.compared[0].outcome is Outcome.INVALID
    assert found(seen(1_000), exposed=(520, 480)).valid


def test_an_arm_that_fails_is_stopped_even_if_its_answers_are_better() -> None:
    rows = seen(1_000, 0.05)
    broken = [
        replace(r, values={**r.values, Metric.ERRORS: float(r.arm == "graph" and hash(r.at) % 5 == 0)}) for r in rows
    ]
    one = found(broken).compared[0]
    assert one.outcome is Outcome.HARMFUL
    assert "errors" in one.text
    assert [guard.metric for guard in one.guards if guard.fails] == [Metric.ERRORS]


def test_guardrails_blame_a_harmless_arm_in_one_of_a_hundred_at_most() -> None:
    blamed = sum(
        found(seen(200, errors=0.05, slow=0.1, refusals=0.2, seed=seed)).compared[0].outcome is Outcome.HARMFUL
        for seed in range(60)
    )
    assert blamed <= 3  # less than one expected


def test_one_user_who_fails_a_hundred_times_is_one_user() -> None:
    rows = seen(300)
    rows += [Seen(999.0, "graph", "u1", f"x{n}", {Metric.ERRORS: 1.0}) for n in range(100)]
    guards = found(rows).compared[0].guards
    assert not any(guard.fails for guard in guards)
    assert "1 of 150 users of graph" in guards[0].text


def test_parts_of_the_traffic_have_a_row_each_with_wider_intervals() -> None:
    rows = seen(600, 0.05, asks=2)
    one = found(rows).compared[0]
    assert [part.name for part in one.slices] == ["long", "short"]
    alone = found([row for row in rows if row.part == "long"]).compared[0].primary
    assert one.slices[0].effect.high - one.slices[0].effect.low > 1.05 * (alone.high - alone.low), (
        "they share the alpha"
    )
    width = one.primary.high - one.primary.low
    assert all(part.effect.high - part.effect.low > width for part in one.slices)


def test_looks_lead_to_what_is_known_at_the_end() -> None:
    scores = Scores.of(seen(1_000, 0.05), ["control", "graph"])
    told = looks(SPEC, scores)
    assert len(told) == 40
    assert told[-1].effects[0].difference == pytest.approx(
        results(SPEC, (500, 500), scores).compared[0].primary.difference
    )
    widths = [one.effects[0].high - one.effects[0].low for one in told[2:]]
    assert widths == sorted(widths, reverse=True)


def test_what_comes_twice_or_late_is_put_to_its_answer() -> None:
    rows = [
        Seen(1.0, "control", "u", "a", {Metric.SUPPORT: 0.5}),
        Seen(3.0, "control", "u", "a", {Metric.RATING: 1.0}),
        Seen(2.0, "control", "u", "a", {}, prior=0.4),
        Seen(1.0, "gone", "u", "b", {Metric.SUPPORT: 0.5}),
    ]
    scores = Scores.of(rows, ["control", "graph"])
    assert len(scores.at) == 1
    assert (scores.values[Metric.SUPPORT][0], scores.values[Metric.RATING][0], scores.prior[0]) == (0.5, 1.0, 0.4)


def test_three_arms_share_the_alpha() -> None:
    spec = Spec("three", (Arm("control", 0.4), Arm("graph", 0.3), Arm("mix", 0.3)), planned=600, least=0.05)
    rows = seen(900, 0.05) + [
        replace(r, arm="mix", unit=f"m{r.unit}", answer=f"m{r.answer}") for r in seen(300, seed=9)
    ]
    whole = found(rows, spec)
    assert [one.arm for one in whole.compared] == ["graph", "mix"]
    alone = found(seen(900, 0.05)).compared[0].primary
    assert whole.compared[0].primary.high - whole.compared[0].primary.low > alone.high - alone.low


def test_of_three_arms_a_guardrail_compares_two_by_their_own_shares() -> None:
    spec = Spec("three", (Arm("control", 0.4), Arm("graph", 0.3), Arm("mix", 0.3)))
    rows = [
        Seen(float(n), arm, f"{arm}{n}", f"{arm}{n}", {Metric.ERRORS: 1.0})
        for arm, users in (("control", 400), ("graph", 300), ("mix", 300))
        for n in range(users)
    ]
    guards = [guard for one in found(rows, spec).compared for guard in one.guards if guard.metric is Metric.ERRORS]
    assert [guard.evidence for guard in guards] == [0.0, 0.0]


def test_arms_get_their_shares_and_nothing_else_is_drawn_like_them() -> None:
    spec, status = replace(SPEC, arms=(Arm("control", 0.2), Arm("graph", 0.3))), started(Status(), 0.0, "begin")
    arms = [assigned(spec, status, f"u{n}") for n in range(20_000)]
    shares = [sum(a is not None and a.name == name for a in arms) / 20_000 for name in ("control", "graph")]
    assert shares == pytest.approx([0.2, 0.3], abs=0.01)
    first = [n for n in range(20_000) if place("ramp", f"u{n}") < 0.1]  # who comes first in a ramp is in both arms
    inside = [arms[n] for n in first if arms[n] is not None]
    assert sum(a is not None and a.name == "graph" for a in inside) / len(inside) == pytest.approx(0.6, abs=0.05)


def test_a_user_stays_in_an_arm_for_a_run_and_is_drawn_anew_in_the_next() -> None:
    first = started(Status(), 0.0, "begin")
    second = started(stopped(first, 1.0, "enough"), 2.0, "again")
    assert (second.run, second.phase) == (2, Phase.RUNNING)
    before, after = ([assigned(SPEC, status, f"u{n}") for n in range(1_000)] for status in (first, second))
    assert before == [assigned(SPEC, first, f"u{n}") for n in range(1_000)]
    assert 400 < sum(a == b for a, b in zip(before, after, strict=True)) < 600


def test_nobody_is_in_an_experiment_that_does_not_run() -> None:
    assert assigned(SPEC, Status(), "u") is None
    assert assigned(SPEC, stopped(started(Status(), 0.0, ""), 1.0, ""), "u") is None
    with pytest.raises(SettingsError, match="runs already"):
        started(started(Status(), 0.0, ""), 1.0, "")
    with pytest.raises(SettingsError, match="does not run"):
        stopped(Status(), 1.0, "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Ü"},
        {"arms": HALVES[:1]},
        {"arms": (Arm("a", 0.7), Arm("b", 0.7))},
        {"arms": (Arm("a", 0.5), Arm("a", 0.5))},
        {"arms": (Arm("a", 0.0), Arm("b", 0.5))},
        {"arms": (Arm("a", 0.5), Arm("B b", 0.5))},
        {"planned": 1},
        {"least": 0.0},
        {"least": float("nan")},
        {"alpha": 1.0},
        {"primary": Metric.ERRORS},
    ],
)
def test_an_experiment_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        replace(SPEC, **wrong)


def test_an_experiment_is_what_it_was_after_it_was_stored() -> None:
    assert Spec.of(SPEC.as_json()) == SPEC
    status = started(Status(), 3.0, "begin")
    assert Status.of(status.as_json()) == status
    with pytest.raises(SettingsError):
        Spec.of({"name": "x"})
    with pytest.raises(SettingsError):
        Status.of({"phase": "flying"})


def test_paired_differences_are_covered_at_every_look() -> None:
    chance, zero = np.random.default_rng(9), np.zeros(500)
    total, missed = Moments.none((500,)), np.zeros(500, bool)
    for _ in range(50):
        y = chance.normal(0.1, 1, (500, 20))
        total += Moments(zero + 20, y.sum(axis=1), (y * y).sum(axis=1), zero, zero, zero)
        interval = paired(total, 0.05, planned=1_000)
        missed |= (interval.low > 0.1) | (interval.high < 0.1)
    assert missed.mean() <= 0.05
