"""`BudgetManager` and `CostAnalyzer`: the documented classes over the budget of a knowledge base.

Calls that the system makes itself set money aside on their own (`cmo.spend`); what stands here looks at it, and counts
questions, so that costs can be divided by them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

from cmo.app import App
from cmo.model.money import Asked, Need, Payer, Service, dollars
from cmo.settings import Settings, read_settings
from cmo.spend import told

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QueryPermission:
    """Whether money may be spent on a question; true or false as it stands."""

    allowed: bool
    reason: str
    retry_after: float = 0.0
    """Seconds until the next period of the budget that is spent."""

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True)
class CostSummary:
    """What money went into, in dollars."""

    total_costs: float
    llm_costs: float
    embedding_costs: float
    web_costs: float
    average_query_cost: float
    """Of a question; above 0.10 it is dear."""
    failed_query_ratio: float
    """Share of the questions that failed, 0 to 1; above 0.05 it is too large."""
    recommendations: tuple[str, ...]
    """Each follows from a measurement that it names."""
    details: dict[str, Any]
    """All of it, as `cmo budget report --json` prints it."""


class _House:
    """A knowledge base that is opened when it is first needed, off the event loop."""

    def __init__(self, config: Settings) -> None:
        self._app = App(config)
        self._opening = threading.Lock()

    async def run(self, work: Callable[[App], T]) -> T:
        return await asyncio.to_thread(self._run, work)

    async def close(self) -> None:
        await asyncio.to_thread(self._app.close)

    def _run(self, work: Callable[[App], T]) -> T:
        with self._opening:  # several tasks may come at once, and the database is opened once
            _ = self._app.treasury
        return work(self._app)


class BudgetManager:
    """The budget of a knowledge base.

    Args:
        daily_budget: dollars a day, where `cmo budget set` says nothing else; the settings' when not given.
        monthly_budget: the same for a month.
        config: settings; read from the environment when not given.
    """

    def __init__(
        self,
        daily_budget: float | None = None,
        monthly_budget: float | None = None,
        config: Settings | None = None,
    ) -> None:
        given = {"daily_budget": daily_budget, "monthly_budget": monthly_budget}
        stated = {name: str(value) for name, value in given.items() if value is not None}
        base = config.model_dump() if config is not None else {}
        self.config = read_settings(**{**base, **stated})
        self._house = _House(self.config)

    async def can_process_query(self, user_id: str = "") -> QueryPermission:
        """Whether a question may cost anything now; without money it is answered from the papers alone."""
        return await self._house.run(lambda app: _permission(app, Payer(user=user_id)))

    async def track_usage(self, query: str, response: object, processing_time: float = 0.0) -> None:
        """Count a question that was answered, or failed where there is no response; `processing_time` in seconds."""
        await self._note(query, response, Payer(), "", processing_time)

    async def track_query(self, query: str, response: object, user_id: str = "", source: str = "") -> None:
        """The same, with who asked and which engine answered."""
        seconds = getattr(response, "processing_time_s", 0.0)
        await self._note(query, response, Payer(user=user_id), source, float(seconds))

    async def get_status(self) -> dict[str, Any]:
        """How the daily and the monthly budget stand, in dollars; can be printed as JSON."""
        return await self._house.run(_status)

    async def close(self) -> None:
        """Close the database."""
        await self._house.close()

    async def _note(self, query: str, response: object, payer: Payer, source: str, seconds: float) -> None:
        del query  # what was asked is nobody's business here
        name = str(getattr(response, "answer_id", "") or uuid4().hex)
        failed = response is None or isinstance(response, BaseException) or not str(response).strip()
        await self._house.run(
            lambda app: app.treasury.budget.note(Asked(name, app.clock.now(), payer, source, max(0.0, seconds), failed))
        )


class CostAnalyzer:
    """What money went into.

    Args:
        days: how many to look back, today included.
        config: settings; read from the environment when not given.
    """

    def __init__(self, days: int = 30, config: Settings | None = None) -> None:
        self.days = days
        self._house = _House(config or read_settings())

    async def generate_cost_report(self) -> CostSummary:
        """Add up the ledger of the last days."""
        return await self._house.run(self._report)

    async def close(self) -> None:
        """Close the database."""
        await self._house.close()

    def _report(self, app: App) -> CostSummary:
        report = app.treasury.report(self.days)
        paid = {service: dollars(report.by_service.get(service, 0)) for service in Service}
        return CostSummary(
            total_costs=dollars(report.cost),
            llm_costs=paid[Service.LLM],
            embedding_costs=paid[Service.EMBEDDING],
            web_costs=paid[Service.WEB],
            average_query_cost=dollars(report.question_cost),
            failed_query_ratio=report.failed_ratio,
            recommendations=tuple(advice.text for advice in report.advice),
            details=told.costs(report),
        )


def _permission(app: App, payer: Payer) -> QueryPermission:
    now = app.clock.now()
    scarcest = max(app.treasury.budget.accounts(payer), key=lambda account: account.rung)
    balance, step = scarcest.balance, scarcest.rung
    said = f"The {balance.window.value}'s budget of {balance.account} is at the rung {step.name.lower()}."
    if step.admits(Need.UNCERTAIN):
        return QueryPermission(allowed=True, reason=said)
    after = (balance.window.ends(now) - now).total_seconds()
    return QueryPermission(allowed=False, reason=f"{said} `cmo budget set` gives more.", retry_after=after)


def _status(app: App) -> dict[str, Any]:
    facts = told.accounts(app.treasury.budget.accounts())
    by = {row["per"]: row for row in facts}
    permission = _permission(app, Payer())
    return {
        "daily": by["day"],
        "monthly": by["month"],
        "alert": any(row["alert"] for row in facts),
        "can_process_query": permission.allowed,
        "reason": permission.reason,
    }
