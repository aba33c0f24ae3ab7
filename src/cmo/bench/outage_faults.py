"""What can go wrong outside, and outages made of it.

A fault is what happens to one request (`cmo.bench.slow_model`); an outage says which of them happen to the language model,
to the web search and to the shared cache.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from cmo.bench.slow_model import Fault, Reply, spoken
from cmo.ingest.sentences import split

_HANGS: Final = 8.0
"""Seconds that a fault keeps silent: longer than any user waits."""
_SLOW: Final = 3.0
"""Ten times what a model usually takes."""
_TOKEN: Final = 4
"""Letters."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What is wrong outside."""

    name: str
    model: Sequence[Fault] = ()
    """What happens to requests to the language model, drawn for each; none where it works."""
    web: Sequence[Fault] = ()
    cache: str = "none"
    """``none``, ``gone`` or ``hangs``."""


def down(_body: Any) -> Reply:
    """It says that it is broken."""
    return Reply(500, b"{}")


def hangs(_body: Any) -> Reply:
    """It never answers."""
    return Reply(seconds=_HANGS)


def cut(_body: Any) -> Reply:
    """The line breaks."""
    return Reply(cut=True)


def busy(_body: Any) -> Reply:
    """It has too much to do."""
    return Reply(429, b"{}", headers="Retry-After: 1\r\n")


def nonsense(_body: Any) -> Reply:
    """It sends what cannot be read."""
    return Reply(200, b"<html>{")


def silent(body: Any) -> Reply:
    """It begins to speak, and falls silent."""
    said = speaks(body)
    return Reply(200, said.body[: len(said.body) // 2], stalls=_HANGS)


def slow(body: Any) -> Reply:
    """It takes ten times as long."""
    return Reply(200, speaks(body).body, seconds=_SLOW)


def speaks(body: Any) -> Reply:
    """It repeats a sentence of the first passage; asked anything else, it says yes."""
    try:
        text = json.loads(body["messages"][-1]["content"])["passages"][0]["text"]
        start, end = split(text)[0]
        said = text[start:end]
    except (ValueError, LookupError, TypeError):
        said = "Yes."
    return Reply(200, spoken(said, stream=bool(body.get("stream")), tokens=max(1, len(said) // _TOKEN)))


def found(_body: Any) -> Reply:
    """A page of the web."""
    page = {"title": "A page", "url": "https://example.org/a", "date": "2026-01-01", "snippet": "Nothing is known."}
    message = {"role": "assistant", "content": "Nothing is known."}
    facts = {"choices": [{"message": message}], "search_results": [page], "usage": {"completion_tokens": 5}}
    return Reply(200, json.dumps(facts).encode())


FAULTS: Final[Mapping[str, Sequence[Fault]]] = MappingProxyType(
    {
        "down": (down,),
        "cut": (cut,),
        "hangs": (hangs,),
        "falls silent": (silent,),
        "ten times slower": (slow,),
        "busy": (busy,),
        "flapping": (speaks, speaks, down, cut),
        "nonsense": (nonsense,),
        "everything": (speaks, hangs, cut, down, silent, nonsense, busy),
    }
)
"""What can happen to a request to a language model."""
_WEB: Final[Mapping[str, Sequence[Fault]]] = MappingProxyType(
    {"down": (down,), "hangs": (hangs,), "nonsense": (nonsense,)}
)
OUTAGES: Final = (
    Outage("nothing"),
    *(Outage(f"language model: {name}", model=faults) for name, faults in FAULTS.items() if name != "everything"),
    *(Outage(f"web: {name}", web=faults) for name, faults in _WEB.items()),
    Outage("shared cache: gone", cache="gone"),
    Outage("shared cache: hangs", cache="hangs"),
    Outage("everything at once", FAULTS["everything"], (hangs, down, cut), "hangs"),
)


def drawn(faults: Sequence[Fault], otherwise: Fault, seed: int = 7) -> Fault:
    """One of several faults for each request; the same ones every time."""
    chance, lock = np.random.default_rng(seed), threading.Lock()

    def fault(body: Any) -> Reply | None:
        with lock:
            at = int(chance.integers(len(faults))) if faults else -1
        return (faults[at] if faults else otherwise)(body)

    return fault
