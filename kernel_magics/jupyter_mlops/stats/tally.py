"""Which cell each of many numbers falls into: exact, and without sorting them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

GRID: Final = 8_192
BLOCK: Final = 131_072
"""Numbers looked at together, few enough to stay in a processor's cache."""
FEW: Final = 4_096
"""Numbers up to which sorting is as fast."""
_TAIL: Final = 64


def counts(values: Reals, low: float | None, edges: Reals) -> Counts:
    """Return how many numbers are below ``low``, up to each edge, and above the last.

    NaN must not be among them. An even grid tells for most numbers which single edge they have to be
    compared with; the others are searched for. Rounding is monotone, so that the grid never errs.

    >>> counts(np.array([0.0, 1.0, 1.5, 9.0]), 1.0, np.array([1.0, 2.0])).tolist()
    [1, 1, 1, 1]
    """
    if len(values) <= FEW or len(edges) < 2:  # noqa: PLR2004  (nothing to lay a grid over)
        return of_sorted(np.sort(values), low, edges)
    first, scale = grid(edges)
    placed_edges = placed(edges, first, scale)
    before = np.searchsorted(placed_edges, np.arange(GRID), side="left")
    crowded = np.bincount(placed_edges, minlength=GRID) > 1
    nearest = np.append(edges, np.inf)[before]
    found = np.zeros(len(edges) + 1, dtype=np.int64)
    halves = np.zeros(2 * GRID, dtype=np.int64)
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        cell = placed(block, first, scale)
        halves += np.bincount(2 * cell + (block > nearest[cell]), minlength=2 * GRID)
        rest = np.searchsorted(edges, block[crowded[cell]], side="left")
        found += np.bincount(rest, minlength=len(edges) + 1)
    halves[np.repeat(crowded, 2)] = 0
    np.add.at(found, before, halves[::2])
    np.add.at(found, np.minimum(before + 1, len(edges)), halves[1::2])
    below = 0 if low is None else int((values < low).sum())
    return np.concatenate(([below, found[0] - below], found[1:]))


def of_sorted(ordered: Reals, low: float | None, edges: Reals) -> Counts:
    """Return the same of numbers in ascending order: the few edges are searched among them."""
    upper = np.searchsorted(ordered, edges, side="right")
    lower = [0 if low is None else int(np.searchsorted(ordered, low, side="left"))]
    return np.diff(np.concatenate(([0], lower, upper, [len(ordered)])))


def grid(ordered: Reals) -> tuple[float, float]:
    """Return where an even grid begins and how many cells a unit has; tails lie outside of it."""
    tail = len(ordered) // _TAIL
    first, last = float(ordered[tail]), float(ordered[-1 - tail])
    with np.errstate(all="ignore"):
        scale = np.float64(GRID) / (last - first)
    return first, float(scale) if np.isfinite(scale) else 0.0


def placed(values: Reals, first: float, scale: float) -> npt.NDArray[np.intp]:
    """Return the cell of each number; what is outside of the grid is in its first or last cell."""
    with np.errstate(all="ignore"):
        if not scale:  # an infinite distance times nothing is no number
            return np.zeros(len(values), dtype=np.intp)
        return np.clip((values - first) * scale, 0, GRID - 1).astype(np.intp)
