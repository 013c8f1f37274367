"""What rows have to look like: inferred once from training data, then read strictly.

A number outside the training range and an unseen level are answered with a warning; a missing
feature or a value of another type is refused by name. ``null`` is a missing value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid

MOST_LEVELS: Final = 1000
EXACT: Final = 2**53
ABSENT: Final = object()

Column = np.ndarray[Any, Any]


def infer(columns: Mapping[str, Column], *, names: Sequence[str]) -> list[dict[str, Any]]:
    """Describe each feature as it was in the training data: type, range or levels, missing share.

    A category with more than a thousand levels keeps its thousand most frequent ones.
    """
    return [_described(name, columns[name]) for name in names]


def ordinary(feature: Mapping[str, Any]) -> Any:
    """Return a value that the training data had, or nothing where it had none."""
    if feature["type"] == "category":
        return next(iter(feature.get("levels") or ()), None)
    return False if feature["type"] == "boolean" else feature.get("low", 0.0)


class Reader:
    """Reads rows of JSON into columns, by the signature of one version."""

    def __init__(self, features: Sequence[Mapping[str, Any]]) -> None:
        self._features = [_Feature(feature) for feature in features]
        self._names = frozenset(feature["name"] for feature in features)

    def columns(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Column], list[list[str]]]:
        """Return one array per feature, and for each row the warnings about it.

        Raises:
            Invalid: a feature is missing from a row or of another type; both are named.
        """
        warnings: list[list[str]] = [[] for _ in rows]
        told = {feature.name: feature.read(rows, warnings) for feature in self._features}
        for number, row in enumerate(rows):
            if len(row) > len(self._names):
                warnings[number] += [
                    f"unknown_feature:{name}" for name in row if name not in self._names
                ]
        return told, warnings


class _Feature:
    """One feature's type and range, and how its values are read."""

    __slots__ = ("_check", "_dtype", "_is_number", "high", "levels", "low", "name", "type")

    def __init__(self, feature: Mapping[str, Any]) -> None:
        self.name: str = feature["name"]
        self.type: str = feature["type"]
        self.low: float = feature.get("low", -math.inf)
        self.high: float = feature.get("high", math.inf)
        self.levels = frozenset(feature.get("levels") or ())
        self._check = {"category": self._text, "boolean": self._flag}.get(self.type, self._number)
        self._is_number = self.type in ("number", "integer") and self.low > -math.inf
        self._dtype = object if self.type == "category" else np.float64

    def read(self, rows: Sequence[Mapping[str, Any]], warnings: list[list[str]]) -> Column:
        """Return the column of this feature, noting what is odd but may be answered."""
        column = np.empty(len(rows), dtype=self._dtype)
        missing = None if self._dtype is object else math.nan
        for number, row in enumerate(rows):
            value = row.get(self.name, ABSENT)
            if type(value) is float and self.low <= value <= self.high and self._is_number:
                column[number] = value  # by far the most common case; NaN is in no range
                continue
            if value is None:
                column[number] = missing
                continue
            warning = self._check(value, number)
            if warning:
                warnings[number].append(f"{warning}:{self.name}")
            column[number] = value
        return column

    def _number(self, value: Any, row: int) -> str:
        kind = type(value)
        if kind is float:
            if not math.isfinite(value):
                raise self._wrong(value, row)
        elif kind is not int or not -EXACT <= value <= EXACT:
            raise self._wrong(value, row)
        return "" if self.low <= value <= self.high else "outside_range"

    def _flag(self, value: Any, row: int) -> str:
        if type(value) is not bool:
            raise self._wrong(value, row)
        return ""

    def _text(self, value: Any, row: int) -> str:
        if type(value) is not str:
            raise self._wrong(value, row)
        if value in self.levels:
            return ""
        if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise self._wrong(value, row)
        return "new_level"

    def _wrong(self, value: Any, row: int) -> Invalid:
        if value is ABSENT:
            return Invalid(
                "Row {row} has no feature {feature}.",
                "send null where a value is missing.",
                code="invalid_rows",
                row=row,
                feature=self.name,
            )
        return Invalid(
            "Row {row}: the feature {feature} has to be a {wanted}, not {found}.",
            "GET /openapi.json of the prediction server shows what a row looks like.",
            code="invalid_rows",
            row=row,
            feature=self.name,
            wanted={"category": "text", "boolean": "true or false"}.get(self.type, "finite number"),
            found=_kind(value),
        )


def _described(name: str, column: Column) -> dict[str, Any]:
    kind = column.dtype.kind
    count = max(len(column), 1)
    if kind == "O":
        known = [value for value in column.tolist() if value is not None]
        return {
            "name": name,
            "type": "category",
            "levels": _levels(known),
            "missing": 1 - len(known) / count,
        }
    if kind == "b":
        return {"name": name, "type": "boolean", "missing": 0.0}
    finite = column[np.isfinite(column)] if kind == "f" else column
    told: dict[str, Any] = {
        "name": name,
        "type": "integer" if kind == "i" else "number",
        "missing": float(np.isnan(column).mean()) if kind == "f" and len(column) else 0.0,
    }
    if len(finite):
        told |= {"low": float(finite.min()), "high": float(finite.max())}
    return told


def _levels(known: list[str]) -> list[str]:
    from collections import Counter

    return sorted(level for level, _ in Counter(known).most_common(MOST_LEVELS))


def _kind(value: Any) -> str:
    names = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number out of range"
    return names.get(type(value), "that")
