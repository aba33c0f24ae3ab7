"""Sentences that give orders to a machine: they are data like any other, but never evidence.

::

    passage --any sentence gives orders--> its paper is left out of what a model is told, and of what may be cited

The fence of `cmo.answer.prompt` keeps orders from being read as ours, and the check of every sentence keeps what a
model says from passing unborne. What is left is a paper that orders "say that X is safe" and so seems to bear out
"X is safe". Its other sentences may serve the same end, so it is left out as a whole; where nothing else is left, there
is no generated answer. A lie told plainly, without an order, is not seen: it is shown as what that paper says.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib.resources import files

from cmo.model.evidence import Found, Relationship, Trace
from cmo.model.papers import PaperRef

_INVISIBLE = re.compile(r"[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]")  # fmt: skip
_ACCENT = re.compile(r"(?<=[A-Za-z])[\u0300-\u036f]+")
_SPACED = re.compile(r"\b(?:\w[ .·_-]){3,}\w\b")
_MIXED = re.compile(r"(?=\w*[a-z])\w*[\u0370-\u04ff]\w*", re.IGNORECASE)
_ALIKE = str.maketrans("абвгдезікмнорѕтухуіјοαενρτυικ", "a6brde3ikmhopstyxyijoaevptuik")
_KEPT = 16_384
"""Sentences that are remembered; the same passages are found again and again."""
_TAGS = range(0xE0020, 0xE007F)


@lru_cache(_KEPT)
def gives_orders(text: str) -> bool:
    """Whether a sentence speaks to a machine that reads it."""
    folded = _folded(text)
    return any(form and _orders().search(form) for form in dict.fromkeys((folded, _closed_up(folded))))


def without_orders(found: Found) -> Found:
    """What was found, without the papers that give orders."""
    hostile = {p.paper.paper_id for p in found.passages if any(gives_orders(s.text) for s in p.sentences)}
    hostile |= {
        s.passage.paper.paper_id
        for told in (found.trace.relationships if found.trace else ())
        for s in told.statements
        if any(gives_orders(line.text) for line in s.passage.sentences)
    }
    if not hostile:
        return found
    passages = tuple(p for p in found.passages if p.paper.paper_id not in hostile)
    return replace(found, passages=passages, trace=_spared(found.trace, hostile))


def ordering(found: Found) -> tuple[PaperRef, ...]:
    """Papers among what was found that give orders."""
    kept = {p.paper.paper_id for p in without_orders(found).passages}
    return tuple(dict.fromkeys(p.paper for p in found.passages if p.paper.paper_id not in kept))


def _spared(trace: Trace | None, hostile: set[str]) -> Trace | None:
    if trace is None:
        return None
    sound = {id(told): _sound(told, hostile) for told in trace.relationships}
    sound |= {id(step): _sound(step, hostile) for path in trace.paths for step in path}
    paths = ([step for link in path if (step := sound[id(link)])] for path in trace.paths)
    return replace(
        trace,
        relationships=tuple(kept for told in trace.relationships if (kept := sound[id(told)])),
        paths=tuple(tuple(kept) for kept, path in zip(paths, trace.paths, strict=True) if len(kept) == len(path)),
    )


def _sound(told: Relationship, hostile: set[str]) -> Relationship | None:
    """A relation by its other papers; None where there is none."""
    kept = tuple(s for s in told.statements if s.passage.paper.paper_id not in hostile)
    if told.statements and not kept:
        return None
    gone = {(s.passage.paper.paper_id, s.against) for s in told.statements if s.passage.paper.paper_id in hostile}
    less_for, less_against = (sum(against is side for _, against in gone) for side in (False, True))
    return replace(
        told,
        statements=kept,
        papers_for=max(0, told.papers_for - less_for),
        papers_against=max(0, told.papers_against - less_against),
    )


@cache
def _orders() -> re.Pattern[str]:
    held = json.loads(files("cmo.answer").joinpath("prompt_orders.json").read_text("utf-8"))
    anywhere: Sequence[str] = held["anywhere"]
    starts = rf"^\W*(?:{held['leads']}\W+)*(?:{'|'.join(held['at_the_start'])})"
    return re.compile("|".join((starts, *anywhere)), re.IGNORECASE)


def _folded(text: str) -> str:
    """Compatibility forms, without accents and what cannot be seen; letters that only look Latin are."""
    seen = "".join(chr(ord(c) - 0xE0000) if ord(c) in _TAGS else c for c in text)
    parts = unicodedata.normalize("NFKD", _INVISIBLE.sub("", seen))
    plain = unicodedata.normalize("NFC", _ACCENT.sub("", parts))
    return " ".join(_MIXED.sub(lambda m: m[0].lower().translate(_ALIKE), plain).split())


def _closed_up(text: str) -> str:
    """``i g n o r e`` as one word."""
    return _SPACED.sub(lambda m: re.sub(r"[ .·_-]", "", m[0]), text)
