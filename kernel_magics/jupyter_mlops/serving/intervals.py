"""How wide an answer is: intervals around values, sets of classes; figures of its own version."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.domain.limits import Limits

Interval = dict[str, list[float]]


class Intervals:
    """The intervals of one version, by level: looked up, never computed while somebody waits."""

    def __init__(self, limits: Limits) -> None:
        self._edges = limits.edges
        self._least = limits.least
        self._by_category = [
            [
                (level, half)
                for level, widths in limits.half.items()
                if (half := widths[k]) is not None
            ]
            for k in range(len(limits.edges) + 1)
        ]

    def __bool__(self) -> bool:
        """Say whether there is anything to tell around a value."""
        return any(self._by_category)

    def around(self, values: Sequence[float]) -> list[Interval | None]:
        """Return the intervals around values, by level; None where too little is known."""
        return [
            {level: [value - half, value + half] for level, half in known} or None
            for value, known in zip(values, self._known(values), strict=True)
        ]

    def widths(
        self, values: Sequence[float], chances: Sequence[Sequence[float]] | None, level: str
    ) -> list[float]:
        """Return the width of each interval, or how many classes are in each set.

        Infinite, or all classes, where too little is known.
        """
        if chances is not None:
            least = self._least.get(level, -math.inf)
            return [float(sum(chance >= least for chance in row)) for row in chances]
        halves = [dict(known).get(level, math.inf) for known in self._by_category]
        return [2 * halves[bisect_right(self._edges, value)] for value in values]

    def _known(self, values: Sequence[float]) -> list[list[tuple[str, float]]]:
        if len(self._by_category) == 1:
            return self._by_category * len(values)
        return [self._by_category[bisect_right(self._edges, value)] for value in values]
