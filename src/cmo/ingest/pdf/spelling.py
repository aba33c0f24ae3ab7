"""Lines to running text: words broken at the end of a line are made whole.

Whether a hyphen is the printer's or the author's is decided by the document itself: "signif-icance" is joined because
"significance" stands elsewhere in it, "age-matched" keeps its hyphen because it stands with it elsewhere, or because both
its parts are words of the document.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from cmo.ingest.pdf.lines import Line


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TRIM = "()[]{}.,;:!?\"'“”‘’*†‡§"
_BROKEN = re.compile(r"[^\W\d_]-$")
_TAIL = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_WORDS = _set_of("self well high low half long short cross all ultra")
"""First parts of compounds that keep their hyphen."""
_PREFIXES = _set_of("non anti post pre semi multi ex co inter intra")
_SUFFIXES = _set_of(
    "based dependent derived free fold induced like linked mediated related rich specific treated type associated "
    "sensitive resistant positive negative matched bound binding coupled labeled labelled activated stimulated fed "
    "deficient independent responsive containing producing inducing lowering promoting old day week year"
)
_HABIT = 3
"""So many compounds of a prefix with a hyphen show that the author writes it so."""
_SOLE = 3
"""Letters that a part must have to count as a word of its own."""


class Lexicon:
    """The words of a document, as spelt within its lines."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._habits: dict[str, bool] = {}
        printed: list[str] = []
        for line in lines:
            words = line.words[1:] if line.words[0][:1].islower() else line.words  # it may be the rest of one
            printed.extend(words[:-1] if words and words[-1].endswith("-") else words)
        trimmed: defaultdict[str, int] = defaultdict(int)
        for word, count in Counter(printed).items():  # most words recur, so each is trimmed once
            trimmed[word.strip(_TRIM).lower()] += count
        self._words: Counter[str] = Counter(trimmed)

    def keeps_hyphen(self, stem: str, rest: str) -> bool:
        """Whether the hyphen between the end of a line and the beginning of the next belongs to the word."""
        stem, rest = stem.strip(_TRIM).lower(), rest.strip(_TRIM).lower()
        whole, compound = self._words[stem + rest], self._words[f"{stem}-{rest}"]
        if whole or compound:
            return compound > whole
        tail = stem.rsplit("-", 1)[-1]
        if tail in _PREFIXES and len(rest) > _SOLE:
            return self._hyphenates(tail)
        if tail in _WORDS or (rest in _SUFFIXES and len(tail) > 1):
            return True
        return len(tail) > _SOLE and len(rest) > _SOLE and bool(self._words[tail] and self._words[rest])

    def _hyphenates(self, prefix: str) -> bool:
        """Whether the document writes this prefix with a hyphen more often than without."""
        if prefix not in self._habits:
            with_hyphen = sum(count for word, count in self._words.items() if word.startswith(f"{prefix}-"))
            without = sum(count for word, count in self._words.items() if word.startswith(prefix) and "-" not in word)
            self._habits[prefix] = with_hyphen > without - self._words[prefix] or with_hyphen >= _HABIT
        return self._habits[prefix]

    def joins_name(self, stem: str, rest: str) -> bool:
        """Whether a name with capitals inside, such as NaOCl, was broken: it stands whole elsewhere."""
        return bool(self._words[(stem + rest).strip(_TRIM).lower()])


def seam(line: Line, following: Line, lexicon: Lexicon) -> tuple[int, str]:
    """How a line goes on in the next: characters to drop from its end, and what to put between."""
    last, first = line.words[-1], following.words[0]
    if last.endswith("-") and len(last) > 1:
        if not first[:1].islower() or not _BROKEN.search(last):
            if first[:1].isalpha() and lexicon.joins_name(last[:-1], first):
                return 1, ""
            return 0, "" if first[:1].isalnum() else " "
        match = _TAIL.match(first)
        rest = match[0] if match else first
        if rest in {"and", "or", "to"}:
            return 0, " "
        return (0, "") if lexicon.keeps_hyphen(last[:-1], rest) else (1, "")
    if last.endswith(("–", "/")) and len(last) > 1 and first[:1].isalnum():
        return 0, ""
    return 0, " "
