"""One of several processes that spend from one budget as fast as they can. Not a test: `test_budget` starts it.

Usage: budget_racer.py URL TASKS SEED EXACT. Each task makes one call of up to a cent; with EXACT it costs just that, else
anything up to it, or is cut off, or is not made. Prints how many were allowed and refused, and the highest exposure seen.
"""

import asyncio
import random
import sys
from decimal import Decimal

from cmo.errors import OverBudget
from cmo.kit.clock import SystemClock
from cmo.model.money import Call, Need, Payer, Service, Usage, Window
from cmo.spend import Budget, Price, PriceList
from cmo.store.engine import open_engine
from cmo.store.ledger import SqlLedger

MOST = 10_000
USERS = ("ann", "bob", "eve")


async def one(budget: Budget, chance: random.Random, exact: bool) -> bool:
    """Whether a call was allowed."""
    payer = Payer("acme", chance.choice(USERS))
    call = Call("p", "m", Service.LLM, "race", Usage(0, MOST), Need.PRIORITY, payer)
    try:
        async with budget.areserved(call) as held:
            await asyncio.sleep(chance.random() * 0.005)
            fate = 1.0 if exact else chance.random()
            if fate < 0.1:
                held.nothing_spent()
            elif fate > 0.2:  # else it was cut off
                held.settle(Usage(0, round(fate * MOST)))
    except OverBudget:
        return False
    return True


async def main(url: str, tasks: int, seed: int, exact: bool) -> None:
    engine = open_engine(url)
    ledger = SqlLedger(engine, {Window.DAY: 100 * MOST, Window.MONTH: 10_000 * MOST})
    budget = Budget(ledger, PriceList(lambda: (Price("*", output=Decimal(1)),)), SystemClock())
    chance, highest, over = random.Random(seed), 0, False

    async def watch() -> None:
        nonlocal highest
        while not over:
            found = await asyncio.to_thread(ledger.balances, Payer("acme", "ann"), SystemClock().now())
            highest = max(highest, *(b.exposed for b in found if b.limit is not None and b.window is Window.DAY))
            await asyncio.sleep(0.002)

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    watching = asyncio.ensure_future(watch())
    allowed = await asyncio.gather(*(one(budget, chance, exact) for _ in range(tasks)))
    over = True
    await watching
    engine.dispose()
    sys.stdout.write(f"{sum(allowed)} {len(allowed) - sum(allowed)} {highest}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "exact"))
