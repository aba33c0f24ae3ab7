"""What a question says of where it belongs, by its words alone: the data of `rules.yaml`, read and applied.

::

    text --injected clauses cut--> words --phrases, less what traps cover--> cues
                                     |--> years, identifiers, parts      --> Reading

Cues are features and priors for those who decide. They settle a question only where nothing else can be meant: a
greeting, advice for one person, help to do harm.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Self

import yaml  # type: ignore[import-untyped]

from cmo.kit.hashing import hex_hash
from cmo.model.routes import Destination, ResearchCategory, Scope
from cmo.route.costs import Costs
from cmo.route.phrases import Hit, Phrases, Word, words

_TRAP = "!"
"""Marks a list of traps by its group's name."""
_CLAUSE = re.compile(r"[.!?;:,\n()\[\]{}<>\"“”«»|。！？；：，、—–]")
_PART = re.compile(r"[.!?;\n。！？；]|,\s+(?=and|but|und|et|y|e)\b|\b(?:and|und|et|y|e|plus|sowie)\b|以及|并且|また")
_YEAR = re.compile(r"(?<![\w.])(?:19|20)\d\d(?![\w%])")
_IDENTIFIERS: Mapping[str, re.Pattern[str]] = {
    "hmdb": re.compile(r"\bHMDB\d{5,7}\b", re.IGNORECASE),
    "kegg": re.compile(r"\bC\d{5}\b"),
    "chebi": re.compile(r"\bCHEBI:\d+\b", re.IGNORECASE),
    "inchikey": re.compile(r"\b[A-Z]{14}-[A-Z]{10}-[A-Z]\b"),
    "pmid": re.compile(r"\b(?:PMID|PMC)[:\s]?\d{5,9}\b", re.IGNORECASE),
    "doi": re.compile(r"\b10\.\d{4,9}/\S+"),
    "mz": re.compile(r"\bm/?z\b|(?<![\w.])\d{2,4}\.\d{3,5}(?!\d)", re.IGNORECASE),
    "nct": re.compile(r"\bNCT\d{8}\b", re.IGNORECASE),
}
_PART_LETTERS = 3
RECENT_YEARS = 1
"""A year counts as now until so many years after it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Phrases that speak for the same."""

    name: str
    kind: str
    says: str
    points: Mapping[str, float]
    """By destination, or ``OUT`` and ``UNSAFE``: the keyword router's."""
    work: ResearchCategory | None


@dataclass(frozen=True, slots=True)
class Cue:
    """A group that speaks, with the words that made it."""

    group: Group
    words: tuple[str, ...]
    """Each phrase as the question has it, in its order."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rules see in a question."""

    asked: str
    """The question without what was injected."""
    words: tuple[Word, ...]
    cues: Mapping[str, Cue]
    """By the name of their group."""
    trapped: frozenset[str]
    """Groups whose words stood in a trap alone."""
    years: tuple[int, ...]
    identifiers: frozenset[str]
    parts: int
    """How many things are asked."""
    mixed: bool
    """Whether one part speaks of now and another does not."""

    def covers(self, name: str) -> bool:
        """Whether the phrases of a group are all that the question says."""
        if name not in self.cues:
            return False
        said = {word for phrase in self.cues[name].words for word in phrase.split()}
        return all(word.text in said for word in self.words)

    def of_kind(self, kind: str) -> list[Cue]:
        """The cues of a kind."""
        return [cue for cue in self.cues.values() if cue.group.kind == kind]


