"""`cmo rollout start|status|watch|...`: rollouts that move real traffic."""

from __future__ import annotations

import signal
import threading
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cmo.app import App, opened
from cmo.cli.options import Actor, AsJson, Begun, Why, named
from cmo.cli.output import console, print_json, print_json_line
from cmo.cli.rollout_table import shown
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.delivery.gates import Judged
    from cmo.delivery.rollout import Command, Plan, Status
    from cmo.model.delivery import StoredRollout

_ENDED = frozenset({"back", "done"})


def releases(*, home: Begun = None, as_json: AsJson = False) -> None:
    """List the releases that there are: named bundles of settings."""
    from cmo.delivery import told

    with opened(read_settings(working_dir=home)) as house:
        rows = [told.release(one) for one in house.delivery.releases()]
    if as_json:
        print_json({"releases": rows})
        return
    for row in rows:
        said = ", ".join(f"{name}={value}" for name, value in row["settings"].items())
        console.print(f"[bold]{escape(row['name'])}[/]: {escape(said)} [dim]{escape(row['about'])}[/]", soft_wrap=True)


def start(
    release: Annotated[str, typer.Argument(help="Name of the release.")],
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of a new release, such as max_hops=2."),
    ] = None,
    about: Annotated[str, typer.Option(help="What a new release is about.")] = "",
    plan_name: Annotated[str, typer.Option("--plan", help="See `cmo rollout plans`.")] = "cmo",
    plan_file: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="A TOML file with a plan of your own, and with `[gates]` if need be."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the rollout; default: the release's and the time.")] = "",
    allow: Annotated[list[str] | None, typer.Option(help="A user who has it from the beginning.")] = None,
    deny: Annotated[list[str] | None, typer.Option(help="A user who does not get it before all do.")] = None,
    cohort: Annotated[list[str] | None, typer.Option(help="Only users of this group.")] = None,
    actor: Actor = None,
    reason: Why = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Begin to roll a release out; services with CMO_DELIVERY=true move it on, or take it back."""
    from cmo.delivery import told
    from cmo.delivery.desk import Desk, Wish
    from cmo.delivery.releases import parsed
    from cmo.delivery.releases import release as made_of

    plan, gates = _plan(plan_name, plan_file)
    who = {"allowed": tuple(allow or ()), "denied": tuple(deny or ()), "cohorts": tuple(cohort or ())}
    with opened(read_settings(working_dir=home)) as house:
        desk, by = Desk(house.delivery, house.clock), named(actor)
        if settings:
            desk.keep(made_of(release, dict(map(parsed, settings)), about), by, reason)
        begun = desk.start(Wish(release, plan, name, gates=gates, **who), by, reason)
        _show(told.rollout(begun, house.delivery.current()), as_json=as_json)


def status(*, home: Begun = None, as_json: AsJson = False) -> None:
    """Show the rollout under way: its stage, its share, and what each gate says."""
    with opened(read_settings(working_dir=home)) as house:
        _show(_now(house), as_json=as_json)


def watch(
    *,
    every: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between looks.")] = 1.0,
    seconds: Annotated[float, typer.Option(min=0, help="How long to watch; 0: until it ends.")] = 0.0,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Follow the rollout until it is at all users or taken back; with --json a line for each change."""
    from rich.live import Live

    with opened(read_settings(working_dir=home)) as house:
        until = house.clock.monotonic() + seconds if seconds else float("inf")
        if as_json:
            _follow(house, every, until, print_json_line)
            return
        with Live(console=console, auto_refresh=False) as live:
            _follow(
                house,
                every,
                until,
                lambda facts: live.update(shown(facts, house.clock.now().timestamp()), refresh=True),
            )


def run(*, home: Begun = None, as_json: AsJson = False) -> None:
    """Move rollouts from this process, until it is told to stop; several may run, one of them acts."""
    from cmo.cast.delivering import given_by
    from cmo.delivery import told
    from cmo.delivery.controller import Controller

    stop = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: stop.set())
    with opened(read_settings(working_dir=home)) as house:

        def tell(rollout: StoredRollout, now: Status, judged: Judged) -> None:
            house.tell_of_release(rollout, now, judged)
            if as_json:
                print_json_line(told.rollout(rollout, house.delivery.current()))
            else:
                console.print(f"{rollout.name}: {now.phase} at {now.percent:g} %: {now.reason}", soft_wrap=True)

        controller = Controller(house.delivery, house.clock, told=tell, given=given_by(house.settings))
        if not as_json:
            here = f"Moving the rollouts of {house.folder} as {controller.holder}. Ctrl-C ends it."
            console.print(escape(here), soft_wrap=True)
        controller.run(stop)


