"""Questions that are written differently and ask the same, brought to one form; what might ask something else is left.

::

    raw --> one line --> Unicode forms --> politeness off --> units, Greek --> case, where it bears nothing --> form
     ^------------------------------------ until nothing changes --------------------------------------------´

In doubt two questions stay apart: that costs a computation, while taking them for one would cost a wrong answer. So
digits, signs, charges and stereo prefixes (``L-``, ``(R)-``) are kept, and so is the case of whatever may be a symbol,
a gene or a unit: ``CO`` is not ``Co``, ``NO`` is not ``no``, ``5 mM`` is not ``5 MM``.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from cmo.kit.text import clean_line

_ROUNDS: Final = 12
"""Each only takes away or settles; two are enough for what people write."""
_SHORT: Final = 4
"""Letters of a capitalised word up to which it may be a symbol: ``Co``, ``Pah``, ``Cat``."""
_CACHED: Final = 512

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_POWER = re.compile(r"(?<=[0-9])[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_MARKS = (
    dict.fromkeys(map(ord, "‐‑‒–—−﹣－"), "-")
    | dict.fromkeys(map(ord, "‘’‛ʼ`´"), "'")
    | dict.fromkeys(map(ord, "“”„‟«»"), '"')
)
_MICRO = re.compile(r"(?<![^\W\d_])μ(?=(?:[MgLlmsAVJU]|mol|Mol|mole|moles|Eq|eq|IU|kat|osm|Osm)(?![^\W_]))")
_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau upsilon phi "
    "chi psi omega"
)
_GREEK = {ord(letter): name for letter, name in zip("αβγδεζηθικλμνξοπρςστυφχψω", _NAMES.split(), strict=True)}
_GREEK |= {ord(chr(code).upper()): name.upper() for code, name in _GREEK.items() if chr(code) != "ς"}

_ASKING = r"(?=(?:what|which|why|how|when|where|who|whose|if|whether)\b)"
_BEFORE = re.compile(
    r"(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|hallo|guten tag|bonjour|hola|olá|ciao)[,!.]+ ?"
    r"|(?:please|kindly|bitte|por favor|per favore|s'il (?:vous|te) pla[iî]t)[,:]? "
    rf"|(?:(?:can|could|would|will) you )?(?:please |kindly )?tell me[,:]? {_ASKING}"
    rf"|i(?: would|'d) like to know[,:]? {_ASKING})",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?:(?<=\w)[,;]?|(?<=[^\w ])) (?:please|kindly|thanks(?: a lot| in advance)?|many thanks|thank you(?: very much)?"
    r"|bitte|danke|vielen dank|s'il (?:vous|te) pla[iî]t|merci|por favor|gracias|obrigad[oa]|per favore|grazie)$",
    re.IGNORECASE,
)
_ENDS = "please kindly thanks lot advance you much bitte danke plait plaît merci favor favore gracias obrigado obrigada grazie"
_LAST = frozenset(_ENDS.split())
"""Last words of such an end: looking for one of them first is much quicker."""
_LONGEST_AFTER: Final = 32
_OPENING = "¿¡ "
_CLOSING = " .?!;:,。？！，"
_WORD = re.compile(r"[^\W_]+(?:[^\W_]|[̀-ͯ])*")
_CAPITALISED = re.compile(r"(?<![A-Za-z0-9])[a-z0-9]*[A-Z][A-Za-z0-9]*")
"""The words of plain ASCII that folding could change."""
_OPENERS = (
    "a an the what which who whom whose why how when where is are was were am be do does did has have had can "
    "could may might must shall will would if in on at of by to for from with and or but not no as it its this "
    "that these those there i we you he she they my our your their his her give list name show find tell any some "
    "all each both per than then so such been also into over one two der die das wie wer wo ist sind hat und le "
    "la les que quel qui est el los las qué cómo es son "
)
_PLAIN = frozenset(_OPENERS.split())
"""Words whose capital at the beginning of a question says nothing."""


@lru_cache(_CACHED)
def normalised(text: str) -> str:
    """The one form of a question; the same again for itself."""
    text = clean_line(text)
    for _ in range(_ROUNDS):
        if (after := _round(text)) == text:
            break
        text = after
    return text


def _round(text: str) -> str:
    if text.isascii():
        return _folded(_bare(text.translate(_MARKS) if "`" in text else text))
    text = _POWER.sub(lambda m: "^" + m.group().translate(_RAISED), text)
    text = clean_line(unicodedata.normalize("NFKC", text.translate(_MARKS)))
    return _MICRO.sub("u", _folded(_bare(text))).translate(_GREEK)


def _bare(text: str) -> str:
    """Without politeness and the marks at both ends; as it was, should nothing be left."""
    bare = text.lstrip(_OPENING)
    bare = bare[match.end() :] if (match := _BEFORE.match(bare)) else bare
    bare = bare.rstrip(_CLOSING)
    if bare.rpartition(" ")[2].casefold() in _LAST and (
        match := _AFTER.search(bare, max(0, len(bare) - _LONGEST_AFTER))
    ):
        bare = bare[: match.start()]
    return bare if any(map(str.isalnum, bare)) else text


def _folded(text: str) -> str:
    opening = match.start() if (match := _WORD.search(text)) else 0

    def fold(match: re.Match[str]) -> str:
        word = match.group()
        if not _bears_case(word) or (match.start() == opening and _is_plain(text, match)):
            return word.casefold()
        return word

    return (_CAPITALISED if text.isascii() else _WORD).sub(fold, text)


def _bears_case(word: str) -> bool:
    if any(map(str.isdigit, word)) or word[1:] != word[1:].lower():
        return True
    return len(word) <= _SHORT and word != word.lower()


def _is_plain(text: str, match: re.Match[str]) -> bool:
    """Whether the first word has its capital from standing there: ``Is``, ``A``, but not the ``A`` of ``A-type``."""
    word = match.group()
    if word.casefold() not in _PLAIN or (word == word.upper() and word != "A"):
        return False
    return len(word) > 1 or text[match.end() : match.end() + 1] == " "
