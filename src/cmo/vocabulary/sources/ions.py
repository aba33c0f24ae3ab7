"""An acid, its anions and its zwitterion as one concept: ChEBI tells them apart, papers do not.

::

    citric acid ─┬─ citrate(3-)        concept citric acid, synonyms citrate, …, ChEBI ids of all
                 └─ citrate(1-)

They are known by ChEBI's relations between conjugate acids and bases, or, where a file has names only, by the names:
``X zwitterion`` and ``X(2-)`` are X; ``…ate`` is ``…ic acid`` if both exist and the name has no space, for an ester's
name has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from cmo.model.concepts import Concept

_CHARGED = re.compile(r"(?P<stem>.+?)(?: zwitterion|\(\d+[+-]\))$")


def pairs_by_name(ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Ids of an ion and of what it is an ion of.

    Args:
        ids: id of each name.
    """
    for name, identifier in ids.items():
        match = _CHARGED.match(name)
        for neutral in _neutral(match["stem"] if match else name, charged=bool(match)):
            if neutral in ids and ids[neutral] != identifier:
                yield identifier, ids[neutral]
                break


def unite(concepts: Mapping[str, Concept], pairs: Iterable[tuple[str, str]]) -> Iterator[Concept]:
    """One concept for those that pairs connect; the others as they are. In the order of the first of each."""
    root = {identifier: identifier for identifier in concepts}
    for one, other in pairs:
        if one in root and other in root:
            root[_find(root, one)] = _find(root, other)
    groups: dict[str, list[Concept]] = {}
    for identifier, concept in concepts.items():
        groups.setdefault(_find(root, identifier), []).append(concept)
    for members in groups.values():
        yield members[0] if len(members) == 1 else _united(sorted(members, key=_charge))


def _neutral(stem: str, *, charged: bool) -> Iterator[str]:
    if charged:
        yield stem
    if stem.endswith("ate") and " " not in stem:
        yield f"{stem.removesuffix('ate')}ic acid"


def _find(root: dict[str, str], identifier: str) -> str:
    while root[identifier] != identifier:
        root[identifier] = identifier = root[root[identifier]]
    return identifier


def _charge(concept: Concept) -> tuple[bool, bool, int, str]:
    """Neutral before charged, acid before anion, the earlier id first."""
    return bool(_CHARGED.match(concept.name)), concept.name.endswith("ate"), len(concept.id), concept.id


def _united(members: list[Concept]) -> Concept:
    first, *others = members
    names = dict.fromkeys(name for c in members for raw in (c.name, *c.synonyms) for name in [_uncharged(raw)])
    names.pop(first.name, None)
    xrefs: dict[str, dict[str, None]] = {}
    for concept in members:
        for source, values in concept.xrefs.items():
            xrefs.setdefault(source, {}).update(dict.fromkeys(values))
    xrefs.setdefault("CHEBI", {}).update(dict.fromkeys(c.id.removeprefix("CHEBI:") for c in others))
    ours = {c.id for c in members}
    parents = tuple(dict.fromkeys(p for c in members for p in c.parents if p not in ours))
    return replace(first, synonyms=tuple(names), xrefs={s: tuple(v) for s, v in xrefs.items()}, parents=parents)


def _uncharged(name: str) -> str:
    match = _CHARGED.match(name)
    return match["stem"] if match else name
