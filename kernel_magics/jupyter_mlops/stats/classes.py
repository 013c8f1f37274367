"""What is kept of predicted classes whose labels have come: the confusion table and score cells.

Profiles add and subtract. For each class the cells of its own probability are counted by whether
it was the truth and whether it was said, so that its ranking is known and estimates can be made
before labels come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats import cells, columns
from jupyter_mlops.stats.intervals import Estimate
from jupyter_mlops.stats.multiclass import log_losses, of_table
from jupyter_mlops.stats.ranked import Ranked
from jupyter_mlops.stats.sums import NOTHING, Sums

Array = np.ndarray[Any, Any]

MOST_RANKED: Final = 50
"""Classes up to which the cells of each are counted; beyond, the table alone is kept."""


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Truth × said of shape (k, k); cells of shape (k, cells, 2 truth, 2 said), empty for many."""

    labels: tuple[str, ...]
    table: Array
    counts: Array
    log_loss: Sums = NOTHING

    def __add__(self, other: ClassScores) -> ClassScores:
        self._check_same(other)
        return ClassScores(
            self.labels,
            self.table + other.table,
            self.counts + other.counts,
            self.log_loss + other.log_loss,
        )

    def __sub__(self, other: ClassScores) -> ClassScores:
        self._check_same(other)
        return ClassScores(
            self.labels,
            self.table - other.table,
            self.counts - other.counts,
            self.log_loss - other.log_loss,
        )

    def _check_same(self, other: ClassScores) -> None:
        if self.labels != other.labels:
            raise Invalid(
                "These profiles are of other classes and cannot be added.",
                "count both batches with the classes of the same model.",
                code="classes_differ",
            )

    @property
    def n(self) -> int:
        """Return how many rows have scores and a label."""
        return int(self.table.sum())

    def measures(self, *, level: float = 0.95) -> dict[str, Estimate]:
        """Return what :func:`jupyter_mlops.stats.multiclass.multiclass` tells, and the ranking.

        roc_auc is the plain mean over the classes that occur, each against the rest; its interval
        allows for the worst case, that their errors go together.

        >>> told = class_scores(["a", "b"], [[0.9, 0.1], [0.2, 0.8]], labels=["a", "b"]).measures()
        >>> told["accuracy"].value, told["roc_auc"].value
        (1.0, 1.0)
        """
        table = np.maximum(self.table, 0)
        told = of_table(table, self.labels, self.log_loss.mean(level=level), level)
        ranking = [self._ranked(place).auc(level) for place in range(len(self.counts))]
        told |= {f"roc_auc:{n}": e for n, e in zip(self.labels, ranking, strict=False)}
        return {**told, "roc_auc": _mean(ranking)}

    def _ranked(self, place: int) -> Ranked:
        counts = np.maximum(self.counts[place].sum(axis=-1)[::-1], 0)
        return Ranked(cells.MIDDLES[::-1], counts)

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-safe values; what holds no rows takes no room."""
        return {
            "labels": list(self.labels),
            "table": _sparse(self.table),
            "cells": _sparse(self.counts),
            "log_loss": self.log_loss.to_list(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ClassScores:
        """Return the profile that ``to_dict`` wrote."""
        empty = _empty(tuple(data["labels"]))
        for held, (places, counts) in (
            (empty.table, data["table"]),
            (empty.counts, data["cells"]),
        ):
            held.ravel()[places] = counts
        return cls(empty.labels, empty.table, empty.counts, Sums(*data["log_loss"]))


def class_scores(y_true: Any, y_score: Any, *, labels: Sequence[Any]) -> ClassScores:
    """Count rows by class, truth and answer; rows without a label of the model are left out.

    Args:
        y_true: shape (n,), labels.
        y_score: shape (n, k), probabilities in the order of ``labels``.
        labels: the k classes.

    >>> class_scores(["a", None], [[0.9, 0.1], [0.2, 0.8]], labels=["a", "b"]).table.tolist()
    [[1, 0], [0, 0]]
    """
    kept = _empty(tuple(columns.label(label) for label in labels))
    truth, score = known(y_true, y_score, kept.labels)
    said = score.argmax(axis=1) if len(score) else truth
    np.add.at(kept.table, (truth, said), 1)
    for place in range(len(kept.counts)):
        where = (cells.cell(score[:, place]), (truth == place) * 1, (said == place) * 1)
        np.add.at(kept.counts[place], where, 1)
    return ClassScores(kept.labels, kept.table, kept.counts, Sums.of(log_losses(truth, score)))


def known(y_true: Any, y_score: Any, labels: tuple[str, ...]) -> tuple[Array, Array]:
    """Return place of the true class and scores of the rows that have both.

    >>> known(["b", "z"], [[0.1, 0.9], [0.5, 0.5]], ("a", "b"))[0].tolist()
    [1]
    """
    places = {label: place for place, label in enumerate(labels)}
    column = columns.as_column(y_true).tolist()
    named = [-1 if columns.missing(v) else places.get(columns.label(v), -1) for v in column]
    truth = np.array(named, dtype=np.intp)
    score = np.asarray(y_score, dtype=np.float64)
    if len(truth) and score.shape != (len(truth), len(labels)):
        raise Invalid(
            "There are scores of shape {shape} for {rows} rows and {classes} classes.",
            "name every class the model knows with labels=, in the order of its columns.",
            code="scores_shape",
            shape=score.shape,
            rows=len(truth),
            classes=len(labels),
        )
    score = score.reshape(len(truth), len(labels))
    both = (truth >= 0) & np.isfinite(score).all(axis=1)
    return truth[both], score[both]


def said_counts(y_score: Any, classes: int) -> Array:
    """Count scores of shape (n, k) over class × cell × said, where no labels are known yet.

    >>> said_counts([[0.9, 0.1]], 2).sum(axis=1).tolist()
    [[0, 1], [1, 0]]
    """
    score = np.asarray(y_score, dtype=np.float64).reshape(-1, classes)
    score = score[np.isfinite(score).all(axis=1)]
    counts = np.zeros((classes, cells.CELLS, 2), dtype=np.int64)
    said = score.argmax(axis=1)
    for place, own in enumerate(score.T):
        np.add.at(counts[place], (cells.cell(own), (said == place) * 1), 1)
    return counts


def _empty(labels: tuple[str, ...]) -> ClassScores:
    k = len(labels)
    ranked = k if k <= MOST_RANKED else 0
    table = np.zeros((k, k), dtype=np.int64)
    return ClassScores(labels, table, np.zeros((ranked, cells.CELLS, 2, 2), dtype=np.int64))


def _sparse(counts: Array) -> list[list[int]]:
    flat = counts.ravel()
    held = np.flatnonzero(flat)
    return [held.tolist(), flat[held].tolist()]


def _mean(parts: list[Estimate]) -> Estimate:
    told = [(part.value, part.low, part.high) for part in parts if not math.isnan(part.value)]
    if not told:
        return Estimate(math.nan)
    value, low, high = np.mean(told, axis=0).tolist()
    return Estimate(value, low, high)
