"""A route as bytes, for what is kept, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import orjson

from cmo.model.routes import Category, Decider, Destination, Reason, ResearchCategory, Route, Scope

CODEC: Final = "route-1"
"""Changes with the form; part of every key."""
_LATELY = 2_048


def encode(route: Route) -> bytes:
    """A route as JSON."""
    return orjson.dumps(route, option=orjson.OPT_NON_STR_KEYS)


@lru_cache(_LATELY)
def decode(data: bytes) -> Route:
    """A route from JSON; the same bytes give the same value, which nobody may change.

    Raises:
        ValueError: it is none.
    """
    said = orjson.loads(data)
    try:
        return _read(said)
    except (TypeError, LookupError) as error:
        raise ValueError("this is no route") from error


def _read(said: Any) -> Route:
    low, high = said["interval"]
    return Route(
        destination=Destination(said["destination"]),
        category=Category(said["category"]),
        research=ResearchCategory(said["research"]),
        scope=Scope(said["scope"]),
        engines=tuple(map(Destination, said["engines"])),
        probability=float(said["probability"]),
        interval=(float(low), float(high)),
        novelty=float(said["novelty"]),
        probabilities={Destination(name): float(p) for name, p in said["probabilities"].items()},
        possible=tuple(map(Destination, said["possible"])),
        research_probability=float(said["research_probability"]),
        decided_by=Decider(said["decided_by"]),
        reasons=tuple(Reason(str(r["name"]), str(r["text"]), float(r["weight"])) for r in said["reasons"]),
        version=str(said["version"]),
        facts={str(name): float(value) for name, value in said["facts"].items()},
    )
