"""The parts of `cmo bench serve`, in the order in which they are measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cmo.bench import serving_idle as idle
from cmo.bench import serving_long as long
from cmo.bench import serving_peer as peer
from cmo.bench import serving_speed as speed
from cmo.bench.serving import Part

PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    {
        "uncached": speed.uncached,
        "half": speed.half,
        "overload": speed.overload,
        "kept": speed.kept,
        "users": speed.users,
        "instruments": long.instruments,
        "connections": idle.connections,
        "peer": peer.peer,
        "soak": long.soak,
    }
)
