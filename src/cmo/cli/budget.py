"""`cmo budget`: what may be spent, what was, on what, and what models cost."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cmo.app import opened
from cmo.cli.options import AsJson, Begun
from cmo.cli.output import console, print_json
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.spend import Price

app = typer.Typer(help="Money: limits, what is spent, on what, and prices.", no_args_is_help=True)

_MOST = 1_000_000_000
Tenant = Annotated[str, typer.Option(help="Of a tenant; `*` for each tenant that has no limit of its own.")]
User = Annotated[str, typer.Option(help="Of a user; `*` for each user who has no limit of their own.")]


def _dollars(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is no amount of dollars") from error
    if not (amount.is_finite() and 0 <= amount <= _MOST):
        raise typer.BadParameter(f"{text} is not between 0 and a billion dollars")
    return amount


@app.command("status")
def status(tenant: Tenant = "", user: User = "", *, home: Begun = None, as_json: AsJson = False) -> None:
    """Show what is spent, set aside, left and projected; with a tenant or a user, theirs as well."""
    from cmo.model.money import Payer
    from cmo.spend import told

    with opened(read_settings(working_dir=home)) as house:
        facts = told.accounts(house.treasury.budget.accounts(Payer(tenant, user)))
    if as_json:
        print_json({"accounts": facts})
    else:
        _table(facts)


@app.command("set")
def set_limits(
    daily: Annotated[Decimal | None, typer.Option(parser=_dollars, metavar="DOLLARS", help="Of a day (UTC).")] = None,
    monthly: Annotated[
        Decimal | None, typer.Option(parser=_dollars, metavar="DOLLARS", help="Of a month (UTC).")
    ] = None,
    *,
    tenant: Tenant = "",
    user: User = "",
    clear: Annotated[bool, typer.Option("--clear", help="Take limits away that were set here.")] = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Set limits; they hold at once, for all processes and machines that share the base."""
    from cmo.model.money import Payer, Window, micros
    from cmo.spend import told

    if not clear and daily is None and monthly is None:
        raise typer.BadParameter("Give --daily, --monthly or --clear.")
    account = Payer(tenant, user)
    with opened(read_settings(working_dir=home)) as house:
        budget = house.treasury.budget
        for window, limit in ((Window.DAY, daily), (Window.MONTH, monthly)):
            if limit is not None or clear:
                budget.set_limit(account, window, None if limit is None else micros(limit))
        facts = told.accounts(budget.accounts(account))
    if as_json:
        print_json({"accounts": facts})
    else:
        _table(facts)


@app.command("price")
def price(
    model: Annotated[str | None, typer.Argument(help="Name of a model; `*` stands for anything.")] = None,
    *,
    provider: Annotated[str, typer.Option(help="Name or address of who provides it; default: whoever does.")] = "",
    input_: Annotated[
        Decimal | None, typer.Option("--input", parser=_dollars, metavar="DOLLARS", help="For a million tokens sent.")
    ] = None,
    output: Annotated[
        Decimal | None, typer.Option(parser=_dollars, metavar="DOLLARS", help="For a million tokens that come back.")
    ] = None,
    cached: Annotated[
        Decimal | None,
        typer.Option(parser=_dollars, metavar="DOLLARS", help="For a million tokens sent that the provider remembers."),
    ] = None,
    request: Annotated[
        Decimal | None, typer.Option(parser=_dollars, metavar="DOLLARS", help="For each call, besides.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the price away.")] = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Say what a model costs, 0 if nothing; without a model, list the prices that were given here."""
    from cmo.errors import NotFound
    from cmo.spend import told

    amounts = {"input": input_, "output": output, "cached": cached, "request": request}
    given = {name: amount for name, amount in amounts.items() if amount is not None}
    if model and not remove and not given:
        raise typer.BadParameter("Give --input, --output or --request: 0 if it costs nothing.")
    with opened(read_settings(working_dir=home)) as house:
        prices = house.treasury.own_prices
        if model and remove and not prices.remove(model, provider):
            raise NotFound(f"No price was given for {model!r}. `cmo budget price` lists those that were.")
        if model and not remove:
            prices.put(_price(model, provider, given))
        facts = [told.price(p) for p in prices.held()]
    if as_json:
        print_json({"prices": facts})
        return
    for row in facts:
        said = ", ".join(f"{name} ${row[name]}" for name in amounts if row[name] is not None)
        whose = f" ({row['provider']})" if row["provider"] else ""
        console.print(f"[bold]{escape(row['model'])}[/]{escape(whose)}: {said}", soft_wrap=True)


@app.command("report")
def report(
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days to look back, today included.")] = 30,
    *,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Show what money went into, and what the measurements advise."""
    from cmo.spend import told

    with opened(read_settings(working_dir=home)) as house:
        facts = told.costs(house.treasury.report(days))
    if as_json:
        print_json(facts)
    else:
        _tell(facts)


def _price(model: str, provider: str, given: dict[str, Decimal]) -> Price:
    from cmo.spend import Price

    try:
        return Price.of({"model": model, "provider": provider, **given})
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _table(facts: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("account", "period", "limit", "spent", "left", "projected", "rung"):
        table.add_column(column)
    for row in facts:
        mark = " [yellow]nearly spent[/]" if row["alert"] else ""
        amounts = (_usd(row[name]) for name in ("limit_usd", "spent_usd", "left_usd", "projected_usd"))
        table.add_row(escape(row["account"]), row["period"], *amounts, row["rung"] + mark)
    console.print(table)


def _tell(facts: dict[str, Any]) -> None:
    console.print(
        f"{facts['since']} to {facts['until']}: [bold]{_usd(facts['cost_usd'])}[/] for {facts['calls']:,} calls and "
        f"{facts['questions']:,} questions, {_usd(facts['average_question_usd'])} each; "
        f"{facts['failed_question_ratio']:.1%} failed.",
        soft_wrap=True,
    )
    for title, part in (("service", "by_service"), ("purpose", "by_purpose"), ("model", "by_model")):
        for name, amount in facts[part].items():
            console.print(f"  {title} [bold]{escape(name)}[/]: {_usd(amount)}", soft_wrap=True)
    if facts["unknown_usd"] or facts["reserved_usd"]:
        console.print(f"  of it unknown: {_usd(facts['unknown_usd'])}, set aside now: {_usd(facts['reserved_usd'])}")
    for advice in facts["advice"]:
        saves = f" (saves {_usd(advice['saves_usd'])})" if advice["saves_usd"] else ""
        console.print(f"[yellow]{advice['name']}[/]: {escape(advice['text'])}{saves}", soft_wrap=True)


def _usd(amount: float | None) -> str:
    if amount is None:
        return "none"
    return f"${amount:,.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"  # noqa: PLR2004 - below, cents say little
