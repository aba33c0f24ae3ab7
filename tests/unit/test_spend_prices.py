"""Prices: one's own first, then the published ones, and never free because nobody knows."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cmo.errors import PriceUnknown, SettingsError
from cmo.model.money import Usage, micros
from cmo.spend.prices import OwnPrices, Price, PriceList, read, write

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
USAGE = Usage(1_000, 500)


def cost(*own: Price, provider: str = "openai", model: str = "gpt-4o-mini", usage: Usage = USAGE) -> int:
    return PriceList(lambda: own).cost(provider, model, usage, AT)


def test_published_prices_are_known_by_name_by_address_and_by_model_alone() -> None:
    assert cost() == cost(provider="api.openai.com/v1") == cost(provider="") > 0
    assert cost(usage=Usage(2_000, 1_000)) == pytest.approx(2 * cost(), abs=1)
    assert cost(usage=Usage(1_000, 500, cached_tokens=1_000)) < cost()
    assert cost(provider="perplexity", model="sonar") > 5_000  # each request costs besides


def test_a_large_model_costs_more_than_a_small_one() -> None:
    assert cost(model="gpt-4o") > 5 * cost()


def test_ones_own_price_wins_and_the_nearest_of_them() -> None:
    any_, ours = Price("*", input=Decimal(9)), Price("gpt-4o-mini", input=Decimal(1), output=Decimal(2))
    theirs = Price("gpt-4o-mini", "api.openai.com", input=Decimal(5))
    assert cost(any_, ours) == cost(ours, any_) == 1_000 + 1_000
    assert cost(any_, ours, theirs, provider="api.openai.com/v1") == 5_000
    assert cost(any_, ours, theirs, provider="api.openai.community") == 2_000
    assert cost(any_, model="llama3") == 9_000


def test_what_was_said_to_cost_nothing_costs_nothing() -> None:
    assert cost(Price("llama3"), provider="127.0.0.1:11434/v1", model="llama3") == 0


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("127.0.0.1:11434/v1", "llama3"),
        ("openai", "no-such-model-at-all"),
        ("", "no-such-model-at-all"),
        ("nobody", "gpt-4o"),
        ("127.0.0.1:4000", "gpt-4o"),
    ],
)
def test_what_nobody_knows_the_price_of_is_refused_and_the_refusal_says_how_to_give_one(
    provider: str, model: str
) -> None:
    with pytest.raises(PriceUnknown, match=rf"cmo budget price {model} --input") as raised:
        cost(provider=provider, model=model)
    assert provider in str(raised.value)


def test_a_model_without_a_price_for_what_is_asked_is_not_free() -> None:
    with pytest.raises(PriceUnknown):
        cost(model="text-embedding-3-small", usage=Usage(100, 100))  # no price for output
    assert cost(model="text-embedding-3-small", usage=Usage(100_000, 0)) > 0
    with pytest.raises(PriceUnknown):
        cost(model="whisper-1", usage=Usage(100, 100))


def test_costs_are_rounded_up_to_whole_millionths() -> None:
    assert cost(Price("*", input=Decimal("0.0001")), usage=Usage(1, 0)) == 1
    assert micros(Decimal("0.0000001")) == 1
    assert micros(Decimal(0)) == 0


def test_cached_tokens_cost_what_was_said_or_else_as_any() -> None:
    usage = Usage(1_000_000, 0, cached_tokens=600_000)
    assert cost(Price("*", input=Decimal(1)), usage=usage) == 1_000_000
    assert cost(Price("*", input=Decimal(1), cached=Decimal("0.1")), usage=usage) == 460_000
    assert cost(Price("*", input=Decimal(1), cached=Decimal(0)), usage=Usage(10, 0, cached_tokens=99)) == 0


def test_prices_are_kept_in_a_file_and_may_be_replaced_and_removed(tmp_path: Path) -> None:
    prices = OwnPrices(tmp_path / "prices.json")
    assert prices.held() == ()
    prices.put(Price("a", input=Decimal("0.15"), cached=Decimal("0.01")))
    prices.put(Price("a", "b", request=Decimal("0.005")))
    prices.put(Price("a", input=Decimal("0.2")))
    assert set(prices.held()) == {Price("a", input=Decimal("0.2")), Price("a", "b", request=Decimal("0.005"))}
    assert OwnPrices(tmp_path / "prices.json").held() == prices.held()
    assert prices.remove("a", "b")
    assert not prices.remove("a", "b")
    assert read(write(prices.held())) == prices.held()


def test_a_price_of_nothing_survives_the_file() -> None:
    assert read(write([Price("llama3")])) == (Price("llama3"),)


@pytest.mark.parametrize(
    "facts",
    [
        "text", [], {}, {"model": "m"}, {"input": 1}, {"model": "m", "input": -1}, {"model": "m", "input": "NaN"},
        {"model": "m", "input": "much"}, {"model": "m", "input": 1e7}, {"model": "m", "inptu": 1},
    ],
)  # fmt: skip
def test_what_is_no_price_is_not_taken_for_one(facts: Any) -> None:
    with pytest.raises(ValueError, match=r"is no price|no model|is no number|must lie between"):
        Price.of(facts)


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"model": "m"}]', b"\xff", b'[{"model": "m", "input": "1e999"}]'])
def test_while_the_file_cannot_be_read_no_other_price_counts(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "prices.json").write_bytes(content)
    prices = OwnPrices(tmp_path / "prices.json")
    with pytest.raises(SettingsError, match=r"prices\.json cannot be read"):
        PriceList(prices.held).cost("openai", "gpt-4o-mini", USAGE, AT)
    with pytest.raises(SettingsError, match="Mend it or remove it"):
        prices.put(Price("m", input=Decimal(1)))
