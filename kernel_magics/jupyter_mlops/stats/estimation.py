"""How right answers will turn out to be, before their labels have come.

For classes: confidence-based performance estimation. Scores are calibrated on the reference; among
rows with a calibrated score of 0.8 eight in ten will be hits, so the counts of hits and misses, and
all measures made of them, can be expected. It holds as long as the score means what it meant: when
inputs move, but not when the concept does. That is what the back-test is for.

Sources: NannyML's documentation of CBPE; Guillory, Shankar, Ebrahimi, Darrell & Schmidt 2021, ICCV
(difference of confidences); Garg, Balakrishnan, Lipton, Neyshabur & Sedghi 2022, ICLR.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from jupyter_mlops.stats import cells, classes, columns, confusion, ranked
from jupyter_mlops.stats.backtest import BackTest, back_test
from jupyter_mlops.stats.classes_ahead import cbpe_of_classes
from jupyter_mlops.stats.expected import Measures, Told, told
from jupyter_mlops.stats.intervals import Estimate
from jupyter_mlops.stats.loss import dle, dle_of_parts
from jupyter_mlops.stats.scores import scores

__all__ = [
    "BackTest",
    "back_test",
    "cbpe",
    "cbpe_of_classes",
    "cbpe_of_counts",
    "dle",
    "dle_of_parts",
]

Array = np.ndarray[Any, Any]


@overload
def cbpe(
    reference_score: Any,
    reference_label: Any,
    score: Any,
    *,
    threshold: float = ...,
    labels: Sequence[Any] | None = ...,
    interval: None = ...,
) -> dict[str, float]: ...
@overload
def cbpe(
    reference_score: Any,
    reference_label: Any,
    score: Any,
    *,
    threshold: float = ...,
    labels: Sequence[Any] | None = ...,
    interval: float,
) -> dict[str, Estimate]: ...
def cbpe(
    reference_score: Any,
    reference_label: Any,
    score: Any,
    *,
    threshold: float = 0.5,
    labels: Sequence[Any] | None = None,
    interval: float | None = None,
) -> Told:
    """Return the measures that labels are expected to show; NaN where nothing can be said.

    Args:
        reference_score: shape (n,), probabilities of the class that is 1; or (n, k).
        reference_label: shape (n,), true or 1; or one of ``labels``.
        score: shape (m,) or (m, k), of rows without labels.
        threshold: the score from which the class is said, two classes only.
        labels: the k classes, in the order of the columns; without it those that occur, sorted.
        interval: the level of the band in which the realised measure of these rows will lie.

    >>> found = cbpe([0.1, 0.9] * 500, [0, 1] * 500, [0.1, 0.9, 0.9])
    >>> found["accuracy"], found["roc_auc"]
    (1.0, 1.0)
    """
    if np.ndim(score) > 1 or np.ndim(reference_score) > 1:
        known = labels if labels is not None else _distinct(reference_label)
        kept = classes.class_scores(reference_label, reference_score, labels=known)
        return cbpe_of_classes(kept, classes.said_counts(score, len(known)), interval=interval)
    kept_counts = scores(reference_label, reference_score).counts
    return cbpe_of_counts(
        kept_counts, cells.histogram(score), threshold=threshold, interval=interval
    )


def cbpe_of_counts(
    reference: Any, current: Any, *, threshold: float = 0.5, interval: float | None = None
) -> Told:
    """Return what :func:`cbpe` tells of two classes, from score histograms alone.

    Args:
        reference: shape (cells, 2), misses first, over the cells of
            :func:`jupyter_mlops.stats.cells.histogram` or over any number of equal cells.
        current: shape (cells,), over the same cells.
        threshold: taken at the nearest cut.
        interval: the level of the band.

    >>> cbpe_of_counts([[500, 0], [0, 500]], [1, 2])["accuracy"]
    1.0
    """
    before, now = np.maximum(reference, 0), np.maximum(current, 0)
    middles, first = cells.middles(len(now)), cells.reached(threshold, len(now))

    def measure(counts: Array) -> Measures:
        return _two_classes(counts, middles, first)

    return told([before], [now], middles, lambda parts: measure(parts[0]), interval)


def _distinct(labels: Any) -> list[Any]:
    present = {v for v in columns.as_column(labels).tolist() if not columns.missing(v)}
    return sorted(present)


def _two_classes(counts: Array, middles: Array, first: int) -> Measures:
    """Return every measure of counts of shape (…, cells, 2), scores rising."""
    falling, hits, misses = counts[..., ::-1, :], counts[..., 1], counts[..., 0]
    sides = [hits[..., first:], hits[..., :first], misses[..., first:], misses[..., :first]]
    rows = counts.sum(axis=(-1, -2))
    auc = ranked.auc(falling)
    return {
        "log_loss": ranked.ratio(-(hits @ np.log(middles) + misses @ np.log1p(-middles)), rows),
        "roc_auc": auc,
        "pr_auc": ranked.average_precision(falling),
        **confusion.shares(np.stack([side.sum(axis=-1) for side in sides], axis=-1)),
        "ks": ranked.ks(falling),
        "gini": 2 * auc - 1,
        "brier": ranked.ratio(hits @ (1 - middles) ** 2 + misses @ middles**2, rows),
        "ece": ranked.ece(counts, middles),
        "lift_5": ranked.lift(falling, 0.05),
        "lift_10": ranked.lift(falling, 0.10),
    }
