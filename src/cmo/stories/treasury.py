"""The story of money: what may be spent, what was, on what, and what calls cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from cmo.kit.clock import Clock
from cmo.model.money import Ledger, Micros, Window, micros
from cmo.spend import Budget, CostReport, Ladder, OwnPrices, PriceList, analyse, log_alert

_SECONDS = 1.0


class Treasury:
    """The money of a base.

    Args:
        ledger: opens what it is written down in, with the limits of everybody.
        prices: the file of one's own prices; it need not be there.
        clock: the time.
        budgets: dollars a day and a month, where nobody set anything else.
        alert: share of a limit from which somebody is told.
    """

    def __init__(
        self,
        ledger: Callable[[Mapping[Window, Micros]], Ledger],
        prices: Path,
        clock: Clock,
        budgets: tuple[Decimal, Decimal],
        *,
        alert: float,
    ) -> None:
        self.own_prices = OwnPrices(prices)
        self.prices = PriceList(self.own_prices.held)
        self._ledger = ledger({window: micros(amount) for window, amount in zip(Window, budgets, strict=True)})
        self.budget = Budget(self._ledger, self.prices, clock, ladder=Ladder(alert=alert), tell=log_alert)
        self._clock = clock
        self._looked: tuple[float, float] | None = None

    def left(self) -> float:
        """Share of the budgets of everybody that is left, of the scarcest; looked up once a second at most."""
        now = self._clock.monotonic()
        if self._looked is None or now - self._looked[0] > _SECONDS:
            balances = [account.balance for account in self.budget.accounts()]
            shares = [_left(b.exposed, b.limit) for b in balances if b.limit is not None]
            self._looked = now, min(shares, default=1.0)
        return self._looked[1]

    def report(self, days: int) -> CostReport:
        """What money went into over some days, today included."""
        until = self._clock.now()
        since = until - timedelta(days=max(1, days) - 1)
        balances = [account.balance for account in self.budget.accounts()]
        return analyse(self._ledger.tally(since, until), self.prices, balances, since=since, until=until)


def _left(exposed: Micros, limit: Micros) -> float:
    return max(0.0, 1 - exposed / limit) if limit else 0.0
