"""Levels that the reference does not know: more of them than its own rarities explain?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jupyter_mlops.stats.kolmogorov import MOST


def new_levels(reference: Sequence[int], current: Sequence[int]) -> float:
    """Return the one-sided p-value of "no more new levels than the reference leads one to expect".

    The last cell counts the new ones. A reference that made its own levels has none, yet if each of
    its rows is left out in turn, the levels seen once are new: theirs is the share to expect in the
    next sample. With what that leaves, this is Fisher's exact test, mid-p within the bound that the
    other tests keep. Sources: Good 1953, Biometrika 40:237; the variance, Esty 1983.

    >>> new_levels([60, 40, 0], [58, 42, 0])
    1.0
    >>> new_levels([60, 40, 0], [50, 40, 10]) < 0.01
    True
    """
    known, new = np.array(reference[:-1], dtype=np.int64), int(current[-1])
    n, m = int(sum(reference)), int(sum(current))
    if not new or not n:
        return 1.0
    once, twice = int((known == 1).sum()), int((known == 2).sum())  # noqa: PLR2004
    if reference[-1] or not known.all() or not once:
        return _more(int(reference[-1]), n, new, m)
    worth = once / (once + 2 * twice)
    return _more(max(1, round(once * worth)), max(1, round(n * worth)), new, m)


def _more(seen: int, n: int, new: int, m: int) -> float:
    """Return the chance of at least so many marked rows in the second of two samples."""
    from scipy.special import gammaln

    marked, whole = seen + new, n + m
    k = np.arange(new, min(marked, m) + 1, dtype=np.float64)

    def ways(
        top: float, some: np.ndarray[tuple[int], np.dtype[np.float64]] | float
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray(gammaln(top + 1) - gammaln(some + 1) - gammaln(top - some + 1))

    chances = np.exp(ways(marked, k) + ways(whole - marked, m - k) - ways(whole, float(m)))
    at_least = min(1.0, float(chances.sum()))
    return max(at_least - float(chances[0]) / 2, at_least / MOST)
