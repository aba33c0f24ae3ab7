"""Quantities in a text, in units that can be compared: 5 µM is 5000 nM, 90 mg/dL is 0.9 g/L.

Ranges, spreads (5.2 ± 0.3 mM), p-values and fold changes are quantities as well. Amount and mass are not converted into
each other: that needs the molar mass of what is measured.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

_LARGEST_POWER = 300
TOLERANCE = 5e-3
"""Quantities that differ by less than this share are equal: papers round."""
_PREFIXES = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1, "": 1.0,
    "k": 1e3, "M": 1e6, "G": 1e9,
}  # fmt: skip
_SCALED = {
    "mol": ("mol", 1.0), "M": ("mol/L", 1.0), "g": ("g", 1.0), "L": ("L", 1.0), "l": ("L", 1.0), "m": ("m", 1.0),
    "s": ("s", 1.0), "Da": ("Da", 1.0), "V": ("V", 1.0), "eV": ("eV", 1.0), "Hz": ("Hz", 1.0), "Pa": ("Pa", 1.0),
    "J": ("J", 1.0), "cal": ("J", 4.184), "U": ("U", 1.0), "IU": ("IU", 1.0), "kat": ("kat", 1.0), "W": ("W", 1.0),
    "osmol": ("osmol", 1.0), "Osm": ("osmol", 1.0), "eq": ("eq", 1.0), "Eq": ("eq", 1.0), "T": ("T", 1.0),
}  # fmt: skip
_PLAIN = {
    "min": ("s", 60.0), "mins": ("s", 60.0), "minute": ("s", 60.0), "minutes": ("s", 60.0), "h": ("s", 3600.0),
    "hr": ("s", 3600.0), "hrs": ("s", 3600.0), "hour": ("s", 3600.0), "hours": ("s", 3600.0), "day": ("s", 86400.0),
    "days": ("s", 86400.0), "d": ("s", 86400.0), "week": ("s", 604800.0), "weeks": ("s", 604800.0),
    "month": ("month", 1.0), "months": ("month", 1.0), "year": ("month", 12.0), "years": ("month", 12.0),
    "yr": ("month", 12.0), "yrs": ("month", 12.0), "second": ("s", 1.0), "seconds": ("s", 1.0), "sec": ("s", 1.0),
    "%": ("%", 1.0), "percent": ("%", 1.0), "‰": ("%", 0.1), "ppm": ("%", 1e-4), "ppb": ("%", 1e-7),
    "°C": ("°C", 1.0), "℃": ("°C", 1.0), "mmHg": ("Pa", 133.322), "bar": ("Pa", 1e5), "psi": ("Pa", 6894.76),
    "rpm": ("rpm", 1.0), "fold": ("fold", 1.0), "times": ("fold", 1.0), "Å": ("m", 1e-10), "m/z": ("m/z", 1.0),
    "kg/m2": ("kg/m2", 1.0), "kg/m²": ("kg/m2", 1.0), "litre": ("L", 1.0), "liter": ("L", 1.0), "litres": ("L", 1.0),
    "liters": ("L", 1.0), "cells": ("cells", 1.0), "mice": ("mice", 1.0), "patients": ("patients", 1.0),
}  # fmt: skip
_DASH = "[-‐‑−–]"
_NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    rf"(?:\s?[x×]\s?10\s?\^?\s?{_DASH}?\s?\d+|[eE]{_DASH}?\d+)?"
)
_SYMBOLS = "|".join(
    sorted(map(re.escape, {*_PLAIN, *(p + s for p in _PREFIXES for s in _SCALED)}), key=lambda s: (-len(s), s))
)
_INVERSE = rf"(?:\^?{_DASH}\s?1|⁻¹)"
_UNIT = re.compile(
    rf"[ -]?(?P<over>{_SYMBOLS})(?P<under>(?:\s?(?:/|per\s)\s?(?:{_SYMBOLS})(?![A-Za-z])"
    rf"|[ ·.]?(?:{_SYMBOLS}){_INVERSE}(?!\d))*)(?![A-Za-z0-9²³])"
)
_UNDER = re.compile(_SYMBOLS)
_VALUE = re.compile(rf"(?<![\w.:])(?<![A-Za-z\d]{_DASH})(?P<sign>{_DASH})?(?P<value>{_NUMBER})(?![\d:])")
_MORE = re.compile(rf"(?:\s?(?P<how>±|\+/-|{_DASH}|to\s|and\s)\s?)(?P<value>{_NUMBER})(?![\w:])")
_MORE_WITH_UNIT = re.compile(rf"(?:\s?(?P<how>±|\+/-|{_DASH}|to\s)\s?)(?P<value>{_NUMBER})(?![\d:])")
_BEFORE = re.compile(
    rf"(?:(?P<p>\b[pPqQ](?:{_DASH}?\s?values?)?)|(?:(?P<log>\blog2\s?)|\b)(?P<fold>(?:[Ff]old[- ]change|FC)))"
    r"?\s?(?:of\s|was\s|is\s|:\s?)?(?P<relation><=|>=|[<>≤≥=~≈])?\s?$"
)
_BACK = 24
_SCIENTIFIC = re.compile(r"\s?[x×]\s?10\s?\^?\s?|[eE]")
_TO_MINUS = str.maketrans(dict.fromkeys("‐‑−–", "-"))
_RELATIONS = {"<=": "≤", ">=": "≥", "≈": "~"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, as a text states it."""

    start: int
    end: int
    low: float
    """In the canonical unit; equal to `high` unless a range is stated."""
    high: float
    unit: str
    """``mol/L``, ``g/L``, ``s``, ``fold``, ``p`` for p-values, empty for a bare number."""
    relation: str = "="
    """``<``, ``>``, ``≤``, ``≥``, ``~`` or ``=``."""
    spread: float = 0.0
    """What stands behind ±, in the canonical unit."""

    def equals(self, other: Quantity) -> bool:
        """Whether two texts state the same, however they write it."""
        if (self.unit, self.relation) != (other.unit, other.relation):
            return False
        pairs = ((self.low, other.low), (self.high, other.high))
        return all(math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-30) for a, b in pairs)


