"""Count, sum and sum of squares: all that a mean and its interval need, and they add."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, around

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sums:
    """What is kept of one loss: ``a + b`` for both batches, ``a - b`` for what was corrected.

    >>> (Sums.of(np.array([1.0, 2.0])) + Sums.of(np.array([6.0]))).mean().value
    3.0
    """

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, losses: Array) -> Sums:
        """Return the sums of losses of shape (n,)."""
        return cls(len(losses), float(losses.sum()), float(losses @ losses))

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.count + other.count, self.total + other.total, self.squares + other.squares
        )

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            self.count - other.count, self.total - other.total, self.squares - other.squares
        )

    def mean(self, *, level: float = 0.95) -> Estimate:
        """Return the mean with its normal interval; NaN without rows."""
        if self.count < 1:
            return Estimate(math.nan)
        value = self.total / self.count
        if self.count == 1:
            return Estimate(value)
        variance = max(self.squares - self.count * value**2, 0.0) / (self.count - 1)
        return around(value, math.sqrt(variance / self.count), level=level)

    def to_list(self) -> list[float]:
        """Return the three numbers."""
        return [self.count, self.total, self.squares]


NOTHING: Final = Sums()
