"""When a breaker opens, how long it rests, how it comes back."""

import pytest

from cmo.kit.breaker import Breaker, Circuit, Fuse, Outcome, Phase, Ticket, admit, decode, encode, settle
from cmo.kit.refusal import Refused
from cmo.testing import FakeClock

FUSE = Fuse()
S, L, F, I = Outcome.SUCCESS, Outcome.SLOW, Outcome.FAILURE, Outcome.IGNORED  # noqa: E741


class Service:
    """A breaker, its clock, and calls that come to what the test says."""

    def __init__(self, fuse: Fuse = FUSE, chance: float = 1 - 1e-9) -> None:
        self.clock = FakeClock()
        self.breaker = Breaker(fuse, self.clock.monotonic, lambda: chance)

    def ticket(self) -> Ticket:
        found = self.breaker.admit()
        assert isinstance(found, Ticket)
        return found

    def calls(self, *outcomes: Outcome) -> Phase:
        for outcome in outcomes:
            self.breaker.settle(self.ticket(), outcome)
        return self.phase

    @property
    def phase(self) -> Phase:
        return self.breaker.circuit.phase

    def refusal(self) -> Refused:
        found = self.breaker.admit()
        assert isinstance(found, Refused)
        return found


def broken(**fuse: float) -> Service:
    service = Service(Fuse(**fuse))  # type: ignore[arg-type]
    assert service.calls(*[F] * 10) is Phase.OPEN
    return service


def test_few_calls_never_open_it() -> None:
    assert Service().calls(*[F] * 9) is Phase.CLOSED


@pytest.mark.parametrize(
    ("outcomes", "phase"),
    [
        ([S, F] * 4 + [S, S], Phase.CLOSED),
        ([S, F] * 5, Phase.OPEN),
        ([L] * 7 + [S] * 3, Phase.CLOSED),
        ([S, S] + [L] * 8, Phase.OPEN),
        ([S, S] + [L] * 5 + [F] * 3, Phase.OPEN),
        ([I] * 100, Phase.CLOSED),
        ([F] * 5 + [I] * 90 + [F] * 5, Phase.OPEN),
        ([S] * 50 + [F] * 24, Phase.CLOSED),
        ([S] * 50 + [F] * 25, Phase.OPEN),
        ([S] * 500 + [F] * 25, Phase.OPEN),
    ],
)
def test_it_opens_at_half_failing_or_four_in_five_slow_of_the_last_fifty(outcomes: list[Outcome], phase: Phase) -> None:
    assert Service().calls(*outcomes) is phase


def test_open_it_refuses_and_says_for_how_long() -> None:
    service = broken()
    assert service.refusal().after == pytest.approx(5.0)
    service.clock.advance(3)
    assert service.refusal().after == pytest.approx(2.0)


def test_chance_halves_a_rest_at_most() -> None:
    service = Service(chance=0.0)
    service.calls(*[F] * 10)
    assert service.refusal().after == pytest.approx(2.5)


def test_each_rest_is_twice_as_long_up_to_a_bound() -> None:
    service = broken()
    rests = []
    for _ in range(7):
        rests.append(service.refusal().after)
        service.clock.advance(rests[-1])
        service.calls(F)
    assert rests == pytest.approx([5, 10, 20, 40, 80, 120, 120])


def test_after_a_rest_three_successes_close_it_and_the_next_rest_is_short_again() -> None:
    service = broken()
    service.clock.advance(5)
    service.calls(F)
    service.clock.advance(10)
    assert service.calls(S, S) is Phase.PROBING
    assert service.calls(S) is Phase.CLOSED
    service.calls(*[F] * 10)
    assert service.refusal().after == pytest.approx(5.0)


def test_no_more_than_three_probe_at_once_and_who_says_nothing_makes_room() -> None:
    service = broken()
    service.clock.advance(5)
    first, *_others = [service.ticket() for _ in range(3)]
    assert service.refusal().after > 0
    service.breaker.settle(first, I)
    assert isinstance(service.ticket(), Ticket)
    service.refusal()


def test_a_slow_probe_begins_the_count_anew() -> None:
    service = broken()
    service.clock.advance(5)
    assert service.calls(S, S, L, S, S) is Phase.PROBING
    assert service.calls(S) is Phase.CLOSED


def test_one_failing_probe_opens_it_again_and_the_others_no_longer_count() -> None:
    service = broken()
    service.clock.advance(5)
    probes = [service.ticket() for _ in range(3)]
    service.breaker.settle(probes[0], F)
    service.clock.advance(10)
    service.ticket()
    for late in probes[1:] * 3:
        service.breaker.settle(late, S)
    assert service.phase is Phase.PROBING
    assert service.breaker.circuit.streak == 0


def test_what_was_admitted_before_the_rest_says_nothing_after_it() -> None:
    service = Service()
    old = [service.ticket() for _ in range(20)]
    service.calls(*[F] * 10)
    service.clock.advance(5)
    for ticket in old:
        service.breaker.settle(ticket, F)
    assert service.calls(S, S, S) is Phase.CLOSED


def test_a_ticket_counts_once() -> None:
    service = broken()
    service.clock.advance(5)
    ticket = service.ticket()
    for _ in range(5):
        service.breaker.settle(ticket, S)
    assert service.breaker.circuit.streak == 1


def test_a_probe_of_which_nothing_is_heard_makes_room_in_the_end() -> None:
    service = broken()
    service.clock.advance(5)
    for _ in range(3):
        service.ticket()
    service.clock.advance(FUSE.probe_seconds)
    assert service.calls(S, S, S) is Phase.CLOSED


def test_a_clock_that_was_set_back_does_not_make_the_rest_longer() -> None:
    circuit = Circuit()
    for _ in range(10):
        circuit = settle(FUSE, circuit, Ticket(0), F, now=1e6, chance=0.5)
    circuit, decision = admit(FUSE, circuit, 1000.0)
    assert isinstance(decision, Refused)
    assert isinstance(admit(FUSE, circuit, 1000.0 + circuit.rest)[1], Ticket)


def test_a_state_survives_the_way_to_another_process() -> None:
    service = broken()
    service.clock.advance(5)
    service.ticket()
    assert decode(encode(service.breaker.circuit)) == service.breaker.circuit


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"1", b'{"phase": "open"}', b'{"phase": "ajar", "era": 1}', b"null"]
)
def test_what_is_no_state_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(data)


def test_a_state_with_letters_of_no_outcome_is_refused() -> None:
    with pytest.raises(ValueError, match="not a valid Outcome"):
        decode(encode(Circuit()).replace(b'"seen":""', b'"seen":"sxf"'))