def quantities(text: str) -> tuple[Quantity, ...]:
    """The quantities of a text in its order, not overlapping; digits within names are none."""
    found: list[Quantity] = []
    place = 0
    while match := _VALUE.search(text, place):
        quantity = _quantity(text, match)
        if quantity:
            found.append(quantity)
        place = quantity.end if quantity else match.end()
    return tuple(found)


def _quantity(text: str, match: re.Match[str]) -> Quantity | None:
    low, end = _number(match["value"]), match.end()
    before = _BEFORE.search(text, max(0, match.start() - _BACK), match.start())
    sign = -1.0 if match["sign"] else 1.0
    high, spread = low, 0.0
    unit = _UNIT.match(text, end)
    if not unit and (more := _MORE_WITH_UNIT.match(text, end)):
        unit = _UNIT.match(text, more.end())
        if unit or more["how"] in {"±", "+/-"} or _MORE.match(text, end):
            end = more.end()
            high, spread = (
                (low, _number(more["value"])) if more["how"] in {"±", "+/-"} else (_number(more["value"]), 0.0)
            )
    name, factor = _canonical(unit["over"], unit["under"]) if unit else ("", 1.0)
    end = unit.end() if unit else end
    if not unit and end < len(text) and (text[end].isalnum() or text[end] == "_"):
        return None
    start, relation = match.start(), "="
    if before and (before["p"] or before["fold"] or before["relation"]):
        start = before.start() + len(before.group()) - len(before.group().lstrip())
        relation = before["relation"] or "="
        name = name or ("p" if before["p"] else "fold" if before["fold"] else "")
        if before["log"]:
            low, high, sign = 2 ** (sign * low), 2 ** (sign * high), 1.0
    if not all(map(math.isfinite, (low * factor, high * factor, spread * factor))):
        return None
    bounds = sorted((sign * low * factor, (sign if high == low else 1.0) * high * factor))
    return Quantity(start, end, bounds[0], bounds[1], name, _RELATIONS.get(relation, relation), spread * factor)


def _number(written: str) -> float:
    mantissa, *exponent = _SCIENTIFIC.split(written.translate(_TO_MINUS).replace(",", ""), maxsplit=1)
    power = int(exponent[0].replace(" ", "")) if exponent else 0
    return float(mantissa) * 10.0**power if abs(power) <= _LARGEST_POWER else math.inf


@lru_cache(maxsize=1024)
def _canonical(over: str, under: str) -> tuple[str, float]:
    """``mg``, ``/dL`` to ``g/L``, 0.01."""
    name, factor = _base(over)
    for symbol in _UNDER.findall(under.replace("per ", "/")):
        base, share = _base(symbol)
        if base:
            name, factor = f"{name}/{base}", factor / share
    return name, factor


def _base(symbol: str) -> tuple[str, float]:
    if symbol in _PLAIN:
        return _PLAIN[symbol]
    if symbol in _SCALED:
        return _SCALED[symbol]
    for size in (1, 0):
        prefix, rest = symbol[:size], symbol[size:]
        if prefix in _PREFIXES and rest in _SCALED:
            base, factor = _SCALED[rest]
            return base, factor * _PREFIXES[prefix]
    return "", 1.0
