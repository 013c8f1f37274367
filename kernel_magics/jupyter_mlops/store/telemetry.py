"""The prediction log and what really happened, as tables; who writes it is the server's business.

On disk: ``spool/NAME/*.log`` while it is written, then ``predictions/deployment=NAME/day=…`` and
``requests/deployment=NAME/day=…``; ``actuals/deployment=NAME/*.parquet``. Any engine reads them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.config import Home
from jupyter_mlops.domain.names import iso

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.store.sealing import Sealed
    from jupyter_mlops.store.segments import Frame, Log

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
END: Final = datetime(9999, 12, 31, tzinfo=UTC)
_FRESH_SECONDS: Final = 5


class Telemetry:
    """Reads the logs of a workspace, while they are being written too."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def open_log(self, deployment: str) -> Log:
        """Begin a segment of a deployment's log; its writer is its only one."""
        from jupyter_mlops.store.segments import Log

        return Log(self._home.spool / deployment)

    def seal(self, on_sealed: Callable[[Sealed], None]) -> None:
        """Turn finished segments into Parquet; one that is still written is left alone.

        ``on_sealed`` is told of each file of predictions before its segment goes; after a crash in
        between it is told again.
        """
        from jupyter_mlops.store.sealing import seal

        for segment in list(self._segments(None)):
            name = segment.parent.name
            seal(segment, self._predictions(name), self._requests(name), on_sealed)

    def read_predictions(
        self,
        deployment: str,
        since: datetime = BEGINNING,
        until: datetime = END,
        *,
        known_until: datetime | None = None,
    ) -> pa.Table:
        """Return the predictions answered in ``[since, until)``, oldest first.

        Columns: prediction_id, id, at, known_at, version, digest, role, score (probability of the
        second class, of the winning class, or the value), label, probabilities, warnings,
        latency_ms, salt, features (a struct).
        """
        from jupyter_mlops.store import logtables

        tables = self._read(
            deployment, self._predictions(deployment), since, until, logtables.predictions
        )
        return _between(logtables.together(tables), since, min(until, known_until or until))

    def read_requests(
        self, deployment: str, since: datetime = BEGINNING, until: datetime = END
    ) -> pa.Table:
        """Return the requests of ``[since, until)``: at, rows, ms, kind (empty: answered), status."""
        import pyarrow as pa

        from jupyter_mlops.store import logtables

        tables = self._read(
            deployment, self._requests(deployment), since, until, logtables.requests
        )
        empty = logtables.requests([])
        return _between(pa.concat_tables([empty, *tables]), since, until)

    def write_actuals(
        self, deployment: str, rows: Sequence[Mapping[str, Any]], *, known_at: datetime
    ) -> Path:
        """Write down what really happened, durably; nobody reads it before it is announced.

        The file's name ends with its digest, so that the event of its arrival can be found.
        """
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.Table.from_pylist(
            [{**row, "known_at": known_at} for row in rows], schema=_actuals()
        )
        sink = pa.BufferOutputStream()
        parquet.write_table(table, sink, compression="zstd")
        data = sink.getvalue().to_pybytes()
        stamp = iso(known_at).replace(":", "").replace("-", "")
        folder = self._home.actuals / f"deployment={deployment}"
        path = folder / f".{stamp}-{hashlib.sha256(data).hexdigest()}.parquet"
        _write_durably(path, data)
        return path

    def unannounced(self, deployment: str) -> list[Path]:
        """Return the actuals that were written and not announced: somebody stopped in between."""
        folder = self._home.actuals / f"deployment={deployment}"
        return sorted(folder.glob(".*.parquet")) if folder.is_dir() else []

    def announce(self, path: Path) -> None:
        """Let actuals be read, now that the audit log knows of them."""
        with contextlib.suppress(FileNotFoundError):  # somebody settled it before
            path.rename(path.with_name(path.name[1:]))

    def read_actuals(self, deployment: str, *, known_until: datetime | None = None) -> pa.Table:
        """Return every actual known by then: id, prediction_id, value (text), at, known_at."""
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import parquet

        folder = self._home.actuals / f"deployment={deployment}"
        files = sorted(folder.glob("[!.]*.parquet")) if folder.is_dir() else []
        table = pa.concat_tables(
            [_actuals().empty_table(), *(parquet.ParquetFile(f).read() for f in files)]
        )
        if known_until is None:
            return table
        return table.filter(pc.less_equal(table["known_at"], known_until))

    def known_ids(self, deployment: str) -> set[str]:
        """Return the ids of all cases and predictions of a deployment."""
        log = self.read_predictions(deployment)
        return {*log["id"].to_pylist(), *log["prediction_id"].to_pylist()}

    def fingerprint(self, deployment: str) -> tuple[int, int]:
        """Return something cheap that changes soon after the log or the actuals do."""
        places = (
            *self._segments(deployment),
            self._predictions(deployment),
            self._home.actuals / f"deployment={deployment}",
        )
        times = [place.stat().st_mtime_ns for place in places if place.exists()]
        newest = max(times, default=0) // (_FRESH_SECONDS * 1_000_000_000)
        return len(times), newest

    def _read(
        self,
        deployment: str,
        folder: Path,
        since: datetime,
        until: datetime,
        tabled: Callable[[Iterator[Frame]], pa.Table],
    ) -> list[pa.Table]:
        """Read open segments first, then the Parquet of those that were not among them."""
        from pyarrow import parquet

        from jupyter_mlops.store.sealing import days_between
        from jupyter_mlops.store.segments import frames

        tables: list[pa.Table] = []
        seen: set[str] = set()
        for segment in list(self._segments(deployment)):
            try:
                tables.append(tabled(frames(segment)))
            except FileNotFoundError:
                continue
            seen.add(segment.stem)
        sealed = days_between(folder, since, until)
        return [
            *(parquet.ParquetFile(file).read() for file in sealed if file.stem not in seen),
            *tables,
        ]

    def _segments(self, deployment: str | None) -> Iterator[Path]:
        from jupyter_mlops.store.segments import SUFFIX

        place = self._home.spool / deployment if deployment else self._home.spool
        pattern = f"*{SUFFIX}" if deployment else f"*/*{SUFFIX}"
        yield from sorted(place.glob(pattern)) if place.is_dir() else ()

    def _predictions(self, deployment: str) -> Path:
        return self._home.predictions / f"deployment={deployment}"

    def _requests(self, deployment: str) -> Path:
        return self._home.folder / "requests" / f"deployment={deployment}"


def _between(table: pa.Table, since: datetime, until: datetime) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = table["at"].type
    first, last = pa.scalar(since, kind), pa.scalar(until, kind)
    inside = pc.and_(pc.greater_equal(table["at"], first), pc.less(table["at"], last))
    return table.filter(inside).sort_by("at")


def _actuals() -> pa.Schema:
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    return pa.schema(
        {
            "id": pa.string(),
            "prediction_id": pa.string(),
            "value": pa.string(),
            "at": moment,
            "known_at": moment,
        }
    )


def _write_durably(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    with beside.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
