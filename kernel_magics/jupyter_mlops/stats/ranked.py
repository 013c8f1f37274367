"""Ranking measures of two classes, from counts by falling score.

Counts have shape (…, cells, 2), misses first and hits second, scores falling along the cells; the
leading axes are draws of a bootstrap. Rows are the special case of one cell for each distinct
score; in the cells of a profile scores are tied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, around, resampled, wilson

Array = np.ndarray[Any, Any]
SCORE_BINS: Final = 200
RELIABILITY_BINS: Final = 10


def ratio(top: Array, bottom: Array) -> Array:
    """Return the quotient where there is something to divide by, else NaN.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0])).tolist()
    [0.5, nan]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(bottom > 0, top / bottom, np.nan))


def auc(counts: Array) -> Array:
    """Return the area under the ROC curve, ties counted half. Source: Hanley & McNeil 1982.

    >>> auc(np.array([[0, 1], [1, 0], [0, 1], [1, 0]])).item()
    0.75
    """
    misses, hits = counts[..., 0], counts[..., 1]
    whole = misses.sum(axis=-1, keepdims=True)
    below = whole - np.cumsum(misses, axis=-1) + misses / 2
    pairs = hits.sum(axis=-1).astype(float) * whole[..., 0]
    return ratio((hits * below).sum(axis=-1), pairs)


def average_precision(counts: Array) -> Array:
    """Return the area under precision over recall, by steps.

    >>> round(average_precision(np.array([[0, 1], [1, 0], [0, 1], [1, 0]])).item(), 4)
    0.8333
    """
    hits = counts[..., 1]
    precision = ratio(np.cumsum(hits, axis=-1), np.cumsum(counts.sum(axis=-1), axis=-1))
    return ratio(np.nansum(hits * precision, axis=-1), hits.sum(axis=-1))


def ks(counts: Array) -> Array:
    """Return the largest distance between the score distributions of the two classes.

    >>> ks(np.array([[0, 1], [1, 0], [0, 1], [1, 0]])).item()
    0.5
    """
    reached = np.cumsum(ratio(counts, counts.sum(axis=-2, keepdims=True)), axis=-2)
    return np.asarray(np.abs(reached[..., 0] - reached[..., 1]).max(axis=-1, initial=-np.inf))


def ece(counts: Array, scores: Array) -> Array:
    """Return the expected calibration error over ten equal bins. Source: Naeini et al. 2015.

    >>> round(ece(np.array([[0, 1], [1, 0]]), np.array([0.9, 0.1])).item(), 3)
    0.1
    """
    bins = np.minimum((scores * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    apart = counts.sum(axis=-1) * scores - counts[..., 1]
    gaps = sum(np.abs(apart[..., bins == cell].sum(axis=-1)) for cell in np.unique(bins))
    return ratio(np.asarray(gaps), counts.sum(axis=(-1, -2)))


def caught(counts: Array, share: float) -> tuple[Array, Array]:
    """Return how many hits are among the highest scores, and how many rows these are.

    Of tied rows on the edge the expected number is taken.

    >>> [found.item() for found in caught(np.array([[0, 1], [1, 1], [2, 0]]), 0.4)]
    [1.5, 2.0]
    """
    rows = counts.sum(axis=-1)
    top = np.maximum(np.ceil(share * rows.sum(axis=-1)), 1.0)
    before = np.cumsum(rows, axis=-1) - rows
    taken = np.clip(top[..., None] - before, 0, rows)
    return (counts[..., 1] * taken / np.maximum(rows, 1e-300)).sum(axis=-1), top


def lift(counts: Array, share: float) -> Array:
    """Return how much likelier a hit is among the highest scores than among all.

    >>> lift(np.array([[0, 1], [3, 0]]), 0.25).item()
    4.0
    """
    found, top = caught(counts, share)
    return ratio(found * counts.sum(axis=(-1, -2)), top * counts[..., 1].sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Ranked:
    """Scores from high to low with their misses and hits, and what they say with an interval."""

    scores: Array
    counts: Array

    @classmethod
    def of_rows(cls, truth: Array, score: Array) -> Ranked:
        """Return rows by falling score, ties together."""
        order = np.argsort(-score, kind="stable")
        truth, score = truth[order], score[order]
        if not len(score):
            return cls(score, np.zeros((0, 2), dtype=np.int64))
        ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
        hits = np.diff(np.cumsum(truth)[ends], prepend=0)
        misses = np.diff(ends + 1, prepend=0) - hits
        return cls(score[ends], np.stack([misses, hits], axis=1).astype(np.int64))

    @property
    def both(self) -> bool:
        """Tell whether there are hits as well as misses."""
        return bool((self.counts.sum(axis=0) > 0).all())

    def auc(self, level: float) -> Estimate:
        """Return the area under the ROC curve with the variance of DeLong et al. 1988."""
        if not self.both:
            return Estimate(math.nan)
        misses, hits = self.counts[:, 0], self.counts[:, 1]
        hit_ranks = (misses.sum() - np.cumsum(misses) + misses / 2) / misses.sum()
        miss_ranks = (np.cumsum(hits) - hits / 2) / hits.sum()
        value = float(auc(self.counts))
        spread = _variance(hit_ranks, hits, value) / hits.sum()
        spread += _variance(miss_ranks, misses, value) / misses.sum()
        found = around(value, math.sqrt(spread), level=level)
        return Estimate(value, max(found.low, 0.0), min(found.high, 1.0))

    def lift(self, share: float, level: float) -> Estimate:
        """Return the lift among the highest scores, its interval that of the share caught."""
        whole, hits = int(self.counts.sum()), int(self.counts[:, 1].sum())
        if not hits:
            return Estimate(math.nan)
        found, top = caught(self.counts, share)
        part = wilson(float(found), float(top), level=level)
        return Estimate(*(end * whole / hits for end in (part.value, part.low, part.high)))

    def bootstrapped(self, statistic: Callable[[Array, Array], Array], level: float) -> Estimate:
        """Return a measure with the bootstrap interval of its form over 200 cells."""
        value = float(statistic(self.counts, self.scores)) if len(self.scores) else math.nan
        if not math.isfinite(value):
            return Estimate(math.nan)
        counts, means = self._coarse()
        found = resampled(counts, lambda drawn: statistic(drawn, means), value, level=level)
        return Estimate(value, max(found.low, 0.0), min(found.high, 1.0))

    def _coarse(self) -> tuple[Array, Array]:
        rows = self.counts.sum(axis=1)
        middles = np.cumsum(rows) - rows / 2
        cells = (middles * SCORE_BINS / rows.sum()).astype(int)
        counts = np.zeros((SCORE_BINS, 2), dtype=np.int64)
        np.add.at(counts, cells, self.counts)
        sums = np.bincount(cells, weights=self.scores * rows, minlength=SCORE_BINS)
        return counts, sums / np.maximum(counts.sum(axis=1), 1)


def _variance(ranks: Array, weights: Array, middle: float) -> float:
    count = weights.sum()
    return float((weights * (ranks - middle) ** 2).sum() / max(count - 1, 1))
