"""Rows that come as Arrow, read column by column: no value of them becomes an object of its own.

What is ordinary (every feature there, of its type, and nothing besides) is read here. Whatever is not
is left to :mod:`jupyter_mlops.serving.tabular` and :class:`jupyter_mlops.formats.signature.Reader`,
which say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.formats.signature import EXACT
from jupyter_mlops.serving.typed import Column, Found, Outside

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class Sheet:
    """Rows by their columns, numbers before texts, each in the order of the signature.

    ``table`` holds them as the log keeps them; ``numbers`` has the shape (numbers, rows), NaN where
    missing; ``codes`` has for each text the place of its level, the first place after them all for a
    level that is new, and the next for a missing one. ``warnings`` are those of odd rows, by row.
    """

    count: int
    table: dict[str, pa.Array]
    numbers: Column
    codes: list[Column]
    warnings: dict[int, list[str]]

    def found(self) -> Found:
        """Return the rows as columns of objects, for a model that wants to see its texts."""
        names = list(self.table)
        columns: dict[str, Column] = dict(zip(names, self.numbers, strict=False))
        for name in names[len(self.numbers) :]:
            columns[name] = np.array(self.table[name].to_pylist(), dtype=object)
        warnings = [self.warnings.get(row, []) for row in range(self.count)]
        return Found(self.count, None, columns=columns, warnings=warnings, table=self.table)


class Sheets:
    """Reads the tables of one signature; None wherever the strict way has to have a look."""

    def __init__(self, features: Sequence[Mapping[str, Any]]) -> None:
        import pyarrow as pa

        numbers = [feature for feature in features if feature["type"] != "category"]
        texts = [feature for feature in features if feature["type"] == "category"]
        self._numbers = [(f["name"], f["type"] == "boolean") for f in numbers]
        self._texts = [(f["name"], pa.array(f.get("levels") or (), pa.string())) for f in texts]
        self._names = sorted(feature["name"] for feature in features)
        self._outside = Outside(numbers)

    def read(self, table: pa.Table) -> Sheet | None:
        """Read a table that holds the features and nothing besides, each of its type."""
        if sorted(table.column_names) != self._names:
            return None
        kept: dict[str, pa.Array] = {}
        numbers = np.empty((len(self._numbers), table.num_rows))
        for at, (name, is_flag) in enumerate(self._numbers):
            column = _flags(table[name]) if is_flag else _numbers(table[name])
            if column is None:
                return None
            kept[name], numbers[at] = column
        warnings: dict[int, list[str]] = {}
        if not self._outside.warn(numbers, lambda row: warnings.setdefault(row, [])):
            return None
        codes = []
        for name, levels in self._texts:
            texts = _texts(table[name])
            if texts is None:
                return None
            kept[name] = texts
            found = _coded(name, texts, levels, warnings)
            if found is None:
                return None
            codes.append(found)
        return Sheet(table.num_rows, kept, numbers, codes, warnings)


def _coded(
    name: str, texts: pa.Array, levels: pa.Array, warnings: dict[int, list[str]]
) -> Column | None:
    """Return the places of the levels; None where a new level is of the kind that is refused."""
    import pyarrow.compute as pc

    new = len(levels)
    places = pc.index_in(texts, value_set=levels)
    if not places.null_count:
        return np.asarray(places)
    codes: Column = places.fill_null(new).to_numpy()
    codes = np.where(texts.is_null().to_numpy(zero_copy_only=False), new + 1, codes)
    for row in np.flatnonzero(codes == new).tolist():
        if "\x00" in texts[row].as_py():
            return None
        warnings.setdefault(row, []).append(f"new_level:{name}")
    return codes


def _one_piece(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow.types as kinds

    found = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return found.dictionary_decode() if kinds.is_dictionary(found.type) else found


def _texts(column: pa.ChunkedArray) -> pa.Array | None:
    import pyarrow as pa
    import pyarrow.types as kinds

    found = _one_piece(column)
    is_text = kinds.is_string(found.type) or kinds.is_large_string(found.type)
    return found.cast(pa.string()) if is_text else None


def _flags(column: pa.ChunkedArray) -> tuple[pa.Array, Column] | None:
    import pyarrow as pa
    import pyarrow.types as kinds

    found = _one_piece(column)
    if not kinds.is_boolean(found.type):
        return None
    return found, found.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _numbers(column: pa.ChunkedArray) -> tuple[pa.Array, Column] | None:
    """Return numbers as the log keeps them, and as floats; None where one is not exact as such."""
    import pyarrow as pa
    import pyarrow.types as kinds

    found = _one_piece(column)
    is_whole = kinds.is_integer(found.type)
    if not is_whole and not kinds.is_floating(found.type):
        return None
    values = found.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if not is_whole and np.isfinite(values).all():
        return found.cast(pa.float64()), values
    largest = np.abs(values).max(initial=0.0, where=~np.isnan(values))
    if largest == np.inf or (is_whole and largest >= EXACT):
        return None
    return pa.array(values, from_pandas=True), values
