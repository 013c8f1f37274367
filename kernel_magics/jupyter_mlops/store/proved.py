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

from jupyter_mlops.store import logtables
from jupyter_mlops.store.sealing import days_between

_STAMP: Final = 12
"""Hexadecimal digits of milliseconds with which an id of ours begins, as a UUIDv7 does."""
_AROUND: Final = timedelta(days=1)


@dataclass(frozen=True)
class Proved:
    """A row, where it stands in its sealed piece, and the digests of all rows there, in order."""

    piece: str
    row: dict[str, Any]
    index: int
    leaves: Sequence[bytes]


def find(folder: Path, deployment: str, prediction_id: str) -> Proved | None:
    """Return the sealed row of a prediction, or None where no sealed file has it.

    Ids of ours say their day, so that only files of the days around it are looked into.
    """
    for file in days_between(folder, *_around(prediction_id)):
        names = parquet.ParquetFile(file).read(columns=["prediction_id"])["prediction_id"]
        index = pc.index(names, pa.scalar(prediction_id, pa.string())).as_py()
        if index < 0:
            continue
        table = parquet.ParquetFile(file).read()
        (row,) = table.drop_columns([logtables.LEAF]).slice(index, 1).to_pylist()
        day = file.parent.name.removeprefix("day=")
        leaves = table[logtables.LEAF].to_pylist()
        return Proved(f"{deployment}/{day}/{file.stem}", row, index, leaves)
    return None


def _around(prediction_id: str) -> tuple[datetime, datetime]:
    try:
        seconds = int(prediction_id[:_STAMP], 16) / 1000
        moment = datetime.fromtimestamp(seconds, UTC)
        return moment - _AROUND, moment + _AROUND
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
