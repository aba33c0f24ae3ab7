"""Reading what the disk may have changed: a place that is not there is damage, not a fault of who asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from cmo.errors import SnapshotCorrupt

_P = ParamSpec("_P")
_T = TypeVar("_T")


def damage_is_corrupt(read: Callable[_P, _T]) -> Callable[_P, _T]:
    """Turn what arrays say of impossible places into an error that says what to do.

    Checksums are compared by `cmo kb verify`, not at every opening, since that would read everything.
    """

    @wraps(read)
    def reading(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return read(*args, **kwargs)
        except (IndexError, ValueError, TypeError, KeyError, MemoryError) as error:
            raise SnapshotCorrupt(f"The graph cannot be read: {error}. Run `cmo kb rebuild`.") from error

    return reading
