"""An experiment as one page that can be mailed and kept: a verdict in words, plots, tables. It loads nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from cmo.delivery.experiment import LOWER_IS_BETTER, Spec
from cmo.delivery.experiment_results import Compared, Effect, Outcome
from cmo.delivery.experiments import Experiment, Findings
from cmo.delivery.report_plot import Point, Span, forest, narrowing

_TONES = {Outcome.BETTER: "good", Outcome.WORSE: "bad", Outcome.HARMFUL: "bad", Outcome.INVALID: "bad"}
STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #667085; --page: #fff; --line: #d5dae1; --blue: #1f5fbf;
  --band: #1f5fbf33; --same: #8a94a522; --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa4b2; --page: #14181f; --line: #353c47;
  --blue: #7fb0ff; --band: #7fb0ff33; --same: #8a94a533; --good: #5cc98f; --bad: #ff8a80; } }
body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--page); }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; }
p.about, td.soft, .axis { color: var(--soft); } a { color: var(--blue); }
.verdict { border-left: 4px solid var(--soft); padding: .5rem 1rem; margin: 1rem 0; font-size: 1.05rem; }
.verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; } td.n, th.n { text-align: right; }
.wide { overflow-x: auto; } svg { width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--soft); } svg .label { fill: var(--ink); }
.grid { stroke: var(--line); } .zero { stroke: var(--soft); stroke-width: 1.5; } .same { fill: var(--same); }
.band { fill: var(--band); } .line { fill: none; stroke: var(--blue); stroke-width: 2; } .dot { fill: var(--blue); }
.fails { color: var(--bad); font-weight: 600; }
"""


def page(found: Findings, at: datetime, *, sheet: str = "") -> str:
    """HTML of one experiment.

    Args:
        found: what it found.
        at: when this is said.
        sheet: address of `STYLE`, where a service does not allow styles in the page.
    """
    spec, status = found.experiment.spec, found.experiment.status
    began = f"since {_day(status.since)}" if status.run else "not begun"
    told = (
        f"{status.phase}, {began} ({status.reason}). Run {status.run}. "
        f"As of {_day(at.timestamp())}: {found.results.answers:,} answers."
    )
    head = [
        f"<h1>{escape(spec.name)}</h1>",
        f'<p class="about">{escape(spec.about)}</p>' if spec.about else "",
        f'<p class="about">{escape(told)}</p>',
    ]
    compared = [_compared(spec, found, number, one) for number, one in enumerate(found.results.compared)]
    body = "\n".join([*head, *compared, _arms(found), _method(spec)])
    return _whole(f"{spec.name}: experiment", body, sheet)


def listing(experiments: Sequence[Experiment], *, sheet: str = "") -> str:
    """HTML of all experiments, each with its address.

    Args:
        experiments: the newest first.
        sheet: as with `page`.
    """
    rows = "".join(
        f'<tr><td><a href="/experiments/{escape(one.spec.name)}">{escape(one.spec.name)}</a></td>'
        f"<td>{escape(one.status.phase)}</td><td>{escape(_day(one.status.since)) if one.status.run else '-'}</td>"
        f'<td class="soft">{escape(one.spec.about)}</td></tr>'
        for one in experiments
    )
    head = "<tr><th>experiment</th><th></th><th>since</th><th>about</th></tr>"
    none = "" if experiments else "<p>There are none yet: <code>cmo experiment plan</code> makes one.</p>"
    body = f'<h1>Experiments</h1>\n<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>\n{none}'
    return _whole("Experiments", body, sheet)


def _whole(title: str, body: str, sheet: str) -> str:
    style = f'<link rel="stylesheet" href="{escape(sheet)}">' if sheet else f"<style>{STYLE}</style>"
    allowed = "'self'" if sheet else "'unsafe-inline'"
    ways = (
        '<p class="about"><a href="/experiments">Experiments</a> · <a href="/releases">Releases</a></p>\n'
        if sheet
        else ""
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src {allowed}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n{style}\n</head>\n<body>\n{ways}{body}\n</body>\n</html>\n"
    )


