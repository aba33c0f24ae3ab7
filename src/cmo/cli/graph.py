"""`cmo graph`: what the papers relate, around a concept, between two, or as a file for other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from cmo import wire
from cmo.app import App, opened
from cmo.cli.options import AsJson, Begun
from cmo.cli.output import console, print_json
from cmo.cli.show import citation
from cmo.errors import BadFilter, NotFound
from cmo.index.graph import GraphView
from cmo.kit.files import write_atomic
from cmo.model.graph import Edge, Node
from cmo.settings import read_settings
from cmo.stories.atlas import Atlas, Stated, Told

app = typer.Typer(help="What the papers relate: show, path, stats, export.", no_args_is_help=True)

_MOST_HOPS = 3
_SVG_WIDTH = 110
ConceptName = Annotated[str, typer.Argument(help="A concept: its name, or an identifier such as CHEBI:15724.")]
Sentences = Annotated[int, typer.Option(min=0, max=20, help="How many sentences are quoted for each relation.")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="How many relations of a concept, or paths, are shown.")]


@app.command("show")
def show(
    concept: ConceptName,
    *,
    hops: Annotated[int, typer.Option(min=1, max=_MOST_HOPS, help="How many relations are followed.")] = 1,
    limit: Limit = 12,
    sentences: Sentences = 1,
    svg: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the drawing into this SVG file.")] = None,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Show what is said of a concept: relations with their probability and the papers for and against them."""
    _see_folder(svg)
    with _graph(home) as (house, _):
        atlas = house.atlas()
        start = atlas.find(concept)
        layers = atlas.around(start, hops, limit)
        if as_json:
            edges = dict.fromkeys(edge for edges in layers.values() for edge in edges)
            told = [wire.edge(atlas.told(edge, sentences)) for edge in edges]
            print_json({"concept": wire.node(start), "relations": told})
            return
        tree = _tree(atlas, start, layers, sentences)
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
    sentences: Sentences = 1,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Show the surest ways from one concept to another, each step with what is said of it."""
    with _graph(home) as (house, _):
        atlas = house.atlas()
        one, other = atlas.find(start), atlas.find(end)
        ways = [
            (probability, [atlas.told(edge, sentences) for edge in edges])
            for probability, edges in atlas.ways(one, other, hops, limit)
        ]
    if as_json:
        paths = [{"probability": round(p, 4), "steps": [wire.edge(step) for step in steps]} for p, steps in ways]
        print_json({"start": wire.node(one), "end": wire.node(other), "paths": paths})
        return
    if not ways:
        console.print(f"Nothing leads from {escape(one.name)} to {escape(other.name)} in {hops} steps.")
    for probability, steps in ways:
        console.print(f"[bold]{probability:.2f}[/]")
        for step in steps:
            console.print(f"  {_line(step)}", soft_wrap=True)
            for stated in step.sentences:
                console.print(f"    {_sentence(stated)}", soft_wrap=True)


@app.command("stats")
def stats(home: Begun = None, as_json: AsJson = False) -> None:
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
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Write the whole graph for other programs; in CSV a name that begins like a formula gets an apostrophe."""
    from cmo.index.graph_export import FORMATS

    if kind not in FORMATS:
        raise BadFilter(f"There is no format {kind!r}; there are {', '.join(FORMATS)}.")
    _see_folder(file)
    with _graph(home) as (_, graph):
        write_atomic(file.absolute(), FORMATS[kind](graph))
        if as_json:
            print_json({"file": str(file), "format": kind, "nodes": len(graph.nodes), "edges": graph.edge_count})
            return
        console.print(f"{len(graph.nodes):,} concepts and {graph.edge_count:,} relations are in {escape(str(file))}.")


def _see_folder(file: Path | None) -> None:
    """Refuse a file whose folder is not there before anything is read for it."""
    if file is not None and not file.absolute().parent.is_dir():
        raise NotFound(f"There is no folder {file.absolute().parent} to write {file.name} into. Make it first.")


@contextmanager
def _graph(home: Path | None) -> Iterator[tuple[App, GraphView]]:
    with opened(read_settings(working_dir=home)) as house:
        yield house, house.atlas().graph


def _tree(atlas: Atlas, start: Node, layers: Mapping[int, list[Edge]], sentences: int) -> Tree:
    tree = Tree(f"[bold]{escape(start.name)}[/] [dim]{escape(start.concept)} · {start.kind} · {start.papers} papers[/]")
    told = {edge: atlas.told(edge, sentences) for edges in layers.values() for edge in edges}
    _grow(tree, told, start.number, layers, {start.number})
    return tree


def _grow(
    tree: Tree, told: Mapping[Edge, Told], number: int, layers: Mapping[int, list[Edge]], drawn: set[int]
) -> None:
    for edge in layers.get(number, []):
        branch = tree.add(_line(told[edge]))
        for stated in told[edge].sentences:
            branch.add(_sentence(stated))
        other = edge.object if edge.subject == number else edge.subject
        if other not in drawn:
            drawn.add(other)
            _grow(branch, told, other, layers, drawn)


def _line(told: Told) -> str:
    """One relation in Rich markup."""
    edge = told.edge
    papers = f"{edge.papers_for} for, {edge.papers_against} against" if edge.papers_for else edge.source
    if not edge.papers_for and edge.papers_against:
        papers = f"{edge.papers_against} against"
    subject, object_ = escape(told.subject.name), escape(told.object.name)
    return f"{subject} [cyan]{edge.type.value}[/] {object_} [dim]{edge.probability:.2f} · {escape(papers)}[/]"


def _sentence(stated: Stated) -> str:
    """A sentence and where it is printed, in Rich markup."""
    said = stated.evidence
    mark = "[yellow]against:[/] " if stated.against else ""
    return f"{mark}[italic]{escape(said.text)}[/] [dim]{escape(citation(said.paper))}, page {said.page}[/]"
