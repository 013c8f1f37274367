"""Intervals that hold whatever the model: split conformal prediction from rows it has not seen.

For a new row that comes from where the calibration rows came from, an interval of level ``1 - a``
holds the truth with probability at least ``1 - a``, and at most ``1/(n + 1)`` above it, for any
model and any distribution. The half width is the ``ceil((n + 1)(1 - a))``-th smallest absolute
residual of ``n`` calibration rows: ``n + 1`` is the correction for finite samples.

Sources: Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World; Lei, G'Sell, Rinaldo,
Tibshirani & Wasserman 2018, JASA 113:1094 (theorem 2.2); by categories of the answer: Boström &
Johansson 2020, PMLR 128:114 (Mondrian); sets of classes: Sadinle, Lei & Wasserman 2019, JASA 114:223.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

FEWEST: Final = 50
"""Calibration rows that each category of answers needs, so that its width is no accident."""
_CUTS: Final = (10, 5, 3, 2, 1)


def quantile(scores: Any, level: float) -> float:
    """Return the conformal quantile of nonconformity scores; infinite when they are too few.

    >>> quantile([1, 2, 3, 4, 5, 6, 7, 8, 9], 0.8)
    8.0
    >>> quantile([1, 2, 3], 0.9)
    inf
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    # rounded first: 10 * 0.9 is a hair above 9 in binary, and would cost a rank
    rank = math.ceil(round((len(ordered) + 1) * level, 9))
    return float(ordered[rank - 1]) if rank <= len(ordered) else math.inf


def categories(answers: Any, calibration: Any) -> list[float]:
    """Return where answers are cut into categories that get a width of their own.

    ``answers`` are the model's answers to other rows than the calibration's (those it was trained
    on), so that the cuts say nothing about the residuals. Cuts are quantiles of them, as many as
    leave every category the fewest rows it needs.

    >>> categories(range(1000), range(0, 1000, 10))
    [500.0]
    """
    known = np.asarray(answers, dtype=np.float64)
    rows = np.asarray(calibration, dtype=np.float64)
    for count in _CUTS:
        inner = np.arange(1, count) / count
        edges = np.unique(np.quantile(known, inner, method="higher")) if len(known) else inner[:0]
        held = np.bincount(category(rows, edges), minlength=len(edges) + 1)
        if held.min() >= FEWEST:
            return [float(edge) for edge in edges]
    return []


def category(answers: Any, edges: Any) -> npt.NDArray[np.intp]:
    """Return the category of each answer: how many of the cuts it has reached.

    >>> category([1.0, 5.0, 9.0], [5.0]).tolist()
    [0, 1, 1]
    """
    found = np.searchsorted(np.asarray(edges, dtype=np.float64), answers, side="right")
    return np.asarray(found, dtype=np.intp)


def half_widths(
    truth: Any, answers: Any, edges: Sequence[float] = (), *, level: float
) -> list[float]:
    """Return half the width of the interval around an answer, for each category of answers.

    >>> half_widths([0, 0, 0, 0, 0, 0, 0, 0, 0], [1, -2, 3, -4, 5, -6, 7, -8, 9], level=0.8)
    [8.0]
    """
    said = np.asarray(answers, dtype=np.float64)
    residuals = np.abs(np.asarray(truth, dtype=np.float64) - said)
    belongs = category(said, edges)
    return [quantile(residuals[belongs == k], level) for k in range(len(edges) + 1)]


def least_probability(chances: Any, truth: Any, *, level: float) -> float:
    """Return the probability from which on a class belongs to the set of an answer.

    ``chances`` has shape (n, classes), ``truth`` the column of the true class; the nonconformity of
    a row is one less the probability of its true class. The set of a new row, all classes with at
    least this probability, holds the truth with probability ``level``. Below 0 all classes do.

    >>> chances = np.array([[p, 1 - p] for p in np.arange(1, 10) / 10])
    >>> round(least_probability(chances, np.zeros(9, dtype=int), level=0.8), 6)
    0.2
    """
    matrix = np.asarray(chances, dtype=np.float64)
    of_truth = matrix[np.arange(len(matrix)), np.asarray(truth, dtype=np.intp)]
    found = quantile(1 - of_truth, level)
    return 1 - found if math.isfinite(found) else -math.inf
