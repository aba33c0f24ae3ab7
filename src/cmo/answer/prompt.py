"""What a language model is asked when it writes an answer; the words are in `prompt.json`.

::

    system: the rules, the same for every question (servers keep it in their prompt caches)
    user:   {"passages": [{"n": 1, "text": "..."}], "relations": [{"n": 9, "text": "..."}], "question": "..."}

All that others wrote is strings of one JSON object, so no text of theirs can end the string it stands in. What a chat
template would read as a change of speaker (``<|im_start|>``, ``[INST]``) is spelled with JSON escapes on top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

from cmo.kit.hashing import hex_hash
from cmo.kit.text import clean_line
from cmo.model.answers import Answer, RelationRow
from cmo.model.chat import Message, Speaker
from cmo.model.evidence import Passage
from cmo.model.papers import CITABLE

_HELD = json.loads(files("cmo.answer").joinpath("prompt.json").read_text("utf-8"))
_TURNS = re.compile(r"<(?=[|/!a-z_])|(?<=[|a-z_/])>|\[(?=/?(?:INST|SYS))|<(?=<)|`{3,}|#{3,}", re.IGNORECASE)
"""What may stand for a change of speaker, or the end of a block, in some model's template."""
MOST_RELATIONS = 8


def messages(
    question: str, passages: Sequence[Passage], relations: Sequence[str], *, most_sentences: int, most_chars: int
) -> list[Message]:
    """The question with its data, numbered through; passages past `most_chars` together are left out."""
    texts = list(_fitting(passages, most_chars))
    data: dict[str, object] = {"passages": _numbered(texts, 1)}
    system = _HELD["system"].replace("{most_sentences}", str(most_sentences))
    if relations:
        data["relations"] = _numbered(relations[:MOST_RELATIONS], len(texts) + 1)
        system += _HELD["system_relations"]
    data["question"] = clean_line(question)  # last, where small models look
    return [Message(Speaker.SYSTEM, system), Message(Speaker.USER, fenced(data))]


def fenced(data: object) -> str:
    """JSON whose strings neither end it nor look like a turn of a conversation."""
    return _TURNS.sub(_escaped, json.dumps(data, ensure_ascii=False))


def chains(answer: Answer) -> list[tuple[RelationRow, ...]]:
    """What the graph found, as it is given to a model: ways between the question's concepts, then single relations."""
    paths = answer.enrichment.paths if answer.enrichment else ()
    return list(dict.fromkeys([*(path for path in paths if path), *((row,) for row in answer.relations)]))


def told(chain: Sequence[RelationRow]) -> str:
    """``phenylalanine increased in phenylketonuria (2 papers, 1 against); phenylketonuria ...``."""
    return "; ".join(_step(row) for row in chain)


@cache
def digest() -> str:
    """Of the prompt."""
    return hex_hash(json.dumps(_HELD, sort_keys=True), size=4)


def _step(row: RelationRow) -> str:
    against = f", {row.papers_against} against" if row.papers_against else ""
    papers = f"{row.papers_for} paper{'s' * (row.papers_for != 1)}" if row.source == "papers" else row.source
    return f"{row.subject.name} {row.type} {row.object.name} ({papers}{against})"


def _numbered(texts: Sequence[str], first: int) -> list[dict[str, object]]:
    return [{"n": n, "text": text} for n, text in enumerate(texts, first)]


def _fitting(passages: Sequence[Passage], most_chars: int) -> Iterator[str]:
    """Texts of passages, whole sentences only, as far as there is room."""
    left = most_chars
    for passage in passages:
        kept: list[str] = []
        for sentence in filter(None, (clean_line(s.text) for s in passage.sentences if s.role in CITABLE)):
            left -= len(sentence) + 1
            if left < 0:
                break
            kept.append(sentence)
        if kept:
            yield " ".join(kept)
        if left < 0:
            return


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in match[0])
