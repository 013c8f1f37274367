"""What the answers depend on: the loss when one feature is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

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
