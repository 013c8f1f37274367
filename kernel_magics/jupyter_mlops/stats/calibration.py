"""What a score means: the share of hits at each score, learnt from counts of a reference."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from jupyter_mlops.stats.ranked import ece

Array = np.ndarray[Any, Any]

FOLDS: Final = 5
_SEED: Final = 20_260_401


def isotonic(counts: Array, scores: Array) -> Array:
    """Return the share of hits at each score, never falling along the scores.

    Least squares under order, by pooling adjacent violators; between cells that hold rows it is
    interpolated. Source: Ayer, Brunk, Ewing, Reid & Silverman 1955, Ann. Math. Statist. 26:641;
    for scores, Zadrozny & Elkan 2002, KDD.

    Args:
        counts: shape (cells, 2), misses first, scores rising.
        scores: shape (cells,).

    >>> isotonic(np.array([[1, 1], [3, 1], [0, 2]]), np.array([0.1, 0.5, 0.9])).round(3).tolist()
    [0.333, 0.333, 1.0]
    """
    from scipy.optimize import isotonic_regression

    rows = counts.sum(axis=1)
    held = rows > 0
    if not held.any():
        return scores
    fitted = isotonic_regression(counts[held, 1] / rows[held], weights=rows[held]).x
    return np.asarray(np.interp(scores, scores[held], fitted))


def helps(counts: Array, scores: Array) -> bool:
    """Tell whether isotonic calibration lowers the calibration error of rows it has not seen.

    Rows are dealt into five folds; each is judged by what the others teach.

    >>> helps(np.array([[50, 50], [50, 50]]), np.array([0.01, 0.99]))
    True
    """
    folds = _dealt(counts)
    whole = folds.sum(axis=0)
    error = {True: 0.0, False: 0.0}
    for fold in folds:
        if not fold.sum() or not (whole - fold).sum():
            continue
        learnt = isotonic(whole - fold, scores)
        error[True] += float(ece(fold, learnt)) * fold.sum()
        error[False] += float(ece(fold, scores)) * fold.sum()
    return bool(error[True] < error[False])


def _dealt(counts: Array) -> Array:
    """Return counts of each fold, shape (folds, cells, 2): every row falls into one of them."""
    rng = np.random.default_rng(_SEED)
    dealt = rng.multinomial(counts.astype(np.int64), [1 / FOLDS] * FOLDS)
    return np.asarray(np.moveaxis(dealt, -1, 0))
