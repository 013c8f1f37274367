"""Accuracy of two classes: from truths and the probability of the second one.

Point figures are exact, over all rows. Intervals of shares are Wilson's, of means normal, of the
AUC DeLong's; the rest are bootstrapped over 200 score bins × class, whose cost does not grow with
rows.
"""

from __future__ import annotations

from typing import Any, Final, overload

import numpy as np

from jupyter_mlops.stats import confusion, ranked
from jupyter_mlops.stats.intervals import Estimate, mapped, mean
from jupyter_mlops.stats.ranked import Ranked

Array = np.ndarray[Any, Any]
_TINY: Final = 1e-15


@overload
def binary(
    y_true: Any, y_score: Any, *, threshold: float = ..., interval: None = ...
) -> dict[str, float]: ...
@overload
def binary(
    y_true: Any, y_score: Any, *, threshold: float = ..., interval: float
) -> dict[str, Estimate]: ...
def binary(
    y_true: Any, y_score: Any, *, threshold: float = 0.5, interval: float | None = None
) -> dict[str, float] | dict[str, Estimate]:
    """Return every measure of a two-class model; NaN where one is not defined.

    Args:
        y_true: shape (n,), true or 1 for the class that ``y_score`` speaks of.
        y_score: shape (n,), probabilities of that class.
        threshold: the score from which the class is said.
        interval: the level of the intervals; without it plain numbers are returned.

    Measures: log_loss, roc_auc, pr_auc (average precision), accuracy, balanced_accuracy, f1, mcc,
    tpr, tnr, ppv, npv, ks, gini, brier, ece (ten equal bins), lift_5, lift_10.

    >>> binary([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])["roc_auc"]
    0.75
    """
    truth = np.asarray(y_true).astype(bool)
    score = np.asarray(y_score, dtype=np.float64)
    found = _figures(truth, score, threshold, interval or 0.95)
    return found if interval else {name: estimate.value for name, estimate in found.items()}


def _figures(truth: Array, score: Array, threshold: float, level: float) -> dict[str, Estimate]:
    said = score >= threshold
    cells = np.array(
        [(truth & said).sum(), (truth & ~said).sum(), (~truth & said).sum(), (~truth & ~said).sum()]
    )
    return figures(
        Ranked.of_rows(truth, score),
        cells,
        log_loss=mean(log_losses(truth, score), level=level),
        brier=mean((score - truth) ** 2, level=level),
        level=level,
    )


def figures(
    rows: Ranked, cells: Array, *, log_loss: Estimate, brier: Estimate, level: float
) -> dict[str, Estimate]:
    """Return every measure of ranked rows and of their confusion matrix, counts of shape (4,)."""
    auc = rows.auc(level)
    none = Estimate(float("nan"))
    return {
        "log_loss": log_loss,
        "roc_auc": auc,
        "pr_auc": rows.bootstrapped(lambda c, _: ranked.average_precision(c), level),
        **confusion.estimates(cells, level),
        "ks": rows.bootstrapped(lambda c, _: ranked.ks(c), level) if rows.both else none,
        "gini": mapped(auc, lambda value: 2 * value - 1),
        "brier": brier,
        "ece": rows.bootstrapped(ranked.ece, level),
        "lift_5": rows.lift(0.05, level),
        "lift_10": rows.lift(0.10, level),
    }


def log_losses(truth: Array, score: Array) -> Array:
    """Return what each row costs: minus the logarithm of the chance given to the truth."""
    chance = np.clip(np.where(truth, score, 1 - score), _TINY, 1)
    return np.asarray(-np.log(chance))
