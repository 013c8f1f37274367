"""How sure a figure is: intervals for shares, means and resampled statistics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]
DRAWS: Final = 400
_SEED: Final = 20260102


@dataclass(frozen=True)
class Estimate:
    """A figure with the ends of its interval; NaN where it is not defined."""

    value: float
    low: float = math.nan
    high: float = math.nan


def z_of(level: float) -> float:
    """Return the normal quantile that a two-sided interval of this level reaches to.

    >>> round(z_of(0.95), 2)
    1.96
    """
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def wilson(hits: float, of: float, *, level: float = 0.95) -> Estimate:
    """Return a share with its score interval. Source: Wilson 1927, JASA 22:209.

    >>> e = wilson(5, 10)
    >>> round(e.low, 3), round(e.high, 3)
    (0.237, 0.763)
    """
    if not of:
        return Estimate(math.nan)
    z, share = z_of(level), hits / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2)) / (1 + z**2 / of)
    return Estimate(share, max(middle - half, 0.0), min(middle + half, 1.0))


def mean(values: Array, *, level: float = 0.95) -> Estimate:
    """Return a mean with its normal interval, values of shape (n,)."""
    if not len(values):
        return Estimate(math.nan)
    value = float(values.mean())
    spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return around(value, spread / math.sqrt(len(values)), level=level)


def around(value: float, error: float, *, level: float = 0.95) -> Estimate:
    """Return a value with the normal interval of its standard error."""
    half = z_of(level) * error
    return Estimate(value, value - half, value + half)


def mapped(estimate: Estimate, function: Callable[[float], float]) -> Estimate:
    """Return an increasing function of an estimate, its interval carried along."""
    ends = (estimate.value, estimate.low, estimate.high)
    return Estimate(*(math.nan if math.isnan(end) else function(end) for end in ends))


def resampled(
    counts: Array, statistic: Callable[[Array], Array], value: float, *, level: float = 0.95
) -> Estimate:
    """Return a figure with the bootstrap interval of a statistic of counts.

    Rows are resampled as the multinomial of their cells, which is the same thing and does not grow
    with rows. ``statistic`` takes counts of shape (draws, …) and returns shape (draws,). The
    interval is centred on ``value``, which may be exact where the cells are coarse, less the bias.

    Source: Efron & Tibshirani 1993, §10.2 and §13.3.
    """
    total = int(counts.sum())
    if not total or math.isnan(value):
        return Estimate(value)
    rng = np.random.default_rng(_SEED)
    flat = rng.multinomial(total, counts.ravel() / total, size=DRAWS)
    drawn = statistic(flat.reshape(DRAWS, *counts.shape))
    coarse = float(statistic(counts[None])[0])
    if np.isnan(drawn).all():
        return Estimate(value)
    tail = (1 - level) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    # a greatest distance is too great in a sample, and in a sample of the sample once more
    bias = float(np.nanmean(drawn)) - coarse
    shift = value - coarse - 2 * bias
    return Estimate(value, min(value, float(low + shift)), max(value, float(high + shift)))


def quantile(values: Any, share: float, *, level: float = 0.95) -> Estimate:
    """Return a quantile with its interval between two of the values, whatever their distribution.

    The ranks of the ends are ``n q ± z √(n q (1 - q))``, the normal form of the binomial that
    counts values below the quantile. Source: Conover 1999, Practical Nonparametric Statistics, §3.2.

    >>> e = quantile(range(1, 101), 0.5)
    >>> e.value, e.low, e.high
    (50.0, 41.0, 61.0)
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if not n:
        return Estimate(math.nan)
    half = z_of(level) * math.sqrt(n * share * (1 - share))
    ranks = (math.ceil(n * share), math.ceil(n * share - half), math.ceil(n * share + half) + 1)
    return Estimate(*(float(ordered[min(max(rank, 1), n) - 1]) for rank in ranks))
