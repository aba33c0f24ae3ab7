"""`cmo experiment`: plan, start, stop, look, report; and what thousands of simulated ones come to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cmo.cli.options import Actor, AsJson, Begun, Why, named
from cmo.cli.output import complaints, console, print_json
from cmo.delivery.arms import Metric
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.delivery.experiment import Arm
    from cmo.delivery.experiment_results import Compared, Effect
    from cmo.delivery.experiment_simulate import World
    from cmo.delivery.experiments import Experiment, Experiments
    from cmo.model.delivery import Setting

app = typer.Typer(help="Experiments: plan, start, stop, status, report, drop, shadow, simulate.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of the experiment; see `cmo experiment status`.")]
Least = Annotated[float, typer.Option(help="The smallest difference that matters, in the metric's own unit.")]
Base = Annotated[float | None, typer.Option(help="What the control has now; default: .8, and .02 of counts.")]
Spread = Annotated[float, typer.Option(help="Standard deviation of a user's score; not of shares.")]
Correlation = Annotated[float, typer.Option(help="Of a score with the control's on the same question; not of shares.")]
Alpha = Annotated[float, typer.Option(min=0.0001, max=0.5, help="Chance of a false finding, over all looks.")]
Power = Annotated[float, typer.Option(min=0.1, max=0.99, help="Chance to find what is there.")]


@app.callback()
def _group() -> None:
    """Experiments: plan, start, stop, status, report, drop, shadow, simulate."""


@app.command("plan")
def plan(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    *,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=PERCENT or NAME=PERCENT:RELEASE, the control first; without a release, what is in place."
        ),
    ] = None,
    primary: Annotated[Metric, typer.Option(help="The one metric that decides.")] = Metric.SUPPORT,
    guardrail: Annotated[
        list[Metric] | None, typer.Option(help="What must not become worse; errors, slow and refusals by default.")
    ] = None,
    least: Least = 0.02,
    base: Base = None,
    spread: Spread = 0.18,
    correlation: Correlation = 0.0,
    alpha: Alpha = 0.05,
    power: Power = 0.8,
    users: Annotated[int | None, typer.Option(min=2, help="An arm; worked out from the rest by default.")] = None,
    slow_ms: Annotated[float, typer.Option(min=1, help="Milliseconds from which an answer is slow.")] = 3_000.0,
    about: Annotated[str, typer.Option(help="What it is to find out.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many users it takes.")] = False,
    actor: Actor = None,
    reason: Why = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Say what an experiment is to find out, and how many users that takes."""
    from cmo.delivery.experiment import Spec

    size = _world(primary, base, spread, correlation).size(least, alpha, power)
    read = [_arm(text) for text in arm or ["control=50", "new=50"]]
    arms = tuple(one for one, _ in read)
    facts: dict[str, Any] = {} if guardrail is None else {"guardrails": tuple(guardrail)}
    if guardrail is None:
        usual = (Metric.ERRORS, Metric.SLOW, Metric.REFUSALS)
        facts["guardrails"] = tuple(metric for metric in usual if metric is not primary)
    spec = Spec(
        name, arms, primary, least, users or size.sequential, alpha, slow_ms=slow_ms, about=about, **facts
    )  # fmt: skip
    if not dry_run:
        with _experiments(home) as experiments:
            given = {one.name: settings for one, settings in read if settings}
            spec = experiments.plan(spec, named(actor), reason, settings=given).spec
    if as_json:
        sizes = {"fixed": size.fixed, "sequential": size.sequential, "inflation": round(size.inflation, 3)}
        print_json({"experiment": spec.as_json(), "users_an_arm": sizes, "kept": not dry_run})
        return
    console.print(
        f"[bold]{name}[/]: {spec.planned:,} users an arm to find {least:g} in {primary} with a chance of {power:.0%}, "
        f"looked at as often as you like; one look at the end would take {size.fixed:,}.",
        soft_wrap=True,
    )
    if not dry_run:
        console.print(f"Begin with `cmo experiment start {name}`.")


@app.command("start")
def start(name: Name, *, actor: Actor = None, reason: Why = "", home: Begun = None, as_json: AsJson = False) -> None:
    """Draw the arms and begin; services see it within a second or two."""
    with _experiments(home) as experiments:
        _said(experiments.start(name, named(actor), reason), as_json=as_json)


@app.command("stop")
def stop(name: Name, *, actor: Actor = None, reason: Why = "", home: Begun = None, as_json: AsJson = False) -> None:
    """End it: everybody gets what is in place again."""
    with _experiments(home) as experiments:
        _said(experiments.stop(name, named(actor), reason), as_json=as_json)


