"""`cmo webhooks`: other programs that are told of papers and releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cmo.cli.exits import Exit
from cmo.cli.options import Actor, AsJson, Begun, Home, named
from cmo.cli.output import console, print_json
from cmo.model.webhooks import MOST_OVERLAP_HOURS, OFFERED, State, Webhook
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.stories.subscribers import Subscribers

app = typer.Typer(help="Webhooks: other programs that are told of papers and releases.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The id of a webhook; see `cmo webhooks list`.")]
Tenant = Annotated[str | None, typer.Option(help="Whose papers and releases; by default the service's own.")]


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(help="Where events are posted to, such as https://example.org/hook.")],
    *,
    on: Annotated[list[str] | None, typer.Option(help=f"Of what; may be repeated: {', '.join(OFFERED)}.")] = None,
    tenant: Tenant = None,
    actor: Actor = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Tell an address of events, of all kinds unless --on says which. Its secret is shown this once."""
    with _subscribers(home, tenant) as subscribers:
        made = subscribers.add(url, on or (), named(actor))
    _entrust(made, f"`cmo webhooks test {made.id}` tries it out.", as_json=as_json)


@app.command("list")
def list_webhooks(*, tenant: Tenant = None, home: Begun = None, as_json: AsJson = False) -> None:
    """List all webhooks, without their secrets."""
    with _subscribers(home, tenant) as subscribers:
        rows = [webhook.as_json() for webhook in subscribers.all()]
    if as_json:
        print_json({"webhooks": rows})
        return
    if not rows:
        console.print("There are no webhooks. `cmo webhooks add URL` makes one.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "address", "events", "state", "made"):
        table.add_column(column, no_wrap=column == "id")
    for row in rows:
        kinds = "all" if len(row["events"]) == len(OFFERED) else ", ".join(row["events"])
        table.add_row(row["id"], escape(row["url"]), kinds, escape(row["ended"]) or row["state"], row["made_at"][:10])
    console.print(table)


@app.command("test")
def try_out(webhook: Id, *, tenant: Tenant = None, home: Begun = None, as_json: AsJson = False) -> None:
    """Send a signed `webhook.test` now, once, and say what came of it."""
    with _subscribers(home, tenant) as subscribers:
        said = subscribers.test(webhook)
    if as_json:
        print_json({"webhook": webhook, "taken": said.taken, "said": said.words})
    else:
        console.print(f"{'taken' if said.taken else 'not taken'}: {escape(said.words)}")
    if not said.taken:
        raise typer.Exit(Exit.ERROR)


@app.command("pause")
def pause(
    webhook: Id, *, tenant: Tenant = None, actor: Actor = None, home: Begun = None, as_json: AsJson = False
) -> None:
    """Send it nothing for now; what happens meanwhile waits for it."""
    with _subscribers(home, tenant) as subscribers:
        row = subscribers.pause(webhook, named(actor)).as_json()
    _tell(row, webhook, "is paused; what happens meanwhile waits.", as_json=as_json)


@app.command("resume")
def resume(
    webhook: Id, *, tenant: Tenant = None, actor: Actor = None, home: Begun = None, as_json: AsJson = False
) -> None:
    """Send to it again, what waits first; also where it had said that it wants no more."""
    with _subscribers(home, tenant) as subscribers:
        row = subscribers.resume(webhook, named(actor)).as_json()
    _tell(row, webhook, "is told again, within seconds where a service runs.", as_json=as_json)


@app.command("rotate")
def rotate(
    webhook: Id,
    *,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=MOST_OVERLAP_HOURS, help="For which messages are signed with the old one too.")
    ] = 24.0,
    tenant: Tenant = None,
    actor: Actor = None,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Give it another secret, shown this once; for a while messages are signed with both."""
    with _subscribers(home, tenant) as subscribers:
        made = subscribers.rotate(webhook, named(actor), overlap_hours * 3600)
    holds = f"holds for {overlap_hours:g} hours more" if overlap_hours else "holds no more"
    _entrust(made, f"The old one {holds}.", as_json=as_json)


@app.command("remove")
def remove(
    webhook: Id, *, tenant: Tenant = None, actor: Actor = None, home: Begun = None, as_json: AsJson = False
) -> None:
    """Tell it nothing any more, also nothing that is under way."""
    with _subscribers(home, tenant) as subscribers:
        subscribers.remove(webhook, named(actor))
    _tell({"removed": webhook}, webhook, "is told nothing any more.", as_json=as_json)


@app.command("deliveries")
def deliveries(
    *,
    webhook: Annotated[str, typer.Option(help="Of one webhook.")] = "",
    state: Annotated[State | None, typer.Option(help="Only those that stand so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    tenant: Tenant = None,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """List what was sent or waits, the newest first: how often it was tried, and what came of it."""
    with _subscribers(home, tenant) as subscribers:
        found = subscribers.deliveries(webhook=webhook, state=state or "", most=limit)
    rows = [delivery.as_json() for delivery in found]
    if as_json:
        print_json({"deliveries": rows})
        return
    if not rows:
        console.print("Nothing was sent, and nothing waits.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "event", "at", "state", "tries", "said"):
        table.add_column(column, no_wrap=column != "said")
    for row in rows:
        when = row["at"][5:16].replace("T", " ")
        table.add_row(row["id"], row["event"], when, row["state"], str(row["attempts"]), escape(row["said"]))
    console.print(table)


@app.command("redeliver")
def redeliver(
    delivery: Annotated[str, typer.Argument(help="The id of a delivery; see `cmo webhooks deliveries`.")],
    *,
    tenant: Tenant = None,
    actor: Actor = None,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Send a delivery once more, under the same id; the service that runs does it."""
    with _subscribers(home, tenant) as subscribers:
        row = subscribers.again(delivery, named(actor)).as_json()
    _tell(row, delivery, "is sent once more, within seconds where a service runs.", as_json=as_json)


def _tell(row: Mapping[str, Any], name: str, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        console.print(f"[bold]{escape(name)}[/] {words}")


def _entrust(webhook: Webhook, words: str, *, as_json: bool) -> None:
    """Show a secret, this once."""
    if as_json:
        print_json({**webhook.as_json(), "secret": webhook.secret})
        return
    console.print(webhook.secret, soft_wrap=True, markup=False)
    told = f"The secret of [bold]{webhook.id}[/]. Keep it now: it is not shown again. {words}"
    console.print(told, soft_wrap=True)


@contextmanager
def _subscribers(home: Path | None, tenant: str | None) -> Iterator[Subscribers]:
    from cmo.app import opened
    from cmo.cast.tenants import named as tenant_named

    with opened(read_settings(working_dir=home)) as front:
        if tenant is None or tenant_named(tenant) == front.settings.tenant:
            yield front.subscribers
            return
        house = front.sibling(tenant)
        try:
            yield house.subscribers
        finally:
            house.close()
