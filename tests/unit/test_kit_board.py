"""One breaker for several processes; a board that is well, contested, slow, wrong, gone."""

import asyncio

import pytest

from cmo.kit.board import AWAY_SECONDS, SharedBreaker
from cmo.kit.breaker import Fuse, Outcome, Phase, Ticket
from cmo.kit.refusal import Refused
from cmo.kit.virtual import clock, run

S, F, I = Outcome.SUCCESS, Outcome.FAILURE, Outcome.IGNORED  # noqa: E741


class Memory:
    """A board in memory, with the faults of a real one."""

    def __init__(self) -> None:
        self.held = b""
        self.seconds = 0.001
        self.gone = False
        self.asked = 0

    async def read(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.gone:
            raise ConnectionError
        return self.held

    async def swap(self, old: bytes, new: bytes) -> bool:
        await asyncio.sleep(self.seconds)
        if self.gone:
            raise ConnectionError
        if self.held != old:
            return False
        self.held = new
        return True


def processes(board: Memory, count: int = 3) -> list[SharedBreaker]:
    return [SharedBreaker(Fuse(), board, clock(), (ConnectionError,), chance=lambda: 0.5) for _ in range(count)]


async def call(breaker: SharedBreaker, outcome: Outcome) -> Refused | None:
    decision = await breaker.admit()
    if isinstance(decision, Refused):
        return decision
    await breaker.settle(decision, outcome)
    return None


def test_all_count_together_and_rest_together() -> None:
    async def main() -> None:
        one, two, three = processes(Memory())
        for n in range(10):
            assert await call((one, two)[n % 2], F) is None
        assert isinstance(await call(three, S), Refused)
        assert three.circuit.phase is Phase.OPEN

    run(main())


def test_three_probes_between_them_and_three_successes_close_it_for_all() -> None:
    async def main() -> None:
        many = processes(Memory(), 8)
        for _ in range(10):
            await call(many[0], F)
        await asyncio.sleep(5)
        found = await asyncio.gather(*(breaker.admit() for breaker in many))
        tickets = [(b, f) for b, f in zip(many, found, strict=True) if isinstance(f, Ticket)]
        assert len(tickets) == 3
        for breaker, ticket in tickets:
            await breaker.settle(ticket, S)
        assert await call(many[7], S) is None
        assert many[7].circuit.phase is Phase.CLOSED

    run(main())


def test_calls_at_the_same_time_are_all_counted() -> None:
    async def main() -> None:
        board = Memory()
        await asyncio.gather(*(call(breaker, F) for breaker in processes(board, 8)))
        assert (await processes(board, 1)[0].admit(), board.held.count(b"ffffffff")) == (Ticket(0), 1)

    run(main())


@pytest.mark.parametrize("held", [b"nonsense", b"{}", b"\xff\x00", b"null"])
def test_nonsense_on_the_board_is_written_over(held: bytes) -> None:
    async def main() -> None:
        board = Memory()
        board.held = held
        for _ in range(10):
            await call(processes(board, 1)[0], F)
        assert isinstance(await call(processes(board, 1)[0], S), Refused)

    run(main())


@pytest.mark.parametrize("fault", ["gone", "slow"])
def test_without_the_board_each_goes_on_alone_and_looks_again_later(fault: str) -> None:
    async def main() -> None:
        board = Memory()
        [breaker] = processes(board, 1)
        await call(breaker, S)
        board.gone, board.seconds = fault == "gone", 0.001 if fault == "gone" else 9.0
        began = clock().time()
        for _ in range(10):
            assert await call(breaker, F) is None
        assert isinstance(await call(breaker, S), Refused)
        assert breaker.alone
        assert clock().time() - began < 0.1
        board.gone, board.seconds = False, 0.001
        await asyncio.sleep(AWAY_SECONDS)
        assert await call(breaker, S) is None
        assert not breaker.alone

    run(main())


def test_a_board_that_goes_while_a_call_is_under_way_loses_only_its_outcome() -> None:
    async def main() -> None:
        board = Memory()
        [breaker] = processes(board, 1)
        ticket = await breaker.admit()
        assert isinstance(ticket, Ticket)
        board.gone = True
        await breaker.settle(ticket, F)
        own = await breaker.admit()
        assert isinstance(own, Ticket)
        board.gone = False
        await asyncio.sleep(AWAY_SECONDS)
        await breaker.settle(own, F)
        assert board.held == b""

    run(main())
