"""Columns of numbers and labels as one matrix of numbers, for trees that learn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jupyter_mlops.stats import columns

Numbers = npt.NDArray[np.float64]

MOST_LEVELS: Final = 250
"""Levels that get a number of their own; rarer ones share one, and so do new ones."""


def encoded(samples: Sequence[Mapping[str, Any]]) -> list[Numbers]:
    """Return a matrix of shape (n, p) for each sample, columns in the order of the first.

    Numbers stay, labels become their rank by falling frequency in the first sample, what is missing
    is NaN. A column that one of the samples lacks is missing there.

    >>> first, second = encoded([{"a": ["x", "x", "y"]}, {"a": ["y", None, "new"]}])
    >>> first[:, 0].tolist(), second[:, 0].tolist()
    ([0.0, 0.0, 1.0], [1.0, nan, 2.0])
    """
    names = list(samples[0])
    rows = [_length(sample) for sample in samples]
    made = [np.full((n, len(names)), np.nan) for n in rows]
    for place, name in enumerate(names):
        held = [sample.get(name) for sample in samples]
        for matrix, column in zip(made, _column(held), strict=True):
            if column is not None:
                matrix[:, place] = column
    return made


def tabled(features: Any) -> Mapping[str, Any]:
    """Return features as columns by name: a mapping as it is, a matrix of (n, p) by place.

    >>> list(tabled([[1.0, 2.0]]))
    ['0', '1']
    """
    if isinstance(features, Mapping):
        return features
    matrix = np.asarray(features)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    return {str(place): column for place, column in enumerate(matrix.T)}


def taken(sample: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    """Return some rows of every column."""
    return {name: columns.as_column(values)[rows] for name, values in sample.items()}


def learnable(matrix: Numbers) -> Numbers:
    """Return rows to learn from, where a column without any value is 0: trees cannot cut it.

    >>> learnable(np.array([[np.nan, 1.0]])).tolist()
    [[0.0, 1.0]]
    """
    return np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)


def _length(sample: Mapping[str, Any]) -> int:
    return max((len(columns.as_column(values)) for values in sample.values()), default=0)


def _column(held: list[Any]) -> list[Numbers | None]:
    """Return the numbers of one column in each sample, None where it is not there."""
    kinds = {columns.kind_of(values) for values in held if values is not None}
    if kinds <= {"number"}:
        return [None if values is None else _finite(columns.numbers(values)) for values in held]
    counts = columns.label_counts(held[0])[0]
    ranked = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_LEVELS]
    places = {name: place for place, name in enumerate(ranked)}
    return [None if values is None else _ranks(values, places) for values in held]


def _finite(values: Numbers) -> Numbers:
    """Return infinities as the greatest numbers there are: trees only ask which is greater."""
    largest = np.finfo(np.float32).max
    return np.clip(values, -largest, largest)


def _ranks(values: Any, places: dict[str, int]) -> Numbers:
    known = columns.as_column(values).tolist()
    return np.array(
        [
            np.nan if columns.missing(v) else places.get(columns.label(v), len(places))
            for v in known
        ],
        dtype=np.float64,
    )
