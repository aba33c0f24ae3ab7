"""What money went into, and what to do about it: each piece of advice follows from a measurement, and says it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from cmo.errors import SettingsError
from cmo.model.money import DOLLAR, Balance, Micros, Payer, Service, State, Tally, Total, Usage, Window, dollars
from cmo.spend.ladder import projected
from cmo.spend.prices import PriceList

K = TypeVar("K")

DEAR: Final = DOLLAR // 10
"""A question that costs more on average is dear."""
FAILING: Final = 0.05
"""A larger share of failed questions is too large."""
_LOST = 0.05
"""Share of the money of which nobody knows whether it was spent, above which it is worth a look."""
_WORTH = 0.20
"""Saving a smaller share is not worth the trouble."""
_READ = 0.70
"""Share of what is paid for text that is sent, above which sending less helps."""
_FEW_CALLS = 20
_EXCEEDED = 0.05
"""Share of the calls that cost more than was expected, if the expectation is right."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that could be done."""

    name: str
    text: str
    saves: Micros = 0
    """Over as many days as the report covers; 0 where that cannot be told."""


@dataclass(frozen=True, slots=True)
class CostReport:
    """Some days of spending."""

    since: datetime
    until: datetime
    cost: Micros
    reserved: Micros
    """Part of it that is set aside for calls which run now."""
    unknown: Micros
    """Part of it that counts because nobody knows what the calls cost."""
    by_service: Mapping[Service, Micros]
    by_purpose: Mapping[str, Micros]
    by_model: Mapping[str, Micros]
    payers: tuple[tuple[Payer, Micros], ...]
    calls: int
    failed_calls: int
    failed_cost: Micros
    questions: int
    question_cost: Micros
    """Of one, on average."""
    failed_ratio: float
    """Of the questions."""
    exceeded: float
    """Share of the settled calls that cost more than was expected; .05 is what to expect."""
    unreserved: Micros
    """What was paid beyond what was set aside."""
    advice: tuple[Advice, ...]


def analyse(
    tally: Tally, prices: PriceList, balances: Sequence[Balance], *, since: datetime, until: datetime
) -> CostReport:
    """A report on what the ledger adds up to."""
    totals = tally.totals
    settled = _settled(totals)
    calls = sum(t.calls for t in settled)
    cost = sum(t.cost for t in totals)
    report = CostReport(
        since=since,
        until=until,
        cost=cost,
        reserved=sum(t.cost for t in totals if t.state is State.RESERVED),
        unknown=sum(t.cost for t in totals if t.state is State.UNKNOWN),
        by_service=_summed(totals, lambda t: t.service),
        by_purpose=_summed(totals, lambda t: t.purpose),
        by_model=_summed(totals, _model),
        payers=tally.payers,
        calls=sum(t.calls for t in totals),
        failed_calls=sum(t.calls for t in totals if t.failed),
        failed_cost=sum(t.cost for t in totals if t.failed),
        questions=tally.questions,
        question_cost=math.ceil(cost / tally.questions) if tally.questions else 0,
        failed_ratio=tally.failed_questions / tally.questions if tally.questions else 0.0,
        exceeded=sum(t.above_expected for t in settled) / calls if calls else 0.0,
        unreserved=sum(t.above_most for t in totals),
        advice=(),
    )
    return _advised(report, totals, prices, balances)


def _advised(report: CostReport, totals: Sequence[Total], prices: PriceList, balances: Sequence[Balance]) -> CostReport:
    found = [
        *_dear(report, totals),
        *_cheaper(report, totals, prices),
        *_sent(report, totals, prices),
        *_failing(report),
        *_lost(report),
        *_exceeded(report, totals),
        *_pace(report, balances),
    ]
    return replace(report, advice=tuple(sorted(found, key=lambda advice: -advice.saves)))


def _dear(report: CostReport, totals: Sequence[Total]) -> Iterator[Advice]:
    if report.question_cost <= DEAR:
        return
    kinds = _summed(totals, lambda t: (t.purpose, _model(t)))
    (purpose, model), most = max(kinds.items(), key=lambda kind: kind[1])
    yield Advice(
        "dear-questions",
        f"A question costs {_usd(report.question_cost)} on average over {report.questions:,} questions, above "
        f"{_usd(DEAR)}. {most / report.cost:.0%} of the money goes to {purpose} with {model}.",
    )


def _cheaper(report: CostReport, totals: Sequence[Total], prices: PriceList) -> Iterator[Advice]:
    """The same tokens with the cheapest of the models that are in use for the same service."""
    settled = _settled(totals)
    models = {(t.service, t.provider, t.model) for t in settled if t.calls}
    for purpose, service in sorted({(t.purpose, t.service) for t in settled}):
        mine = [t for t in settled if (t.purpose, t.service) == (purpose, service)]
        paid, calls = sum(t.cost for t in mine), sum(t.calls for t in mine)
        others = [
            (cost, model)
            for kind, provider, model in sorted(models)
            if kind is service and calls >= _FEW_CALLS
            for cost in [_costs(mine, provider, model, prices, report.until)]
            if cost is not None
        ]
        if others and paid - min(others)[0] >= _WORTH * report.cost > 0:
            cost, model = min(others)
            yield Advice(
                "cheaper-model",
                f"The {calls:,} calls for {purpose} cost {_usd(paid)}; the same tokens cost {_usd(cost)} with {model}, "
                "which is in use already. Compare the answers of both before you change.",
                paid - cost,
            )


