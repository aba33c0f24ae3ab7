"""`cmo privacy`: what is kept of one person, told or erased."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cmo.app import opened
from cmo.cli.chat import history
from cmo.cli.exits import Exit
from cmo.cli.options import Actor, AsJson, Begun, named
from cmo.cli.output import complaints, console, print_json
from cmo.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from cmo.stories.privacy import Privacy

app = typer.Typer(help="Privacy: what is kept of one person.", no_args_is_help=True)

User = Annotated[str, typer.Argument(help="A user, as answers are written down under.")]
Tenant = Annotated[str | None, typer.Option(help="Whose base; by default the service's own.")]


@app.command("export")
def export(
    user: User,
    *,
    tenant: Tenant = None,
    actor: Actor = None,
    home: Begun = None,
    as_json: AsJson = True,  # noqa: ARG001 - JSON is all that it prints
) -> None:
    """Print all that is kept of a user, as JSON: questions, answers, ratings, conversations, what it cost, keys, deeds."""
    with _privacy(home, tenant) as privacy:
        told = privacy.export(user, named(actor))
    print_json(told)
    if not any(isinstance(kept, (list, dict)) and kept for kept in told.values()):
        complaints.print(
            f"Nothing is kept of {escape(repr(user))}. Whom an application asks for is named with it, as in `ward-app/bed 7`.",
            soft_wrap=True,
        )


@app.command("erase")
def erase(
    user: User,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    tenant: Tenant = None,
    actor: Actor = None,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Delete what is kept of a user. Money and the audit stand, the first under a name that nobody can trace."""
    if not (yes or as_json):
        typer.confirm(f"Delete all that is kept of {user!r}? It cannot be brought back.", abort=True)
    with _privacy(home, tenant) as privacy:
        done, keys = privacy.erase(user, named(actor)), privacy.open_keys(user)
    if as_json:
        print_json({"user": user, "erased": done, "open_keys": keys})
    else:
        console.print(escape(", ".join(f"{n} {what}" for what, n in done.items())))
    for key in keys:
        complaints.print(
            f"The key {key} still opens: `cmo keys revoke {key} --reason erased` closes it.", soft_wrap=True
        )
    if not any(done.values()):
        complaints.print(f"Nothing was kept of {escape(repr(user))}.")
        raise typer.Exit(Exit.NOT_FOUND)


@app.command("tidy")
def tidy(*, home: Begun = None, as_json: AsJson = False) -> None:
    """Delete what is kept longer than it may be (CMO_AUDIT_DAYS, CMO_EXPOSURE_DAYS, CMO_SPENDING_DAYS); services and the chat do so when they begin."""
    settings = read_settings(working_dir=home)
    with opened(settings) as house:
        done = house.tidy()
    with history(settings) as kept:
        if kept is not None:
            done = {**done, "conversations": kept.tidy()}
    if as_json:
        print_json({"deleted": done})
    else:
        console.print(", ".join(f"{n} rows of {kind}" for kind, n in done.items()) or "Everything is kept for good.")


@app.command("key")
def key() -> None:
    """Print a key for CMO_ENCRYPTION_KEY. What was sealed with it cannot be read without it: keep it."""
    from cmo.kit.seal import fresh_key

    console.print(fresh_key(), soft_wrap=True, markup=False)


@contextmanager
def _privacy(home: Path | None, tenant: str | None) -> Iterator[Privacy]:
    from cmo.agents.saved import forget
    from cmo.cast.tenants import named as tenant_named
    from cmo.stories.privacy import NoTalks, Privacy

    settings = read_settings(working_dir=home)
    with opened(settings) as front, history(settings) as talks, ExitStack() as stack:
        house = front
        if tenant is not None and tenant_named(tenant) != front.settings.tenant:
            house = front.sibling(tenant)
            stack.callback(house.close)

        yield Privacy(
            house.record.persons,
            front.record.persons,
            tenant,
            talks=talks or NoTalks(),
            forget=partial(forget, house.folder / "deep.sqlite3"),
            notes=house.keyring,
            clock=house.clock,
        )
