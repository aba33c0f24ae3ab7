"""Replies as the chat shows them: Markdown in which what papers say stays text. Pure.

A sentence ends with its marks, ``‹1 · p. 3›`` for page 3 of the first source: each is the name of an element that opens that
page with the sentences highlighted. The signs around it keep page 1 from being found in page 12. For a page of the web the
mark is a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote

from cmo.chat.words import Words
from cmo.client.shapes import Citation, Deep, Evidence, Reply

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$&])")
_MOST_RELATIONS: Final = 12
_LABELS: Final[Mapping[str, str]] = {
    "lightrag": "🧠 LightRAG Knowledge Graph",
    "lightrag_low_quality": "🧠 LightRAG Knowledge Graph",
    "perplexity": "🌐 Perplexity Search",
    "perplexity_fallback": "🌐 Perplexity Search",
    "hybrid": "🧠 LightRAG Knowledge Graph + 🌐 Perplexity Search",
}
_OF_ADDRESSES: Final = ":/?#@!$&'*+,;=%~-._"
"""Signs that stay as they are; brackets would end a link."""
_REFUSED: Final = "🚫"


@dataclass(frozen=True, slots=True)
class Shown:
    """A page to show beside an answer."""

    name: str
    """As it stands in the text."""
    address: str
    """Of the page's image, at the service."""


def plain(text: str) -> str:
    """Words of a paper or a person, so that Markdown sees no signs in them; an address that they print may be clicked."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def sentence(said: Mapping[str, Any]) -> str:
    """A sentence of the stream with its marks."""
    marks = " ".join(dict.fromkeys(_linked(piece) for piece in said["evidence"]))
    text = plain(said["text"])
    if said["translation"]:
        text = f"{plain(said['translation'])} (“{text}”)"
    return f"{text} {marks}" if marks else text


def answer(reply: Reply | Deep, words: Words) -> str:
    """The whole answer; of a deep question also what sources do not agree on, and what got no answer."""
    return "\n\n".join(part for part in _parts(reply, words) if part)


def _parts(reply: Reply | Deep, words: Words) -> Iterator[str]:
    refusal = reply["refusal"]
    if refusal is not None:
        yield f"{_REFUSED} {plain(refusal['message'])}"
        nearest = "; ".join(plain(paper["title"] or paper["source"]) for paper in refusal["nearest"])
        yield f"*{words.nearest}:* {nearest}" if nearest else ""
    evidence = {piece["id"]: piece for piece in reply["evidence"]}
    yield " ".join(
        sentence({**said, "evidence": [evidence[key] for key in said["evidence"] if key in evidence]})
        for said in reply["sentences"]
    )
    yield f"*{plain(reply['notice'])}*" if reply["notice"] else ""
    more = cast("Mapping[str, Any]", reply)  # an ordinary answer has relations, one in steps the rest
    yield relations(more.get("relations", ()), words)
    yield _listed(words.disputes, (dispute["text"] for dispute in more.get("disputes", ())))
    yield _listed(words.gaps, (f"{gap['question']} {gap['why']}" for gap in more.get("gaps", ())))
    yield references(reply["citations"], words)


def _listed(head: str, lines: Iterable[str]) -> str:
    told = "\n".join(f"- {plain(line)}" for line in lines)
    return f"**{head}**\n\n{told}" if told else ""


def relations(said: Sequence[Mapping[str, Any]], words: Words) -> str:
    """The table of relations; nothing where there are none."""
    rows = said[:_MOST_RELATIONS]
    if not rows:
        return ""
    lines = [
        f"| {plain(row['subject']['name'])} – {plain(row['relation'].replace('_', ' '))} – {plain(row['object']['name'])} "
        f"| {row['probability']:.2f} | {row['papers_for']} | {row['papers_against']} |"
        for row in rows
    ]
    head = f"| {' | '.join(words.table)} |\n|---|---|---|---|"
    return f"**{words.relations}**\n\n{head}\n" + "\n".join(lines)


def references(citations: Sequence[Citation], words: Words) -> str:
    """The sources, numbered as they are cited."""
    if not citations:
        return ""
    return f"**{words.references}**\n\n" + "\n".join(f"{cited['number']}. {reference(cited)}" for cited in citations)


def reference(cited: Citation) -> str:
    """A source on one line."""
    authors = cited["authors"]
    who = f"{authors[0]} et al." if len(authors) > 1 else "".join(authors)
    parts = (who, cited["title"] or cited["source"], cited["journal"], str(cited["year"] or ""))
    doi = f" doi:{plain(cited['doi'])}" if cited["doi"] else ""
    return ". ".join(plain(part.rstrip(".")) for part in parts if part) + "." + doi


def source_line(reply: Reply | Deep, words: Words) -> str:
    """Where the answer comes from and what it is worth, as the documents have it."""
    label = _LABELS.get(reply["source"], _REFUSED)
    quality = cast("Mapping[str, Any]", reply).get("quality")
    return f"{label} | {words.quality}: {quality['indicator']}" if quality else label


def pages(evidence: Iterable[Evidence]) -> list[Shown]:
    """The pages that an answer's marks name, each once, with all its sentences highlighted."""
    found: dict[str, list[Evidence]] = {}
    for piece in evidence:
        if piece["image"]:
            found.setdefault(_mark(piece), []).append(piece)
    return [Shown(name, _address(pieces)) for name, pieces in found.items()]


def _mark(piece: Mapping[str, Any]) -> str:
    return f"‹{piece['citation']} · p. {piece['page']}›" if piece["image"] else f"‹{piece['citation']} · web›"


def _linked(piece: Mapping[str, Any]) -> str:
    mark, url = _mark(piece), str(piece["url"])
    return f"[{mark}]({quote(url, safe=_OF_ADDRESSES)})" if url.startswith(("https://", "http://")) else mark


def _address(pieces: Sequence[Evidence]) -> str:
    path = pieces[0]["image"].partition("?")[0]
    return f"{path}?" + "&".join(f"evidence={piece['id']}" for piece in pieces[:20])


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation and what was said to it."""

    question: str
    asked: str
    """As it was asked, where that is not the same."""
    text: str
    """Markdown."""
    citations: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, facts: Any) -> Turn | None:
        """What `told` told; None where it is nothing of the kind."""
        match facts:
            case {"question": str(question), "asked": str(asked), "text": str(text), "citations": [*citations]}:
                return cls(question, asked, text, tuple(citations))
        return None

    def told(self) -> dict[str, Any]:
        """As plain values."""
        return {"question": self.question, "asked": self.asked, "text": self.text, "citations": list(self.citations)}


def exported(turns: Iterable[Turn], when: str, words: Words) -> str:
    """A conversation as Markdown."""
    lines = [f"# Clinical Metabolomics Oracle, {when}"]
    for turn in turns:
        lines.append(f"## {plain(turn.question)}")
        if turn.asked and turn.asked != turn.question:
            lines.append(f"*{words.follows}: {plain(turn.asked)}*")
        lines.append(turn.text)
    return "\n\n".join(lines) + "\n"


def cited(turns: Iterable[Turn]) -> list[Mapping[str, Any]]:
    """The papers of a conversation, each once, in the order in which they were cited."""
    found = {(c["paper_id"], c["version"]): c for turn in turns for c in turn.citations}
    return list(found.values())
