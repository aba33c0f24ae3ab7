"""A graph for other programs: GraphML, JSON-LD, CSV.

Names are whatever papers and vocabularies print, so everything is written by a writer that escapes, or escaped here.
Each edge names the papers behind it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote
from xml.sax.saxutils import escape

import orjson

from cmo.index.graph import PAPERS, GraphView
from cmo.model.graph import Edge, Node

_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not (section 2.2)."""
_FORMULA = re.compile(r"\s*[=+\-@]|[\t\r\n]")
"""Beginnings that spreadsheets take for a formula (OWASP, CSV injection)."""
_PREFIXES = {
    "CHEBI": "http://purl.obolibrary.org/obo/CHEBI_",
    "DOID": "http://purl.obolibrary.org/obo/DOID_",
    "UBERON": "http://purl.obolibrary.org/obo/UBERON_",
    "NCBITaxon": "http://purl.obolibrary.org/obo/NCBITaxon_",
    "HMDB": "https://identifiers.org/hmdb:",
    "KEGG": "https://identifiers.org/kegg:",
    "HGNC": "https://identifiers.org/hgnc:",
    "MESH": "https://identifiers.org/mesh:",
    "Reactome": "https://identifiers.org/reactome:",
}
_SAFE = re.compile(rf"(?:{'|'.join(_PREFIXES)}):[A-Za-z0-9._-]+")
_CONTEXT = {
    **_PREFIXES,
    "cmo": "urn:cmo:",
    "name": "http://www.w3.org/2000/01/rdf-schema#label",
    "kind": "cmo:kind",
    "papers": "cmo:papers",
    "subject": {"@id": "http://www.w3.org/1999/02/22-rdf-syntax-ns#subject", "@type": "@id"},
    "object": {"@id": "http://www.w3.org/1999/02/22-rdf-syntax-ns#object", "@type": "@id"},
    "type": "http://www.w3.org/1999/02/22-rdf-syntax-ns#predicate",
    "probability": "cmo:probability",
    "papers_for": "cmo:papers_for",
    "papers_against": "cmo:papers_against",
    "source": "http://purl.org/dc/terms/source",
    "stated_by": "cmo:stated_by",
}
_COLUMNS = (
    "subject", "subject_name", "subject_kind", "type", "object", "object_name", "object_kind", "probability",
    "papers_for", "papers_against", "source", "stated_by",
)  # fmt: skip
_NODE_KEYS = {"concept": "string", "name": "string", "kind": "string", "papers": "int"}
_EDGE_KEYS = {
    "type": "string", "probability": "double", "papers_for": "int", "papers_against": "int", "source": "string",
    "stated_by": "string",
}  # fmt: skip
_MOST_FACTS = 1000


def graphml(graph: GraphView) -> bytes:
    """GraphML, as Cytoscape, Gephi, yEd and networkx read it: a directed graph with parallel edges."""
    keys = [("node", name, kind) for name, kind in _NODE_KEYS.items()]
    keys += [("edge", name, kind) for name, kind in _EDGE_KEYS.items()]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        *(f'<key id="{of}_{n}" for="{of}" attr.name="{n}" attr.type="{kind}"/>' for of, n, kind in keys),
        '<graph edgedefault="directed">',
        *(f'<node id="n{node.number}">{_data("node", _node_facts(node))}</node>' for node in _nodes(graph)),
        *(
            f'<edge source="n{edge.subject}" target="n{edge.object}">{_data("edge", _edge_facts(graph, edge))}</edge>'
            for edge in graph.all_edges()
        ),
        "</graph>",
        "</graphml>",
    ]
    return "\n".join(lines).encode()


def jsonld(graph: GraphView) -> bytes:
    """JSON-LD 1.1: concepts, and a reified statement for each edge."""
    ids = {node.number: _iri(node.concept) for node in _nodes(graph)}
    things: list[dict[str, object]] = [
        {"@id": ids[n.number], "name": n.name, "kind": n.kind, "papers": n.papers} for n in _nodes(graph)
    ]
    for edge in graph.all_edges():
        facts = {**_edge_facts(graph, edge), "stated_by": list(_papers(graph, edge))}
        things.append({"@type": "rdf:Statement", "subject": ids[edge.subject], "object": ids[edge.object], **facts})
    context = {**_CONTEXT, "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#"}
    return orjson.dumps({"@context": context, "@graph": things}, option=orjson.OPT_INDENT_2)


def table(graph: GraphView) -> bytes:
    """CSV (RFC 4180), a line an edge; what a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for edge in graph.all_edges():
        one, other = graph.node(edge.subject), graph.node(edge.object)
        facts = _edge_facts(graph, edge)
        row = {
            "subject": one.concept, "subject_name": one.name, "subject_kind": one.kind,
            "object": other.concept, "object_name": other.name, "object_kind": other.kind, **facts,
        }  # fmt: skip
        writer.writerow([_cell(row[name]) for name in _COLUMNS])
    return text.getvalue().encode("utf-8", "replace")


FORMATS: Mapping[str, Callable[[GraphView], bytes]] = {"graphml": graphml, "jsonld": jsonld, "csv": table}


def _nodes(graph: GraphView) -> Iterator[Node]:
    return map(graph.node, graph.nodes.tolist())


def _node_facts(node: Node) -> dict[str, object]:
    return {"concept": node.concept, "name": node.name, "kind": node.kind, "papers": node.papers}


def _edge_facts(graph: GraphView, edge: Edge) -> dict[str, object]:
    return {
        "type": edge.type,
        "probability": edge.probability,
        "papers_for": edge.papers_for,
        "papers_against": edge.papers_against,
        "source": edge.source,
        "stated_by": " ".join(_papers(graph, edge)),
    }


def _papers(graph: GraphView, edge: Edge) -> dict[str, None]:
    """Ids of the papers behind an edge, each once."""
    if edge.source != PAPERS:
        return {}
    return dict.fromkeys(fact.paper for fact in graph.facts(edge, _MOST_FACTS))


def _data(of: str, facts: Mapping[str, object]) -> str:
    return "".join(f'<data key="{of}_{name}">{_xml(str(value))}</data>' for name, value in facts.items())


def _xml(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text)).replace("\r", "&#13;")


def _iri(concept_id: str) -> str:
    """A CURIE that the context expands, else a name of our own that no character can break out of."""
    return concept_id if _SAFE.fullmatch(concept_id) else f"cmo:{quote(concept_id, safe='', errors='replace')}"


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
