"""Accuracy of several classes: from truths and one probability per class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, overload

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, mean, resampled, wilson

Array = np.ndarray[Any, Any]
_TINY: Final = 1e-15


@overload
def multiclass(
    y_true: Any, y_score: Any, *, labels: Sequence[Any], interval: None = ...
) -> dict[str, float]: ...
@overload
def multiclass(
    y_true: Any, y_score: Any, *, labels: Sequence[Any], interval: float
) -> dict[str, Estimate]: ...
def multiclass(
    y_true: Any, y_score: Any, *, labels: Sequence[Any], interval: float | None = None
) -> dict[str, float] | dict[str, Estimate]:
    """Return every measure of a model of several classes; NaN where one is not defined.

    Args:
        y_true: shape (n,), labels.
        y_score: shape (n, k), probabilities in the order of ``labels``.
        labels: the k classes.
        interval: the level of the intervals; without it plain numbers are returned.

    Measures: log_loss, accuracy, macro_f1, weighted_f1, and recall:LABEL and precision:LABEL.

    >>> multiclass(["a", "b"], [[0.9, 0.1], [0.2, 0.8]], labels=["a", "b"])["accuracy"]
    1.0
    """
    places = {label: place for place, label in enumerate(labels)}
    truth = np.array([places[label] for label in np.asarray(y_true).tolist()], dtype=np.intp)
    score = np.asarray(y_score, dtype=np.float64).reshape(len(truth), len(labels))
    found = _figures(truth, score, [str(label) for label in labels], interval or 0.95)
    return found if interval else {name: estimate.value for name, estimate in found.items()}


def _figures(truth: Array, score: Array, labels: list[str], level: float) -> dict[str, Estimate]:
    table = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(table, (truth, score.argmax(axis=1) if len(truth) else truth), 1)
    return of_table(table, labels, mean(log_losses(truth, score), level=level), level)


def log_losses(truth: Array, score: Array) -> Array:
    """Return what each row costs: minus the logarithm of the chance given to its true class."""
    chance = np.clip(score[np.arange(len(truth)), truth], _TINY, 1)
    return np.asarray(-np.log(chance))


def of_table(
    table: Array, labels: Sequence[str], log_loss: Estimate, level: float
) -> dict[str, Estimate]:
    """Return every measure of a table of truth × said, shape (k, k)."""
    rows, hits = int(table.sum()), np.diag(table)
    macro, weighted = (_f1(table[None], weighted=w)[0] if rows else math.nan for w in (False, True))
    told = {
        "log_loss": log_loss,
        "accuracy": wilson(int(hits.sum()), rows, level=level),
        "macro_f1": resampled(table, lambda t: _f1(t, weighted=False), float(macro), level=level),
        "weighted_f1": resampled(
            table, lambda t: _f1(t, weighted=True), float(weighted), level=level
        ),
    }
    for place, label in enumerate(labels):
        hit = int(hits[place])
        told[f"recall:{label}"] = wilson(hit, int(table[place].sum()), level=level)
        told[f"precision:{label}"] = wilson(hit, int(table[:, place].sum()), level=level)
    return told


def _f1(tables: Array, *, weighted: bool) -> Array:
    """Return the mean F1 over the classes that occur, from tables of shape (draws, k, k)."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    of, said = tables.sum(axis=2), tables.sum(axis=1)
    both = of + said
    f1 = np.where(both > 0, 2 * hits / np.maximum(both, 1), 0.0)
    weights = of if weighted else (both > 0)
    return np.asarray((f1 * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1))
