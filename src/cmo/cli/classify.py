"""`cmo classify` and `cmo stats`: classes of questions, and how classifying goes."""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from cmo.cli.lines import lines_of
from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.errors import BadQuestion, NotFound, NotKnown
from cmo.settings import Settings, read_settings

if TYPE_CHECKING:
    from cmo.sorting.cast import OpenSorter

_SECONDS: Final = 10.0
"""Longest wait for the figures of a service."""


def classify(
    questions: Annotated[
        list[str] | None, typer.Argument(help="What somebody wants to know; - reads questions line by line.")
    ] = None,
    *,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Tell the class of questions: KNOWLEDGE_GRAPH, REAL_TIME or GENERAL, with how sure and how long."""
    from cmo.oracle import admit
    from cmo.sorting.cast import opened_sorter, warm_up

    given = questions or []
    asked = _lines() if given == ["-"] else [admit(question).text for question in given]
    if not asked:
        raise BadQuestion('Nothing was asked. Try: cmo classify "What is metabolomics?"')
    with opened_sorter(read_settings(working_dir=home)) as opened:
        if not opened.fault:
            warm_up(opened.house)
        rows, figures = asyncio.run(_classified(opened, asked))
    if as_json:
        print_json({"questions": rows, "stats": figures} if len(rows) > 1 else rows[0])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("category", "confidence", "ms", "from", "question"):
        table.add_column(name, justify="right" if name in {"confidence", "ms"} else "left")
    for row in rows:
        came = row["cache_tier"] or row["decided_by"]
        table.add_row(
            row["category"], f"{row['confidence']:.2f}", f"{row['response_time_ms']:.2f}", came, escape(row["question"])
        )
    console.print(table)
    if opened.fault:
        complaints.print(f"[yellow]cue words decided[/]: {escape(opened.fault)}", soft_wrap=True)


def stats(
    *,
    url: Annotated[str, typer.Option(help="Address of the service that is asked.")] = "",
    as_json: AsJson = False,
) -> None:
    """How a running service classifies: times, caches, resources, and what to do about it."""
    facts = _figures(url, read_settings())
    if as_json:
        print_json(facts)
        return
    for name in ("requests", "response_times", "compliance", "throughput"):
        values = ", ".join(f"{key} {value}" for key, value in facts[name].items() if not isinstance(value, dict))
        console.print(f"[bold]{name:16}[/] {escape(values)}", soft_wrap=True)
    for name, tier in facts["cache"].items():
        if isinstance(tier, dict) and "hit_rate" in tier:
            console.print(f"[bold]{name:16}[/] hit rate {tier['hit_rate']}", soft_wrap=True)
    for tier in (facts.get("answers") or {}).get("tiers", ()):
        console.print(f"[bold]{'answers, ' + tier['name']:16}[/] hit rate {tier['hit_rate']}", soft_wrap=True)
    for advice in facts["recommendations"]:
        console.print(
            f"[yellow]{advice['priority']}[/] {escape(advice['issue'])}: {escape('; '.join(advice['suggestions']))}",
            soft_wrap=True,
        )


def _figures(url: str, settings: Settings) -> Any:
    """What a service tells: the one of this machine, or one elsewhere."""
    import httpx

    from cmo.client.refused import known, refusal
    from cmo.kit.neighbour import Neighbour

    here, key = Neighbour(settings.host, settings.port, settings.tls_certificate), settings.api_key.get_secret_value()
    base = url.rstrip("/") or here.url
    try:
        if url:
            shown = {"Authorization": f"Bearer {key}"} if key else {}
            reply = httpx.get(f"{base}/stats", headers=shown, timeout=_SECONDS, trust_env=False)
        else:
            reply = here.ask("/stats", key=key, seconds=_SECONDS)
        if reply.is_success:
            return reply.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotFound(f"{base} tells no figures ({type(error).__name__}). Start it with `cmo serve`.") from error
    if reply.status_code == HTTPStatus.UNAUTHORIZED:
        raise NotKnown(f"{base} wants a key that holds. Put one into CMO_API_KEY; `cmo keys create NAME` makes one.")
    raise known(refusal(reply))


async def _classified(opened: OpenSorter, asked: list[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    from cmo import wire
    from cmo.sorting.figures import stats as figures
    from cmo.sorting.figures import told

    rows = []
    for question in asked:
        found = await opened.sorter.sort(question)
        facts = told(found, opened.sorter.plan.target_seconds)
        rows.append({"question": question, **facts, "route": wire.route(found.route)})
    facts = figures(opened)
    await opened.sorter.aclose()
    return rows, facts


def _lines() -> list[str]:
    from cmo.oracle import admit

    asked = []
    for number, line in lines_of(sys.stdin.buffer, "standard input"):
        try:
            asked.append(admit(line).text)
        except BadQuestion as error:
            raise BadQuestion(f"Line {number}: {error}") from error
    return asked
