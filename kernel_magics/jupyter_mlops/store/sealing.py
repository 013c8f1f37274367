"""Sealing: a finished segment becomes day-partitioned Parquet, exactly once.

While the segment's file exists, it is what readers read, and Parquet of the same name is ignored;
the file goes only after all its Parquet is durable. So a crash at any step loses and doubles
nothing: sealing the segment again writes the same files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from jupyter_mlops.store import logtables
from jupyter_mlops.store.segments import Frame, frames, is_abandoned


def seal(segment: Path, predictions: Path, requests: Path) -> None:
    """Write a finished segment as Parquet below two folders, then remove it.

    A segment that somebody still writes, or that was sealed already, is left alone.
    """
    if not is_abandoned(segment):
        return
    name = segment.stem + ".parquet"
    for day, part in _by_day(frames(segment)):
        _write(logtables.predictions(part), predictions / f"day={day}" / name)
        _write(logtables.requests(part), requests / f"day={day}" / name)
    segment.unlink(missing_ok=True)


def _by_day(found: Iterable[Frame]) -> Iterator[tuple[str, list[Frame]]]:
    ordered = sorted(found, key=lambda frame: str(frame.head["at"]))
    for day, part in groupby(ordered, key=lambda frame: str(frame.head["at"])[:10]):
        yield day, list(part)


def _write(table: pa.Table, path: Path) -> None:
    if not table.num_rows:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    parquet.write_table(table, beside, compression="zstd")
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.rename(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def days_between(folder: Path, since: datetime, until: datetime) -> list[Path]:
    """Return the Parquet files of the days that a stretch of time touches, in order."""
    first, last = since.strftime("day=%Y-%m-%d"), until.strftime("day=%Y-%m-%d")
    if not folder.is_dir():
        return []
    return [
        file
        for day in sorted(folder.iterdir())
        if first <= day.name <= last
        for file in sorted(day.glob("[!.]*.parquet"))
    ]
