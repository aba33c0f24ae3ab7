"""Budgets, costs and prices as plain values, in dollars: the same for `--json`, HTTP and the documented names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cmo.model.money import Payer, dollars
from cmo.spend.analysis import CostReport
from cmo.spend.budget import Account
from cmo.spend.prices import Price


def accounts(values: Sequence[Account]) -> list[dict[str, Any]]:
    """How budgets stand, in dollars."""
    return [
        {
            "account": str(a.balance.account),
            "per": a.balance.window.value,
            "period": a.balance.period,
            "limit_usd": None if a.balance.limit is None else dollars(a.balance.limit),
            "spent_usd": dollars(a.balance.spent),
            "exposed_usd": dollars(a.balance.exposed),
            "left_usd": None if a.balance.limit is None else dollars(max(0, a.balance.limit - a.balance.exposed)),
            "projected_usd": dollars(a.projected),
            "rung": a.rung.name.lower(),
            "alert": a.alert,
        }
        for a in values
    ]


def costs(value: CostReport) -> dict[str, Any]:
    """What money went into, in dollars."""
    return {
        "since": value.since.date().isoformat(),
        "until": value.until.date().isoformat(),
        "cost_usd": dollars(value.cost),
        "reserved_usd": dollars(value.reserved),
        "unknown_usd": dollars(value.unknown),
        "unreserved_usd": dollars(value.unreserved),
        "by_service": {service.value: dollars(amount) for service, amount in value.by_service.items()},
        "by_purpose": {purpose: dollars(amount) for purpose, amount in value.by_purpose.items()},
        "by_model": {model: dollars(amount) for model, amount in value.by_model.items()},
        "by_payer": [{**_payer(payer), "cost_usd": dollars(amount)} for payer, amount in value.payers],
        "calls": value.calls,
        "failed_calls": value.failed_calls,
        "failed_calls_usd": dollars(value.failed_cost),
        "questions": value.questions,
        "average_question_usd": dollars(value.question_cost),
        "failed_question_ratio": value.failed_ratio,
        "above_expected_ratio": value.exceeded,
        "advice": [{"name": a.name, "text": a.text, "saves_usd": dollars(a.saves)} for a in value.advice],
    }


def _payer(value: Payer) -> dict[str, str]:
    return {"tenant": value.tenant, "user": value.user}


def price(value: Price) -> dict[str, Any]:
    """What a model costs, in dollars for a million tokens and for a request."""
    amounts = {name: getattr(value, name) for name in ("input", "output", "cached", "request")}
    told = {name: None if amount is None else float(amount) for name, amount in amounts.items()}
    return {"model": value.model, "provider": value.provider, **told}
