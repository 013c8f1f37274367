"""How fast and how reliably requests are answered, from counts that add."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, wilson

Array = np.ndarray[Any, Any]
_RATIO: Final = 1.02
_FASTEST: Final = 1e-3
_CELLS: Final = 1000


@dataclass(frozen=True, eq=False)
class LatencyProfile:
    """Counts of latencies over cells 2 % wide, from 1 µs to about 5 minutes; profiles add."""

    counts: Array

    def __add__(self, other: LatencyProfile) -> LatencyProfile:
        return LatencyProfile(self.counts + other.counts)

    @property
    def n(self) -> int:
        """Return how many latencies were counted."""
        return int(self.counts.sum())

    def quantile(self, q: float) -> float:
        """Return the latency in ms that a share ``q`` does not exceed, within 1 %; NaN if empty.

        >>> round(latency_profile([10.0] * 99 + [1000.0]).quantile(0.5) / 10.0, 1)
        1.0
        """
        if not self.n:
            return math.nan
        rank = max(math.ceil(q * self.n), 1)
        cell = int(np.searchsorted(np.cumsum(self.counts), rank))
        return float(_FASTEST * _RATIO ** (cell + 0.5))

    def slower(self, ms: float) -> int:
        """Return how many latencies lie above a limit, as exactly as a quantile is told.

        More than a share ``1 - q`` of them does exactly when ``quantile(q)`` does.

        >>> latency_profile([10.0] * 90 + [1000.0] * 10).slower(50.0)
        10
        """
        middles = _FASTEST * _RATIO ** (np.arange(_CELLS) + 0.5)
        return int(self.counts[middles > ms].sum())


def latency_profile(ms: Any) -> LatencyProfile:
    """Count latencies in milliseconds, shape (n,)."""
    array = np.maximum(np.asarray(ms, dtype=np.float64), _FASTEST)
    cells = (np.log(array / _FASTEST) / math.log(_RATIO)).astype(np.int64)
    return LatencyProfile(np.bincount(np.minimum(cells, _CELLS - 1), minlength=_CELLS))


def error_rate(errors: int, requests: int) -> Estimate:
    """Return the share of requests that failed, with its 95 % interval; NaN without requests."""
    return wilson(errors, requests)