class Rules:
    """The rules, compiled. Safe to share between threads.

    Args:
        facts: as `rules.yaml` holds them.
        digest: changes with any change of them.

    Raises:
        ValueError: they are not of that form.
    """

    def __init__(self, facts: Mapping[str, Any], digest: str) -> None:
        self.version = f"{facts['version']}.{digest}"
        self.costs = Costs.of(facts["costs"])
        self.groups = {name: _group(name, group) for name, group in facts["groups"].items()}
        lists: dict[str, list[str]] = {}
        for name, group in facts["groups"].items():
            lists[name] = _phrases(group["phrases"])
            lists[_TRAP + name] = _phrases(group.get("traps", {}))
        self._phrases = Phrases(lists)
        self._timely = frozenset(n for n, g in self.groups.items() if g.kind == "time" and n != "past")

    @classmethod
    def of(cls, text: str, crisis: str = "") -> Self:
        """From YAML; with the group of cries for help, if it stands apart."""
        facts = loaded(text)
        if crisis:
            facts["groups"]["crisis"] = loaded(crisis)
        return cls(facts, hex_hash(text + crisis, size=4))

    def read(self, text: str, year: int) -> Reading:
        """What a question says; `year` is the present one."""
        found = words(text)
        hits = self._phrases.find(found)
        injected = [hit for hit in hits if self._kind(hit) == "injection"]
        if injected:
            left = _without(text, found, injected)
            if any(character.isalnum() for character in left):
                return self._with(self.read(left, year), injected, found)
        return self._reading(text, found, hits, year)

    def _reading(self, text: str, found: Sequence[Word], hits: Sequence[Hit], year: int) -> Reading:
        kept, trapped = _less_traps(hits)
        years = tuple(int(m.group()) for m in _YEAR.finditer(text))
        timely = [found[hit.first].start for hit in kept if hit.name in self._timely]
        timely += [m.start() for m in _YEAR.finditer(text) if int(m.group()) >= year - RECENT_YEARS]
        parts = _parts(text)
        mixed = len({any(a <= place < b for place in timely) for a, b in parts}) > 1
        return Reading(
            asked=text,
            words=tuple(found),
            cues=self._cues(kept, found),
            trapped=frozenset(trapped),
            years=years,
            identifiers=frozenset(name for name, pattern in _IDENTIFIERS.items() if pattern.search(text)),
            parts=len(parts),
            mixed=mixed,
        )

    def _cues(self, hits: Iterable[Hit], found: Sequence[Word]) -> dict[str, Cue]:
        said: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for hit in hits:
            phrase = hit.phrase or " ".join(word.text for word in found[hit.first : hit.last])
            said[hit.name][phrase] = None
        return {name: Cue(self.groups[name], tuple(phrases)) for name, phrases in said.items()}

    def _with(self, reading: Reading, injected: Sequence[Hit], found: Sequence[Word]) -> Reading:
        cues = {**reading.cues, **self._cues(injected, found)}
        return Reading(
            reading.asked,
            reading.words,
            cues,
            reading.trapped,
            reading.years,
            reading.identifiers,
            reading.parts,
            reading.mixed,
        )

    def _kind(self, hit: Hit) -> str:
        return self.groups[hit.name].kind if not hit.name.startswith(_TRAP) else ""


@cache
def shipped() -> Rules:
    """The rules that come with this package, read once."""
    rules, crisis = (files("cmo.route").joinpath(f"{name}.yaml").read_text("utf-8") for name in ("rules", "crisis"))
    return Rules.of(rules, crisis)


@cache
def _crisis() -> Phrases:
    facts = loaded(files("cmo.route").joinpath("crisis.yaml").read_text("utf-8"))
    return Phrases({"crisis": _phrases(facts["phrases"])})


def cries(text: str) -> bool:
    """Whether somebody speaks of harming themselves; needs no other rules, which take a sixth of a second to load."""
    return bool(_crisis().find(words(text)))


def loaded(text: str) -> dict[str, Any]:
    """YAML as plain values."""
    found: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    return found


def _group(name: str, facts: Mapping[str, Any]) -> Group:
    points = {str(key): float(value) for key, value in facts.get("points", {}).items()}
    known = {*Destination, Scope.OUT.name, Scope.UNSAFE.name}
    if wrong := points.keys() - known:
        raise ValueError(f"rules: {name} points to {min(wrong)!r}; known are {', '.join(sorted(known))}")
    work = ResearchCategory(facts["work"]) if "work" in facts else None
    return Group(name, facts["kind"], facts["says"], points, work)


def _phrases(by_language: Mapping[str, str]) -> list[str]:
    return [phrase.strip() for text in by_language.values() for phrase in text.split(",") if phrase.strip()]


def _less_traps(hits: Sequence[Hit]) -> tuple[list[Hit], set[str]]:
    """Hits that no trap of their group covers, and the groups of the others."""
    traps: defaultdict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        if hit.name.startswith(_TRAP):
            traps[hit.name[1:]].append(hit)
    kept, trapped = [], set()
    for hit in hits:
        if hit.name.startswith(_TRAP):
            continue
        if any(trap.first < hit.last and hit.first < trap.last for trap in traps.get(hit.name, ())):
            trapped.add(hit.name)
        else:
            kept.append(hit)
    return kept, trapped


def _without(text: str, found: Sequence[Word], injected: Sequence[Hit]) -> str:
    """A text less the clauses that give orders."""
    edges = [0, *(m.end() for m in _CLAUSE.finditer(text)), len(text)]
    cut = [False] * (len(edges) - 1)
    for hit in injected:
        first, last = found[hit.first].start, found[hit.last - 1].end
        for n in range(len(cut)):
            if edges[n] < last and first < edges[n + 1]:
                cut[n] = True
    return " ".join(text[edges[n] : edges[n + 1]].strip() for n in range(len(cut)) if not cut[n]).strip(
        ' ,;:-–([{<"“«|'
    )


def _parts(text: str) -> list[tuple[int, int]]:
    """Spans of what may be questions of their own."""
    edges = [0, *(m.start() for m in _PART.finditer(text)), len(text)]
    spans = [(a, b) for a, b in pairwise(edges) if sum(c.isalnum() for c in text[a:b]) >= _PART_LETTERS]
    return spans or [(0, len(text))]
