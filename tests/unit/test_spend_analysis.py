"""The report: sums that add up, and advice only where a measurement asks for it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cmo.model.money import DOLLAR, Balance, Payer, Service, State, Tally, Total, Window
from cmo.spend import CostReport, Price, PriceList, analyse

UNTIL = datetime(2026, 3, 16, 12, tzinfo=UTC)
PRICES = PriceList(
    lambda: (
        Price("large", input=Decimal(10), output=Decimal(30)),
        Price("small", input=Decimal(1), output=Decimal(3)),
    )
)


def total(
    model: str = "large",
    purpose: str = "generate",
    calls: int = 100,
    sent: int = 100_000,
    got: int = 100_000,
    *,
    state: State = State.SETTLED,
    failed: bool = False,
    service: Service = Service.LLM,
    cached: int = 0,
    cost: int | None = None,
    above: int = 0,
    beyond: int = 0,
) -> Total:
    price = 10 if model == "large" else 1
    paid = price * sent + 3 * price * got if cost is None else cost
    return Total(
        "", model, service, purpose, state, failed, calls, paid, paid, 2 * paid, sent, got, cached, 9.0, above, beyond
    )


def report(*totals: Total, questions: int = 1_000, failed: int = 0, balances: tuple[Balance, ...] = ()) -> CostReport:
    tally = Tally(totals, ((Payer("acme"), sum(t.cost for t in totals)),), questions, failed)
    return analyse(tally, PRICES, balances, since=UNTIL - timedelta(days=29), until=UNTIL)


def advised(found: CostReport) -> list[str]:
    return [advice.name for advice in found.advice]


def test_nothing_spent_is_nothing_to_advise() -> None:
    empty = report(questions=0)
    assert (empty.cost, empty.calls, empty.question_cost, empty.failed_ratio, empty.exceeded) == (0, 0, 0, 0.0, 0.0)
    assert empty.advice == ()


def test_the_parts_add_up_to_the_whole() -> None:
    found = report(
        total(),
        total("small", "route"),
        total("small", "embed", service=Service.EMBEDDING, got=0),
        total(state=State.UNKNOWN, failed=True, calls=2, cost=50_000),
        total(state=State.RESERVED, calls=1, cost=7),
        total(state=State.VOID, calls=5, cost=0, failed=True),
    )
    assert (
        found.cost == sum(found.by_service.values()) == sum(found.by_purpose.values()) == sum(found.by_model.values())
    )
    assert (found.unknown, found.reserved, found.calls, found.failed_calls) == (50_000, 7, 308, 7)
    assert list(found.by_model) == ["large", "small"]
    assert found.question_cost == -(-found.cost // 1_000)


def test_a_modest_bill_draws_no_advice() -> None:
    assert advised(report(total("small"))) == []


def test_dear_questions_are_named_with_what_they_go_to() -> None:
    found = report(total(), total("small", "route"), questions=10)
    assert "dear-questions" in advised(found)
    (text,) = [a.text for a in found.advice if a.name == "dear-questions"]
    assert "$0.44 on average over 10 questions, above $0.10" in text
    assert "91% of the money goes to generate with large" in text
    assert "dear-questions" not in advised(report(total(), questions=40))


def test_a_cheaper_model_that_is_in_use_is_named_with_what_it_saves() -> None:
    found = report(total(), total("small", "route"))
    (advice,) = [a for a in found.advice if a.name == "cheaper-model"]
    assert advice.saves == 4 * DOLLAR - 4 * DOLLAR // 10
    assert "The 100 calls for generate cost $4.00; the same tokens cost $0.40 with small" in advice.text
    assert "cheaper-model" not in advised(report(total(), total("small", service=Service.EMBEDDING)))
    assert "cheaper-model" not in advised(report(total(calls=5), total("small", "route")))
    assert "cheaper-model" not in advised(report(total(), total("tiny", "route", cost=1)))  # nobody knows its price


def test_long_prompts_that_no_cache_serves_are_named() -> None:
    found = report(total(sent=1_000_000, got=20_000, cached=100_000))
    (advice,) = [a for a in found.advice if a.name == "long-prompts"]
    assert "94% of what language models cost" in advice.text
    assert "10,000 tokens a call, of which the provider's cache had 10%" in advice.text
    assert "long-prompts" not in advised(report(total()))


@pytest.mark.parametrize(("failed", "named"), [(50, False), (51, True)])
def test_more_than_five_failed_questions_of_a_hundred_are_too_many(failed: int, named: bool) -> None:
    assert ("failing-questions" in advised(report(total("small"), failed=failed))) == named


def test_money_of_which_nobody_knows_is_named_from_a_twentieth_on() -> None:
    lost = total("small", state=State.UNKNOWN, cost=22_000)
    assert "unknown-costs" in advised(report(total("small"), lost))
    assert "unknown-costs" not in advised(report(total("small", sent=200_000), lost))


@pytest.mark.parametrize(
    ("calls", "above", "named"), [(1_000, 50, False), (1_000, 65, False), (1_000, 80, True), (10, 5, False)]
)
def test_estimates_are_called_low_only_when_chance_does_not_explain_it(calls: int, above: int, named: bool) -> None:
    assert ("low-estimates" in advised(report(total("small", calls=calls, above=above)))) == named


def test_money_beyond_what_was_set_aside_is_always_named() -> None:
    found = report(total("small", beyond=3))
    assert found.unreserved == 3
    assert "unreserved" in advised(found)


def test_a_month_that_comes_to_more_than_its_limit_is_named() -> None:
    month = Balance(Payer(), Window.MONTH, "2026-03", 100 * DOLLAR, 80 * DOLLAR, 80 * DOLLAR)
    assert advised(report(total("small"), balances=(month,))) == ["pace"]
    calm = Balance(Payer(), Window.MONTH, "2026-03", 200 * DOLLAR, 80 * DOLLAR, 80 * DOLLAR)
    assert advised(report(total("small"), balances=(calm,))) == []


def test_what_saves_most_comes_first() -> None:
    found = report(total(), total("small", "route"), questions=10, failed=5)
    assert found.advice[0].name == "cheaper-model"
