"""`cmo keys`: who may use the service over HTTP, and what they may."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cmo.app import App, opened
from cmo.cli.options import Actor, AsJson, Begun, Home, Why, named
from cmo.cli.output import console, print_json
from cmo.errors import AccessRefused
from cmo.kit.text import clean_line
from cmo.model.access import Allowance, Key, Role
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.access import KeyRing, Minted

app = typer.Typer(help="Keys: who may use the service over HTTP.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The id of a key; see `cmo keys list`.")]
_MOST_DAYS = 36_500


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose it is; answers are written down under it.")],
    *,
    role: Annotated[Role, typer.Option(help="What it may; each role may all that those before it may.")] = Role.READER,
    tenant: Annotated[str | None, typer.Option(help="Whose papers; by default the service's own.")] = None,
    days: Annotated[
        float | None, typer.Option(min=0.001, max=_MOST_DAYS, help="After which it is refused; never by default.")
    ] = None,
    per_minute: Annotated[int, typer.Option(min=0, max=1_000_000, help="Requests; 0: as the settings say.")] = 0,
    per_day: Annotated[int, typer.Option(min=0, max=1_000_000_000, help="Requests; 0: as the settings say.")] = 0,
    actor: Actor = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown this once; only its hash is kept. With the first one, everybody needs a key."""
    from cmo.cast.tenants import named as tenant_named

    said = clean_line(name)[:100]
    if not said:
        raise typer.BadParameter("Say whose key it is.")
    with _service(home) as house:
        whose = house.settings.tenant if tenant is None else tenant_named(tenant)
        first = not house.keyring.all()
        wish = Key("", "", said, role, whose, 0.0, allowance=Allowance(per_minute, per_day))
        key, minted = house.keyring.make(wish, named(actor), days)
        _show(house.keyring, key, minted, as_json=as_json)
    if first and not as_json:
        console.print("From now on the service asks everybody for a key.")


@app.command("list")
def list_keys(*, home: Begun = None, as_json: AsJson = False) -> None:
    """List all keys: whose they are, what they may, when they were last used."""
    with _service(home) as house:
        needed = house.warden.needed()
        rows = [_told(house.keyring, key) for key in house.keyring.all()]
    if as_json:
        print_json({"keys": rows})
        return
    if not rows:
        state = "nobody was let in yet" if needed else "on this machine the service is open"
        console.print(f"There are no keys: {state}. `cmo keys create NAME` makes one.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "name", "role", "tenant", "state", "made", "until", "last used"):
        table.add_column(column, no_wrap=column != "name")
    for row in rows:
        days = [(when or "-")[:10] for when in (row["made_at"], row["revoked_at"] or row["expires_at"], row["used_at"])]
        cells = [row["id"], escape(row["name"]) or "[dim]erased[/]", row["role"], row["tenant"] or "-", row["state"]]
        table.add_row(*cells, *days)
    console.print(table)


@app.command("rotate")
def rotate(
    key: Id,
    *,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=8_760, help="For which the old one goes on, so that nobody is shut out.")
    ] = 24.0,
    actor: Actor = None,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Make another key in the place of one. It is shown this once; the old one goes on for a while."""
    with _service(home) as house:
        fresh, minted = house.keyring.rotate(key, named(actor), overlap_hours * 3600)
        _show(house.keyring, fresh, minted, as_json=as_json)
    if not as_json:
        console.print(f"The key {key} goes on for {overlap_hours:g} hours.")


@app.command("revoke")
def revoke(key: Id, *, actor: Actor = None, reason: Why = "", home: Begun = None, as_json: AsJson = False) -> None:
    """Refuse a key from now on, in every process, and end what was logged in with it; also who signs in with a provider."""
    with _service(home) as house:
        ended = house.keyring.revoke(key, named(actor), reason)
        _say(house.keyring, ended, "is refused from now on", as_json=as_json)


@app.command("readmit")
def readmit(key: Id, *, actor: Actor = None, reason: Why = "", home: Begun = None, as_json: AsJson = False) -> None:
    """Let somebody sign in with the provider again who was shut out with `cmo keys revoke`."""
    with _service(home) as house:
        back = house.keyring.readmit(key, named(actor), reason)
        _say(house.keyring, back, "may sign in again", as_json=as_json)


def _service(home: Path | None) -> AbstractContextManager[App]:
    """The base of the service, which is where keys are kept."""
    settings = read_settings(working_dir=home)
    if settings.base_of:
        raise AccessRefused("Keys are kept by the service, whosever they are: leave CMO_BASE_OF out, and say --tenant.")
    return opened(settings)


def _say(ring: KeyRing, key: Key, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_told(ring, key))
    else:
        console.print(f"[bold]{key.id}[/] ({escape(key.name)}) {what}.")


def _show(ring: KeyRing, key: Key, minted: Minted, *, as_json: bool) -> None:
    if as_json:
        print_json({**_told(ring, key), "key": minted.text})
        return
    console.print(minted.text, soft_wrap=True)
    role = f"{key.role.value} of {key.tenant}" if key.tenant else key.role.value
    console.print(
        f"The key of [bold]{escape(key.name)}[/] ({role}). Keep it now: it is not shown again.", soft_wrap=True
    )


def _told(ring: KeyRing, key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "tenant": key.tenant,
        "state": ring.state(key),
        "made_at": _day(key.made_at),
        "expires_at": _day(key.expires_at),
        "revoked_at": _day(key.revoked_at),
        "replaced_by": key.replaced_by,
        "per_minute": key.allowance.per_minute,
        "per_day": key.allowance.per_day,
        "used_at": _day(key.used_at),
    }


def _day(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
