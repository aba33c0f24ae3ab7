"""How much will come back: from what came back before, as far as there is enough of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

HISTORY: Final = 200
"""Calls that are looked back on."""
_SHARE: Final = 0.95


def expected_output(before: Sequence[int], most: int) -> int:
    """Tokens that at most one answer of twenty exceeds, never more than `most`; `most` where too few are known.

    The k-th smallest of n, k = ⌈.95 (n + 1)⌉: the next one is no larger with probability k / (n + 1) or more if it is
    like them (exchangeable), however they are distributed. That takes 19 of them.
    """
    place = math.ceil(_SHARE * (len(before) + 1))
    return most if place > len(before) else min(most, sorted(before)[place - 1])
