"""Sealing: a finished segment becomes day-partitioned Parquet, exactly once.

While the segment's file exists, it is what readers read, and Parquet of the same name is ignored;
the file goes only after all its Parquet is durable. So a crash at any step loses and doubles
nothing: sealing the segment again writes the same files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from jupyter_mlops.domain import merkle
from jupyter_mlops.store import logtables
from jupyter_mlops.store.disk import make_folder, sync_folder
from jupyter_mlops.store.segments import frames, held

AT_ONCE: Final = 2_048
"""Rows of a segment that are values of Python at the same time."""


@dataclass(frozen=True)
class Sealed:
    """One day of one segment as it was sealed: a piece of the log.

    ``rows`` and ``root`` (of the Merkle tree over them, :mod:`jupyter_mlops.domain.merkle`) are of
    its predictions; ``path`` is their file, or that of its requests where none was answered.
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

    A segment that somebody still writes, or seals, or that was sealed already, is left alone: so
    nobody writes a file of it once the segment is gone, and rows may be taken out of it.
    """
    with held(segment) as is_ours:
        if is_ours:
            _seal(segment, predictions, requests, on_sealed)


def _seal(
    segment: Path, predictions: Path, requests: Path, on_sealed: Callable[[Sealed], None]
) -> None:
    name = segment.stem + ".parquet"
    logged = list(frames(segment))
    answers = dict(_by_day(logtables.predictions(logged)))
    asked = dict(_by_day(logtables.requests(logged)))
    for day in sorted({*answers, *asked}):
        paths = [folder / f"day={day}" / name for folder in (predictions, requests)]
        if day in asked:
            _write(asked[day], paths[1])
        leaves: list[bytes] = []
        if day in answers:
            leaves = list(_leaves(answers[day]))
            column = pa.array(leaves, pa.binary(merkle.SIZE))
            _write(answers[day].append_column(logtables.LEAF, column), paths[0])
        on_sealed(_sealed(segment, day, leaves, paths[0 if day in answers else 1]))
    segment.unlink(missing_ok=True)


def _leaves(table: pa.Table) -> Iterator[bytes]:
    """Return the digest of each row; only so many rows lie in memory at once."""
    for batch in table.to_batches(max_chunksize=AT_ONCE):
        yield from map(merkle.leaf, batch.to_pylist())


def _sealed(segment: Path, day: str, leaves: list[bytes], path: Path) -> Sealed:
    return Sealed(
        name=f"{segment.parent.name}/{day}/{segment.stem}",
        deployment=segment.parent.name,
        day=day,
        rows=len(leaves),
        path=f"{path.parent.parent.name}/{path.parent.name}/{path.name}",
        digest="sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(),
        root="sha256:" + merkle.root(leaves),
    )


def _by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Return a table day by day, in UTC, each in the order of time."""
    days = pc.strftime(table["at"], format="%Y-%m-%d")
    found = sorted(pc.unique(days).to_pylist())
    for day in found:
        of_day = table if len(found) == 1 else table.filter(pc.equal(days, day))
        yield day, of_day.sort_by("at")


def _write(table: pa.Table, path: Path) -> None:
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    parquet.write_table(table, beside, compression="zstd")
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.rename(path)
    sync_folder(path.parent)


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
