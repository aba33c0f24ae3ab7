"""Sentences changed so that they say something else: a negation, a direction, a number or a name is exchanged.

What is changed is crude English now and then; the scorer reads no grammar, so that does not matter to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from cmo.assess.words import Rarity, stem
from cmo.bench.grounding_rows import Row
from cmo.model.assessments import Verdict

_VERBS = (
    ("increase", "decrease"), ("enhance", "reduce"), ("elevate", "decrease"), ("raise", "lower"), ("promote", "inhibit"),
    ("activate", "inhibit"), ("stimulate", "suppress"), ("induce", "suppress"), ("upregulate", "downregulate"),
    ("improve", "worsen"), ("accelerate", "slow"), ("augment", "attenuate"), ("boost", "impair"),
    ("encourage", "prevent"), ("facilitate", "block"), ("exacerbate", "alleviate"), ("aggravate", "ameliorate"),
    ("prolong", "shorten"), ("strengthen", "weaken"), ("trigger", "prevent"),
)  # fmt: skip
_WORDS = (
    ("higher", "lower"), ("high", "low"), ("more", "less"), ("greater", "smaller"), ("larger", "smaller"), ("longer", "shorter"),
    ("better", "worse"), ("positive", "negative"), ("positively", "negatively"), ("activation", "inhibition"),
    ("upregulation", "downregulation"), ("induction", "suppression"), ("elevation", "reduction"), ("gain", "loss"),
    ("effective", "ineffective"), ("beneficial", "harmful"), ("sensitive", "resistant"), ("sensitivity", "resistance"),
    ("early", "late"), ("protective", "harmful"), ("excess", "deficiency"), ("superior", "inferior"), ("safe", "toxic"),
    ("agonist", "antagonist"), ("presence", "absence"), ("essential", "dispensable"), ("dependent", "independent"),
)  # fmt: skip
_DENIED = (
    (re.compile(r"\b(?:does|do|did) not "), ""),
    (re.compile(r"\b(is|are|was|were|can|could|may|will|has|have|had) not\b"), r"\1"),
    (re.compile(r"\bcannot\b"), "can"),
    (re.compile(r"\bno\b ", re.IGNORECASE), ""),
    (re.compile(r"\black(?:s|ed)?\b"), "have"),
    (re.compile(r"\b(is|are|was|were|can|could|may|might|will|has|have|had|must|should)\b"), r"\1 not"),
    (re.compile(r"\b([a-z]{3,}(?<![sui])s)\b(?= (?!of\b))"), r"does not \1"),
)
_NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w-]*[A-Za-z])")
_NAME = re.compile(r"[A-Za-z][\w-]{3,}")
_FACTORS = (0.3, 0.5, 1.7, 2.0, 3.0)


def corrupted(rows: Sequence[Row], seed: int = 0) -> Iterator[Row]:
    """Supported claims, and sentences of their evidence as they are, each changed in up to four ways."""
    chance = np.random.default_rng(seed)
    whole = [row for row in rows if row.label is Verdict.SUPPORTED]
    for n, row in enumerate(whole):
        other = whole[(n * 7 + 13) % len(whole)].claim
        first = row.evidence[0]
        yield Row(first, row.evidence, Verdict.SUPPORTED, "copy", row.group)
        for start, text in (("claim", row.claim), ("copy", first)):
            for name, label, changed in _changes(text, other, chance):
                if changed and changed != text:
                    yield Row(changed, row.evidence, label, f"{start}-{name}", row.group)


def denied(text: str) -> str:
    """The opposite by a negation, put in or taken out."""
    for pattern, instead in _DENIED:
        changed = pattern.sub(instead, text, count=1)
        if changed != text:
            return changed
    return f"There is no evidence that {text}"


def turned(text: str) -> str:
    """The first word that says which way something goes, turned round; the same text where there is none."""
    opposites = _opposites()
    for match in re.finditer(r"[A-Za-z-]+", text):
        if match[0].lower() in opposites:
            return text[: match.start()] + opposites[match[0].lower()] + text[match.end() :]
    return text


def miscounted(text: str, chance: np.random.Generator) -> str:
    """One number made another; the same text where there is none."""
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        return text
    match = numbers[int(chance.integers(len(numbers)))]
    digits = len(match[0].partition(".")[2])
    value = f"{float(match[0]) * float(chance.choice(_FACTORS)):.{digits}f}"
    return (
        text[: match.start()]
        + (value if float(value) != float(match[0]) else f"{int(float(match[0])) + 7}")
        + text[match.end() :]
    )


def misnamed(text: str, other: str) -> str:
    """The rarest word, exchanged for that of another text."""
    mine, theirs = _rarest(text), _rarest(other)
    return text.replace(mine, theirs) if mine and theirs and mine.lower() != theirs.lower() else text


def _changes(text: str, other: str, chance: np.random.Generator) -> Iterator[tuple[str, Verdict, str]]:
    yield "negation", Verdict.CONTRADICTED, denied(text)
    yield "direction", Verdict.CONTRADICTED, turned(text)
    yield "number", Verdict.CONTRADICTED, miscounted(text, chance)
    yield "name", Verdict.UNRELATED, misnamed(text, other)


def _rarest(text: str) -> str:
    rarity = Rarity.shipped()
    return max(_NAME.findall(text), key=lambda word: rarity.idf(stem(word.lower())), default="")


def _opposites() -> dict[str, str]:
    found: dict[str, str] = {}
    pairs = [forms for one, other in _VERBS for forms in zip(_forms(one), _forms(other), strict=True)]
    for one, other in (*pairs, *_WORDS):
        found.setdefault(one, other)
        found.setdefault(other, one)
    return found


def _forms(verb: str) -> tuple[str, str, str, str]:
    base = verb.removesuffix("e")
    return verb, verb + ("es" if verb.endswith("s") else "s"), base + "ed", base + "ing"
