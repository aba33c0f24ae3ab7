"""A run drawn as SVG: times over the run, with the target; no drawing library is needed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from cmo.bench.load import Answered

_WIDTH, _HEIGHT, _MARGIN = 800, 320, 48
_MOST_POINTS: Final = 2_000
_TICKS: Final = 4


def chart(title: str, answers: Sequence[Answered], target_seconds: float) -> str:
    """Each answer as a point: when it was there, and how long it took."""
    shown = answers[:: max(1, len(answers) // _MOST_POINTS)]
    last = max((a.at for a in shown), default=1.0) or 1.0
    top = max((a.seconds for a in shown), default=target_seconds) * 1.1 or 1.0
    points = "".join(
        f'<circle cx="{_x(a.at / last):.1f}" cy="{_y(a.seconds / top):.1f}" r="2" fill="{_colour(a)}"/>' for a in shown
    )
    marks = "".join(_tick(n / _TICKS, last, top) for n in range(_TICKS + 1))
    line = _y(target_seconds / top)
    target = (
        f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{line:.1f}" y2="{line:.1f}" stroke="#b00" stroke-dasharray="4"/>'
        if target_seconds <= top
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/><text x="{_MARGIN}" y="24">{escape(title)}</text>'
        f"{marks}{target}{points}</svg>\n"
    )


def _tick(share: float, last: float, top: float) -> str:
    x, y = _x(share), _y(share)
    return (
        f'<text x="{x:.1f}" y="{_HEIGHT - 16}" text-anchor="middle">{share * last:.2g} s</text>'
        f'<text x="{_MARGIN - 6}" y="{y:.1f}" text-anchor="end">{share * top * 1000:.3g}</text>'
        f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
    )


def _colour(answer: Answered) -> str:
    if not answer.ok:
        return "#b00"
    return "#7aa" if answer.cached else "#246"


def _x(share: float) -> float:
    return _MARGIN + share * (_WIDTH - 2 * _MARGIN)


def _y(share: float) -> float:
    return _HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN)
