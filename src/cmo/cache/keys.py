"""Keys: everything that an answer depends on, and nothing else.

::

    snapshot, tenant, era ---------------------------> scope --.
    variant, versions, locale, how it is asked ----------------+--> key
    the question in its one form (`normalised`) ---------------´

What is not in the key is what two askers share. The snapshot is in it, so an answer is never found again once the
papers changed: that is the only sound way to outdate what is kept. The tenant is in it, so nobody is given another's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from cmo.cache.normal import normalised
from cmo.kit.hashing import hex_hash

LONGEST_QUESTION: Final = 4_000
"""Characters; for longer ones there is no key."""
_WAYS = 1_024


@dataclass(frozen=True, slots=True)
class Key:
    """Where an answer is kept."""

    scope: str
    """32 hex digits: the state of the world that it holds in. All that is kept in a scope can be dropped at once."""
    digest: str
    """32 hex digits: of everything, the scope included."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on besides its question."""

    snapshot: str
    """The state of the papers: something that no other state ever shares."""
    tenant: str = ""
    """For whom it is."""
    variant: str = ""
    """Of the flags that change how answers are made."""
    versions: tuple[str, ...] = ()
    """Of whatever makes answers: models, rules, prompts, the program itself."""
    locale: str = ""
    """The language of the answer, where it is not that of the question."""
    era: str = ""
    """Changes when everything that was kept is disowned."""

    @property
    def scope(self) -> str:
        """The part of the key by which what is outdated is dropped."""
        return hex_hash(self.snapshot, self.tenant, self.era)


def key_of(question: str, basis: Basis, *ways: object) -> Key | None:
    """The key of a question; None for one so long that it is not kept.

    Args:
        question: as it was asked.
        basis: what its answer rests on.
        ways: how it is asked: frozen values such as a mode, filters, a route.
    """
    if len(question) > LONGEST_QUESTION:
        return None
    scope, rest = _settled(basis, ways)
    return Key(scope, hex_hash(scope, rest, normalised(question)))


@lru_cache(_WAYS)
def _settled(basis: Basis, ways: tuple[object, ...]) -> tuple[str, str]:
    rest = hex_hash(basis.variant, basis.locale, hex_hash(*basis.versions), canonical(ways))
    return basis.scope, rest


def canonical(value: object) -> str:
    """A text that two values share only if they are equal; sets in order, frozen values field by field.

    Raises:
        TypeError: the value is of a kind that has no such text.
    """
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case None | bool() | int() | float() | str() | bytes():
            return repr(value)
        case tuple() | list():
            return f"({_joined(map(canonical, value))})"
        case set() | frozenset():
            return f"{{{_joined(sorted(map(canonical, value)))}}}"
        case _ if is_dataclass(value):
            return f"{type(value).__name__}({_joined(canonical(getattr(value, f.name)) for f in fields(value))})"
    raise TypeError(f"{type(value).__name__} cannot be part of a key")


def _joined(parts: Iterable[str]) -> str:
    return ",".join(parts)
