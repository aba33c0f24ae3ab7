"""Words of plain English that are also names: ``lead``, ``rest``, ``impact``.

In lower case, or with a capital at the beginning of a sentence, such a word is the word; the name's own case
(``REST``), a definition in the text or the tagger makes it the name. The list holds the folded words that stand at
least four times in the training parts of the corpora of `cmo eval linking` or in the questions of CLINC-150 (Larson et
al., EMNLP 2019), and are marked as a name there in less than one case of ten.
"""

from __future__ import annotations

from importlib.resources import files

from cmo.model.concepts import Kind

PLAIN = frozenset(files("cmo.vocabulary").joinpath("words.txt").read_text("utf-8").split())
"""Folded; words that are met far more often than what they also name."""
STOP = frozenset(
    [
        "a",
        "all",
        "also",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "may",
        "me",
        "might",
        "more",
        "most",
        "must",
        "my",
        "no",
        "nor",
        "not",
        "now",
        "of",
        "off",
        "on",
        "one",
        "or",
        "our",
        "out",
        "over",
        "own",
        "she",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "too",
        "two",
        "under",
        "until",
        "up",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "within",
        "would",
        "you",
        "your",
    ]
)
"""Never a name of any kind when printed in lower case."""
_NAMED_PLAINLY = frozenset({Kind.SPECIMEN, Kind.METHOD, Kind.PATHWAY, Kind.ORGANISM, Kind.OTHER})


def is_plain(form: str, printed: str, kind: Kind) -> bool:
    """Whether a name, as printed, is most likely a plain word.

    Specimens, methods and organisms are called by plain words (serum, mouse): they are names all the same.
    """
    if not printed[1:].islower():
        return False
    return form in STOP or (kind not in _NAMED_PLAINLY and form in PLAIN)
