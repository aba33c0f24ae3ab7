"""Whether what a PDF's text layer holds is language that can be cited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, pairwise

from cmo.errors import PaperRefused
from cmo.ingest.pdf.sheets import Sheet
from cmo.model.outcomes import Refusal

_OCR = "Run text recognition over it (for example `ocrmypdf {name} out.pdf`), then add the result."
_AGAIN = "Run text recognition over it again (for example `ocrmypdf --force-ocr {name} out.pdf`), then add the result."
_UNMAPPED_SHARE = 0.3
_FEWEST_WORDS = 20
"""A page of a scan may carry a stamp of a few words; an article has more."""
_SOUND_SHARE = 0.65
_FEWEST_ALPHANUMERIC = 0.3
_TORN_SHARE = 0.03
"""Ten times what printed articles have."""
_TORN = re.compile(r"[^\W\d_][«»*^~|\\©®£¥¦¬;&!?{}]+[^\W\d_]")
_ADDRESS = re.compile(r"[/@]|www|&\w+=")
_SAMPLE = 500
"""Words that are looked at."""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_PUNCTUATION = re.compile(r"[^\w\s]")
_VOWEL = re.compile(r"[aeiouyäöüáéíóúàèìòùâêîôû]", re.IGNORECASE)
_MEANINGLESS = re.compile("[\ue000-\uf8ff\ufffd]")
_LATIN = re.compile(r"[A-Za-z]")


def check(name: str, sheets: Sequence[Sheet], fewest_words: int = _FEWEST_WORDS) -> None:
    """Raise `PaperRefused` if there is no text, or none that can be read."""
    characters = sum(sheet.characters for sheet in sheets)
    words = list(chain.from_iterable(line.words for sheet in sheets for line in (*sheet.lines, *sheet.aside)))
    unknown = max(sum(sheet.unmapped * sheet.characters for sheet in sheets) / max(characters, 1), _meaningless(words))
    if characters and unknown > _UNMAPPED_SHARE:
        raise PaperRefused(
            Refusal.UNMAPPED_FONTS,
            f"{name} does not say which letters its shapes stand for ({unknown:.0%} unknown).",
            _AGAIN.format(name=name),
        )
    if not words:
        raise PaperRefused(
            Refusal.NO_TEXT_LAYER,
            f"{name} holds pictures of {len(sheets)} page(s), but no text.",
            _OCR.format(name=name),
        )
    if len(words) >= _FEWEST_WORDS and (_sound(words) < _SOUND_SHARE or _torn(words) > _TORN_SHARE):
        raise PaperRefused(
            Refusal.GARBLED,
            f"{name} has a text layer that is no language: its words are full of stray signs.",
            _AGAIN.format(name=name),
        )
    if len(words) < fewest_words:
        raise PaperRefused(
            Refusal.TOO_SHORT, f"{name} has only {len(words)} words.", "Add the whole article, or leave it out."
        )


def _sample(words: Sequence[str]) -> Sequence[str]:
    """Some words of every part of the document."""
    return words[:: max(1, len(words) // _SAMPLE)]


def _meaningless(words: Sequence[str]) -> float:
    """Share of characters that mean nothing outside their font; all of them if hardly any is a letter or digit."""
    text = "".join(_sample(words))
    if not text:
        return 0.0
    if sum(map(str.isalnum, text)) < _FEWEST_ALPHANUMERIC * len(text):
        return 1.0
    return len(_MEANINGLESS.findall(text)) / len(text)


def _torn(words: Sequence[str]) -> float:
    """Share of the words with a sign inside that no language writes there, as bad text recognition makes them."""
    sample = _sample(words)
    return sum(bool(_TORN.search(word)) and not _ADDRESS.search(word) for word in sample) / max(len(sample), 1)


def _sound(words: Sequence[str]) -> float:
    """Share of the words that look like words or numbers of some language."""
    lettered = [word for word in _sample(words) if any(map(str.isalpha, word))]
    if not lettered:
        return 1.0
    sound = {word for word in set(lettered) if _looks_sound(word)}
    return sum(word in sound for word in lettered) / len(lettered)


def _looks_sound(word: str) -> bool:
    core = word.strip("()[]{}.,;:!?\"'“”‘’*†‡§«»<>=±%/–—-•")
    if not core or not _LATIN.search(core):
        return True
    if len(_PUNCTUATION.findall(core.replace("-", "").replace("/", "").replace("'", ""))) * 4 > len(core):
        return False
    if not core[1:].islower() and _humps(core) > 1 and not any(map(str.isdigit, core)):
        return False
    letters = _WORD.findall(core)
    longest = max(map(len, letters), default=0)
    return longest < 4 or core.isupper() or bool(_VOWEL.search(core))  # noqa: PLR2004 - short words may be symbols


def _humps(word: str) -> int:
    """Capitals that follow small letters."""
    return sum(a.islower() and b.isupper() for a, b in pairwise(word))
