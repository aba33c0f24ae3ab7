"""A process of a service as far as releases go: says when it sees a change of the flag `max_hops`, and how often it looked."""

import sys
import time

from cmo.delivery.fanout import Fanout
from cmo.delivery.state import LastKnown
from cmo.kit.clock import SystemClock
from cmo.store.delivery import SqlDelivery
from cmo.store.engine import open_engine

database, url = sys.argv[1:]
clock = SystemClock()
looks: list[float] = []


class Counted(SqlDelivery):
    """Counts looks."""

    def mark(self) -> object:
        looks.append(clock.monotonic())
        return super().mark()


state = LastKnown(Counted(open_engine(database)), clock, hears=Fanout(url, clock) if url else None)
state.start()
sys.stdout.write("ready\n")
sys.stdout.flush()
before: object = None
while True:
    flag = state.now().current.flags.get("max_hops")
    value = flag.spec["value"] if flag else None
    if value != before:
        sys.stdout.write(f"{value} {clock.monotonic()} {len(looks)}\n")
        sys.stdout.flush()
        before = value
    time.sleep(0.005)
