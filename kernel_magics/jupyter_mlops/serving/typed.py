"""Reading rows by the types of one signature: the quick way to what the strict way would say.

What is ordinary (every feature there, of its type, and nothing besides) is read here into columns.
Whatever is not is left to :mod:`jupyter_mlops.serving.bodies` and
:class:`jupyter_mlops.formats.signature.Reader`, which say what is wrong with it. Colons are counted so
that no key can stand twice or stand for nothing: JSON libraries let both pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import contains, le
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from jupyter_mlops.formats.signature import EXACT
from jupyter_mlops.serving.bodies import MOST_ROWS, check_ids

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS: Final = {"category": str, "boolean": bool}

Column = np.ndarray[Any, Any]
Values = tuple[Any, ...]


@dataclass(slots=True)
class Found:
    """Rows as they were read: one ordinary row by its values, or any number by columns.

    ``table`` holds the columns as Arrow where they came so, which is how the log keeps them then.
    """

    count: int
    ids: Sequence[str] | None
    one: tuple[Values, Values] | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    warnings: list[list[str]] = field(default_factory=list)
    table: dict[str, pa.Array] | None = None


class Typed:
    """Reads the rows of one signature; None wherever the strict way has to have a look."""

    def __init__(self, features: Sequence[Mapping[str, Any]]) -> None:
        texts = [feature for feature in features if feature["type"] == "category"]
        numbers = [feature for feature in features if feature["type"] != "category"]
        self._names = [feature["name"] for feature in (*numbers, *texts)]
        self._numbers = len(numbers)
        self._outside = Outside(numbers)
        self._levels = [frozenset(feature.get("levels") or ()) for feature in texts]
        self._decoder = _decoder([*numbers, *texts])

    def json(self, body: bytes, *, one: bool) -> Found | None:
        """Read a body of rows; where ``one`` is said, a single ordinary row comes as its values.

        Raises:
            Problem: the ids are not ids.
        """
        try:
            asked = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        rows, ids = asked.rows, asked.ids
        count = len(rows)
        keys = 1 + count * len(self._names) + (ids is not None)
        if not 0 < count <= MOST_ROWS or body.count(b":") != keys:
            return None
        if ids is not None:
            check_ids(ids, count)
        if one and count == 1:
            values = msgspec.structs.astuple(rows[0])
            if self._is_ordinary(values):
                return Found(1, ids, one=(values[: self._numbers], values[self._numbers :]))
        return self._by_column(list(zip(*map(msgspec.structs.astuple, rows), strict=True)), ids)

    def _is_ordinary(self, values: Values) -> bool:
        """Say whether a row lacks nothing and lies within what the training data had."""
        if None in values:
            return False
        numbers, texts = values[: self._numbers], values[self._numbers :]
        return (
            all(map(le, self._outside.lows, numbers))
            and all(map(le, numbers, self._outside.highs))
            and all(map(contains, self._levels, texts))
        )

    def _by_column(self, told: Sequence[Any], ids: Sequence[str] | None) -> Found | None:
        """Return columns with their warnings; None where a value is of the kind that is refused."""
        count = len(told[0])
        warnings: list[list[str]] = [[] for _ in range(count)]
        columns: dict[str, Column] = {}
        numbers = np.empty((self._numbers, count))
        for at in range(self._numbers):
            numbers[at] = told[at]
            columns[self._names[at]] = numbers[at]
        if not self._outside.warn(numbers, warnings.__getitem__):
            return None
        for at, known in enumerate(self._levels, start=self._numbers):
            name, texts = self._names[at], told[at]
            columns[name] = np.array(texts, dtype=object)
            for row in () if known.issuperset(texts) else _unseen(texts, known):
                if "\x00" in texts[row]:
                    return None
                warnings[row].append(f"new_level:{name}")
        return Found(count, ids, columns=columns, warnings=warnings)


class Outside:
    """Finds numbers outside the training range, ``(features, rows)`` at a time."""

    def __init__(self, features: Sequence[Mapping[str, Any]]) -> None:
        bounds = [_bounds(feature) for feature in features]
        self._names = [feature["name"] for feature in features]
        self.lows, self.highs = [low for low, _ in bounds], [high for _, high in bounds]
        self._low, self._high = (np.array(told).reshape(-1, 1) for told in (self.lows, self.highs))

    def warn(self, numbers: Column, warnings: Callable[[int], list[str]]) -> bool:
        """Add to the warnings of each row; False where a number is not exact any more."""
        inside = (numbers >= self._low) & (numbers <= self._high)
        if inside.all():
            return True
        outside = ~inside & ~np.isnan(numbers)
        if (np.abs(numbers[outside]) >= EXACT).any():
            return False
        for at, row in zip(*(places.tolist() for places in np.nonzero(outside)), strict=True):
            warnings(row).append(f"outside_range:{self._names[at]}")
        return True


def _bounds(feature: Mapping[str, Any]) -> tuple[float, float]:
    """Return the training range, as far as its numbers are exact; a range nobody knows is endless."""
    low, high = feature.get("low", -math.inf), feature.get("high", math.inf)
    return max(low, 1 - EXACT), min(high, EXACT - 1)


def _decoder(features: Sequence[Mapping[str, Any]]) -> Any:
    row = msgspec.defstruct(
        "Row",
        [
            (
                f"f{at}",
                _KINDS.get(feature["type"], float) | None,
                msgspec.field(name=feature["name"]),
            )
            for at, feature in enumerate(features)
        ],
    )
    asked = msgspec.defstruct(
        "Asked",
        [("rows", list[row]), ("ids", list[str] | None, None)],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(asked)


def _unseen(texts: Sequence[str | None], known: frozenset[str]) -> list[int]:
    return [row for row, text in enumerate(texts) if text is not None and text not in known]
