"""Rows of ``{"claim", "evidence", "label"}``: read from a file, made from SciFact's claims, or corrupted on purpose.

From SciFact (Wadden et al., EMNLP 2020), for each claim and each abstract that was judged:

================  ============  ========================================================================
kind              label         evidence
================  ============  ========================================================================
rationale         as judged     the sentences that the judges named
abstract          as judged     the whole abstract
same-abstract     unrelated     as many other sentences of that abstract; some of them do bear on the claim
other-claim       unrelated     a rationale of another claim, drawn at random
nearest           unrelated     the rationale of another claim that shares the most of its rare words
cited             unrelated     the nearest sentences of an abstract that was cited and says too little
cited-abstract    unrelated     the whole of it
================  ============  ========================================================================
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmo.assess.words import Rarity, content, stem, terms
from cmo.errors import NotFound
from cmo.kit.text import clean_line
from cmo.model.assessments import Verdict

PLAIN = frozenset({"rationale", "other-claim", "nearest", "cited"})
"""Kinds that a file of rows holds unless more are asked for: sentences against sentences."""
_MOST_CITED = 3
_LABELS = {"SUPPORT": Verdict.SUPPORTED, "CONTRADICT": Verdict.CONTRADICTED}


@dataclass(frozen=True, slots=True)
class Row:
    """A claim, what is said to it, and what people said of both."""

    claim: str
    evidence: tuple[str, ...]
    label: Verdict
    kind: str = ""
    """How it came about; a report is split by it."""
    group: str = ""
    """Rows of one group are kept on one side of a split."""

    def as_json(self) -> dict[str, Any]:
        """As a line of a file."""
        facts = {"claim": self.claim, "evidence": list(self.evidence), "label": self.label.value}
        return {**facts, "kind": self.kind, "group": self.group}


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be used, and why."""

    number: int
    """1-based."""
    reason: str


def read(path: Path, split: Any) -> tuple[list[Row], list[BadRow]]:
    """Rows of a JSONL file, and the lines that are none.

    Args:
        path: the file; ``.gz`` is unpacked.
        split: a text to the spans of its sentences, for evidence that is one string.

    Raises:
        NotFound: the file is not there.
    """
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows: list[Row] = []
    bad: list[BadRow] = []
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            rows.append(_row(json.loads(line), split, number))
        except ValueError as error:
            bad.append(BadRow(number, str(error)))
    return rows, bad


def scifact(folder: Path, seed: int = 0) -> list[Row]:
    """All kinds of rows from ``claims_train.jsonl`` and ``corpus_sentences.jsonl.gz``."""
    chance = np.random.default_rng(seed)
    claims = [json.loads(line) for line in (folder / "claims_train.jsonl").read_text("utf-8").splitlines()]
    with gzip.open(folder / "corpus_sentences.jsonl.gz", "rt", encoding="utf-8") as lines:
        papers = [json.loads(line) for line in lines]
    abstracts = {int(p["doc_id"]): tuple(filter(None, map(clean_line, p["abstract"]))) for p in papers}
    groups = _groups(claims)
    judged = list(_judged(claims, abstracts, groups))
    return [
        *(row for claim in judged for row in claim.rows(chance)),
        *_others(judged, chance),
        *_cited([claim for claim in claims if not claim["evidence"]], abstracts, groups, chance),
    ]


@dataclass(frozen=True, slots=True)
class _Judged:
    claim: str
    cited: frozenset[int]
    abstract: tuple[str, ...]
    places: tuple[int, ...]
    label: Verdict
    group: str

    @property
    def rationale(self) -> tuple[str, ...]:
        return tuple(self.abstract[n] for n in self.places)

    def rows(self, chance: np.random.Generator) -> Iterator[Row]:
        yield Row(self.claim, self.rationale, self.label, "rationale", self.group)
        if len(self.places) > 1:
            yield Row(self.claim, self.rationale[:1], self.label, "one", self.group)
        yield Row(self.claim, self.abstract, self.label, "abstract", self.group)
        rest = [n for n in range(len(self.abstract)) if n not in self.places]
        if rest:
            drawn = sorted(chance.choice(rest, min(len(rest), len(self.places)), replace=False).tolist())
            evidence = tuple(self.abstract[n] for n in drawn)
            yield Row(self.claim, evidence, Verdict.UNRELATED, "same-abstract", self.group)


