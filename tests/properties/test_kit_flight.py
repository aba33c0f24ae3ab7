"""However callers come, go and run out of time: one computation at a time, and nobody is told of another's going."""

import asyncio
import math
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.errors import OutOfTime
from cmo.kit.deadline import within
from cmo.kit.flight import Flights
from cmo.kit.virtual import clock, run

CALLER = st.tuples(
    st.sampled_from("ab"),
    st.floats(0, 3),  # comes
    st.none() | st.floats(0, 3),  # is cancelled after
    st.none() | st.floats(0.01, 3),  # has so much time
)


class Work:
    """Takes a second; is never done twice at once."""

    def __init__(self, failing: set[int]) -> None:
        self.flights: Flights[str, int] = Flights(clock().monotonic)
        self.at_work: Counter[str] = Counter()
        self._begun = 0
        self._failing = failing

    async def done(self, key: str) -> int:
        self._begun += 1
        number = self._begun
        self.at_work[key] += 1
        assert self.at_work[key] == 1, "the same was done twice at once"
        try:
            await asyncio.sleep(1)
        finally:
            self.at_work[key] -= 1
        if number in self._failing:
            raise LookupError(number)
        return number

    async def ask(self, key: str, comes: float, allowed: float | None) -> int:
        await asyncio.sleep(comes)
        with within(math.inf if allowed is None else allowed, clock().monotonic):
            return await self.flights.once(key, lambda: self.done(key))


@settings(max_examples=150, deadline=None)
@given(st.lists(CALLER, max_size=12), st.sets(st.integers(1, 6)))
def test_one_computation_and_no_call_disturbs_another(
    callers: list[tuple[str, float, float | None, float | None]], failing: set[int]
) -> None:
    async def main() -> None:
        work, tasks = Work(failing), []
        for key, comes, goes, allowed in callers:
            tasks.append(asyncio.create_task(work.ask(key, comes, allowed)))
            if goes is not None:
                clock().call_at(comes + goes, tasks[-1].cancel)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for result, (_, _, goes, allowed) in zip(found, callers, strict=True):
            told = {int, LookupError} | ({asyncio.CancelledError} if goes is not None else set())
            assert type(result) in told | ({OutOfTime} if allowed is not None else set())
        await asyncio.sleep(0)
        assert len(work.flights) == 0
        assert work.at_work.total() == 0

    run(main())
