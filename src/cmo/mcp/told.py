"""Replies of the service as words for assistants."""

from __future__ import annotations

from collections.abc import Iterator

from cmo.client.shapes import Found, Paper, Reply
from cmo.client.shapes_base import Edge, GraphPaths, Neighbourhood, PaperDetail, PaperList, Place
from cmo.mcp.bounds import bounded, quoted, shortened


def reply(value: Reply) -> str:
    """An answer: its sentences with their evidence, then the papers they cite."""
    return bounded(_reply(value))


def _reply(value: Reply) -> Iterator[str]:
    if (refusal := value["refusal"]) is not None:
        yield f"No answer ({refusal['reason']}): {refusal['message']}"
        yield from (f"Nearest: {label(paper)}" for paper in refusal["nearest"])
    pages = {piece["id"]: piece["page"] for piece in value["evidence"]}
    for sentence in value["sentences"]:
        marks = "".join(f"[{number}]" for number in sentence["citations"])
        where = ", ".join(f"evidence {key}, page {pages[key]}" for key in sentence["evidence"] if key in pages)
        yield f"{quoted(sentence['text'])} {marks} ({where})"
    yield from (f"[{cited['number']}] {label(cited)}" for cited in value["citations"])
    if value["notice"]:
        yield f"Note: {value['notice']}"
    quality = value["quality"]
    judged = f", quality {quality['composite']:.2f} ({quality['indicator']})" if quality else ""
    yield f"Source: {value['source']}, confidence {value['confidence']:.2f}{judged}. Answer id {value['id']}."


def found(value: Found) -> str:
    """Passages, each with its nearest sentence and where that is printed."""
    return bounded(_found(value))


def _found(value: Found) -> Iterator[str]:
    if not value["passages"]:
        yield f"Nothing was found among {value['searched']} passages."
    for number, passage in enumerate(value["passages"], 1):
        nearest = passage["nearest"]
        yield f"[{number}] {label(passage['paper'])}, {passage['section']}, page {nearest['page']}"
        yield f"nearest sentence: {quoted(nearest['text'], nearest['id'])}"
        yield f"passage: {quoted(passage['text'])}"


def place(value: Place) -> str:
    """Where a sentence is printed."""
    return bounded(
        [
            quoted(value["text"], value["id"]),
            f"page {value['page']}, characters {value['start']} to {value['end']}",
            label(value["paper"]),
        ]
    )


def neighbourhood(value: Neighbourhood) -> str:
    """What is said of a concept."""
    concept = value["concept"]
    head = f"{concept['name']} ({concept['id']}, {concept['kind']}, {concept['papers']} papers)"
    return bounded([head, *(line for edge in value["edges"] for line in _edge(edge))])


def paths(value: GraphPaths) -> str:
    """Ways from one concept to another."""
    if not value["paths"]:
        return f"Nothing leads from {value['start']['name']} to {value['end']['name']}."
    return bounded(
        line
        for number, way in enumerate(value["paths"], 1)
        for line in (
            f"Way {number}, probability {way['probability']:.2f}",
            *(line for edge in way["steps"] for line in _edge(edge)),
        )
    )


def _edge(edge: Edge) -> Iterator[str]:
    said = f"{edge['papers_for']} papers for, {edge['papers_against']} against, {edge['source']}"
    relation = edge["relation"].replace("_", " ")
    yield (
        f"{edge['subject']['name']} -- {relation} --> {edge['object']['name']} "
        f"(probability {edge['probability']:.2f}; {said})"
    )
    for stated in edge["sentences"]:
        against = "against: " if stated["against"] else ""
        yield f"  {against}{quoted(stated['text'], stated['evidence'])} page {stated['page']}, {shortened(stated['cited'], 300)}"


def papers(value: PaperList) -> str:
    """Papers of the base."""
    lines = [f"{paper['paper_id']}: {label(paper)} ({paper['pages']} pages)" for paper in value["papers"]]
    return bounded([f"{len(lines)} of {value['total']} papers", *lines])


def paper(value: PaperDetail) -> str:
    """One paper."""
    pages = ", ".join(str(page["number"]) for page in value["pages"][:100])
    return bounded([f"{value['paper_id']}, version {value['version']}", label(value), f"pages: {pages}"])


def label(value: Paper) -> str:
    """A paper on one line; what files say of themselves is marked as well."""
    authors = value["authors"]
    who = f"{authors[0]} et al." if len(authors) > 1 else "".join(authors)
    title = value["title"] or value["source"]
    parts = [part for part in (who, title, value["journal"], str(value["year"] or "")) if part]
    about = " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts).removesuffix(".")
    return quoted(shortened(about, 500)) + (f" doi:{value['doi']}" if value["doi"] else "")
