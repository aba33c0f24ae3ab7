"""`cmo notify`: whether people can be told."""

from __future__ import annotations

import typer

from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Home
from cmo.cli.output import console, print_json
from cmo.errors import SettingsError
from cmo.settings import read_settings

app = typer.Typer(help="Tell people: test.", no_args_is_help=True)
_PATIENCE_SECONDS = 60.0


@app.callback()
def _group() -> None:
    """Tell people: test."""


@app.command("test")
def try_out(*, home: Home = None, as_json: AsJson = False) -> None:
    """Send a notice through every channel that is set, and say what became of it."""
    from cmo.app import opened
    from cmo.model.notices import Notice

    settings = read_settings(working_dir=home)
    if not (settings.email_alerts or settings.slack_webhook_url.get_secret_value()):
        raise SettingsError(
            "No channel is set: notices stay in the log. Set SLACK_WEBHOOK_URL or EMAIL_ALERTS_ENABLED."
        )
    with opened(settings) as house:
        notifier = house.trials.notifier
        notifier.tell(Notice("notify/test", "A test", "Nothing happened: somebody looks whether notices arrive."))
        notifier.settle(_PATIENCE_SECONDS)
        posted = notifier.posted()
    names = sorted(posted.sent.keys() | posted.failed.keys())
    told = [{"channel": name, "taken": name in posted.sent} for name in names]
    if as_json:
        print_json({"channels": told})
    for one in [] if as_json else told:
        console.print(f"{one['channel']}: {'taken' if one['taken'] else 'not taken, see the log'}")
    if any(not one["taken"] for one in told):
        raise typer.Exit(Exit.ERROR)
