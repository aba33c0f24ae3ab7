"""`cmo`: the commands put together, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

import cmo
from cmo.cli import (
    alerts,
    answers,
    ask,
    audit,
    bench,
    budget,
    cache,
    chat,
    classify,
    config,
    deep,
    demo,
    doctor,
    evaluate,
    experiment,
    flags,
    graph,
    incident,
    ingest,
    kb,
    keys,
    mcp,
    models,
    notify,
    papers,
    privacy,
    profile,
    rollout,
    route,
    serve,
    vocab,
    webhooks,
)
from cmo.cli.exits import Exit, exit_for, said_by_system
from cmo.cli.options import named
from cmo.cli.output import complaints, print_json
from cmo.errors import OracleError
from cmo.kit.actor import acting

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

app = typer.Typer(
    name="cmo",
    help="Clinical Metabolomics Oracle: answers from your own papers, each sentence traced to its page.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("demo")(demo.demo)
app.command("ask")(ask.ask)
app.command("deep")(deep.deep)
app.command("ingest")(ingest.ingest)
app.add_typer(answers.app, name="answers")
app.command("replay")(answers.replay)
app.add_typer(papers.app, name="papers")
app.add_typer(kb.app, name="kb")
app.add_typer(graph.app, name="graph")
app.add_typer(cache.app, name="cache")
app.add_typer(vocab.app, name="vocab")
app.add_typer(route.app, name="route")
app.command("classify")(classify.classify)
app.command("stats")(classify.stats)
app.add_typer(models.app, name="models")
app.add_typer(budget.app, name="budget")
app.command("doctor")(doctor.doctor)
app.add_typer(incident.app, name="incident")
app.command("profile")(profile.profile)
app.add_typer(config.app, name="config")
app.add_typer(flags.app, name="flags")
app.add_typer(rollout.app, name="rollout")
app.add_typer(experiment.app, name="experiment")
app.add_typer(notify.app, name="notify")
app.add_typer(alerts.app, name="alerts")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(privacy.app, name="privacy")
app.add_typer(evaluate.app, name="eval")
app.add_typer(bench.app, name="bench")
app.command("serve")(serve.serve)
app.command("chat")(chat.chat)
app.command("mcp")(mcp.mcp)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cmo {cmo.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Answers from your own papers, each sentence traced to its page."""


def run() -> None:
    """Entry point of the `cmo` script."""
    _write_what_can_be_written()
    try:
        with acting(named(None)):
            app()
    except OracleError as error:
        _fail(error.code, str(error), exit_for(error))
    except OSError as error:
        _let_go_of_stdout()
        _fail("system", said_by_system(error), Exit.STORE if error.errno in _FULL else Exit.ERROR)
    except SystemExit as end:
        if end.code == Exit.INTERRUPTED:
            complaints.print("Interrupted. What was acknowledged is kept; run the same command again to go on.")
        raise


def _fail(code: str, message: str, exit_code: Exit) -> NoReturn:
    if "--json" in sys.argv:
        print_json({"error": {"code": code, "message": message}})
    complaints.print(f"[bold red]{code}[/]: {escape(message)}", soft_wrap=True)
    sys.exit(exit_code)


def _write_what_can_be_written() -> None:
    """Let a letter that the terminal's encoding lacks cost that letter, not the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_stdout() -> None:
    """If stdout itself is what failed, Python would stumble over it once more on its way out."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
