"""What was asked last, whoever wrote it down and however far it has been sealed."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from jupyter_mlops.store import logtables
from jupyter_mlops.store.recent import newest
from jupyter_mlops.store.sealing import seal
from jupyter_mlops.store.segments import SUFFIX, Log

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


def rows(*seconds, role="champion"):
    """Return predictions of those seconds, each knowing its own second."""
    count = len(seconds)
    told = {name: pa.nulls(count, kind) for name, kind in logtables.PREDICTION.items()}
    told["at"] = pa.array([NOW + timedelta(seconds=at) for at in seconds], told["at"].type)
    told["role"] = pa.array([role] * count, told["role"].type)
    told["features"] = pa.array([{"second": float(at)} for at in seconds])
    return pa.RecordBatch.from_pydict(told)


def write(folder, *batches):
    """Write a segment of those rows and end it; return its path."""
    log = Log(folder, size=1 << 16)
    for batch in batches:
        log.append_table(batch)
    log.commit()
    log.close()
    return folder / f"{log.segment}{SUFFIX}"


def seconds(segments, folder, most, since=NOW - timedelta(days=1)):
    return [row["features"]["second"] for row in newest(segments, folder, most, since=since)]


def test_two_writers_are_read_in_the_order_of_time_not_of_their_names(tmp_path):
    spool, sealed = tmp_path / "spool", tmp_path / "sealed"
    older = write(spool, rows(1, 5, 9))  # begun first, written last
    other = write(spool, rows(2, 3))
    assert older.name < other.name
    assert seconds([older, other], sealed, 3) == [3, 5, 9]
    for segment in (older, other):
        seal(segment, sealed, tmp_path / "requests", lambda _: None)
    assert seconds([], sealed, 3) == [3, 5, 9]
    assert seconds([], sealed, 99) == [1, 2, 3, 5, 9]


def test_a_segment_that_is_sealed_while_it_is_read_is_read_where_it_went(tmp_path):
    spool, sealed = tmp_path / "spool", tmp_path / "sealed"
    segment = write(spool, rows(1, 2))
    seal(segment, sealed, tmp_path / "requests", lambda _: None)
    assert seconds([segment], sealed, 9) == [1, 2]


def test_what_a_challenger_repeats_and_what_is_too_old_is_left_out(tmp_path):
    segment = write(tmp_path / "spool", rows(1, 2, 3), rows(4, 5, role="challenger"))
    assert seconds([segment], tmp_path / "sealed", 9) == [1, 2, 3]
    assert seconds([segment], tmp_path / "sealed", 9, NOW + timedelta(seconds=2)) == [2, 3]
    assert seconds([], tmp_path / "nothing", 9) == []
