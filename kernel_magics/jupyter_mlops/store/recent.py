"""The end of a prediction log, read from its end: what was asked lately costs little to know.

Several processes write a log, each its own segments, so the name of a segment does not tell whose
rows are newer. Each part of the log has a latest moment that costs nothing to know: the time a
segment was last written, the statistics of a Parquet row group. Parts are read from the latest on
until none that is left can hold a newer row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from jupyter_mlops.store import logtables
from jupyter_mlops.store.sealing import days_between
from jupyter_mlops.store.segments import frames

COLUMNS: Final = ["at", "role", "warnings", "features"]
SHADOW: Final = "challenger"
TICK: Final = timedelta(milliseconds=10)
"""How coarse the clock is by which a file system says when a file was written."""


@dataclass(frozen=True)
class _Part:
    """Some rows of a log, none of them later than ``latest``."""

    latest: datetime
    read: Callable[[], pa.Table]


def newest(
    segments: Sequence[Path], folder: Path, most: int, *, since: datetime
) -> list[dict[str, Any]]:
    """Return what callers asked last, newest last, at most so many rows and none before ``since``.

    What a challenger answered beside repeats what a caller asked, and is left out.
    """
    parts = [*_of_segments(segments, folder), *_of_files(segments, folder, since)]
    found: list[dict[str, Any]] = []
    for part in sorted(parts, key=lambda part: part.latest, reverse=True):
        if part.latest < since or (len(found) >= most and part.latest < found[0]["at"]):
            break
        table = part.read()
        asked = pc.and_(
            pc.not_equal(table["role"], SHADOW),
            pc.greater_equal(table["at"], pa.scalar(since, table["at"].type)),
        )
        late = table.filter(asked).sort_by("at")
        found += late.slice(max(0, late.num_rows - most)).to_pylist()
        found = sorted(found, key=lambda row: row["at"])[-most:]
    return found


def _of_segments(segments: Sequence[Path], folder: Path) -> Iterator[_Part]:
    for segment in segments:
        try:
            latest = datetime.fromtimestamp(segment.stat().st_mtime, UTC) + TICK
        except FileNotFoundError:  # sealed in the meantime
            latest = datetime.now(UTC)
        yield _Part(latest, lambda segment=segment: _segment(segment, folder))  # type: ignore[misc]


def _segment(segment: Path, folder: Path) -> pa.Table:
    """Return the rows of a segment, or of what it was sealed to in the meantime."""
    try:
        return logtables.predictions(frames(segment)).select(COLUMNS)
    except FileNotFoundError:
        sealed = sorted(folder.glob(f"day=*/{segment.stem}.parquet"))
        empty = logtables.predictions([]).select(COLUMNS)
        read = [parquet.ParquetFile(file).read(columns=COLUMNS) for file in sealed]
        return pa.concat_tables([empty, *read], promote_options="default")


def _of_files(segments: Sequence[Path], folder: Path, since: datetime) -> Iterator[_Part]:
    unsealed = {segment.stem for segment in segments}
    for file in days_between(folder, since, datetime.now(UTC)):
        if file.stem in unsealed:
            continue
        read = parquet.ParquetFile(file)
        at = read.schema_arrow.get_field_index("at")
        for group in range(read.num_row_groups):
            statistics = read.metadata.row_group(group).column(at).statistics
            yield _Part(
                statistics.max,
                lambda read=read, group=group: read.read_row_group(group, columns=COLUMNS),  # type: ignore[misc]
            )
