"""`cmo graph`: what the papers relate, around a concept, between two, or as a file for other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from cmo.app import App, opened
from cmo.cli.options import AsJson, Home
from cmo.cli.output import console, print_json
from cmo.errors import BadFilter
from cmo.index.graph import GraphView
from cmo.kit.files import write_atomic
from cmo.model.graph import Edge, Node
from cmo.settings import read_settings

app = typer.Typer(help="What the papers relate: show, path, stats, export.", no_args_is_help=True)

_MOST_HOPS = 3
_SVG_WIDTH = 110
ConceptName = Annotated[str, typer.Argument(help="A concept: its name, or an identifier such as CHEBI:15724.")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="How many relations of a concept, or paths, are shown.")]


@app.command("show")
def show(
    concept: ConceptName,
    *,
    hops: Annotated[int, typer.Option(min=1, max=_MOST_HOPS, help="How many relations are followed.")] = 1,
    limit: Limit = 12,
    svg: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the drawing into this SVG file.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show what is said of a concept: relations with their probability and the papers for and against them."""
    with _graph(home) as (house, graph):
        atlas = house.atlas()
        start = atlas.find(concept)
        layers = atlas.around(start, hops, limit)
        if as_json:
            edges = dict.fromkeys(edge for edges in layers.values() for edge in edges)
            print_json({"concept": asdict(start), "relations": [_told(graph, edge) for edge in edges]})
            return
        tree = _tree(graph, start, layers)
    console.print(tree)
    if svg:
        drawing = Console(record=True, width=_SVG_WIDTH, file=StringIO(), force_terminal=True)
        drawing.print(tree)
        write_atomic(svg.absolute(), drawing.export_svg(title=f"What is said of {start.name}").encode())


@app.command("path")
def path(
    start: ConceptName,
    end: ConceptName,
    *,
    hops: Annotated[int, typer.Option(min=1, max=_MOST_HOPS, help="How long a path may be.")] = _MOST_HOPS,
    limit: Limit = 5,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show the surest ways from one concept to another, each step with what is said of it."""
    with _graph(home) as (house, graph):
        one, other = house.atlas().find(start), house.atlas().find(end)
        ways: list[dict[str, Any]] = [
            {
                "probability": round(way.probability, 4),
                "steps": [_told(graph, _between(graph, a, b)) for a, b in zip(way.nodes, way.nodes[1:], strict=False)],
            }
            for way in graph.paths(one.number, other.number, hops, limit)
        ]
    if as_json:
        print_json({"start": asdict(one), "end": asdict(other), "paths": ways})
        return
    if not ways:
        console.print(f"Nothing leads from {escape(one.name)} to {escape(other.name)} in {hops} steps.")
    for way in ways:
        console.print(f"[bold]{way['probability']:.2f}[/]")
        for step in way["steps"]:
            console.print(f"  {_line(step)}", soft_wrap=True)


@app.command("stats")
def stats(home: Home = None, as_json: AsJson = False) -> None:
    """Count concepts by kind, relations by type, and who read the papers."""
    with _graph(home) as (house, graph):
        nodes = [graph.node(int(n)) for n in graph.nodes]
        facts: dict[str, Any] = {
            "nodes": len(nodes),
            "edges": graph.edge_count,
            "curated_edges": graph.curated_count,
            "facts": graph.fact_count,
            "kinds": dict(Counter(node.kind.value for node in nodes).most_common()),
            "types": dict(Counter(edge.type.value for edge in graph.all_edges()).most_common()),
            "most_mentioned": {n.name: n.papers for n in sorted(nodes, key=lambda n: (-n.papers, n.name))[:10]},
            "readers": house.record.readings.readers(),
        }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        shown = ", ".join(f"{k} {n}" for k, n in value.items()) if isinstance(value, dict) else f"{value:,}"
        console.print(f"[bold]{name.replace('_', ' '):15}[/] {escape(shown)}", soft_wrap=True)


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The file to write.")],
    *,
    kind: Annotated[str, typer.Option("--format", help="One of: graphml, jsonld, csv.")] = "graphml",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write the whole graph for other programs; in CSV a name that begins like a formula gets an apostrophe."""
    from cmo.index.graph_export import FORMATS

    if kind not in FORMATS:
        raise BadFilter(f"There is no format {kind!r}; there are {', '.join(FORMATS)}.")
    with _graph(home) as (_, graph):
        write_atomic(file.absolute(), FORMATS[kind](graph))
        if as_json:
            print_json({"file": str(file), "format": kind, "nodes": len(graph.nodes), "edges": graph.edge_count})
            return
        console.print(f"{len(graph.nodes):,} concepts and {graph.edge_count:,} relations are in {escape(str(file))}.")


@contextmanager
def _graph(home: Path | None) -> Iterator[tuple[App, GraphView]]:
    with opened(read_settings(working_dir=home)) as house:
        yield house, house.atlas().graph


def _tree(graph: GraphView, start: Node, layers: Mapping[int, list[Edge]]) -> Tree:
    tree = Tree(f"[bold]{escape(start.name)}[/] [dim]{escape(start.concept)} · {start.kind} · {start.papers} papers[/]")
    _grow(tree, graph, start.number, layers, {start.number})
    return tree


def _grow(tree: Tree, graph: GraphView, number: int, layers: Mapping[int, list[Edge]], drawn: set[int]) -> None:
    for edge in layers.get(number, []):
        branch = tree.add(_line(_told(graph, edge)))
        other = edge.object if edge.subject == number else edge.subject
        if other not in drawn:
            drawn.add(other)
            _grow(branch, graph, other, layers, drawn)


def _between(graph: GraphView, one: int, other: int) -> Edge:
    return graph.edges(np.array([one]), np.array([other]), 1)[0]


def _told(graph: GraphView, edge: Edge) -> dict[str, Any]:
    one, other = graph.node(edge.subject), graph.node(edge.object)
    return {
        "subject": {"id": one.concept, "name": one.name},
        "type": edge.type.value,
        "object": {"id": other.concept, "name": other.name},
        "probability": round(edge.probability, 4),
        "papers_for": edge.papers_for,
        "papers_against": edge.papers_against,
        "source": edge.source,
    }


def _line(told: dict[str, Any]) -> str:
    """One relation in Rich markup."""
    papers = f"{told['papers_for']} for, {told['papers_against']} against" if told["papers_for"] else told["source"]
    if not told["papers_for"] and told["papers_against"]:
        papers = f"{told['papers_against']} against"
    subject, object_ = escape(told["subject"]["name"]), escape(told["object"]["name"])
    return f"{subject} [cyan]{told['type']}[/] {object_} [dim]{told['probability']:.2f} · {escape(papers)}[/]"
