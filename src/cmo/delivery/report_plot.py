"""Plots as SVG text: an interval as it narrowed, and intervals under one another. No scripts, no fonts, no addresses.

Colours come from the page's own styles, so that they follow light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDE, _HIGH = 720, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 16, 14, 40
_ROW = 30
_LABEL = 190
_TICKS = 6


@dataclass(frozen=True, slots=True)
class Span:
    """One interval with its name."""

    name: str
    value: float
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """An interval when so many users were seen."""

    users: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return round(self.begin + (inside - self.low) / (self.high - self.low) * (self.end - self.begin), 1)


def narrowing(points: Sequence[Point], least: float, title: str) -> str:
    """An interval over the users seen, with the band of differences that do not matter.

    Args:
        points: in the order of their users; those whose bounds are infinite are left out.
        least: the smallest difference that matters.
        title: what it shows, for those who cannot see it.
    """
    drawn = [p for p in points if math.isfinite(p.low) and math.isfinite(p.high)]
    if not drawn:
        return "<p>There is too little to draw yet.</p>"
    # The first intervals are as wide as the page; what matters is where they end.
    edge = max(2 * least, 4 * max(abs(drawn[-1].low), abs(drawn[-1].high)))
    across = _Scale(0, max(p.users for p in drawn) or 1, _LEFT, _WIDE - _RIGHT)
    upright = _Scale(-edge, edge, _HIGH - _BOTTOM, _TOP)
    rim = [(p.users, p.high) for p in drawn] + [(p.users, p.low) for p in reversed(drawn)]
    tall = round(upright.at(-least) - upright.at(least), 1)
    parts = [
        f'<rect class="same" x="{_LEFT}" y="{upright.at(least)}" width="{_WIDE - _LEFT - _RIGHT}" height="{tall}"/>',
        *_grid(across, upright),
        f'<polygon class="band" points="{_path(rim, across, upright)}"/>',
        f'<polyline class="line" points="{_path([(p.users, p.value) for p in drawn], across, upright)}"/>',
        f'<text class="axis" x="{(_LEFT + _WIDE - _RIGHT) / 2}" y="{_HIGH - 4}" text-anchor="middle">users</text>',
    ]
    return _svg(_WIDE, _HIGH, title, parts)


def forest(spans: Sequence[Span], title: str) -> str:
    """Intervals under one another, with a line at nought."""
    drawn = [span for span in spans if math.isfinite(span.low) and math.isfinite(span.high)]
    if not drawn:
        return "<p>There is too little to draw yet.</p>"
    edge = 1.1 * max(max(abs(span.low), abs(span.high)) for span in drawn) or 1.0
    high = _ROW * len(drawn) + _TOP + _BOTTOM
    across = _Scale(-edge, edge, _LABEL, _WIDE - _RIGHT)
    parts = []
    for tick in _ticks(-edge, edge):
        x = across.at(tick)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{high - _BOTTOM}"/>')
        parts.append(f'<text class="axis" x="{x}" y="{high - _BOTTOM + 18}" text-anchor="middle">{_mark(tick)}</text>')
    parts.append(f'<line class="zero" x1="{across.at(0)}" x2="{across.at(0)}" y1="{_TOP}" y2="{high - _BOTTOM}"/>')
    for number, span in enumerate(drawn):
        y = _TOP + _ROW * (number + 0.5)
        parts.append(f'<text class="label" x="{_LABEL - 12}" y="{y + 4}" text-anchor="end">{_short(span.name)}</text>')
        parts.append(f'<line class="line" x1="{across.at(span.low)}" x2="{across.at(span.high)}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<circle class="dot" cx="{across.at(span.value)}" cy="{y}" r="4"><title>{escape(_told(span))}</title></circle>'
        )
    return _svg(_WIDE, high, title, parts)


def _grid(across: _Scale, upright: _Scale) -> list[str]:
    parts = []
    for tick in _ticks(upright.low, upright.high):
        y = upright.at(tick)
        kind = "zero" if tick == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{_mark(tick)}</text>')
    parts.extend(
        f'<text class="axis" x="{across.at(tick)}" y="{_HIGH - _BOTTOM + 18}" text-anchor="middle">{tick:,.0f}</text>'
        for tick in _ticks(across.low, across.high)
    )
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two values, at most a few."""
    rough = (high - low) / _TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= rough)
    return [round(n * step, 12) + 0.0 for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _mark(tick: float) -> str:
    return f"{tick:+g}" if tick else "0"


def _path(points: Sequence[tuple[float, float]], across: _Scale, upright: _Scale) -> str:
    return " ".join(f"{across.at(x)},{upright.at(y)}" for x, y in points)


def _svg(wide: int, high: int, title: str, parts: Sequence[str]) -> str:
    inner = "\n".join(parts)
    said = escape(title, quote=True)
    return f'<svg viewBox="0 0 {wide} {high}" role="img" aria-label="{said}"><title>{said}</title>\n{inner}\n</svg>'


def _short(name: str) -> str:
    return escape(name if len(name) <= 26 else f"{name[:25]}…")  # noqa: PLR2004 - what fits beside the plot


def _told(span: Span) -> str:
    return f"{span.name}: {span.value:+.4g} [{span.low:+.4g}, {span.high:+.4g}] {span.note}".strip()
