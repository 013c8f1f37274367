"""A sealed row of the prediction log, with all that proves it to be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from jupyter_mlops.store import erasing, logtables
from jupyter_mlops.store.sealing import days_between

_STAMP: Final = 12
"""Hexadecimal digits of milliseconds with which an id of ours begins, as a UUIDv7 does."""
_AROUND: Final = timedelta(days=1)


@dataclass(frozen=True)
class Proved:
    """A row, where it stands in its sealed piece, and the digests of all rows there, in order.

    Of a row that was erased there is nothing but ``erased``, the number of the deed.
    """

    piece: str
    row: dict[str, Any]
    index: int
    leaves: Sequence[bytes]
    erased: int = 0


def find(folder: Path, deployment: str, prediction_id: str) -> Proved | None:
    """Return the sealed row of a prediction, or None where no sealed file has it.

    Ids of ours say their day, so that only files of the days around it are looked into.
    """
    for path in days_between(folder, *_around(prediction_id)):
        file = parquet.ParquetFile(path)
        gone = erasing.gone_of(file)
        names = file.read(columns=["prediction_id"])["prediction_id"]
        index = pc.index(names, pa.scalar(prediction_id, pa.string())).as_py()
        lost = next(
            (one for one in gone if one.mark == erasing.mark(one.leaf, prediction_id)), None
        )
        if index < 0 and lost is None:
            continue
        table = file.read()
        leaves = erasing.leaves_of(table[logtables.LEAF].to_pylist(), gone)
        day = path.parent.name.removeprefix("day=")
        piece = f"{deployment}/{day}/{path.stem}"
        if lost is not None:
            return Proved(piece, {}, lost.index, leaves, lost.deed)
        (row,) = table.drop_columns([logtables.LEAF]).slice(index, 1).to_pylist()
        return Proved(piece, row, erasing.places_of(table.num_rows, gone)[index], leaves)
    return None


def day_of(prediction_id: str) -> str:
    """Return the day on which an id of ours was made; of another one, none."""
    first, last = _around(prediction_id)
    return (first + _AROUND).strftime("%Y-%m-%d") if last - first == 2 * _AROUND else ""


def _around(prediction_id: str) -> tuple[datetime, datetime]:
    try:
        seconds = int(prediction_id[:_STAMP], 16) / 1000
        moment = datetime.fromtimestamp(seconds, UTC)
        return moment - _AROUND, moment + _AROUND
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