def _compared(spec: Spec, found: Findings, number: int, one: Compared) -> str:
    points = [
        Point(sum(look.effects[number].units), look.effects[number].difference, *_bounds(look.effects[number]))
        for look in found.looks
    ]
    title = f"Difference in {spec.primary} of {one.arm}, with its interval, over the users seen"
    parts = [
        f"<h2>{escape(one.arm)} against {escape(spec.arms[0].name)}</h2>",
        f'<p class="verdict {_TONES.get(one.outcome, "")}">{escape(one.text)}</p>',
        f"<h3>{escape(spec.primary)}: difference as it became known</h3>",
        narrowing(points, spec.least, title),
        _reduction(one),
        "<h3>Guardrails</h3>",
        _table(
            ("guardrail", "evidence of harm", ""),
            ((guard.text, f"{guard.evidence:.2f} of 1", "fails" if guard.fails else "holds") for guard in one.guards),
        ),
        "<h3>All metrics</h3>",
        _effects([("", one.primary), *(("", effect) for effect in one.others)]),
    ]
    if one.slices:
        spans = [Span(s.name, s.effect.difference, *_bounds(s.effect)) for s in one.slices]
        parts += [
            f"<h3>{escape(spec.primary)} by part of the traffic</h3>",
            forest(spans, f"Difference in {spec.primary} by part of the traffic"),
            _effects([(s.name, s.effect) for s in one.slices]),
        ]
    return "\n".join(parts)


def _arms(found: Findings) -> str:
    spec, results = found.experiment.spec, found.results
    whole = max(1, sum(results.units.values()))
    rows = (
        (arm.name, arm.release or "what is in place", f"{results.units[arm.name]:,}",
         f"{results.units[arm.name] / whole:.1%}", f"{share:.1%}")
        for arm, share in zip(spec.arms, spec.shares, strict=True)
    )  # fmt: skip
    said = (
        "The arms get their shares"
        if results.valid
        else "The arms do not get their shares: nothing here can be trusted"
    )
    return "\n".join([
        "<h2>Who was asked</h2>",
        _table(("arm", "answered by", "users", "share", "planned"), rows),
        f"<p>{said} (evidence against it {results.sample_ratio:.2f} of 1).</p>",
    ])  # fmt: skip


def _method(spec: Spec) -> str:
    better = "lower" if spec.primary in LOWER_IS_BETTER else "higher"
    return (
        "<h2>How to read this</h2>"
        f"<p>{escape(spec.primary)} decides, and {better} is better; a difference below {spec.least:g} does not matter "
        f"(the grey band). Planned: {spec.planned:,} users an arm. The intervals hold at every look together with "
        f"probability {1 - spec.alpha:.0%}: looking often, and stopping when it is clear, is allowed. A user who asks "
        "often counts once. Guardrails count users to whom it happened at least once.</p>"
    )


def _reduction(one: Compared) -> str:
    if one.primary.reduction <= 0:
        return ""
    return (
        f"<p>The control's score of the same questions takes away {one.primary.reduction:.0%} of the variance; without it "
        f"the interval would be [{_signed(one.unadjusted.low)}, {_signed(one.unadjusted.high)}].</p>"
    )


def _effects(named: Sequence[tuple[str, Effect]]) -> str:
    return _table(
        ("part" if any(name for name, _ in named) else "metric", "control", "new", "difference", "interval", "users"),
        (
            (
                name or str(effect.metric),
                f"{effect.control:.4g}",
                f"{effect.new:.4g}",
                _signed(effect.difference),
                f"{_signed(effect.low)} to {_signed(effect.high)}" if math.isfinite(effect.low) else "too early",
                f"{effect.units[0]:,} / {effect.units[1]:,}",
            )
            for name, effect in named
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f'<td class="{_kind(cell)}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _kind(cell: str) -> str:
    return "fails" if cell == "fails" else ""


def _bounds(effect: Effect) -> tuple[float, float]:
    return effect.low, effect.high


def _signed(value: float) -> str:
    return f"{value:+.4g}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
