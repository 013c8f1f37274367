"""Accuracy of predicted numbers, from truths and predictions.

Intervals of means are normal; of functions of means, the function of the interval's ends; of R² by
its influence function; of the median absolute error by order statistics.
"""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, around, mapped, mean, z_of

Array = np.ndarray[Any, Any]


@overload
def regression(y_true: Any, y_pred: Any, *, interval: None = ...) -> dict[str, float]: ...
@overload
def regression(y_true: Any, y_pred: Any, *, interval: float) -> dict[str, Estimate]: ...
def regression(
    y_true: Any, y_pred: Any, *, interval: float | None = None
) -> dict[str, float] | dict[str, Estimate]:
    """Return every measure of predicted numbers; NaN where one is not defined.

    Args:
        y_true: shape (n,).
        y_pred: shape (n,), in the same unit.
        interval: the level of the intervals; without it plain numbers are returned.

    Measures: rmse, mae, mape (rows whose truth is not 0), rmsle (nothing negative), r2, mad (median
    absolute error), bias (mean of prediction − truth), poisson_deviance, gamma_deviance,
    tweedie_deviance (power 1.5); deviances where truth and prediction allow them.

    >>> regression([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])["mae"]
    0.6666666666666666
    """
    truth = np.asarray(y_true, dtype=np.float64)
    said = np.asarray(y_pred, dtype=np.float64)
    found = _figures(truth, said, interval or 0.95)
    return found if interval else {name: estimate.value for name, estimate in found.items()}


def _figures(truth: Array, said: Array, level: float) -> dict[str, Estimate]:
    apart = said - truth
    nonzero = truth != 0
    return {
        "rmse": mapped(mean(apart**2, level=level), _root),
        "mae": mean(np.abs(apart), level=level),
        "mape": mean(np.abs(apart[nonzero] / truth[nonzero]), level=level),
        "rmsle": _rmsle(truth, said, level),
        "r2": _r2(truth, apart, level),
        "mad": _median(np.abs(apart), level),
        "bias": mean(apart, level=level),
        "poisson_deviance": _deviance(truth, said, 1.0, level),
        "gamma_deviance": _deviance(truth, said, 2.0, level),
        "tweedie_deviance": _deviance(truth, said, 1.5, level),
    }


def _root(value: float) -> float:
    return math.sqrt(max(value, 0.0))


def _rmsle(truth: Array, said: Array, level: float) -> Estimate:
    if (truth < 0).any() or (said < 0).any():
        return Estimate(math.nan)
    return mapped(mean((np.log1p(said) - np.log1p(truth)) ** 2, level=level), _root)


def _r2(truth: Array, apart: Array, level: float) -> Estimate:
    """Return 1 − SSE / SST with the standard error of its influence function."""
    around_mean = (truth - truth.mean()) ** 2 if len(truth) else truth
    total = float(around_mean.sum())
    if not total or len(truth) < 2:  # noqa: PLR2004  (no spread in one value)
        return Estimate(math.nan)
    share = float((apart**2).sum()) / total
    influence = (apart**2 - share * around_mean) / (total / len(truth))
    error = float(influence.std(ddof=1)) / math.sqrt(len(truth))
    return around(1 - share, error, level=level)


def _median(errors: Array, level: float) -> Estimate:
    if not len(errors):
        return Estimate(math.nan)
    ordered = np.sort(errors)
    half = z_of(level) * math.sqrt(len(ordered)) / 2
    low = max(math.floor(len(ordered) / 2 - half), 0)
    high = min(math.ceil(len(ordered) / 2 + half), len(ordered) - 1)
    return Estimate(float(np.median(ordered)), float(ordered[low]), float(ordered[high]))


def _deviance(truth: Array, said: Array, power: float, level: float) -> Estimate:
    """Return the mean Tweedie deviance of a power. Source: Jørgensen 1987, JRSS B 49:127."""
    zero_allowed = power < 2  # noqa: PLR2004  (the gamma distribution has no zero)
    if (said <= 0).any() or (truth < 0).any() or (not zero_allowed and (truth == 0).any()):
        return Estimate(math.nan)
    return mean(deviances(truth, said, power), level=level)


def deviances(truth: Array, said: Array, power: float) -> Array:
    """Return the Tweedie deviance of each row, where the power allows its truth.

    >>> deviances(np.array([1.0]), np.array([1.0]), 1.5).tolist()
    [0.0]
    """
    if power == 1:
        ratio = np.divide(truth, said, out=np.ones_like(truth), where=truth > 0)
        return np.asarray(2 * (truth * np.log(ratio) - truth + said))
    if power == 2:  # noqa: PLR2004
        return np.asarray(2 * (np.log(said / truth) + truth / said - 1))
    return np.asarray(
        2
        * (
            truth ** (2 - power) / ((1 - power) * (2 - power))
            - truth * said ** (1 - power) / (1 - power)
            + said ** (2 - power) / (2 - power)
        )
    )
