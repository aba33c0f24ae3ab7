"""Letters that a file names wrongly throughout, put right where the document itself shows what they are.

Some fonts draw "Th" as one shape and call it by a sign such as an asterisk: the text then reads "*e", "*is", "*ese".
No language has such words, so a sign that makes them time and again stands for "Th". Mathematical signs under another
name (see `signs`) are proven by an "=" that stands where it must.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from cmo.ingest.pdf import signs
from cmo.ingest.pdf.lines import Line

_ENDINGS = frozenset({"e", "is", "ese", "ere", "us", "erefore", "ey", "eir", "at", "ose", "en", "rough"})
_FEWEST = 3
_SURE = 0.5
_KINDS = 2
"""So many different words must show it."""
_SIGNED = re.compile(r"^([^\w\s]|[\ue000-\uf8ff])([a-z]+)")


def mend(pages: Sequence[Sequence[Line]]) -> None:
    """Put right, in place, what the lines of a document prove to be wrong."""
    _mend_signs(pages)
    _mend_th(pages)


def _mend_signs(pages: Sequence[Sequence[Line]]) -> None:
    marked = [line for lines in pages for line in lines if signs.MARKED.search(line.text)]
    proven = _proven(marked)
    for line in marked:
        line.respell(
            [
                signs.MARKED.sub(lambda one: signs.plain(one[0], sign=signs.font_of(one[0]) in proven), word)
                for word in line.words
            ]
        )


def _proven(lines: Iterable[Line]) -> set[int]:
    """The fonts whose 5 mostly stands between a letter and a number."""
    alone: Counter[int] = Counter()
    equals: Counter[int] = Counter()
    for line in lines:
        for found in filter(lambda one: signs.is_equals(one[0]), signs.MARKED.finditer(line.text)):
            before, after = line.text[: found.start()].rstrip(), line.text[found.end() :].lstrip()
            number = after[:1].isdigit() or bool(signs.MARKED.match(after))
            alone[signs.font_of(found[0])] += 1
            equals[signs.font_of(found[0])] += before[-1:].isalpha() and number
    return {font for font, count in alone.items() if equals[font] > _SURE * count}


def _mend_th(pages: Sequence[Sequence[Line]]) -> None:
    """Put "Th" for the sign that stands for it."""
    seen: Counter[tuple[str, str]] = Counter()
    for lines in pages:
        for line in lines:
            for word in line.words:
                if not word[0].isalnum():
                    found = _SIGNED.match(word)
                    if found and found[2] in _ENDINGS:
                        seen[found[1], found[2]] += 1
    signs = {sign for sign, _ in seen}
    for sign in signs:
        counts = [count for (other, _), count in seen.items() if other == sign]
        if len(counts) >= _KINDS and sum(counts) >= _FEWEST and seen[sign, "e"]:
            _replace(pages, sign)


def _replace(pages: Sequence[Sequence[Line]], sign: str) -> None:
    broken = re.compile(re.escape(sign) + r"(?=[a-z])")
    for lines in pages:
        for line in lines:
            if any(sign in word for word in line.words):
                line.respell([broken.sub("Th", word) for word in line.words])