def history(
    *,
    subject: Annotated[str | None, typer.Option("--of", help="A rollout, a release or a flag; all by default.")] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="How many acts, the newest first.")] = 50,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, when and why; with --of and --json also the evidence over time."""
    from cmo.delivery import told

    with opened(read_settings(working_dir=home)) as house:
        acts = [told.act(act) for act in house.delivery.history(subject, most)]
        if as_json:
            seen = told.evidence(house.delivery.findings(subject)) if subject else []
            print_json({"history": acts, "evidence": seen})
            return
    for act in acts:
        at = datetime.fromtimestamp(act["at"], UTC).isoformat(" ", "seconds")
        who, what, of = (escape(act[key]) for key in ("actor", "action", "subject"))
        console.print(f"[dim]{at}[/] {who} [bold]{what}[/] {of}: {escape(act['reason'])}", soft_wrap=True)


def _says(command: str, about: str) -> Callable[..., None]:
    """A command that says one thing to the rollout under way."""

    def said(
        *,
        name: Annotated[str, typer.Option(help="Only if this rollout is the one under way.")] = "",
        actor: Actor = None,
        reason: Why = "",
        home: Begun = None,
        as_json: AsJson = False,
    ) -> None:
        from cmo.delivery.rollout import Command

        _say(Command(command), name, actor, reason, home, as_json=as_json)

    said.__doc__ = about
    return said


def back(
    *,
    now: Annotated[
        bool, typer.Option("--now", help="At once, whatever the plan says; also after it was promoted.")
    ] = False,
    name: Annotated[str, typer.Option(help="Only if this rollout is the one under way.")] = "",
    actor: Actor = None,
    reason: Why = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Take the release back; every service does so within a second."""
    from cmo.delivery.rollout import Command

    _say(Command.DISABLE if now else Command.ROLLBACK, name, actor, reason, home, as_json=as_json)


COMMANDS: dict[str, Callable[..., None]] = {
    "releases": releases,
    "start": start,
    "status": status,
    "watch": watch,
    "pause": _says("freeze", "Hold the rollout where it is; a failing gate still takes it back."),
    "resume": _says("resume", "Go on after a pause; begin anew where it was taken back."),
    "approve": _says("approve", "Let the rollout enter the stage that waits for a human."),
    "back": back,
    "history": history,
    "run": run,
}


def _say(command: Command, name: str, actor: str | None, reason: str, home: Path | None, *, as_json: bool) -> None:
    from cmo.delivery import told
    from cmo.delivery.desk import Desk

    with opened(read_settings(working_dir=home)) as house:
        changed = Desk(house.delivery, house.clock).command(command, named(actor), reason, name)
        _show(told.rollout(changed, house.delivery.current()), as_json=as_json)


def _plan(name: str, file: Path | None) -> tuple[Plan, dict[str, Any]]:
    from cmo.delivery.rollout import plan, plan_of
    from cmo.errors import ReleaseRefused

    if file is None:
        return plan(name), {}
    try:
        facts = tomllib.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ReleaseRefused(f"{file} is no plan: {error}.") from error
    return plan_of(facts, str(facts.get("name", file.stem))), facts.get("gates", {})


def _now(house: App) -> dict[str, Any]:
    from cmo.delivery import told
    from cmo.errors import NotFound

    current = house.delivery.current()
    if current.rollout is None:
        raise NotFound("Nothing was ever rolled out. `cmo rollout start NAME --set max_hops=2` begins.")
    return told.rollout(current.rollout, current)


def _follow(house: App, every: float, until: float, tell: Callable[[dict[str, Any]], None]) -> None:
    before = -1
    while True:
        facts = _now(house)
        if facts["version"] != before:
            tell(facts)
        before = facts["version"]
        if facts["phase"] in _ENDED or house.clock.monotonic() >= until:
            return
        time.sleep(every)


def _show(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        console.print(shown(facts))
