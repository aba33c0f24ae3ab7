"""Where sentences begin and end in a paragraph of a scientific paper.

A full stop ends a sentence unless it belongs to an abbreviation, an initial, a number or a bracket that is
still open. One regular expression finds every *possible* end; each is then judged by the word before it
and the word after it. Nothing is rewritten: the answer is spans of the paragraph as given.
"""

from __future__ import annotations

import re

__all__ = ["split"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STARTERS = _words(
    "a after all although an and as at because both but by compared consequently conversely despite during each "
    "finally first for from furthermore given he hence here how however if importantly in indeed interestingly it "
    "its many moreover most nevertheless no none notably of on one only other our overall recently second several "
    "she similarly since some such taken that the their then there therefore these they third this those though "
    "three thus to two under unlike until using we what when whereas whether which while who with within"
)
"""Words that begin sentences and are neither surnames nor species: they settle a doubtful full stop."""

_NEVER = _words(
    "fig figs tab tabs eq eqs eqn eqns ref refs sec sect sects chap vs cf e.g i.e eg ie viz approx ca dr mr mrs ms "
    "prof drs messrs suppl supp mt ft cat vol vols pp ed eds tbl scheme resp subsp ssp var cv incl excl mol.wt "
    "n.b nb jr dept univ art nos lit ibid op"
)
"""Abbreviations that always have something after them."""

_SELDOM = _words(
    "al etc sp spp inc ltd co corp no st u.s u.k u.s.a p.m a.m ph.d m.d m.sc b.sc d.c gmbh est max min avg temp conc "
    "wt mol jan feb mar apr jun jul aug sept sep oct nov dec i.p i.v s.c p.o i.m b.i.d t.i.d q.d syn nov gen lab "
    "dist prov bros"
)
"""Abbreviations that may close a sentence: they do when a word that begins sentences follows."""

_BEFORE_LETTER = _words(
    "vitamin vitamins hepatitis group groups type types class factor panel phase stage appendix figure table protein "
    "strain clade cluster arm cohort subtype grade influenza immunoglobulin isoform complex peak compound"
)
"""Words after which a lone capital is a label, so that its full stop ends the sentence: "of vitamin C. Rats"."""

_NUMBERED = _words("no nos vol vols p pp fig figs eq eqs ref refs tab ch chap sec sect art v ver cat")
"""Abbreviations that number what follows: "No. 7"."""

_CITED = r"(?:[\[(]\d[\d,;\s–−-]*[\])]|\d{1,3}(?:\s?[,–−-]\s?\d{1,3})*|[⁰¹²³⁴-⁹]+(?:[,⁻–][⁰¹²³⁴-⁹]+)*)"
_END = re.compile(
    rf"""
    [.!?…\n](?:  # a pattern that begins with a set of characters is searched many times faster
    (?<=[.!?…])(?<![.!?…]{{2}})[.!?…]*+
    (?P<close>["'”’»)\]]*+)
    (?:(?P<mark>\s?\[\d[\d,;\s–−-]*\]|(?<=[.!?])(?<!\d\.){_CITED})(?=\s|$))?
    (?:\s++(?=(?P<next>\S+))|(?=(?:{"|".join(sorted(w.capitalize() for w in _STARTERS if len(w) > 1))})\s))
    | (?<=\n)(?P<blank>[^\S\n]*\n\s*))
    """,
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"[^\s(\[{,;:=/\"“‘'–—]+$")
_DOTTED = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")
_OPENERS = "\"'“‘«([{¿¡"
_SECTION_NUMBER = re.compile(r"(?:[A-Z]|[IVX]{1,5}|\d{1,2}(?:\.\d{1,2}){0,4})")
_LABEL_REACH = 24
"""Characters before a lone letter in which the word that it labels stands."""
_BRACKET_REACH = 160
"""Characters within which an open bracket must close for its full stops not to count."""


def split(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of a paragraph, in order, covering every character that is not white space."""
    spans: list[tuple[int, int]] = []
    size = len(text)
    start = size - len(text.lstrip())
    for match in _END.finditer(text):
        end = start + len(text[start : match.start()].rstrip()) if match["blank"] else _end_of(match)
        if end <= start or match.end() <= start:
            continue
        if match["blank"] or _ends(text, start, match):
            spans.append((start, end))
            start = match.end()
    end = len(text.rstrip())
    if start < end:
        spans.append((start, end))
    return spans


def _end_of(match: re.Match[str]) -> int:
    """Leave a sentence its closing quotes and the citation marks that stand after its full stop."""
    return match.end("mark") if match["mark"] else match.end("close")


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    stop = match.start()
    follow = match["next"] or text[match.end() : match.end() + 12].split(" ", 1)[0]
    if not _may_begin(follow):
        return False
    if text[stop : match.start("close")] == "." and _abbreviated(text, start, stop, follow):
        return False
    return not _inside_bracket(text, start, stop, match.end("close"))


def _may_begin(word: str) -> bool:
    """Say whether this may begin a sentence: a capital, a digit, a Greek letter, or a name such as p53, mTOR or n-3."""
    bare = word.lstrip(_OPENERS)
    if not bare:
        return word[-1:] in _OPENERS
    first = bare[0]
    if not first.islower():
        return first.isalnum() or first in "<>±≥≤~–−-•*†‡§#"
    if first > "ͯ":
        return True
    name = bare.rstrip(".,;:)")
    return not name.islower() or (len(name) > 1 and any(c.isdigit() for c in name))


def _abbreviated(text: str, start: int, stop: int, follow: str) -> bool:
    found = _WORD_BEFORE.search(text, max(start, stop - 40), stop)
    if found is None:
        return False
    word, at_start = found[0], found.start() == start
    if at_start and _SECTION_NUMBER.fullmatch(word):
        return True
    low = word.lower().lstrip(".")
    if low in _NUMBERED and follow[0].isdigit():
        return True
    if low in _NEVER:
        return True
    doubtful = low in _SELDOM or _DOTTED.fullmatch(word) or _is_initial(text, start, found)
    return bool(doubtful) and follow.lstrip(_OPENERS).rstrip(",;:").lower() not in _STARTERS


def _is_initial(text: str, start: int, found: re.Match[str]) -> bool:
    """Tell the initial of a name from a label ("group B.") and a unit ("5 g.")."""
    letter, at = found[0], found.start()
    if len(letter) != 1 or not letter.isalpha():
        return False
    before = text[max(start, at - _LABEL_REACH) : at].split()
    if not before:
        return True
    return not before[-1][-1].isdigit() if letter.islower() else before[-1].lower() not in _BEFORE_LETTER


def _inside_bracket(text: str, start: int, stop: int, end: int) -> bool:
    opened = text.rfind("(", start, stop)
    if opened < 0 or text.find(")", opened, end) >= 0:
        return False
    closed = text.find(")", end, end + _BRACKET_REACH)
    if closed < 0:
        return False
    again = text.find("(", end, closed)
    return again < 0
