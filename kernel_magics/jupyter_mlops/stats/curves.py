"""Points for pictures, from profiles of scores or residuals: no rows are needed any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats import cells
from jupyter_mlops.stats.intervals import Estimate, wilson
from jupyter_mlops.stats.ranked import ratio
from jupyter_mlops.stats.residuals import Residuals
from jupyter_mlops.stats.scores import Scores

Array = np.ndarray[Any, Any]
RELIABILITY_BINS: Final = 10


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a curve and the threshold of each, all of shape (m,)."""

    x: Array
    y: Array
    threshold: Array


def _reached(kept: Scores) -> tuple[Array, Array, Array]:
    """Return misses and hits that reach each cut, from none to all, and the cuts."""
    counts = np.maximum(kept.counts[::-1], 0)
    held = counts.any(axis=1)
    misses, hits = np.cumsum(counts[held], axis=0).T
    cuts = cells.EDGES[:-1][::-1][held]
    return np.insert(misses, 0, 0), np.insert(hits, 0, 0), np.insert(cuts, 0, 1.0)


def roc(kept: Scores) -> Curve:
    """Return true positive rate (y) over false positive rate (x). Source: Fawcett 2006, §3.

    >>> from jupyter_mlops.stats.scores import scores
    >>> roc(scores([0, 1], [0.2, 0.9])).y.tolist()
    [0.0, 1.0, 1.0]
    """
    misses, hits, cuts = _reached(kept)
    return Curve(ratio(misses, misses[-1]), ratio(hits, hits[-1]), cuts)


def precision_recall(kept: Scores) -> Curve:
    """Return precision (y) over recall (x). Source: Davis & Goadrich 2006, §2.

    >>> from jupyter_mlops.stats.scores import scores
    >>> precision_recall(scores([0, 1], [0.2, 0.9])).y.tolist()
    [1.0, 0.5]
    """
    misses, hits, cuts = _reached(kept)
    return Curve(ratio(hits, hits[-1])[1:], ratio(hits, hits + misses)[1:], cuts[1:])


def lift(kept: Scores) -> Curve:
    """Return how much likelier a hit is (y) among the highest share of scores (x).

    >>> from jupyter_mlops.stats.scores import scores
    >>> lift(scores([0, 1], [0.2, 0.9])).y.tolist()
    [2.0, 1.0]
    """
    misses, hits, cuts = _reached(kept)
    rows = hits + misses
    return Curve(
        ratio(rows, rows[-1])[1:], ratio(hits * float(rows[-1]), rows * hits[-1])[1:], cuts[1:]
    )


def gain(kept: Scores) -> Curve:
    """Return the share of all hits (y) that is among the highest share of scores (x).

    >>> from jupyter_mlops.stats.scores import scores
    >>> gain(scores([0, 1], [0.2, 0.9])).y.tolist()
    [0.0, 1.0, 1.0]
    """
    misses, hits, cuts = _reached(kept)
    rows = hits + misses
    return Curve(ratio(rows, rows[-1]), ratio(hits, hits[-1]), cuts)


@dataclass(frozen=True)
class Reliability:
    """One bin of a calibration picture: what was said on average, and what came."""

    said: float
    came: Estimate
    rows: int


def calibration(
    kept: Scores, *, bins: int = RELIABILITY_BINS, level: float = 0.95
) -> list[Reliability]:
    """Return mean score and share of hits in equal bins that hold rows.

    Source: Murphy & Winkler 1977, Appl. Statist. 26:41.

    >>> from jupyter_mlops.stats.scores import scores
    >>> found = calibration(scores([0, 1], [0.95, 0.95]))[0]
    >>> round(found.said, 2), found.came.value
    (0.95, 0.5)
    """
    counts = np.maximum(kept.counts, 0)
    belongs = np.minimum((cells.MIDDLES * bins).astype(int), bins - 1)
    hits = np.bincount(belongs, weights=counts[:, 1], minlength=bins)
    rows = np.bincount(belongs, weights=counts.sum(axis=1), minlength=bins)
    sums = np.bincount(belongs, weights=counts.sum(axis=1) * cells.MIDDLES, minlength=bins)
    return [
        Reliability(float(s / r), wilson(int(h), int(r), level=level), int(r))
        for h, r, s in zip(hits, rows, sums, strict=True)
        if r
    ]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts between edges, shape (m,) and (m + 1,), and what lies outside of them."""

    edges: Array
    counts: Array
    below: int
    above: int


def residual_histogram(kept: Residuals, *, bins: int = 20) -> Histogram:
    """Return how often predictions missed by how much, over quantiles of the reference.

    >>> from jupyter_mlops.stats.residuals import residual_cuts, residuals
    >>> cuts = residual_cuts([0.0] * 5, [-2.0, -1.0, 0.0, 1.0, 2.0])
    >>> int(residual_histogram(residuals([0.0, 0.0], [0.5, 9.0], cuts)).counts.sum())
    1
    """
    edges = np.array(kept.cuts.residuals)
    if not len(edges):
        return Histogram(edges, edges.astype(np.int64), 0, kept.n)
    inner = kept.histogram[1:-1]
    ends = np.linspace(0, len(inner), min(bins, len(inner)) + 1).round().astype(int)
    counts = np.add.reduceat(inner, ends[:-1])
    return Histogram(edges[ends], counts, int(kept.histogram[0]), int(kept.histogram[-1]))


def predicted_against_actual(kept: Residuals) -> tuple[Array, Array]:
    """Return edges (m,) and counts (m + 1, m + 1) of truth cell × prediction cell.

    First and last cells are what lies below and above every edge.

    >>> from jupyter_mlops.stats.residuals import residual_cuts, residuals
    >>> cuts = residual_cuts([0.0, 1.0], [0.0, 1.0])
    >>> int(predicted_against_actual(residuals([0.5], [0.5], cuts))[1].trace())
    1
    """
    return np.array(kept.cuts.values), kept.joint
