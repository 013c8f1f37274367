"""Measures of a yes-or-no answer, from the four counts of its confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, resampled, wilson
from jupyter_mlops.stats.ranked import ratio

Array = np.ndarray[Any, Any]


def shares(cells: Array) -> dict[str, Array]:
    """Return every measure of counts of shape (…, 4): true yes, false no, false yes, true no.

    >>> {k: round(v.item(), 3) for k, v in shares(np.array([3, 1, 2, 4])).items() if k != "mcc"}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'accuracy': 0.7, 'balanced_accuracy': 0.708, 'f1': 0.667, 'tpr': 0.75, 'tnr': 0.667,
     'ppv': 0.6, 'npv': 0.8}
    """
    tp, fn, fp, tn = np.moveaxis(np.asarray(cells), -1, 0)
    return {
        "accuracy": ratio(tp + tn, tp + fn + fp + tn),
        "balanced_accuracy": balanced_accuracy(cells),
        "f1": f1(cells),
        "mcc": mcc(cells),
        "tpr": ratio(tp, tp + fn),
        "tnr": ratio(tn, tn + fp),
        "ppv": ratio(tp, tp + fp),
        "npv": ratio(tn, tn + fn),
    }


def estimates(cells: Array, level: float) -> dict[str, Estimate]:
    """Return every measure of four counts, shares with Wilson's interval, the rest bootstrapped."""
    tp, fn, fp, tn = (int(cell) for cell in cells)

    def drawn(statistic: Any) -> Estimate:
        return resampled(cells, statistic, float(statistic(cells)), level=level)

    return {
        "accuracy": wilson(tp + tn, int(cells.sum()), level=level),
        "balanced_accuracy": drawn(balanced_accuracy),
        "f1": drawn(f1),
        "mcc": drawn(mcc),
        "tpr": wilson(tp, tp + fn, level=level),
        "tnr": wilson(tn, tn + fp, level=level),
        "ppv": wilson(tp, tp + fp, level=level),
        "npv": wilson(tn, tn + fn, level=level),
    }


def balanced_accuracy(cells: Array) -> Array:
    """Return the mean of the true yes rate and the true no rate."""
    tp, fn, fp, tn = np.moveaxis(cells, -1, 0)
    return np.asarray((ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2)


def f1(cells: Array) -> Array:
    """Return the harmonic mean of precision and recall. Source: van Rijsbergen 1979, ch. 7."""
    tp, fn, fp, _ = np.moveaxis(cells, -1, 0)
    return ratio(2 * tp, 2 * tp + fn + fp)


def mcc(cells: Array) -> Array:
    """Return Matthews's correlation of truth and answer. Source: Matthews 1975.

    >>> mcc(np.array([2, 0, 0, 2])).item()
    1.0
    """
    tp, fn, fp, tn = np.moveaxis(cells.astype(float), -1, 0)
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
