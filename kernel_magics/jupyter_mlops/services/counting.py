"""Rows of the prediction log counted over frozen bins, in Arrow: no loop over rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from jupyter_mlops.domain.names import iso

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from jupyter_mlops.stats.batch import Batch, Layout
    from jupyter_mlops.stats.profile import Bins, Profile

FEATURE: Final = "feature:"
MANY: Final = 50_000
"""Rows from which columns are counted on several threads."""


@dataclass(frozen=True)
class Key:
    """Of which answers: the version and role that gave them, their hour, and when they were known."""

    version: str
    role: str
    hour: str
    known_at: str


def by_hour(
    table: pa.Table, layout_of: Callable[[str], Layout | None]
) -> Iterator[tuple[Key, Batch]]:
    """Profile answers hour by hour, each version over the bins of its own reference."""
    for key, rows in keyed(table):
        yield key, batch_of(rows, layout_of(key.version) or _no_layout())


def keyed(
    table: pa.Table, unit: Literal["hour", "microsecond"] = "hour"
) -> Iterator[tuple[Key, pa.Table]]:
    """Part answers by version, role, hour (or moment), and the hour they were known in."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not table.num_rows:
        return
    columns = {
        "version": pc.fill_null(table["version"], ""),
        "role": pc.fill_null(table["role"], ""),
        "hour": pc.floor_temporal(table["at"], unit=unit),
        "known": pc.floor_temporal(table["known_at"], unit="hour"),
    }
    keys = pa.table(columns)
    distinct = keys.group_by(list(columns)).aggregate([]).to_pylist()
    for told in sorted(distinct, key=lambda row: tuple(map(str, row.values()))):
        key = Key(told["version"], told["role"], iso(told["hour"]), iso(told["known"]))
        if len(distinct) == 1:
            yield key, table
            return
        masks = [pc.equal(keys[name], told[name]) for name in columns]
        mask = masks[0]
        for other in masks[1:]:
            mask = pc.and_(mask, other)
        yield key, table.filter(mask)


def batch_of(table: pa.Table, layout: Layout) -> Batch:
    """Profile every column that a reference holds."""

    def of(name: str) -> Profile:
        return profile_of(column_of(table, name), table.num_rows, layout.bins[name])

    if table.num_rows < MANY:
        return layout.batch(table.num_rows, {name: of(name) for name in layout.names})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(layout.names, pool.map(of, layout.names), strict=True))
    return layout.batch(table.num_rows, found)


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    """Return a logged column by its name in the reference; None where no row has it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not name.startswith(FEATURE):
        return table[name] if name in table.column_names else None
    wanted = name.removeprefix(FEATURE)
    if pa.types.is_struct(table["features"].type):
        at = table["features"].type.get_field_index(wanted)
        return None if at < 0 else pc.struct_field(table["features"], [at])
    return None


def profile_of(column: pa.ChunkedArray | None, rows: int, cut: Bins) -> Profile:
    """Count one column over its frozen bins; a column that is not there is missing in each row."""
    from jupyter_mlops.stats.profile import counted, profile

    if column is None or not rows:
        empty = profile([], cut)
        return type(empty)(cut, empty.counts, rows)
    if cut.kind == "number":
        return profile(numbers(column), cut)
    return counted(*levels(column), cut)


def numbers(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column as floats, NaN where it is missing or no number."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy())
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    known = np.array([*map(_number, coded.dictionary.to_pylist()), np.nan])
    return np.asarray(known[coded.indices.fill_null(len(known) - 1).to_numpy()])


def levels(column: pa.ChunkedArray) -> tuple[dict[str, int], int]:
    """Return how often each label occurs, and how many are missing; each distinct value is seen once."""
    from jupyter_mlops.stats import columns

    counts: dict[str, int] = {}
    gone = 0
    for value, count in _distinct(column):
        if columns.missing(value):
            gone += count
        elif count:
            name = columns.label(value)
            counts[name] = counts.get(name, 0) + count
    return counts, gone


def _distinct(column: pa.ChunkedArray) -> Iterator[tuple[Any, int]]:
    """Give values and how often each occurs; what is coded is counted by its codes, used or not."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        for told in pc.value_counts(column).to_pylist():
            yield told["values"], told["counts"]
        return
    for chunk in column.chunks:
        codes = chunk.indices.drop_null().to_numpy()
        found = np.bincount(codes, minlength=len(chunk.dictionary)).tolist()
        yield from zip(chunk.dictionary.to_pylist(), found, strict=True)
        yield None, chunk.null_count


def added(parts: Iterable[tuple[Key, Batch]]) -> Mapping[Key, Batch]:
    """Add up what has the same key."""
    from jupyter_mlops.stats.batch import together

    gathered: dict[Key, list[Batch]] = {}
    for key, batch in parts:
        gathered.setdefault(key, []).append(batch)
    return {key: together(found[0].layout, found) for key, found in gathered.items()}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _no_layout() -> Layout:
    from jupyter_mlops.stats.batch import Layout

    return Layout({})
