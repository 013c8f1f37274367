"""Does a difference matter? Distances between two shares, on counts over the same cells.

All take counts of shape (k,).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
FURTHEST = 3.5
"""Interquartile ranges from the median at which a value counts that lies further away.

For a symmetric column these are the outer fences of Tukey 1977, Exploratory Data Analysis.
"""


def population_stability_index(reference: Array, current: Array) -> float:
    """Return PSI, the sum of (q − p) ln(q / p): the symmetric Kullback–Leibler divergence.

    A cell that only one sample has counts half a row in the other, so that nothing is infinite.
    Under 0.1 little has moved, above 0.25 much. Source: Siddiqi 2006, Credit Risk Scorecards.

    >>> round(population_stability_index(np.array([50, 50]), np.array([80, 20])), 4)
    0.4159
    """
    p, q = _filled(reference, current)
    return float(((q - p) * np.log(q / p)).sum())


def stability_over(reference: Array, currents: Array, starts: Any = (0,)) -> Array:
    """Return the PSI of each column of many samples against one reference, shape (samples, columns).

    ``reference`` holds the cells of all columns one after another, shape (k,), and ``currents`` those
    of the samples, shape (samples, k); a column begins at each of ``starts``. NaN for a column without
    rows. The same figure as :func:`population_stability_index`, at once.

    >>> found = stability_over(np.array([50, 50, 9]), np.array([[80, 20, 1], [0, 0, 1]]), [0, 2])
    >>> found.round(4).tolist()
    [[0.4159, 0.0], [nan, 0.0]]
    """
    widths = np.diff([*starts, len(reference)])
    sizes = np.add.reduceat(currents, starts, axis=1)
    whole = np.repeat(np.add.reduceat(reference, starts), widths)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.maximum(reference, 0.5) / whole
        q = np.maximum(currents, 0.5)
        q /= np.repeat(sizes, widths, axis=1)
        terms = np.log(q / p)
        terms *= q - p
    terms[(currents == 0) & (reference == 0)] = 0.0
    return np.where(sizes > 0, np.add.reduceat(terms, starts, axis=1), np.nan)


def kullback_leibler(reference: Array, current: Array) -> float:
    """Return the divergence of current from reference, in nats. Source: Kullback & Leibler 1951.

    >>> round(kullback_leibler(np.array([50, 50]), np.array([80, 20])), 4)
    0.1927
    """
    p, q = _filled(reference, current)
    return max(0.0, float((q * np.log(q / p) - q + p).sum()))


def jensen_shannon(reference: Array, current: Array) -> float:
    """Return the Jensen–Shannon distance, base 2, within [0, 1]. Source: Lin 1991.

    >>> jensen_shannon(np.array([10, 0]), np.array([0, 10]))
    1.0
    """
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    divergence = (_times_log(p, middle) + _times_log(q, middle)) / 2
    return math.sqrt(min(max(divergence, 0.0), 1.0))


def hellinger(reference: Array, current: Array) -> float:
    """Return the Hellinger distance, within [0, 1]. Source: Hellinger 1909.

    >>> hellinger(np.array([1, 0]), np.array([0, 1]))
    1.0
    """
    p, q = reference / reference.sum(), current / current.sum()
    return float(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2))


def wasserstein(reference: Array, current: Array, edges: Array) -> float:
    """Return the first Wasserstein distance over fine bins, in units of the reference's IQR.

    Counts are *below*, one per edge, *above*. A value counts at the right edge of its bin, what is
    below at the first edge and what is above at the last, and nothing further than 3.5 IQR from the
    median, so that one wild value moves nothing. Source: Kantorovich 1942; scaled so that columns of
    different units compare.

    >>> four = np.array([0.0, 1.0, 2.0, 3.0])
    >>> wasserstein(np.array([0, 1, 1, 1, 1, 0]), np.array([0, 0, 1, 1, 2, 0]), four)
    0.375
    """
    if len(edges) < 2:  # noqa: PLR2004  (one place has no distances)
        return 0.0
    p = np.cumsum(reference / reference.sum())[1:-2]
    q = np.cumsum(current / current.sum())[1:-2]
    edges = edges / np.abs(edges).max()  # the unit cancels, and no difference overflows
    low, middle, high = (edges[int(np.searchsorted(p, s - 1e-12))] for s in (0.25, 0.5, 0.75))
    scale = high - low if high > low else edges[-1] - edges[0]
    places = np.clip(edges, middle - FURTHEST * scale, middle + FURTHEST * scale)
    return float((np.abs(p - q) * np.diff(places / scale)).sum())


def cramers_v(reference: Array, current: Array) -> float:
    """Return Cramér's V of sample against level, within [0, 1]. Source: Cramér 1946, §21.9.

    >>> round(cramers_v(np.array([50, 50]), np.array([80, 20])), 4)
    0.3145
    """
    kept = (reference + current) > 0
    table = np.array([reference[kept], current[kept]], dtype=float)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return math.sqrt(float(((table - expected) ** 2 / expected).sum() / table.sum()))


def _filled(reference: Array, current: Array) -> tuple[Array, Array]:
    """Return shares without zeros; cells that neither sample has say nothing and are left out."""
    kept = (reference + current) > 0
    return (
        np.maximum(reference[kept], 0.5) / reference.sum(),
        np.maximum(current[kept], 0.5) / current.sum(),
    )


def _times_log(p: Array, middle: Array) -> float:
    held = p > 0
    return float((p[held] * np.log2(p[held] / middle[held])).sum())


def by_chance(psi: float, n_reference: int, n_current: int, *, cells: int) -> float:
    """Return the chance of a PSI at least as large where nothing moved.

    PSI over ``1/n + 1/m`` is chi-square with one degree of freedom fewer than cells.

    Source: Yurdakul & Naranjo 2020, Statistical properties of the population stability index,
    J. Risk Model Validation 14(4):89.

    >>> by_chance(0.1, 1000, 50, cells=10) > 0.05, by_chance(0.1, 1000, 5000, cells=10) < 1e-6
    (True, True)
    """
    from scipy.special import chdtrc

    if cells < 2 or min(n_reference, n_current) < 1:  # noqa: PLR2004  (one cell cannot move)
        return 1.0
    return float(chdtrc(cells - 1, psi / (1 / n_reference + 1 / n_current)))
