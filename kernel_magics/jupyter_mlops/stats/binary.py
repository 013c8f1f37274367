"""Accuracy of two classes: from truths and the probability of the second one.

Point figures are exact, over all rows. Intervals of shares are Wilson's, of means normal, of the
AUC DeLong's; the rest are bootstrapped over 200 score bins × class, whose cost does not grow with
rows.
"""

from __future__ import annotations

import math
from typing import Any, Final, overload

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, around, mapped, mean, resampled, wilson

Array = np.ndarray[Any, Any]
SCORE_BINS: Final = 200
RELIABILITY_BINS: Final = 10
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
    ranked = _Ranked(truth, score)
    auc = ranked.auc(level)
    return {
        "log_loss": mean(_log_losses(truth, score), level=level),
        "roc_auc": auc,
        "pr_auc": ranked.bootstrapped(_pr_auc, ranked.average_precision(), level),
        **_confusion(cells, level),
        "ks": ranked.bootstrapped(_ks, ranked.ks(), level),
        "gini": mapped(auc, lambda value: 2 * value - 1),
        "brier": mean((score - truth) ** 2, level=level),
        "ece": ranked.bootstrapped(_ece, _exact_ece(truth, score), level),
        "lift_5": ranked.lift(0.05, level),
        "lift_10": ranked.lift(0.10, level),
    }


def _confusion(cells: Array, level: float) -> dict[str, Estimate]:
    tp, fn, fp, tn = (int(cell) for cell in cells)
    one = cells[None].astype(float)
    return {
        "accuracy": wilson(tp + tn, int(cells.sum()), level=level),
        "balanced_accuracy": resampled(cells, _balanced, float(_balanced(one)[0]), level=level),
        "f1": resampled(cells, _f1, float(_f1(one)[0]), level=level),
        "mcc": resampled(cells, _mcc, float(_mcc(one)[0]), level=level),
        "tpr": wilson(tp, tp + fn, level=level),
        "tnr": wilson(tn, tn + fp, level=level),
        "ppv": wilson(tp, tp + fp, level=level),
        "npv": wilson(tn, tn + fn, level=level),
    }


def _log_losses(truth: Array, score: Array) -> Array:
    chance = np.clip(np.where(truth, score, 1 - score), _TINY, 1)
    return np.asarray(-np.log(chance))


def _ratio(top: Array, bottom: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(bottom > 0, top / bottom, np.nan))


def _balanced(c: Array) -> Array:
    tp, fn, fp, tn = np.moveaxis(c, -1, 0)
    return np.asarray((_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2)


def _f1(c: Array) -> Array:
    tp, fn, fp, _ = np.moveaxis(c, -1, 0)
    return _ratio(2 * tp, 2 * tp + fn + fp)


def _mcc(c: Array) -> Array:
    """Source: Matthews 1975."""
    tp, fn, fp, tn = np.moveaxis(c.astype(float), -1, 0)
    return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


class _Ranked:
    """Rows by falling score, ties together: what all ranking measures are made of."""

    def __init__(self, truth: Array, score: Array) -> None:
        order = np.argsort(-score, kind="stable")
        self._truth, self._score = truth[order], score[order]
        self._n, self._hits = len(truth), int(truth.sum())
        ends = np.flatnonzero(np.diff(self._score)) if self._n else np.empty(0, dtype=np.intp)
        self._ends = np.append(ends, self._n - 1) if self._n else ends
        self._tp = np.cumsum(self._truth)[self._ends] if self._n else ends
        self._fp = self._ends + 1 - self._tp

    @property
    def _misses(self) -> int:
        return self._n - self._hits

    def auc(self, level: float) -> Estimate:
        """Return the area under the ROC curve with the variance of DeLong et al. 1988."""
        if not self._hits or not self._misses:
            return Estimate(math.nan)
        tp, fp = np.diff(self._tp, prepend=0), np.diff(self._fp, prepend=0)
        below = self._misses - self._fp + fp / 2
        above = self._tp - tp / 2
        hit_ranks, miss_ranks = below / self._misses, above / self._hits
        value = float((tp * hit_ranks).sum() / self._hits)
        spread = _variance(hit_ranks, tp, value) / self._hits
        spread += _variance(miss_ranks, fp, value) / self._misses
        found = around(value, math.sqrt(spread), level=level)
        return Estimate(value, max(found.low, 0.0), min(found.high, 1.0))

    def average_precision(self) -> float:
        """Return the area under precision over recall, by steps."""
        if not self._hits:
            return math.nan
        precision = self._tp / (self._ends + 1)
        return float((np.diff(self._tp, prepend=0) * precision).sum() / self._hits)

    def ks(self) -> float:
        """Return the largest distance between the score distributions of the two classes."""
        if not self._hits or not self._misses:
            return math.nan
        return float(np.abs(self._tp / self._hits - self._fp / self._misses).max())

    def lift(self, share: float, level: float) -> Estimate:
        """Return how much likelier the class is among the highest scores than among all."""
        if not self._hits:
            return Estimate(math.nan)
        top = max(math.ceil(share * self._n), 1)
        caught = wilson(int(self._truth[:top].sum()), top, level=level)
        return mapped(caught, lambda found: found * self._n / self._hits)

    def bootstrapped(self, statistic: Any, value: float, level: float) -> Estimate:
        """Return a measure with the bootstrap interval of its binned form."""
        if math.isnan(value):
            return Estimate(value)
        cells = np.arange(self._n) * SCORE_BINS // max(self._n, 1)
        counts = np.zeros((SCORE_BINS, 2), dtype=np.int64)
        np.add.at(counts, (cells, self._truth.astype(int)), 1)
        sums = np.bincount(cells, weights=self._score, minlength=SCORE_BINS)
        means = sums / np.maximum(counts.sum(axis=1), 1)
        found = resampled(counts, lambda drawn: statistic(drawn, means), value, level=level)
        return Estimate(value, max(found.low, 0.0), min(found.high, 1.0))


def _variance(ranks: Array, weights: Array, middle: float) -> float:
    count = weights.sum()
    return float((weights * (ranks - middle) ** 2).sum() / max(count - 1, 1))


def _pr_auc(drawn: Array, _means: Array) -> Array:
    hits, rows = drawn[..., 1], drawn.sum(axis=-1)
    reached, seen = np.cumsum(hits, axis=1), np.cumsum(rows, axis=1)
    precision = _ratio(reached, seen)
    return _ratio(np.nansum(hits * precision, axis=1), hits.sum(axis=1))


def _ks(drawn: Array, _means: Array) -> Array:
    reached = np.cumsum(drawn, axis=1) / np.maximum(drawn.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.abs(reached[..., 0] - reached[..., 1]).max(axis=1))


def _ece(drawn: Array, means: Array) -> Array:
    bins = np.minimum((means * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    total = drawn.sum(axis=(1, 2))
    gaps = np.zeros(len(drawn))
    for cell in np.unique(bins):
        part = drawn[:, bins == cell]
        said = (part.sum(axis=-1) * means[bins == cell]).sum(axis=1)
        gaps += np.abs(said - part[..., 1].sum(axis=1)) / np.maximum(total, 1)
    return gaps


def _exact_ece(truth: Array, score: Array) -> float:
    """Return the expected calibration error over ten equal bins. Source: Naeini et al. 2015."""
    if not len(score):
        return math.nan
    bins = np.minimum((score * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    apart = np.bincount(bins, weights=score - truth, minlength=RELIABILITY_BINS)
    return float(np.abs(apart).sum() / len(score))
