"""The power is cut at any moment: what was acknowledged is read again from what was synced."""

import asyncio
import itertools
import json
import shutil
import sys

import msgspec
import pyarrow as pa
import pytest

from jupyter_mlops.config import Home
from jupyter_mlops.serving import journal as journals
from jupyter_mlops.serving.journal import NO_ROWS, Journal
from jupyter_mlops.serving.records import Record, tabled
from jupyter_mlops.store import segments
from jupyter_mlops.store.artifacts import Artifacts
from jupyter_mlops.store.telemetry import Telemetry
from powercut import Disk

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="what is synced is seen through /proc"
)
AT = 1_795_000_000_000_000
DAY = 86_400_000_000
SMALL = 1 << 16


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch):
    monkeypatch.setattr(segments.Log.__init__, "__kwdefaults__", {"size": SMALL})


@pytest.fixture
def disk(tmp_path, monkeypatch):
    disk = Disk(tmp_path / "disk", monkeypatch)
    yield disk
    disk.close()


def telemetry(folder):
    return Telemetry(Home(folder, f"sqlite:///{folder}/mlops.db"))


def answered(*numbers):
    """What the prediction server remembers of a request; every second one is of the day after."""
    ids = [f"p{number}" for number in numbers]
    return Record(
        at=AT + numbers[0] % 2 * DAY + numbers[0],
        rows=len(numbers),
        ms=1.0,
        version="tumour:1",
        digest="sha256:0",
        role="champion",
        prediction_ids=ids,
        ids=ids,
        scores=[0.5] * len(numbers),
        salt="salt",
    )


def head(number):
    return msgspec.json.encode(answered(number))


def body(size=3000):
    return json.dumps({"rows": [{"a": 1.5, "b": "x" * size}]}).encode()


class Promise:
    """What was acknowledged, and a look at what a power cut leaves of it."""

    def __init__(self, disk, tmp_path):
        self.acknowledged = set()
        self.cuts = 0
        self._disk = disk
        self._places = (tmp_path / f"cut-{number}" for number in itertools.count())
        disk.before_each_sync = self.check

    def check(self):
        """Cut the power now; read with the product's own reader what is left."""
        self.cuts += 1
        place = self._disk.cut(next(self._places))
        found = telemetry(place).read_predictions("clinic")["prediction_id"].to_pylist()
        shutil.rmtree(place)
        lost = self.acknowledged - set(found)
        assert not lost, f"{len(lost)} acknowledged predictions are lost by a power cut"
        assert len(found) == len(set(found)), "a prediction is there twice"


def write(disk, promise, count=40, first=0):
    log = telemetry(disk.folder).open_log("clinic")
    for number in range(first, first + count):
        log.append(head(number), body())
        log.commit()
        promise.acknowledged.add(f"p{number}")
        promise.check()
    log.close()


def test_a_request_is_there_from_its_acknowledgement_on(disk, tmp_path):
    promise = Promise(disk, tmp_path)
    write(disk, promise)
    assert len(list((disk.folder / "spool/clinic").glob("*.log"))) > 2
    assert promise.cuts > 80


def test_a_table_larger_than_a_segment_is_there_too(disk, tmp_path):
    promise = Promise(disk, tmp_path)
    log = telemetry(disk.folder).open_log("clinic")
    for first in range(0, 30_000, 10_000):
        record = answered(*range(first, first + 10_000))
        head, table = tabled(record, {"a": pa.array([1.5] * record.rows)})
        log.append(head, NO_ROWS)
        log.append_table(table)
        log.commit()
        promise.acknowledged |= set(record.ids)
        promise.check()
    log.close()


def test_whoever_waits_at_the_journal_is_told_after_the_sync(disk, tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "LARGE", 5000)
    promise = Promise(disk, tmp_path)

    async def ask(journal, number):
        await journal.write(head(number), body(3000 if number % 5 else 9000))
        promise.acknowledged.add(f"p{number}")
        promise.check()

    async def main():
        journal = Journal(lambda: telemetry(disk.folder).open_log("clinic"), lambda: 4)
        for first in range(0, 24, 4):
            await asyncio.gather(*(ask(journal, first + number) for number in range(4)))
        journal.close()

    asyncio.run(main())
    assert len(promise.acknowledged) == 24


def test_sealing_loses_and_doubles_nothing_at_whatever_step(disk, tmp_path):
    promise = Promise(disk, tmp_path)
    write(disk, promise)
    before = promise.cuts
    telemetry(disk.folder).seal(lambda _sealed: promise.check())
    promise.check()
    assert not list(disk.folder.rglob("*.log"))
    assert len(list((disk.folder / "predictions").rglob("day=*"))) == 2
    assert promise.cuts - before > 20


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_sync_that_were_left_out_would_be_found_out(kind, tmp_path, monkeypatch):
    disk = Disk(tmp_path / "disk", monkeypatch, deaf_to=kind)
    with pytest.raises(AssertionError, match="lost by a power cut"):
        write(disk, Promise(disk, tmp_path))
    disk.close()


def test_what_was_kept_by_its_digest_is_there_too(disk, tmp_path):
    digest = Artifacts(disk.folder / "artifacts").put(b"a model")
    (tmp_path / "another").write_bytes(b"another model")
    other = Artifacts(disk.folder / "artifacts").take(tmp_path / "another")
    left = Artifacts(disk.cut(tmp_path / "cut") / "artifacts")
    assert [left.get(digest), left.get(other)] == [b"a model", b"another model"]