def _judged(
    claims: Iterable[Mapping[str, Any]], abstracts: Mapping[int, tuple[str, ...]], groups: Mapping[int, str]
) -> Iterator[_Judged]:
    for claim in claims:
        for paper, sets in claim["evidence"].items():
            places = tuple(sorted({n for one in sets for n in one["sentences"]}))
            cited, label = frozenset(map(int, claim["cited_doc_ids"])), _LABELS[sets[0]["label"]]
            yield _Judged(claim["claim"], cited, abstracts[int(paper)], places, label, groups[claim["id"]])


def _others(judged: Sequence[_Judged], chance: np.random.Generator) -> Iterator[Row]:
    """Each claim once with the rationale of another, and once with the one that is nearest by its words."""
    rarity = Rarity.shipped()
    words = [frozenset(_stems(" ".join(one.rationale))) for one in judged]
    for claim in {one.claim: one for one in judged}.values():
        others = [n for n, one in enumerate(judged) if not one.cited & claim.cited]
        mine = frozenset(_stems(claim.claim))
        near = max(others, key=lambda n: sum(rarity.idf(s) for s in mine & words[n]))
        drawn = int(chance.choice(others))
        for n, kind in ((drawn, "other-claim"), (near, "nearest")):
            yield Row(claim.claim, judged[n].rationale, Verdict.UNRELATED, kind, claim.group)


def _cited(
    claims: Iterable[Mapping[str, Any]],
    abstracts: Mapping[int, tuple[str, ...]],
    groups: Mapping[int, str],
    chance: np.random.Generator,
) -> Iterator[Row]:
    """Claims to which the abstract that they cite says too little."""
    rarity = Rarity.shipped()
    for claim in claims:
        abstract = abstracts[int(claim["cited_doc_ids"][0])]
        mine = frozenset(_stems(claim["claim"]))
        shared = [sum(rarity.idf(s) for s in mine & frozenset(_stems(line))) for line in abstract]
        most = int(chance.integers(1, _MOST_CITED + 1))
        best = sorted(np.argsort(-np.array(shared), kind="stable")[:most].tolist())
        group = groups[claim["id"]]
        yield Row(claim["claim"], tuple(abstract[n] for n in best), Verdict.UNRELATED, "cited", group)
        yield Row(claim["claim"], abstract, Verdict.UNRELATED, "cited-abstract", group)


def _groups(claims: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Claims that share a paper belong together: the one is often the other, turned round."""
    leader: dict[Any, Any] = {}

    def lead(thing: Any) -> Any:
        while leader.setdefault(thing, thing) != thing:
            thing = leader[thing]
        return thing

    for claim in claims:
        for paper in claim["cited_doc_ids"]:
            leader[lead(("claim", claim["id"]))] = lead(("paper", int(paper)))
    return {claim["id"]: str(lead(("claim", claim["id"]))[1]) for claim in claims}


def _stems(text: str) -> Iterator[str]:
    return (stem(word) for word in terms(text) if content(word))


def _row(facts: Any, split: Any, number: int) -> Row:
    if not isinstance(facts, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - what is wrong is the line, not a type of ours
    claim, evidence, label = facts.get("claim"), facts.get("evidence"), facts.get("label")
    if not isinstance(claim, str) or not clean_line(claim):
        raise ValueError("claim is no text")
    if isinstance(evidence, str):
        evidence = [evidence[a:b] for a, b in split(evidence)]
    if not isinstance(evidence, list) or not all(isinstance(line, str) for line in evidence):
        raise ValueError("evidence is neither a text nor a list of texts")
    lines = tuple(re.sub(r"\s+", " ", line[a:b]).strip() for line in evidence for a, b in split(line))
    if not any(lines):
        raise ValueError("evidence is empty")
    if not isinstance(label, str) or label not in Verdict.__members__.values():
        raise ValueError(f"label is {label!r}; it must be one of {', '.join(Verdict)}")
    return Row(clean_line(claim), lines, Verdict(label), str(facts.get("kind", "")), str(facts.get("group", number)))