def _sent(report: CostReport, totals: Sequence[Total], prices: PriceList) -> Iterator[Advice]:
    """Where most is paid for what is sent, and the provider's cache serves little of it."""
    mine = [t for t in _settled(totals) if t.service is Service.LLM]
    paid, tokens, calls = (sum(getattr(t, name) for t in mine) for name in ("cost", "input_tokens", "calls"))
    reading = 0
    for t in mine:
        cost = _costs([t], t.provider, t.model, prices, report.until, output=False)
        reading += min(t.cost, cost or 0)
    cached = sum(t.cached_tokens for t in mine)
    if calls >= _FEW_CALLS and paid and reading / paid >= _READ and paid >= _WORTH * report.cost:
        yield Advice(
            "long-prompts",
            f"{reading / paid:.0%} of what language models cost is for text that is sent, {tokens / calls:,.0f} tokens a "
            f"call, of which the provider's cache had {cached / tokens:.0%}. Send fewer passages, and what is always the "
            "same first, so that the cache serves it.",
        )


def _failing(report: CostReport) -> Iterator[Advice]:
    if report.failed_ratio > FAILING:
        yield Advice(
            "failing-questions",
            f"{report.failed_ratio:.1%} of {report.questions:,} questions failed, more than {FAILING:.0%}; calls that "
            f"failed cost {_usd(report.failed_cost)}. `cmo budget report --json` says which models.",
            report.failed_cost,
        )


def _lost(report: CostReport) -> Iterator[Advice]:
    if report.cost and report.unknown / report.cost > _LOST:
        yield Advice(
            "unknown-costs",
            f"Of {report.unknown / report.cost:.0%} of the money ({_usd(report.unknown)}) nobody knows whether it was spent: "
            "calls were cut off, or the provider does not say what they took. It counts in full. Allow calls more time, or "
            "compare with the provider's bill.",
        )


def _exceeded(report: CostReport, totals: Sequence[Total]) -> Iterator[Advice]:
    calls = sum(t.calls for t in _settled(totals))
    chance = 3 * math.sqrt(_EXCEEDED * (1 - _EXCEEDED) / calls) if calls else 1.0
    if calls >= _FEW_CALLS and report.exceeded > _EXCEEDED + chance:
        yield Advice(
            "low-estimates",
            f"{report.exceeded:.1%} of {calls:,} calls cost more than was expected, where {_EXCEEDED:.0%} should: answers "
            "grow longer than they were. Limits still hold, but the rungs come late; lower the most tokens of an answer.",
        )
    if report.unreserved:
        yield Advice(
            "unreserved",
            f"{_usd(report.unreserved)} was paid beyond what was set aside: a provider gave more tokens than it was asked "
            "for, or a price is too low. Compare `prices.json` and the provider's prices.",
        )


def _pace(report: CostReport, balances: Sequence[Balance]) -> Iterator[Advice]:
    for balance in balances:
        if balance.window is Window.MONTH and balance.limit and projected(balance, report.until) > balance.limit:
            yield Advice(
                "pace",
                f"At this pace the month of {balance.account} comes to {_usd(projected(balance, report.until))} of "
                f"{_usd(balance.limit)}; calls that matter less are left out before. `cmo budget set --monthly` changes it.",
            )


def _costs(
    totals: Iterable[Total], provider: str, model: str, prices: PriceList, at: datetime, *, output: bool = True
) -> Micros | None:
    """What the calls would have cost with a model, each of average length; None where nobody knows its price."""
    cost = 0
    for t in totals:
        each = Usage(t.input_tokens // t.calls, t.output_tokens // t.calls if output else 0, t.cached_tokens // t.calls)
        with suppress(SettingsError):
            cost += t.calls * prices.cost(provider, model, each, at)
            continue
        return None
    return cost


def _settled(totals: Iterable[Total]) -> list[Total]:
    return [t for t in totals if t.state is State.SETTLED]


def _summed(totals: Iterable[Total], key: Callable[[Total], K]) -> dict[K, Micros]:
    sums: defaultdict[K, Micros] = defaultdict(int)
    for t in totals:
        sums[key(t)] += t.cost
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1], str(pair[0]))))


def _model(total: Total) -> str:
    return f"{total.model} ({total.provider})" if total.provider else total.model


def _usd(amount: Micros) -> str:
    return f"${dollars(amount):,.2f}" if amount >= DOLLAR // 10 else f"${dollars(amount):.4f}"
