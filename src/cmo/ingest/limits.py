"""What reading one file may cost."""

from __future__ import annotations

from dataclasses import dataclass

from cmo.ingest.files import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one file in one worker."""

    wall_seconds: float = 120.0
    cpu_seconds: int = 90
    memory_bytes: int = 2_000_000_000
    """Address space of the worker, its interpreter and libraries included."""
    file_bytes: int = MAX_BYTES
    recycle_after: int = 200
    """Files after which a worker is replaced, so that a leak in a reader stays small."""
