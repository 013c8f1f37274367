"""The prediction log and what really happened, as tables; who writes it is the server's business.

On disk: ``spool/NAME/*.log`` while it is written, then ``predictions/deployment=NAME/day=…`` and
``requests/deployment=NAME/day=…``; ``actuals/deployment=NAME/*.parquet``. Any engine reads them.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.config import Home
from jupyter_mlops.domain.names import iso
from jupyter_mlops.store.disk import make_folder, sync_folder

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.store.logtables import Logged
    from jupyter_mlops.store.pieces import Pieces
    from jupyter_mlops.store.proved import Proved
    from jupyter_mlops.store.repeats import Repeats
    from jupyter_mlops.store.sealing import Sealed
    from jupyter_mlops.store.segments import Log
    from jupyter_mlops.store.turns import Turn

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

    def open_repeats(self) -> Repeats:
        """Open the answers of the last day by their idempotency keys, for one thread."""
        from jupyter_mlops.store.repeats import Repeats

        return Repeats(self._home.spool / "repeats.db")

    def forget_repeats(self, deployment: str, keys: Iterable[str]) -> bool:
        """Forget the answers of some keys for good; say whether nothing of them is left."""
        if not (self._home.spool / "repeats.db").exists():
            return True
        repeats = self.open_repeats()
        try:
            return repeats.forget(deployment, keys)
        finally:
            repeats.close()

    def ask_for_turn(self) -> None:
        """Ask whoever writes segments to end them now, so that they can be sealed."""
        from jupyter_mlops.store.turns import TURN

        (self._home.spool / TURN).touch()

    def turn(self) -> Turn:
        """Return what says when segments are asked to end."""
        from jupyter_mlops.store.turns import Turn

        return Turn(self._home.spool)

    def seal(self, on_sealed: Callable[[Sealed], None], *, seconds: float = math.inf) -> None:
        """Turn finished segments into Parquet; one that is still written is left alone.

        ``on_sealed`` is told of each day of a segment before the segment goes; after a crash in
        between it is told again. After ``seconds`` no other segment is begun.
        """
        from jupyter_mlops.store.sealing import seal

        until = time.monotonic() + seconds
        for segment in list(self._segments(None)):
            if time.monotonic() > until:
                return
            name = segment.parent.name
            seal(segment, self._predictions(name), self._requests(name), on_sealed)

    def finished(self) -> list[Path]:
        """Return the segments that wait to be sealed: nobody writes them any more."""
        from jupyter_mlops.store.segments import is_abandoned

        return [segment for segment in self._segments(None) if is_abandoned(segment)]

    def read_predictions(
        self,
        deployment: str,
        since: datetime = BEGINNING,
        until: datetime = END,
        *,
        known_until: datetime | None = None,
        with_challengers: bool = False,
    ) -> pa.Table:
        """Return the predictions answered in ``[since, until)``, oldest first.

        What challengers said beside them was told to nobody, and comes only when it is asked for.

        Columns: prediction_id, id, at, known_at, version, digest, role, score (probability of the
        second class, of the winning class, or the value), label, probabilities, warnings,
        latency_ms, salt, beside (of a challenger: the prediction_id of what was answered), features
        (a struct).
        """
        from jupyter_mlops.store import logtables

        tables = self._read(
            deployment, self._predictions(deployment), since, until, logtables.predictions
        )
        table = _between(logtables.together(tables), since, min(until, known_until or until))
        return table if with_challengers else _answers(table)

    def pieces(self, deployment: str) -> Pieces:
        """Return the log of a deployment in its pieces, for those who need not read all of it."""
        from jupyter_mlops.store.pieces import Pieces

        return Pieces(
            tuple(self._segments(deployment)),
            self._predictions(deployment),
            self._requests(deployment),
        )

    def newest(self, deployment: str, most: int, *, since: datetime) -> list[dict[str, Any]]:
        """Return the features and warnings of the newest predictions, without reading all of a day.

        Segments and files are read from the newest backwards until there are enough.
        """
        from jupyter_mlops.store.recent import newest

        segments = list(self._segments(deployment))
        return newest(segments, self._predictions(deployment), most, since=since)

    def proved(self, deployment: str, prediction_id: str) -> Proved | None:
        """Return the sealed row of a prediction with what proves it, or None."""
        from jupyter_mlops.store.proved import find

        return find(self._predictions(deployment), deployment, prediction_id)

    def is_open(self, deployment: str, prediction_id: str) -> bool:
        """Say whether a prediction is in a segment that is not sealed yet."""
        return any(
            prediction_id in piece.answers["prediction_id"].to_pylist()
            for piece in self.pieces(deployment).open({})
        )

    def read_requests(
        self,
        deployment: str,
        since: datetime = BEGINNING,
        until: datetime = END,
        *,
        with_challengers: bool = False,
    ) -> pa.Table:
        """Return the requests of ``[since, until)``: at, rows, ms, kind (empty: answered), status.

        What challengers were given is no request, and comes only when it is asked for.
        """
        import pyarrow as pa

        from jupyter_mlops.store import logtables

        tables = self._read(
            deployment, self._requests(deployment), since, until, logtables.requests
        )
        empty = logtables.requests([])
        whole = pa.concat_tables([empty, *tables], promote_options="default")
        table = _between(whole, since, until)
        return table if with_challengers else _answers(table)

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

    def actual_files(self, deployment: str) -> list[str]:
        """Return the names of all announced files of actuals, in the order in which they came."""
        folder = self._home.actuals / f"deployment={deployment}"
        return sorted(path.stem for path in folder.glob("[!.]*.parquet")) if folder.is_dir() else []

    def actuals_changed(self, deployment: str) -> int:
        """Return something that is another number after more actuals are announced."""
        folder = self._home.actuals / f"deployment={deployment}"
        return folder.stat().st_mtime_ns if folder.is_dir() else 0

    def read_actual_file(self, deployment: str, name: str) -> pa.Table:
        """Return the actuals of one announced file, in their order; columns as of all of them."""
        from pyarrow import parquet

        folder = self._home.actuals / f"deployment={deployment}"
        return parquet.ParquetFile(folder / f"{name}.parquet").read()

    def known(self, deployment: str, ids: set[str]) -> set[str]:
        """Return those of some ids that are of a case or a prediction of a deployment.

        Only rows with one of them become values of Python: a log has millions of others.
        """
        import pyarrow as pa

        from jupyter_mlops.store import logtables

        sought = pa.array(sorted(ids), pa.string())
        found: set[str] = set()
        for table in self._read(
            deployment,
            self._predictions(deployment),
            BEGINNING,
            END,
            logtables.names,
            columns=[*logtables.NAMES],
            kept=partial(_naming, sought),
        ):
            found.update(table["id"].to_pylist(), table["prediction_id"].to_pylist())
        return found & ids

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
        tabled: Callable[[Iterator[Logged]], pa.Table],
        *,
        columns: list[str] | None = None,
        kept: Callable[[pa.Table], pa.Table] = lambda table: table,
    ) -> list[pa.Table]:
        """Read open segments first, then the Parquet of those that were not among them.

        ``kept`` says what is kept of each before the next is read.
        """
        from pyarrow import parquet

        from jupyter_mlops.store.sealing import days_between
        from jupyter_mlops.store.segments import frames

        tables: list[pa.Table] = []
        seen: set[str] = set()
        for segment in list(self._segments(deployment)):
            try:
                tables.append(kept(tabled(frames(segment))))
            except FileNotFoundError:
                continue
            seen.add(segment.stem)
        sealed = days_between(folder, since, until)
        return [
            *(
                kept(parquet.ParquetFile(file).read(columns=columns))
                for file in sealed
                if file.stem not in seen
            ),
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


def _answers(table: pa.Table) -> pa.Table:
    """Leave out what challengers did; a request whose rows several models answered has no role."""
    import pyarrow.compute as pc

    role = table["role"]
    return table.filter(pc.or_(pc.is_null(role), pc.not_equal(role, "challenger")).fill_null(True))


def _naming(sought: pa.Array, table: pa.Table) -> pa.Table:
    """Keep the answers whose case or prediction has one of some ids."""
    import pyarrow.compute as pc

    by_case, by_prediction = (
        pc.is_in(table[name], value_set=sought) for name in ("id", "prediction_id")
    )
    return _answers(table.filter(pc.or_(by_case, by_prediction)))


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


def no_actuals() -> pa.Table:
    """Return a table of actuals without any."""
    return _actuals().empty_table()


def _write_durably(path: Path, data: bytes) -> None:
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}")
    with beside.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    sync_folder(path.parent)
