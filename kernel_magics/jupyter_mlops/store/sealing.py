"""Sealing: a finished segment becomes day-partitioned Parquet, exactly once.

While the segment's file exists, it is what readers read, and Parquet of the same name is ignored;
the file goes only after all its Parquet is durable. So a crash at any step loses and doubles
nothing: sealing the segment again writes the same files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from jupyter_mlops.domain import merkle
from jupyter_mlops.store import logtables
from jupyter_mlops.store.segments import Frame, frames, is_abandoned


@dataclass(frozen=True)
class Sealed:
    """The predictions of one day of one segment as they were sealed.

    ``root`` is that of the Merkle tree over their rows (:mod:`jupyter_mlops.domain.merkle`).
    """

    name: str
    deployment: str
    day: str
    rows: int
    path: str
    digest: str
    root: str


def seal(
    segment: Path, predictions: Path, requests: Path, on_sealed: Callable[[Sealed], None]
) -> None:
    """Write a finished segment as Parquet below two folders, tell of it, then remove it.

    A segment that somebody still writes, or that was sealed already, is left alone.
    """
    if not is_abandoned(segment):
        return
    name = segment.stem + ".parquet"
    for day, part in _by_day(frames(segment)):
        table, path = logtables.predictions(part), predictions / f"day={day}" / name
        _write(table, path)
        if table.num_rows:
            on_sealed(_sealed(segment, day, table, path))
        _write(logtables.requests(part), requests / f"day={day}" / name)
    segment.unlink(missing_ok=True)


def _sealed(segment: Path, day: str, table: pa.Table, path: Path) -> Sealed:
    return Sealed(
        name=f"{segment.parent.name}/{day}/{segment.stem}",
        deployment=segment.parent.name,
        day=day,
        rows=table.num_rows,
        path=f"{path.parent.parent.name}/{path.parent.name}/{path.name}",
        digest="sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(),
        root="sha256:" + merkle.root([merkle.leaf(row) for row in table.to_pylist()]),
    )


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
