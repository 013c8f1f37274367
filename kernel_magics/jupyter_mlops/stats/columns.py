"""What a column holds: numbers or labels, and which of them are missing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from numbers import Real
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from jupyter_mlops.errors import Invalid

Kind = Literal["number", "category"]
Numbers = npt.NDArray[np.float64]

LONGEST_LABEL: Final = 100
_NOTHINGS: Final = frozenset({"NAType", "NaTType"})


def kind_of(values: Any) -> Kind:
    """Tell numbers from labels; booleans, strings and mixtures are labels.

    >>> kind_of([1, None, 2.5]), kind_of([True, False]), kind_of(["a", None])
    ('number', 'category', 'category')
    """
    column = as_column(values)
    if column.dtype.kind in "iuf":
        return "number"
    if column.dtype.kind != "O":
        return "category"
    present = (value for value in column.tolist() if not missing(value))
    return "number" if all(_is_number(value) for value in present) else "category"


def as_column(values: Any) -> npt.NDArray[Any]:
    """Return the values as an array of one dimension, without making text of what is missing."""
    if isinstance(values, np.ndarray):
        column = values
    elif hasattr(values, "to_numpy"):
        column = np.asarray(values.to_numpy())
    else:
        column = _from_list(list(values))
    if column.ndim != 1:
        raise Invalid(
            "A column has one dimension; this one has {n}.",
            code="column_dimensions",
            n=column.ndim,
        )
    return column


def numbers(values: Any) -> Numbers:
    """Return the values as floats, NaN where missing; text is refused."""
    column = as_column(values)
    if column.dtype.kind in "iufb":
        return column.astype(np.float64, copy=False)
    try:
        return np.array(
            [np.nan if missing(value) else _float(value) for value in column.tolist()],
            dtype=np.float64,
        )
    except (TypeError, ValueError) as error:
        raise Invalid(
            "A column of numbers holds something else: {error}.",
            'make it a column of labels with kind="category".',
            code="not_numbers",
            error=error,
        ) from error


def label_counts(values: Any) -> tuple[dict[str, int], int]:
    """Count each label; the second number is how many are missing.

    >>> label_counts(["a", None, "b", "a"])
    ({'a': 2, 'b': 1}, 1)
    """
    column = as_column(values)
    counts: Counter[str] = Counter()
    gone = 0
    for value, count in _distinct(column):
        if missing(value):
            gone += count
        else:
            counts[label(value)] += count
    return dict(counts), gone


def label(value: Any) -> str:
    """Return the text by which a value is one level: 1.0 and 1 are the same, long text is cut.

    >>> label(1.0), label(True), label("EU")
    ('1', 'True', 'EU')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if len(text) <= LONGEST_LABEL:
        return text
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{text[: LONGEST_LABEL - 13]}…{mark}"


def missing(value: Any) -> bool:
    """Tell whether a value stands for nothing: None, NaN, NaT and the like."""
    if value is None or type(value).__name__ in _NOTHINGS:
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return isinstance(value, (float, np.floating)) and value != value  # noqa: PLR0124


def _distinct(column: npt.NDArray[Any]) -> Iterable[tuple[Any, int]]:
    if column.dtype.kind in "iufb":
        found, counts = np.unique(column, return_counts=True)
        return zip(found.tolist(), counts.tolist(), strict=True)
    values = column.tolist()
    try:
        counted = Counter(values)
    except TypeError:  # lists and dicts have no hash
        counted = Counter(map(_named, values))
    # True, 1 and 1.0 share a hash, so only pure text may be counted as it is
    if not all(key is None or isinstance(key, str) for key in counted):
        counted = Counter(map(_named, values))
    return counted.items()


def _named(value: Any) -> str | None:
    return None if missing(value) else label(value)


def _from_list(values: list[Any]) -> npt.NDArray[Any]:
    if all(type(value) in (int, float) for value in values):
        return np.array(values, dtype=np.float64)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, Real) or type(value).__name__ == "Decimal"


def _float(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError(repr(value))
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
