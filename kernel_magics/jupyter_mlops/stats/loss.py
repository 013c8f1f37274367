"""How wrong predicted numbers will turn out to be, before their truths have come.

Direct loss estimation: trees learn from the reference how large the loss of a row is, from its
features and its prediction; the mean of what they say of new rows is the loss to expect. Like all
estimates without labels it cannot see that the concept moved. Bands take rows as independent: where
errors go together, as in neighbouring hours, they are too narrow, which the back-test then shows.

Source: NannyML's documentation of DLE (2022); losses are learnt out of fold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, overload

import numpy as np

from jupyter_mlops.stats import columns
from jupyter_mlops.stats.encoded import encoded, learnable, tabled, taken
from jupyter_mlops.stats.intervals import Estimate, around, mapped
from jupyter_mlops.stats.scores import known_rows

Array = np.ndarray[Any, Any]

MOST_ROWS: Final = 20_000
FEWEST: Final = 100
_FOLDS: Final = 5
_SEED: Final = 20_260_403


@overload
def dle(
    reference_features: Any,
    reference_prediction: Any,
    reference_truth: Any,
    features: Any,
    prediction: Any,
    *,
    interval: None = ...,
) -> dict[str, float]: ...
@overload
def dle(
    reference_features: Any,
    reference_prediction: Any,
    reference_truth: Any,
    features: Any,
    prediction: Any,
    *,
    interval: float,
) -> dict[str, Estimate]: ...
def dle(
    reference_features: Any,
    reference_prediction: Any,
    reference_truth: Any,
    features: Any,
    prediction: Any,
    *,
    interval: float | None = None,
) -> dict[str, float] | dict[str, Estimate]:
    """Return the mae, mse and rmse that truths are expected to show; NaN below 100 known rows.

    Args:
        reference_features: columns by name (numbers or labels), or a matrix of shape (n, p).
        reference_prediction: shape (n,).
        reference_truth: shape (n,).
        features: as those of the reference, m rows without truths.
        prediction: shape (m,).
        interval: the level of the band in which the realised measure of these rows will lie.

    >>> x = np.arange(400.0)
    >>> round(dle(x, x, x + 2 * (-1) ** x, x[:50], x[:50])["mae"], 3)
    2.0
    """
    before = (reference_features, reference_prediction, reference_truth)
    found = dle_of_parts(*before, [(features, prediction)], level=interval or 0.95)[0]
    return found if interval else {name: estimate.value for name, estimate in found.items()}


def dle_of_parts(
    reference_features: Any,
    reference_prediction: Any,
    reference_truth: Any,
    parts: Sequence[tuple[Any, Any]],
    *,
    level: float = 0.95,
) -> list[dict[str, Estimate]]:
    """Return what :func:`dle` tells of several batches of rows, learnt once for all of them.

    Args:
        reference_features: as of :func:`dle`, and so the next two.
        reference_prediction: shape (n,).
        reference_truth: shape (n,).
        parts: features and predictions of each batch.
        level: that of the bands.

    >>> x = np.arange(400.0)
    >>> found = dle_of_parts(x, x, x + 2 * (-1) ** x, [(x[:50], x[:50]), (x[:0], x[:0])])
    >>> [round(told["mae"].value, 3) for told in found]
    [2.0, nan]
    """
    (known, apart), batches = _rows(
        (reference_features, reference_prediction, reference_truth), parts
    )
    if len(apart) < FEWEST:
        return [dict.fromkeys(("mae", "mse", "rmse"), Estimate(math.nan)) for _ in parts]
    of_mae, of_mse = _Losses(known, np.abs(apart)), _Losses(known, apart**2)
    told = []
    for now in batches:
        mse = of_mse.expected(now, level)
        rmse = mapped(mse, lambda value: math.sqrt(max(value, 0.0)))
        told.append({"mae": of_mae.expected(now, level), "mse": mse, "rmse": rmse})
    return told


def _rows(
    before: tuple[Any, Any, Any], parts: Sequence[tuple[Any, Any]]
) -> tuple[tuple[Array, Array], list[Array]]:
    """Return features and errors of the known rows, and features of each batch of new ones."""
    rng = np.random.default_rng(_SEED)
    rows, truth, said = known_rows(before[2], before[1])
    some = np.sort(rng.permutation(len(rows))[:MOST_ROWS])
    told = [{**taken(tabled(before[0]), rows[some]), " prediction": said[some]}]
    for features, predicted in parts:
        prediction = columns.numbers(predicted)
        later = np.sort(rng.permutation(np.flatnonzero(np.isfinite(prediction)))[:MOST_ROWS])
        told.append({**taken(tabled(features), later), " prediction": prediction[later]})
    known, *unknown = encoded(told)
    return (known, (said - truth)[some]), unknown


class _Losses:
    """What trees have learnt of how large the loss of a row is."""

    def __init__(self, known: Array, losses: Array) -> None:
        unseen = _out_of_fold(known, losses)
        # what trees leave unexplained grows with the loss they say, so it is kept as a multiple of it
        squares = max(float((unseen**2).sum()), 1e-300)
        self._noise = float(((losses - unseen) ** 2).sum() / squares)
        self._rows = len(losses)
        self._trees = _learnt(known, losses)

    def expected(self, now: Array, level: float) -> Estimate:
        """Return the mean loss to expect, with the band of the mean that will be seen."""
        if not len(now):
            return Estimate(math.nan)
        said = np.maximum(self._trees.predict(now), 0)
        doubt = self._noise * float((said**2).mean())
        error = math.sqrt(doubt / len(now) + doubt / self._rows)
        found = around(float(said.mean()), error, level=level)
        return Estimate(found.value, max(found.low, 0.0), found.high)


def _learnt(features: Array, losses: Array) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(
        max_iter=40, max_leaf_nodes=15, min_samples_leaf=30, early_stopping=False, random_state=0
    )
    return trees.fit(learnable(features), losses)


def _out_of_fold(features: Array, losses: Array) -> Array:
    fold = np.random.default_rng(_SEED).permutation(len(losses)) % _FOLDS
    told = np.empty(len(losses))
    for k in range(_FOLDS):
        away = fold == k
        told[away] = _learnt(features[~away], losses[~away]).predict(features[away])
    return np.maximum(told, 0)
