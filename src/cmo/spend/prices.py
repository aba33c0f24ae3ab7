"""What a call costs: by a price of one's own, else by genai-prices; never free because nobody knows.

::

    provider, model, usage --prices.json of the base--> genai-prices --> PriceUnknown, which says how to give one
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Self

from cmo.errors import PriceUnknown, SettingsError
from cmo.kit.hot import HotFile
from cmo.model.money import Micros, Usage, micros

MOST: Final = Decimal(1_000_000)
"""Dollars; a higher price is a slip."""
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens, and for each request."""

    model: str
    """Its name; ``*`` stands for anything."""
    provider: str = ""
    """Empty: whoever provides it."""
    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    cached: Decimal | None = None
    """For input from the provider's cache; None: as any input."""
    request: Decimal = Decimal(0)

    @classmethod
    def of(cls, facts: Any) -> Self:
        """From plain values.

        Raises:
            ValueError: this is no price.
        """
        if not isinstance(facts, dict) or set(facts) - set(cls.__slots__):
            raise ValueError(f"{facts!r} is no price; its parts are {', '.join(cls.__slots__)}")
        names = {name: str(facts.get(name, "")) for name in ("model", "provider")}
        amounts = {name: _amount(name, facts[name]) for name in cls.__slots__[2:] if facts.get(name) is not None}
        if not names["model"] or not amounts:
            raise ValueError(f"{facts!r} has no model or no amount")
        return cls(**names, **amounts)  # type: ignore[arg-type]

    def fits(self, provider: str, model: str) -> bool:
        """Whether it is that of a model."""
        return fnmatchcase(model, self.model) and (not self.provider or _same_provider(self.provider, provider))

    def cost(self, usage: Usage) -> Micros:
        """Of a call."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        tokens = (
            self.input * (usage.input_tokens - cached)
            + (self.input if self.cached is None else self.cached) * cached
            + self.output * usage.output_tokens
        )
        return micros(tokens / _MILLION + self.request)


def read(data: bytes) -> tuple[Price, ...]:
    """Prices of a file: a JSON list.

    Raises:
        ValueError: they are none.
    """
    said = json.loads(data, parse_float=Decimal)
    if not isinstance(said, list):
        raise ValueError("a list of prices is needed")  # noqa: TRY004 - whoever reads files expects this one
    return tuple(Price.of(facts) for facts in said)


def write(prices: Iterable[Price]) -> bytes:
    """The reverse."""
    rows = [{name: value for name, value in asdict(price).items() if value not in {None, ""}} for price in prices]
    return json.dumps(rows, default=str, indent=1).encode()


class OwnPrices:
    """Prices that somebody gave here, in a file that may be changed while programs run.

    Args:
        path: the file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # What cannot be read must not let another price count.
        self._file: HotFile[tuple[Price, ...] | None] = HotFile(
            path, decode=read, encode=lambda prices: write(prices or ()), default=lambda: None if path.exists() else ()
        )

    def put(self, price: Price) -> None:
        """Give a price, in place of the former one of that model and provider."""
        self._file.change((*self._others(price), price))

    def remove(self, model: str, provider: str = "") -> bool:
        """Take a price away; whether there was one."""
        others = self._others(Price(model, provider))
        there = len(others) < len(self.held())
        if there:
            self._file.change(others)
        return there

    def held(self) -> tuple[Price, ...]:
        """Those that hold now.

        Raises:
            SettingsError: the file cannot be read.
        """
        prices = self._file.now()
        if prices is None:
            raise SettingsError(f"{self._path} cannot be read, so no call is paid for. Mend it or remove it.")
        return prices

    def _others(self, price: Price) -> tuple[Price, ...]:
        return tuple(p for p in self.held() if (p.model, p.provider) != (price.model, price.provider))


class PriceList:
    """Costs of calls.

    Args:
        own: prices that win over those of genai-prices; raises SettingsError where they cannot be read.
    """

    def __init__(self, own: Callable[[], Sequence[Price]]) -> None:
        self._own = own

    def cost(self, provider: str, model: str, usage: Usage, at: datetime) -> Micros:
        """What a call costs at a time; some prices change with the hour.

        Raises:
            PriceUnknown: nobody said.
            SettingsError: one's own prices cannot be read.
        """
        own = self._own()
        exact_first = sorted(
            (p for p in own if p.fits(provider, model)), key=lambda p: (p.model != model, not p.provider)
        )
        return exact_first[0].cost(usage) if exact_first else _published(provider, model, usage, at)


def _published(provider: str, model: str, usage: Usage, at: datetime) -> Micros:
    import genai_prices  # noqa: PLC0415 - takes 60 ms and 8 MB, and who calls no model needs none

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=min(usage.cached_tokens, usage.input_tokens),
    )
    whom: dict[str, Any] = {"provider_api_url": f"https://{provider}"} if "." in provider else {"provider_id": provider}
    try:
        found = genai_prices.calc_price(tokens, model, genai_request_timestamp=at, **(whom if provider else {}))
    except (LookupError, ValueError) as error:
        raise _unknown(provider, model) from error
    # What has no price there counts as nothing, and a model that only takes audio would be free.
    told = {name for name, value in vars(found.model_price).items() if value is not None}
    for count, kind in ((usage.input_tokens, "input"), (usage.output_tokens, "output")):
        if count and not any(name.startswith(kind) for name in told):
            raise _unknown(provider, model)
    return micros(found.total_price)


def _unknown(provider: str, model: str) -> PriceUnknown:
    whose = f" of {provider}" if provider else ""
    return PriceUnknown(
        f"Nobody knows what {model}{whose} costs, so it is not called. Say it in dollars a million tokens: "
        f"`cmo budget price {model} --input 0.5 --output 1.5`, or `--input 0 --output 0` if it costs nothing."
    )


def _same_provider(wanted: str, provider: str) -> bool:
    return provider == wanted or provider.startswith(f"{wanted}/")


def _amount(name: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{name} is no number: {value!r}") from error
    if not (amount.is_finite() and 0 <= amount <= MOST):
        raise ValueError(f"{name} must lie between 0 and {MOST:,}: {value!r}")
    return amount
