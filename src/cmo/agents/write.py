"""The answers of steps to one answer: parts in their order, each sentence once, citations numbered anew.

No word is added: what stands here was said, and checked, in a step. What no step could answer is told as a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cmo.agents.plan import WHOLE
from cmo.agents.state import Dispute, Step
from cmo.engines import Source

MOST_SENTENCES: Final = 20
_WORD = re.compile(r"\w+")
_ARTICLES = frozenset({"a", "an", "the"})
_WEB = frozenset({Source.WEB.value, Source.WEB_INSTEAD.value, Source.BOTH.value})
Reply = Mapping[str, Any]


def written(question: str, steps: Sequence[Step], disputes: Sequence[Dispute]) -> dict[str, Any]:
    """One answer of all steps, with the fields that `cmo ask --json` prints, and those of deep mode."""
    parts = [step for step in steps if step["why"] != WHOLE]
    whole = [step for step in steps if step["why"] == WHOLE]
    told = [step for step in (*parts, *whole) if _answered(step)]
    merged = _Merged()
    for step in told:
        merged.add(step["reply"] or {})
    gaps = [{"question": step["question"], "why": step["gap"]} for step in (parts or whole) if step["gap"]]
    refused = whole[0]["reply"] if whole and not told else None
    sentences = merged.sentences
    return {
        "question": question,
        "answer": _text(sentences) if sentences else (refused or {}).get("answer", ""),
        "answered": bool(sentences),
        "confidence": told[0]["reply"]["confidence"] if told and told[0]["reply"] else 0.0,
        "sentences": sentences,
        "citations": merged.citations,
        "evidence": list(merged.evidence.values()),
        "sources": merged.labels,
        "refusal": None if sentences else (refused or {}).get("refusal"),
        "source": _source(told),
        "snapshot": next((step["reply"]["snapshot"] for step in told if step["reply"]), ""),
        "disputes": [dict(dispute) for dispute in disputes],
        "gaps": gaps,
        "steps": [_told(step) for step in steps],
    }


class _Merged:
    """An answer as it grows."""

    def __init__(self) -> None:
        self.sentences: list[dict[str, Any]] = []
        self.citations: list[dict[str, Any]] = []
        self.labels: list[str] = []
        self.evidence: dict[str, dict[str, Any]] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self._said: dict[tuple[str, ...], dict[str, Any]] = {}

    def add(self, reply: Reply) -> None:
        """The sentences of a reply that were not said yet; who else says one is cited beside it."""
        papers = dict(_papers(reply))
        evidence = {piece["id"]: piece for piece in reply["evidence"]}
        for sentence in reply["sentences"]:
            key = _key(sentence["text"])
            if key not in self._said:
                if len(self.sentences) == MOST_SENTENCES or self._printed(sentence):
                    continue
                self._said[key] = {**sentence, "citations": [], "evidence": []}
                self.sentences.append(self._said[key])
            said = self._said[key]
            _extend(said["citations"], [self._number(*papers[number]) for number in sentence["citations"]])
            _extend(said["evidence"], sentence["evidence"])
            self._keep(evidence[name] for name in sentence["evidence"])

    def _printed(self, sentence: Mapping[str, Any]) -> bool:
        """Whether all that it rests on was quoted already: it says the same in other words."""
        before = {name for said in self.sentences for name in said["evidence"]}
        return bool(sentence["evidence"]) and before.issuperset(sentence["evidence"])

    def _number(self, cited: Mapping[str, Any], label: str) -> int:
        """Of a paper in the whole answer."""
        name = cited["paper_id"], cited["version"]
        if name not in self._numbers:
            self._numbers[name] = len(self._numbers) + 1
            self.citations.append({**cited, "number": self._numbers[name]})
            self.labels.append(label)
        return self._numbers[name]

    def _keep(self, pieces: Iterator[Mapping[str, Any]]) -> None:
        for piece in pieces:
            number = self._numbers.get((piece["paper_id"], piece["version"]), 0)
            self.evidence.setdefault(piece["id"], {**piece, "citation": number})


def _papers(reply: Reply) -> Iterator[tuple[int, tuple[Mapping[str, Any], str]]]:
    for cited, label in zip(reply["citations"], reply["sources"], strict=True):
        yield cited["number"], (cited, label)


def _answered(step: Step) -> bool:
    return step["reply"] is not None and bool(step["reply"]["sentences"]) and bool(step["reply"]["answered"])


def _source(told: Sequence[Step]) -> str:
    """Where it comes from, with the labels of the documents."""
    found = {step["reply"]["source"] for step in told if step["reply"]}
    if len(found) == 1:
        return str(found.pop())
    if not found:
        return Source.NONE.value
    return Source.BOTH.value if found & _WEB else Source.POOR_PAPERS.value


def _told(step: Step) -> dict[str, Any]:
    reply = step["reply"]
    return {
        "question": step["question"],
        "why": step["why"],
        "mode": step["mode"],
        "answered": _answered(step),
        "answer": reply["answer"] if reply else "",
        "confidence": reply["confidence"] if reply else 0.0,
        "id": reply["id"] if reply else "",
        "gap": step["gap"],
    }


def _text(sentences: Sequence[Mapping[str, Any]]) -> str:
    return " ".join(f"{s['text']} {''.join(f'[{n}]' for n in s['citations'])}" for s in sentences)


def _extend(told: list[Any], more: Sequence[Any]) -> None:
    told.extend(one for one in dict.fromkeys(more) if one not in told)


def _key(text: str) -> tuple[str, ...]:
    return tuple(word for word in _WORD.findall(text.casefold()) if word not in _ARTICLES)
