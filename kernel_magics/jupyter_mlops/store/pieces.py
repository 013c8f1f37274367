"""The prediction log piece by piece: segments that are still written, and days that are sealed.

A piece is one day of one segment, ``DEPLOYMENT/DAY/SEGMENT``. While the segment's file exists it is
what counts, so it has to be read before anybody asks which pieces are sealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from jupyter_mlops.store import logtables
from jupyter_mlops.store.sealing import days_between
from jupyter_mlops.store.segments import frames

ANSWERS: Final = ("at", "known_at", "version", "role", "score", "label", "features")
"""What has to be read of an answer to profile it."""


@dataclass(frozen=True)
class Open:
    """What a segment holds that is still written, or waits to be sealed."""

    segment: str
    changed: int
    answers: pa.Table
    requests: pa.Table


@dataclass(frozen=True)
class Pieces:
    """The pieces of one deployment's log."""

    segments: tuple[Path, ...]
    predictions: Path
    requests: Path

    def open(self, known: Mapping[str, Open]) -> list[Open]:
        """Read the segments that are still files; one that has not changed is not read again."""
        found = []
        for segment in self.segments:
            try:
                changed = segment.stat().st_mtime_ns
                kept = known.get(segment.stem)
                if kept is None or kept.changed != changed:
                    logged = list(frames(segment))
                    answers = logtables.predictions(logged)
                    kept = Open(segment.stem, changed, answers, logtables.requests(logged))
                found.append(kept)
            except FileNotFoundError:  # sealed in the meantime: it is a piece now
                continue
        return found

    def held(self, piece: str) -> tuple[bool, bool]:
        """Say whether there is a file with predictions of a sealed piece, and one with requests."""
        file = _file(piece)
        return (self.predictions / file).exists(), (self.requests / file).exists()

    def answers_of(self, piece: str, columns: Sequence[str] = ANSWERS) -> pa.Table | None:
        """Return the predictions of a sealed piece; None where it holds none."""
        return _read(self.predictions / _file(piece), columns)

    def requests_of(self, piece: str) -> pa.Table | None:
        """Return the requests of a sealed piece; None where it holds none."""
        return _read(self.requests / _file(piece), logtables.REQUESTS.names)

    def between(
        self, since: datetime, until: datetime, *, of_requests: bool = False
    ) -> Iterator[tuple[str, Path]]:
        """Return the sealed pieces that have rows in ``[since, until)``, told by statistics alone."""
        folder = self.requests if of_requests else self.predictions
        for path in days_between(folder, since, until):
            first, last = _ends(path)
            if first is None or (first < until and last >= since):
                yield _piece(path), path


def part_of(
    path: Path, since: datetime, until: datetime, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the rows of a file that lie in ``[since, until)``; other row groups are not read."""
    file = parquet.ParquetFile(path)
    groups = [
        group
        for group in range(file.num_row_groups)
        for first, last in [_group_ends(file, group)]
        if first is None or (first < until and last >= since)
    ]
    names = file.schema_arrow.names
    known = [name for name in columns or names if name.partition(".")[0] in names]
    return within(file.read_row_groups(groups, columns=known), since, until)


def within(table: pa.Table, since: datetime, until: datetime) -> pa.Table:
    """Return the rows of a table that lie in ``[since, until)``, in the order they have."""
    at = table["at"]
    first, last = pa.scalar(since, at.type), pa.scalar(until, at.type)
    return table.filter(pc.and_(pc.greater_equal(at, first), pc.less(at, last)))


def _read(path: Path, columns: Sequence[str]) -> pa.Table | None:
    try:
        file = parquet.ParquetFile(path)
    except FileNotFoundError:
        return None
    return file.read(columns=[name for name in columns if name in file.schema_arrow.names])


def _file(piece: str) -> str:
    _, day, segment = piece.split("/")
    return f"day={day}/{segment}.parquet"


def _piece(path: Path) -> str:
    deployment = path.parent.parent.name.removeprefix("deployment=")
    return f"{deployment}/{path.parent.name.removeprefix('day=')}/{path.stem}"


def _ends(path: Path) -> tuple[Any, Any]:
    file = parquet.ParquetFile(path)
    ends = [_group_ends(file, group) for group in range(file.num_row_groups)]
    if not ends or any(first is None for first, _ in ends):
        return None, None
    return min(first for first, _ in ends), max(last for _, last in ends)


def _group_ends(file: Any, group: int) -> tuple[Any, Any]:
    at = file.schema_arrow.get_field_index("at")
    statistics = file.metadata.row_group(group).column(at).statistics
    return (
        (statistics.min, statistics.max) if statistics and statistics.has_min_max else (None, None)
    )