@app.command("drop")
def drop(name: Name, *, actor: Actor = None, reason: Why = "", home: Begun = None, as_json: AsJson = False) -> None:
    """Forget it with all that was seen of it; the audit stays."""
    with _experiments(home) as experiments:
        experiments.drop(name, named(actor), reason)
    print_json({"dropped": name}) if as_json else console.print(f"{name} is forgotten.")


@app.command("status")
def status(
    name: Annotated[
        str | None, typer.Argument(help="One experiment with what it found; all of them by default.")
    ] = None,
    *,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """List the experiments, or show what one of them found so far."""
    with _experiments(home) as experiments:
        if name is None:
            _listed(experiments.all(), as_json=as_json)
            return
        found = experiments.findings(name, cuts=0)
    if as_json:
        print_json(found.as_json())
        return
    _said(found.experiment, as_json=False)
    for one in found.results.compared:
        console.print(f"\n[bold]{escape(one.text)}[/]", soft_wrap=True)
        _effects(one)
        for guard in one.guards:
            console.print(f"{'[red]fails[/]' if guard.fails else 'holds'}  {escape(guard.text)}")


@app.command("report")
def report(
    name: Name,
    *,
    out: Annotated[Path, typer.Option(help="Where the page is written.")] = Path("experiment.html"),
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Write a page with the verdict, plots and tables; it loads nothing from anywhere."""
    from cmo.delivery.report_page import page
    from cmo.kit.clock import SystemClock
    from cmo.kit.files import write_atomic

    with _experiments(home) as experiments:
        found = experiments.findings(name)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, page(found, SystemClock().now()).encode())
    if as_json:
        print_json({**found.as_json(), "page": str(out)})
        return
    for one in found.results.compared:
        console.print(escape(one.text), soft_wrap=True)
    console.print(f"Written to {escape(str(out))}.", soft_wrap=True)


@app.command("shadow")
def shadow(
    *,
    differences: Annotated[int, typer.Option(min=0, max=1_000, help="Of the newest answers that differ, so many.")] = 5,
    candidate: Annotated[str, typer.Option(help="One candidate; all by default.")] = "",
    forget: Annotated[bool, typer.Option("--forget", help="Delete all comparisons.")] = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Show what a shadowed candidate would have said, beside what was said."""
    from cmo.delivery.shadow_book import Book
    from cmo.kit.clock import SystemClock

    book = Book(read_settings(working_dir=home).working_dir.expanduser(), candidate, SystemClock())
    if forget:
        book.clear()
    summary, newest = book.summary(candidate), book.differences(differences, candidate)
    if as_json:
        interval = summary.support and {n: float(getattr(summary.support, n)) for n in ("value", "low", "high")}
        print_json({**asdict(summary), "support": interval, "differences": [asdict(entry) for entry in newest]})
        return
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(summary.kinds.items())) or "none"
    console.print(f"[bold]{summary.pairs:,}[/] comparisons: {kinds}")
    console.print(
        f"in common: papers {summary.papers:.0%}, passages {summary.passages:.0%}, sentences {summary.sentences:.0%}"
    )
    now, then = summary.milliseconds
    console.print(
        f"milliseconds: {now:.1f} now, {then:.1f} the candidate; p95 {summary.slowest[0]:.1f}, {summary.slowest[1]:.1f}"
    )
    for entry in newest:
        pair = entry.pair
        console.print(f"\n[bold]{escape(entry.question or '(question not kept)')}[/]  {pair.kind} {escape(pair.why)}")
        for label, side in (("now", pair.now), ("candidate", pair.candidate)):
            console.print(f"  {label}: {escape(' '.join(side.sentences)) or '-'}", soft_wrap=True)


@app.command("simulate")
def simulate(
    *,
    effect: Annotated[float, typer.Option(help="What the new arm adds; 0 is an A/A experiment.")] = 0.0,
    metric: Annotated[Metric, typer.Option(help="The metric; counts and ratings differ in how they scatter.")] = (
        Metric.SUPPORT
    ),
    least: Least = 0.02,
    base: Base = None,
    spread: Spread = 0.18,
    correlation: Correlation = 0.0,
    alpha: Alpha = 0.05,
    power: Power = 0.8,
    users: Annotated[int | None, typer.Option(min=100, help="An arm; as planned by default.")] = None,
    looks: Annotated[int, typer.Option(min=1, max=10_000, help="How often each is looked at.")] = 100,
    runs: Annotated[int, typer.Option(min=1, max=20_000, help="Experiments that are played.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="Of chance: the same seed gives the same experiments.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Play experiments through the real intervals: how often they find what is not there, or what is."""
    from rich.progress import BarColumn, Progress, TextColumn

    from cmo.delivery.experiment_simulate import simulate as played

    world = _world(metric, base, spread, correlation, effect)
    size = world.size(least, alpha, power)
    with Progress(TextColumn("experiments"), BarColumn(), console=complaints, transient=True) as bar:
        task = bar.add_task("experiments", total=1.0)
        found = played(
            world, users or size.sequential, runs=runs, seed=seed, looks=looks, alpha=alpha,
            progress=lambda share: bar.update(task, completed=share),
        )  # fmt: skip
    if as_json:
        rate = "power" if effect else "false_positive_rate"
        facts = asdict(found)
        print_json({rate: facts.pop("found"), **facts, "planned": asdict(size), "seed": seed, "world": asdict(world)})
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, share in (
        ("found at some look" if effect else "found at some look, though nothing is there", found.found),
        ("interval right at every look", found.covered),
        ("repeated z-tests would have found one", found.repeated),
        ("one z-test at the end finds one", found.single),
    ):
        table.add_row(label, f"{share.value:.1%}", f"[{share.low:.1%}, {share.high:.1%}]")
    table.add_row("users an arm", f"{found.users:,}", f"planned {size.sequential:,}; {size.fixed:,} for one look")
    if found.users_when_found is not None:
        table.add_row("users an arm when found, median", f"{found.users_when_found:,.0f}", "")
    table.add_row("variance taken away by the covariate", f"{found.reduction:.0%}", "")
    console.print(table)


@contextmanager
def _experiments(home: Path | None) -> Iterator[Experiments]:
    from cmo.app import opened
    from cmo.delivery.experiments import Experiments

    with opened(read_settings(working_dir=home)) as house:
        yield Experiments(house.record.experiments, house.clock)


def _arm(text: str) -> tuple[Arm, dict[str, Setting]]:
    """``control=50``, ``graph=50:a-release``, ``graph=50:mode=mix,max_hops=2``: an arm, and settings of its own."""
    from cmo.delivery.experiment import Arm
    from cmo.delivery.experiments import inline
    from cmo.errors import ExperimentRefused

    name, _, rest = text.partition("=")
    share, _, release = rest.partition(":")
    settings = inline(release) if "=" in release else {}
    try:
        return Arm(name.strip(), float(share) / 100, "" if settings else release.strip()), settings
    except ValueError:
        raise ExperimentRefused(f"{text!r} is no arm. Write it as NAME=PERCENT or NAME=PERCENT:RELEASE.") from None


def _world(metric: Metric, base: float | None, spread: float, correlation: float, effect: float = 0.0) -> World:
    from cmo.delivery.arms import COUNTS
    from cmo.delivery.experiment_simulate import World

    shares = metric in COUNTS
    usual = 0.02 if shares else 0.8
    return World(usual if base is None else base, effect, spread, shares, correlation)


def _said(experiment: Experiment, *, as_json: bool) -> None:
    from cmo.delivery.experiment import Phase

    spec, state = experiment.spec, experiment.status
    if as_json:
        print_json(experiment.as_json())
        return
    arms = ", ".join(f"{arm.name} {arm.share:.0%}" for arm in spec.arms)
    ended = f" ({escape(state.reason)})" if state.phase is Phase.STOPPED else ""
    told = f"[bold]{spec.name}[/] is {state.phase}{ended}, run {state.run}: {arms}; {spec.primary} decides"
    console.print(told, soft_wrap=True)


def _listed(found: list[Experiment], *, as_json: bool) -> None:
    if as_json:
        print_json({"experiments": [one.as_json() for one in found]})
        return
    if not found:
        console.print("There are no experiments yet. `cmo experiment plan` makes one.")
    for one in found:
        _said(one, as_json=False)


def _effects(one: Compared) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("metric", "control", "new", "difference", "interval", "users"):
        table.add_column(column)
    for effect in (one.primary, *one.others):
        table.add_row(*_cells(effect))
    console.print(table)


def _cells(effect: Effect) -> list[str]:
    units = " / ".join(f"{n:,}" for n in effect.units)
    interval = f"{effect.low:+.4g} to {effect.high:+.4g}" if math.isfinite(effect.low) else "too early"
    return [
        str(effect.metric), f"{effect.control:.4g}", f"{effect.new:.4g}", f"{round(effect.difference, 9):+.4g}", interval, units,
    ]  # fmt: skip
