"""The log while it is written: what was committed is read again, torn tails and full disks included."""

import json
import os
import resource
import signal
import time

import pyarrow as pa
import pytest

from jupyter_mlops.errors import Unavailable
from jupyter_mlops.store import segments
from jupyter_mlops.store.segments import Frame, Log, frames


def head(number):
    return json.dumps({"number": number}).encode()


def numbers(folder):
    return [
        found.head["number"]
        for path in sorted(folder.glob("*.log"))
        for found in frames(path)
        if isinstance(found, Frame)
    ]


@pytest.fixture
def log(tmp_path):
    """A log of small segments."""
    log = Log(tmp_path / "log", size=1 << 16)
    yield log
    log.close()


def test_what_was_committed_is_read_again_in_order_over_many_segments(log, tmp_path):
    body = b'{"rows":[{"a":1}]}' * 100
    for number in range(200):
        log.append(head(number), body)
        if number % 3 == 0:
            log.commit()
    log.commit()
    assert numbers(tmp_path / "log") == list(range(200))
    assert len(list((tmp_path / "log").glob("*.log"))) > 3


def test_what_was_gathered_and_not_committed_is_not_there(log, tmp_path):
    log.append(head(0), b"")
    log.commit()
    log.append(head(1), b"")
    assert numbers(tmp_path / "log") == [0]


def test_tables_lie_between_requests_and_keep_their_schema(log, tmp_path):
    wide = pa.RecordBatch.from_pydict({"a": [1.5, None], "b": ["x", "y"]})
    other = pa.RecordBatch.from_pydict({"c": [True]})
    for batch in (wide, wide, other, wide):
        log.append(head(0), b"")
        log.append_table(batch)
    log.commit()
    (path,) = (p for p in (tmp_path / "log").glob("*.log"))
    tables = [found for found in frames(path) if isinstance(found, pa.RecordBatch)]
    assert [table.to_pydict() for table in tables] == [
        batch.to_pydict() for batch in (wide, wide, other, wide)
    ]


def test_a_table_larger_than_a_segment_gets_one_of_its_own(log, tmp_path):
    large = pa.RecordBatch.from_pydict({"a": list(range(50_000))})
    log.append(head(0), b"")
    log.commit()
    log.append_table(large)
    log.append(head(1), b"")
    log.commit()
    found = [f for path in sorted((tmp_path / "log").glob("*.log")) for f in frames(path)]
    assert [type(f).__name__ for f in found] == ["Frame", "RecordBatch", "Frame"]
    assert found[1].equals(large)


def test_a_group_has_more_parts_than_the_system_takes_at_once(log, tmp_path):
    batch = pa.RecordBatch.from_pydict({"a": [1.5]})
    for number in range(400):
        log.append(head(number), b"")
        log.append_table(batch)
    log.commit()
    assert numbers(tmp_path / "log") == list(range(400))


def test_what_the_system_takes_a_little_at_a_time_is_written_to_its_end(log, tmp_path, monkeypatch):
    whole = os.pwrite

    def part(handle, data, at):
        return whole(handle, memoryview(data)[:777], at)

    monkeypatch.setattr(os, "pwrite", part)
    monkeypatch.setattr(os, "pwritev", lambda handle, parts, at: part(handle, b"".join(parts), at))
    for number in range(400):
        log.append(head(number), b"x")
        log.append_table(pa.RecordBatch.from_pydict({"a": [number]}))
    log.commit()
    log.append(head(400), b"")
    log.commit()
    assert numbers(tmp_path / "log") == list(range(401))


@pytest.mark.parametrize("place", ["magic", "checksum", "length", "content"])
def test_a_torn_frame_ends_the_segment_and_hurts_nothing_before_it(log, tmp_path, place):
    log.append(head(0), b"first")
    log.commit()
    before = log._at
    log.append(head(1), b"second")
    log.commit()
    (path,) = (p for p in (tmp_path / "log").glob("*.log"))
    data = bytearray(path.read_bytes())
    at = before + {"magic": 0, "checksum": 9, "length": 15, "content": 34}[place]
    data[at] ^= 0xFF
    path.write_bytes(data)
    assert numbers(tmp_path / "log") == [0]


def test_a_segment_of_an_earlier_release_is_still_read(tmp_path):
    import struct
    import zlib

    told, body = head(7), b'{"rows":[]}'
    frame = struct.pack("<4sIII", b"JML1", len(told + body), zlib.crc32(told + body), len(told))
    (tmp_path / "old.log").write_bytes(frame + told + body + bytes(4096))
    assert numbers(tmp_path) == [7]


def test_requests_that_an_earlier_release_kept_as_arrow_are_still_read(tmp_path):
    batch = pa.RecordBatch.from_pydict({"head": [head(7)], "body": [b"{}"]}, schema=segments.RAW)
    (tmp_path / "old.log").write_bytes(b"".join(segments._frame(1, batch.serialize())))
    assert numbers(tmp_path) == [7]


def test_a_full_disk_refuses_and_goes_on_by_itself_once_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "AGAIN_SECONDS", 0.05)
    log = Log(tmp_path / "log", size=1 << 16)
    log.append(head(0), b"")
    log.commit()
    with no_room(64 << 10):
        log.append(head(1), bytes(100_000))
        with pytest.raises(Unavailable) as error:
            log.commit()
        assert log.is_broken
        with pytest.raises(Unavailable):
            log.append(head(2), b"")
    assert error.value.code == "log_unavailable"
    time.sleep(0.06)
    log.append(head(3), b"")
    log.commit()
    log.close()
    assert set(numbers(tmp_path / "log")) - {1} == {0, 3}


class no_room:  # noqa: N801  (reads as a sentence)
    """Let no file grow beyond a size for as long as the block runs."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_error):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)
        signal.signal(signal.SIGXFSZ, self.handler)


def test_a_log_that_cannot_even_begin_says_so_and_begins_later(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "AGAIN_SECONDS", 0.0)
    place = tmp_path / "taken"
    place.write_text("a file where the folder should be")
    log = Log(place)
    with pytest.raises(Unavailable):
        log.append(head(0), b"")
    place.unlink()
    log.append(head(1), b"")
    log.commit()
    log.close()
    assert numbers(place) == [1]
