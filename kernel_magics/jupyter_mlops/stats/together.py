"""Have rows moved, all columns taken together? A classifier tries to tell two samples apart.

What no column shows by itself may show in how columns go together. If reference and current rows
come from one distribution, no classifier tells unseen rows apart: its area under the ROC curve is
one half. Rows are judged by trees that have not seen them.

Sources: Friedman 2003, SLAC-PUB-10325 (two-sample tests by learning); Lopez-Paz & Oquab 2017, ICLR;
the variance in each fold, DeLong et al. 1988.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats.encoded import encoded, learnable, tabled, taken
from jupyter_mlops.stats.intervals import Estimate, z_of
from jupyter_mlops.stats.ranked import Ranked

Array = np.ndarray[Any, Any]

FEWEST: Final = 50
MOST_ROWS: Final = 10_000
FOLDS: Final = 5
_SEED: Final = 20_260_405


@dataclass(frozen=True)
class Apart:
    """How well unseen rows are told apart, whether more than by chance, and by what.

    ``drivers`` is how much of the area is lost when a column is shuffled, the largest first.
    """

    auc: Estimate
    p_value: float = math.nan
    n_reference: int = 0
    n_current: int = 0
    drivers: dict[str, float] = field(default_factory=dict)


def apart(
    reference: Any,
    current: Any,
    *,
    interval: float = 0.95,
    rows: int = MOST_ROWS,
    drivers: bool = True,
) -> Apart:
    """Tell two samples of rows apart by what they have in common, as well as trees can.

    Args:
        reference: columns by name (numbers or labels), or a matrix of shape (n, p).
        current: as the reference, m rows; columns it lacks are missing there.
        interval: the level of the interval.
        rows: of each sample, at most; a seeded sample of more.
        drivers: whether to measure each column, which costs a prediction for each.

    >>> x = np.arange(400.0)
    >>> found = apart({"a": x}, {"a": x + 1000})
    >>> found.auc.value > 0.99, found.p_value < 0.001, list(found.drivers)
    (True, True, ['a'])
    """
    samples = [_some(tabled(sample), rows) for sample in (reference, current)]
    old, new = encoded(samples)
    if min(len(old), len(new)) < FEWEST or not old.shape[1]:
        return Apart(Estimate(math.nan), math.nan, len(old), len(new))
    matrix = np.concatenate([old, new])
    is_new = np.repeat([False, True], [len(old), len(new)])
    folds = _folds(is_new)
    with _one_thread():
        models = [_told_apart(matrix[folds != k], is_new[folds != k]) for k in range(FOLDS)]
        held = [(models[k], matrix[folds == k], is_new[folds == k]) for k in range(FOLDS)]
        areas = [_area(model, part, truth) for model, part, truth in held]
        lost = _drivers(held, areas, list(samples[0])) if drivers else {}
    auc, p_value = _judged(areas, interval)
    return Apart(auc, p_value, len(old), len(new), lost)


def _some(sample: Mapping[str, Any], most: int) -> Mapping[str, Any]:
    n = max((len(values) for values in sample.values()), default=0)
    if n <= most:
        return sample
    return taken(sample, np.sort(np.random.default_rng(_SEED).permutation(n)[:most]))


def _folds(is_new: Array) -> Array:
    """Deal each sample into folds by itself, so that every fold has its share of both."""
    rng = np.random.default_rng(_SEED)
    folds = np.empty(len(is_new), dtype=np.intp)
    for sample in (is_new, ~is_new):
        folds[sample] = rng.permutation(int(sample.sum())) % FOLDS
    return folds


def _one_thread() -> Any:
    """Return a context in which trees grow on one thread: threads that wait for each other crawl."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _told_apart(matrix: Array, is_new: Array) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(
        max_iter=40,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=0,
    )
    return trees.fit(learnable(matrix), is_new)


def _area(model: Any, matrix: Array, truth: Array) -> Estimate:
    return Ranked.of_rows(truth, model.decision_function(matrix)).auc(0.95)


def _judged(areas: list[Estimate], interval: float) -> tuple[Estimate, float]:
    """Return the mean area over folds, and the chance of it where samples are the same."""
    from scipy.special import ndtr

    value = float(np.mean([area.value for area in areas]))
    errors = [(area.value - area.low) / z_of(0.95) for area in areas]
    error = math.sqrt(sum(e * e for e in errors)) / len(areas)
    half = z_of(interval) * error
    found = Estimate(value, max(value - half, 0.0), min(value + half, 1.0))
    if not error:
        return found, 0.0 if value > 0.5 else 1.0  # noqa: PLR2004  (one half is chance)
    return found, float(ndtr((0.5 - value) / error))


def _drivers(
    held: list[tuple[Any, Array, Array]], areas: list[Estimate], names: list[str]
) -> dict[str, float]:
    """Return the area lost by shuffling a column of unseen rows. Source: Breiman 2001, §10."""
    rng = np.random.default_rng(_SEED)
    lost = dict.fromkeys(names, 0.0)
    for (model, matrix, truth), area in zip(held, areas, strict=True):
        for place, name in enumerate(names):
            shuffled = matrix.copy()
            shuffled[:, place] = rng.permutation(shuffled[:, place])
            lost[name] += (area.value - _area(model, shuffled, truth).value) / len(held)
    return dict(sorted(lost.items(), key=lambda found: -found[1]))
