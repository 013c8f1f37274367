"""What is kept of scores whose labels have come: counts of score cell × class, and sums of losses.

Profiles add, and subtract: a corrected label takes away what it had added. From them follow all
measures of two classes, for any period, segment or union.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats import cells, columns
from jupyter_mlops.stats.binary import figures, log_losses
from jupyter_mlops.stats.intervals import Estimate
from jupyter_mlops.stats.ranked import Ranked
from jupyter_mlops.stats.sums import NOTHING, Sums

Array = np.ndarray[Any, Any]

REASONABLE: Final = 1e70


@dataclass(frozen=True, eq=False)
class Scores:
    """Counts of shape (cells, 2), misses first and hits second, and the sums of two losses."""

    counts: Array
    log_loss: Sums = NOTHING
    squared: Sums = NOTHING

    def __add__(self, other: Scores) -> Scores:
        return Scores(
            self.counts + other.counts,
            self.log_loss + other.log_loss,
            self.squared + other.squared,
        )

    def __sub__(self, other: Scores) -> Scores:
        return Scores(
            self.counts - other.counts,
            self.log_loss - other.log_loss,
            self.squared - other.squared,
        )

    @property
    def n(self) -> int:
        """Return how many rows have a score and a label."""
        return int(self.counts.sum())

    def ranked(self) -> Ranked:
        """Return the cells that hold rows, scores falling."""
        counts = np.maximum(self.counts[::-1], 0)
        held = counts.any(axis=1)
        return Ranked(cells.MIDDLES[::-1][held], counts[held])

    def confusion(self, threshold: float = 0.5) -> Array:
        """Return true yes, false no, false yes and true no at the cut nearest to a threshold."""
        first = cells.reached(threshold)
        no, yes = self.counts[:first].sum(axis=0), self.counts[first:].sum(axis=0)
        return np.array([yes[1], no[1], yes[0], no[0]]).clip(min=0)

    def measures(self, *, threshold: float = 0.5, level: float = 0.95) -> dict[str, Estimate]:
        """Return what :func:`jupyter_mlops.stats.binary.binary` tells of the rows, to 1e-3.

        >>> both = scores([0, 1], [0.2, 0.9]) + scores([1, 0], [0.8, 0.1])
        >>> both.measures()["roc_auc"].value
        1.0
        """
        return figures(
            self.ranked(),
            self.confusion(threshold),
            log_loss=self.log_loss.mean(level=level),
            brier=self.squared.mean(level=level),
            level=level,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-safe values; cells without rows take no room."""
        held = np.flatnonzero(self.counts.any(axis=1))
        return {
            "cells": held.tolist(),
            "misses": self.counts[held, 0].tolist(),
            "hits": self.counts[held, 1].tolist(),
            "log_loss": self.log_loss.to_list(),
            "squared": self.squared.to_list(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Scores:
        """Return the profile that ``to_dict`` wrote."""
        counts = np.zeros((cells.CELLS, 2), dtype=np.int64)
        counts[data["cells"], 0] = data["misses"]
        counts[data["cells"], 1] = data["hits"]
        return cls(counts, Sums(*data["log_loss"]), Sums(*data["squared"]))


def scores(y_true: Any, y_score: Any) -> Scores:
    """Count rows over score cells × class; a row without its score or label is left out.

    Args:
        y_true: shape (n,), true or 1 for the class that ``y_score`` speaks of.
        y_score: shape (n,), probabilities of that class; outside of 0 and 1 they count as these.

    >>> scores([1, 0, None], [0.7, 0.2, 0.4]).n
    2
    """
    truth, score = known(y_true, y_score)
    hit, score = truth != 0, score.clip(0, 1)
    counts = np.bincount(cells.cell(score) * 2 + hit, minlength=2 * cells.CELLS)
    return Scores(
        counts.astype(np.int64).reshape(cells.CELLS, 2),
        Sums.of(log_losses(hit, score)),
        Sums.of((score - hit) ** 2),
    )


def known(y_true: Any, y_said: Any) -> tuple[Array, Array]:
    """Return the rows that have both numbers.

    >>> [found.tolist() for found in known([1, None, 0], [0.5, 0.1, None])]
    [[1.0], [0.5]]
    """
    return known_rows(y_true, y_said)[1:]


def known_rows(y_true: Any, y_said: Any) -> tuple[Array, Array, Array]:
    """Return which rows have both numbers, neither so large that its powers overflow.

    >>> known_rows([1, None, 0], [0.5, 0.1, 0.2])[0].tolist()
    [0, 2]
    """
    truth, said = columns.numbers(y_true), columns.numbers(y_said)
    both = np.flatnonzero((np.abs(truth) <= REASONABLE) & (np.abs(said) <= REASONABLE))
    return both, truth[both], said[both]
