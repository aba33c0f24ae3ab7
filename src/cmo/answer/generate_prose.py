"""What a model says, piece by piece, to the sentences of its prose.

::

    pieces --bounded--> without thoughts --> JSON unwrapped --> sentences, each as soon as the next one has begun
                                                                    └--> plain, once each, about the matter

Models send much that is no prose: thoughts, JSON, tables, apologies, the prompt, the same sentence for ever. None of it
is an error here; what is left over is told, and may be nothing. How the pieces are cut changes nothing of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from cmo.answer.cite_marks import bare, leads_away

Split = Callable[[str], Sequence[tuple[int, int]]]
"""A paragraph to the spans of its sentences."""
CHARS_A_TOKEN = 8
"""At most; what a model says beyond is not listened to."""
_SHORT_TOKEN = 2
"""Characters of a token at least: what is longer may have been cut off by the limit of tokens."""
LONGEST = 1_000
"""Characters of a sentence."""
_MOST_REPEATS = 3
"""Sentences said again after which nobody listens any longer."""
_LEAST_WORDS = 3
_THOUGHT = re.compile(
    r"\s*<\s*(think|thinking|thought|reasoning|reflection|analysis|scratchpad)\b[^>]*>", re.IGNORECASE
)
_OPENING = 24
"""Characters by which it is known whether a reply begins with a thought or as JSON."""
_FENCE = re.compile(r"^\s*```\w*\s*|\s*```\s*$")
_ENDS = re.compile(r"[.!?…][\"'”’»)\]]*$")
_BESIDE = re.compile(r"(?<=[.!?])\s+(?=!\[|[\[{<`|]|https?:)")
"""Where an image, a link or markup follows a sentence, which is none of its own."""
_BOLD = re.compile(r"\*\*|__")
_SPACE = re.compile(r"\s+")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_ECHO = frozenset({"passages", "question", "relations"})
_MOST_STRINGS = 200


def sentences(pieces: Iterable[str], split: Split, *, most_tokens: int) -> Iterator[str]:
    """The claims of a reply: plain sentences without marks, in order, each once."""
    seen: set[str] = set()
    repeats = 0
    whole = _cut(_unwrapped(_thoughtless(_bounded(pieces, most_tokens * CHARS_A_TOKEN))), split, most_tokens)
    for said in (part for told in whole for part in _BESIDE.split(told)):
        plain = bare(said)
        if not _claims(said, plain):
            continue
        key = " ".join(_LETTERS.findall(plain.casefold()))
        if key in seen:
            repeats += 1
            if repeats == _MOST_REPEATS:
                return
            continue
        seen.add(key)
        yield plain


def _claims(said: str, plain: str) -> bool:
    """Whether it says something of the matter, and nothing else comes with it."""
    speaks = len(_LETTERS.findall(plain)) >= _LEAST_WORDS and not plain.endswith(("?", ":")) and plain.count("|") < 2  # noqa: PLR2004 - a row of a table
    return speaks and not leads_away(said.strip()) and not _own_voice().search(plain)


def _bounded(pieces: Iterable[str], most: int) -> Iterator[str]:
    for piece in pieces:
        yield piece[:most]
        most -= len(piece)
        if most <= 0:
            return


def _thoughtless(pieces: Iterator[str]) -> Iterator[str]:
    """Without the thoughts that a reply begins with; all of it, where they never end."""
    held = ""
    for piece in pieces:
        held += piece
        if len(held.lstrip()) >= _OPENING:
            break
    begun = _THOUGHT.match(held)
    if begun is None:
        yield held
        yield from pieces
        return
    end = re.compile(rf"</\s*{begun[1]}\s*>", re.IGNORECASE)
    while not (found := end.search(held)):
        more = next(pieces, None)
        if more is None:
            return
        held += more
    yield held[found.end() :]
    yield from pieces


def _unwrapped(pieces: Iterator[str]) -> Iterator[str]:
    """The texts of a reply in JSON, or in a block of code, a line each; any other reply as it is."""
    held = ""
    for piece in pieces:
        held += piece
        if held.strip():
            break
    if not held.lstrip().startswith(("{", "[", "```")):
        yield held
        yield from pieces
        return
    whole = _FENCE.sub("", held + "".join(pieces))
    try:
        value = json.loads(whole)
    except (ValueError, RecursionError):
        yield f"{whole}\n"
        return
    yield "".join(f"{text}\n" for text in _strings(value))


def _strings(value: Any) -> Iterator[str]:
    """The texts in a value, breadth first; none of one that is the prompt again."""
    waiting, told = [value], 0
    while waiting and told < _MOST_STRINGS:
        item = waiting.pop(0)
        if isinstance(item, str):
            told += 1
            yield item
        elif isinstance(item, dict) and not (len(_ECHO & item.keys()) > 1):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _cut(pieces: Iterator[str], split: Split, most_tokens: int) -> Iterator[str]:
    """Sentences; one is told when the next has begun, or its line has ended."""
    line, length, lost = "", 0, False
    for word in _words(pieces):
        length += len(word)
        line += _BOLD.sub("", word)
        lost = lost or len(line) > LONGEST  # the rest of what is no sentence could be taken for one
        if "\n" in word:
            yield from () if lost else (line[a:b] for a, b in split(line))
            line, lost = "", False
        elif lost:
            line = ""
        else:
            *told, last = split(line) or [(0, 0)]
            if told and " " in line[slice(*last)]:
                yield from (line[a:b] for a, b in told)
                line = line[last[0] :]
    spans = [] if lost else [line[a:b] for a, b in split(line)]
    if spans and length > most_tokens * _SHORT_TOKEN and not _ENDS.search(spans[-1]):
        spans.pop()  # cut off: what it would have gone on to say may be the opposite
    yield from spans


def _words(pieces: Iterator[str]) -> Iterator[str]:
    """Words with the white space behind them, however the pieces are cut."""
    held = ""
    for piece in pieces:
        held += piece
        start = 0
        for match in _SPACE.finditer(held):
            if match.end() == len(held):
                break  # more white space may follow
            yield held[start : match.end()]
            start = match.end()
        held = held[start:]
        if len(held) > LONGEST:
            yield held
            held = ""
    if held:
        yield held


@cache
def _own_voice() -> re.Pattern[str]:
    """How models speak of themselves and of what they were given."""
    held = json.loads(files("cmo.answer").joinpath("prompt.json").read_text("utf-8"))
    return re.compile("|".join(held["own_voice"]), re.IGNORECASE)
