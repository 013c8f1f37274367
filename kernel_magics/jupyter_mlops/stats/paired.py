"""Two models on the same rows: by how much their measures differ, and whether chance explains it.

Rows that are easy are easy for both: a paired test sees what two intervals side by side hide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, around, z_of

Array = np.ndarray[Any, Any]
_NAN: Final = math.nan
_FEWEST: Final = 2
"""Rows that a variance needs."""


@dataclass(frozen=True)
class Paired:
    """A measure of the second less that of the first, its interval, and how likely by chance."""

    difference: Estimate
    p_value: float
    test: str


def auc(truth: Any, first: Any, other: Any, *, level: float = 0.95) -> Paired:
    """Return the difference of two areas under the ROC curve on the same rows.

    The variance is that of the differences of placements, ``var(V10₂ − V10₁) / hits +
    var(V01₂ − V01₁) / misses``, the interval normal. Sources: DeLong, DeLong & Clarke-Pearson 1988,
    Biometrics 44:837; by ranks, Sun & Xu 2014, IEEE Signal Process. Lett. 21:1389.

    Args:
        truth: shape (n,), true for a hit.
        first: shape (n,), the scores of the first model.
        other: shape (n,), the scores of the other.
        level: the level of the interval.

    >>> found = auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0.1, 0.2, 0.35, 0.8])
    >>> found.difference.value
    0.25
    """
    hit = np.asarray(truth).astype(bool)
    if min(hit.sum(), (~hit).sum()) < _FEWEST:
        return Paired(Estimate(_NAN), _NAN, "delong")
    hits, misses = zip(
        *(_placements(hit, np.asarray(score)) for score in (first, other)), strict=True
    )
    value = float(hits[1].mean() - hits[0].mean())
    error = math.sqrt(_of_mean(hits[1] - hits[0]) + _of_mean(misses[1] - misses[0]))
    p_value = math.erfc(abs(value) / error / math.sqrt(2)) if error else _certain(value)
    return Paired(around(value, error, level=level), p_value, "delong")


def share(first: Any, other: Any, *, level: float = 0.95) -> Paired:
    """Return the difference of two shares of right answers on the same rows.

    Only the rows where one is right and the other wrong decide. The p-value is McNemar's mid-p, the
    interval that of Bonett & Price with one row added to each of these cells, ``p̃ ± z √((p̃₁₂ +
    p̃₂₁ − p̃²) / (n + 2))``. Sources: Fagerland, Lydersen & Laake 2013, BMC Med. Res. Methodol.
    13:91; Bonett & Price 2012, J. Educ. Behav. Stat. 37:479.

    Args:
        first: shape (n,), true where the first is right.
        other: shape (n,), true where the other is right.
        level: the level of the interval.

    >>> found = share([1, 0, 0, 1], [1, 1, 1, 1])
    >>> found.difference.value, found.p_value
    (0.5, 0.25)
    """
    right = [np.asarray(one).astype(bool) for one in (first, other)]
    n = len(right[0])
    if not n:
        return Paired(Estimate(_NAN), _NAN, "mcnemar")
    lost, won = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    lost_share, won_share = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    middle = won_share - lost_share
    half = z_of(level) * math.sqrt((lost_share + won_share - middle**2) / (n + 2))
    value = (won - lost) / n
    if not lost + won:
        return Paired(Estimate(0.0, -half, half), 1.0, "mcnemar")
    found = Estimate(
        value, max(min(middle - half, value), -1.0), min(max(middle + half, value), 1.0)
    )
    return Paired(found, _mid_p(min(lost, won), lost + won), "mcnemar")


def rmse(truth: Any, first: Any, other: Any, *, level: float = 0.95) -> Paired:
    """Return the difference of two root mean squared errors on the same rows.

    Its standard error is that of the mean of ``e₂² / 2R₂ − e₁² / 2R₁`` (delta method), interval and
    p-value are Student's; of models about equally good this is the paired t-test of their squared
    errors. Source: van der Vaart 1998, Asymptotic Statistics, §3.1.

    Args:
        truth: shape (n,).
        first: shape (n,), the predictions of the first model.
        other: shape (n,), the predictions of the other.
        level: the level of the interval.

    >>> round(rmse([1.0, 2.0, 3.0], [1.0, 2.0, 5.0], [1.0, 2.0, 3.5]).difference.value, 3)
    -0.866
    """
    from scipy.special import stdtr, stdtrit

    was = np.asarray(truth, dtype=np.float64)
    squared = [(np.asarray(said, dtype=np.float64) - was) ** 2 for said in (first, other)]
    n = len(was)
    roots = [math.sqrt(one.mean()) if n else _NAN for one in squared]
    value = roots[1] - roots[0]
    if n < _FEWEST or not all(roots):
        return Paired(Estimate(value), _certain(value) if value == 0 else _NAN, "t")
    added = squared[1] / (2 * roots[1]) - squared[0] / (2 * roots[0])
    error = math.sqrt(_of_mean(added))
    if not error:
        return Paired(Estimate(value, value, value), _certain(value), "t")
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    p_value = 2 * float(stdtr(n - 1, -abs(value) / error))
    return Paired(Estimate(value, value - half, value + half), p_value, "t")


def _placements(hit: Array, score: Array) -> tuple[Array, Array]:
    """Return the share of misses below each hit, and of hits above each miss, ties half."""
    ranks, hits, misses = _ranks(score), int(hit.sum()), int((~hit).sum())
    above = (ranks[hit] - _ranks(score[hit])) / misses
    return above, 1 - (ranks[~hit] - _ranks(score[~hit])) / hits


def _ranks(values: Array) -> Array:
    """Return the rank of each value, of ties the middle one."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(middles[place.reshape(-1)])


def _of_mean(values: Array) -> float:
    """Return the variance of the mean of values."""
    return float(values.var(ddof=1)) / len(values) if len(values) >= _FEWEST else 0.0


def _mid_p(fewer: int, of: int) -> float:
    """Return twice the chance of fewer heads among fair coins, the very number counted half."""
    from scipy.special import bdtr

    below = float(bdtr(fewer - 1, of, 0.5)) if fewer else 0.0
    here = float(bdtr(fewer, of, 0.5)) - below
    return min(2 * (below + here / 2), 1.0)


def _certain(value: float) -> float:
    """Return the p-value where nothing varies: no difference is no evidence."""
    return 1.0 if value == 0 else 0.0
