"""What one side of a search found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows with scores, best first."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    @classmethod
    def none(cls) -> Self:
        """No hits."""
        return cls(np.empty(0, np.int64), np.empty(0, np.float32))

    def within(self, mask: NDArray[np.bool_], limit: int) -> Self:
        """The first hits that a mask over all rows admits."""
        inside = self.rows < len(mask)
        kept = np.flatnonzero(inside)[mask[self.rows[inside]]][:limit]
        return type(self)(self.rows[kept], self.scores[kept])
