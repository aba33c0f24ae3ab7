"""Whatever comes in whatever order: allowances, rates, limits and deadlines keep what they promise."""

import math
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.kit.allowance import Allowance
from cmo.kit.concurrency import Gradient, Law, Sample, Steps
from cmo.kit.deadline import HEADER, header, read, remaining, share, within
from cmo.kit.pace import Pace
from cmo.kit.rate import Rate, Rates, admit
from cmo.kit.refusal import Refused
from cmo.kit.retry import Again, Patience, pause
from cmo.testing import FakeClock

QUICK = settings(max_examples=150, deadline=None)
SECONDS = st.floats(0, 100)


@QUICK
@given(
    st.lists(st.booleans(), max_size=400),
    st.floats(0.01, 0.5),
    st.floats(0, 20),
)
def test_extra_calls_never_exceed_their_share_and_the_burst(spends: list[bool], part: float, burst: float) -> None:
    allowance, calls, extra = Allowance.full(part, burst), 0, 0
    for spend in spends:
        if spend:
            after = allowance.spent()
            extra += after is not None
            allowance = after or allowance
        else:
            calls, allowance = calls + 1, allowance.earned()
        assert extra <= part * calls + burst + 1e-6
        assert 0 <= allowance.saved <= burst


@QUICK
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_a_steady_caller_gets_its_tenth(failures: list[int]) -> None:
    allowance = Allowance.full(0.1, 10)
    for _ in range(200):
        allowance = allowance.earned()
    granted = 0
    for _ in failures:
        for _ in range(10):
            allowance = allowance.earned()
        after = allowance.spent()
        granted += after is not None
        allowance = after or allowance
    assert granted == len(failures)


@QUICK
@given(st.floats(0.1, 1000), st.integers(1, 50), st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_no_stretch_of_time_admits_more_than_the_burst_and_the_rate(
    per_second: float, burst: int, gaps: list[float]
) -> None:
    rate, moment, now = Rate(per_second, burst), -1.0, 0.0
    admitted: list[float] = []
    for gap in gaps:
        now += gap / per_second
        after = admit(rate, moment, now)
        if isinstance(after, Refused):
            assert after.after > 0
            assert isinstance(admit(rate, moment, now + after.after * (1 + 1e-6) + 1e-9), float), "it said when"
        else:
            moment = after
            admitted.append(now)
    for first, began in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + per_second * (admitted[last] - began) + 1e-3


@QUICK
@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 1)), max_size=200),
    st.integers(1, 4),
)
def test_no_caller_gets_more_for_how_many_others_there_are(asked: list[tuple[str, float]], most: int) -> None:
    clock, rate = FakeClock(), Rate(1.0, 3)
    rates = Rates(rate, most=most, monotonic=clock.monotonic)
    admitted: dict[str, list[float]] = {}
    for caller, gap in asked:
        clock.advance(gap)
        if rates.admit(caller) is None:
            admitted.setdefault(caller, []).append(clock.monotonic())
        assert len(rates) <= most
    for times in admitted.values():
        for first, began in enumerate(times):
            for last in range(first, len(times)):
                # A caller may have a row of its own and, before that, a part in the shared one.
                assert last - first + 1 <= 2 * (rate.burst + rate.per_second * (times[last] - began)) + 1e-6


@QUICK
@pytest.mark.parametrize("law", [Gradient(), Gradient(least=3, most=9, first=99), Steps(), Steps(least=2, most=5)])
@given(
    samples=st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.001, 10), st.integers(0, 200), st.booleans()
        ),
        max_size=100,
    )
)
def test_limits_stay_between_their_bounds(law: Law, samples: list[tuple[float, int, bool]]) -> None:
    level = law.start()
    for seconds, under_way, dropped in samples:
        level = law.after(level, Sample(seconds, under_way, dropped))
        assert law.least <= level.limit <= law.most  # type: ignore[attr-defined]
        assert level.whole >= 1
        assert math.isfinite(level.usual)


@QUICK
@given(st.integers(1, 10), st.floats(0, 100), st.floats(0, 1, exclude_max=True), st.integers(1, 2000))
def test_a_pause_is_bounded_and_never_shorter_than_asked(tried: int, asked: float, chance: float, most: int) -> None:
    patience = Patience(attempts=most)
    wait = pause(patience, tried, Again(asked), chance)
    if wait is None:
        assert tried >= most or asked > patience.longest_asked
    else:
        assert asked <= wait <= asked + patience.longest_pause


@QUICK
@given(st.lists(st.tuples(st.floats(0, 1e6) | st.just(math.inf), st.floats(0, 10)), max_size=20))
def test_a_deadline_never_grows_on_its_way_down(stages: list[tuple[float, float]]) -> None:
    clock = FakeClock()
    with ExitStack() as way:
        for seconds, passes in stages:
            before = remaining()
            way.enter_context(within(seconds, clock.monotonic))
            assert remaining() <= min(before, seconds) + 1e-6
            if (told := read(header().get(HEADER, ""))) is not None:
                assert told <= share() <= remaining()
            clock.advance(passes)
            assert 0 <= remaining() <= before
    assert remaining() == math.inf


@QUICK
@given(st.text(max_size=20))
def test_no_header_can_mean_what_is_no_time(value: str) -> None:
    seconds = read(value)
    assert seconds is None or 0 <= seconds < 1e6


@QUICK
@given(st.lists(st.floats(0, 1e3), min_size=20, max_size=200), st.integers(20, 60), st.floats(0, 1))
def test_a_quantile_is_one_of_the_last_durations_and_has_its_share_below(
    durations: list[float], size: int, part: float
) -> None:
    pace = Pace(size)
    for seconds in durations:
        pace.add(seconds)
    last, found = durations[-size:], pace.quantile(part)
    assert found in last
    assert sum(d <= found for d in last) >= part * len(last) - 1e-9
    assert sum(d < found for d in last) <= part * len(last) + 1e-9
