"""Do the arms get the traffic that they should? A check that may be looked at after every request.

A broken assignment makes every other figure wrong, and it shows in the counts first. The Dirichlet mixture of M. Lindon
and A. Malek, Anytime-valid inference for multinomial count data (2020): an e-process, alarm at 1/alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

ALPHA = 0.001
_WEIGHT = 100.0
"""Requests that the prior is worth: a larger one finds small shifts sooner, and large ones later."""


def log_evidence(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Logarithm of the evidence that counts were not drawn by these shares.

    Raises:
        ValueError: there are not as many shares as counts, or they are no positive parts of 1.
    """
    if len(counts) != len(shares) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:  # noqa: PLR2004
        message = f"{list(shares)} are no shares of {len(counts)} arms"
        raise ValueError(message)
    prior = [_WEIGHT * share for share in shares]
    drawn = [a + n for a, n in zip(prior, counts, strict=True)]
    likely = sum(n * math.log(share) for n, share in zip(counts, shares, strict=True))
    return _log_beta(drawn) - _log_beta(prior) - likely


def mismatched(counts: Sequence[int], shares: Sequence[float], alpha: float = ALPHA) -> bool:
    """Whether the assignment is broken."""
    return log_evidence(counts, shares) >= -math.log(alpha)


def _log_beta(parts: Sequence[float]) -> float:
    return sum(map(math.lgamma, parts)) - math.lgamma(sum(parts))
