"""Whatever happens in whatever order: a breaker that probes lets three through at once, and its rests are bounded."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cmo.kit.breaker import Circuit, Fuse, Outcome, Phase, Ticket, admit, decode, encode, settle

FUSE = Fuse(window=12, least=4, probe_seconds=1e9)


class Calls(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.circuit = Circuit()
        self.now = 0.0
        self.probing: list[Ticket] = []
        self.calling: list[Ticket] = []

    @rule(seconds=st.one_of(st.floats(0, 5), st.floats(0, 130)))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def call(self) -> None:
        before = self.circuit
        self.circuit, decision = admit(FUSE, before, self.now)
        if isinstance(decision, Ticket):
            (self.probing if self.circuit.phase is Phase.PROBING else self.calling).append(decision)
            rested = self.now >= before.since + before.rest
            assert before.phase is not Phase.OPEN or rested, "a call went out during the rest"
        else:
            assert self.circuit.phase is not Phase.CLOSED
            assert 0 < decision.after <= FUSE.longest_rest_seconds

    @precondition(lambda self: self.calling or self.probing)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome), chance=st.floats(0, 1, exclude_max=True))
    def end(self, data: st.DataObject, outcome: Outcome, chance: float) -> None:
        ticket = data.draw(st.sampled_from(self.calling + self.probing))
        (self.probing if ticket in self.probing else self.calling).remove(ticket)
        before = self.circuit
        self.circuit = settle(FUSE, before, ticket, outcome, now=self.now, chance=chance)
        if ticket.era != before.era:
            assert self.circuit == before
        if outcome is Outcome.IGNORED:
            assert self.circuit.phase is before.phase
            assert self.circuit.seen == before.seen

    @invariant()
    def three_probe_at_once(self) -> None:
        of_now = [t for t in self.probing if t.era == self.circuit.era]
        assert len(of_now) <= FUSE.probes
        assert len(self.circuit.probes) <= FUSE.probes

    @invariant()
    def what_it_keeps_is_bounded_and_can_be_sent(self) -> None:
        assert len(self.circuit.seen) <= FUSE.window
        assert 0 <= self.circuit.rest <= FUSE.longest_rest_seconds
        assert decode(encode(self.circuit)) == self.circuit

    @invariant()
    def closed_it_is_not_what_it_would_open_for(self) -> None:
        seen = self.circuit.seen
        if self.circuit.phase is Phase.CLOSED and len(seen) >= FUSE.least:
            assert seen.count("f") < len(seen) * FUSE.failing


Calls.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestBreaker = Calls.TestCase
