"""Group commit: many requests, one sync, nobody answered before their request is on disk."""

import asyncio
import json
import shutil

import pytest

from jupyter_mlops.errors import Unavailable
from jupyter_mlops.serving import journal as journals
from jupyter_mlops.serving.journal import Journal
from jupyter_mlops.store import segments
from jupyter_mlops.store.segments import Log, frames


class Counted(Log):
    """A log that counts its syncs."""

    syncs = 0

    def commit(self):
        """Count it, too."""
        self.syncs += 1
        super().commit()


def logged(folder):
    return [f.head["n"] for path in sorted(folder.glob("*.log")) for f in frames(path)]


def head(number):
    return json.dumps({"n": number}).encode()


def run(folder, work, clients=8):
    """Run some work with a journal whose log counts its syncs."""

    async def main():
        log = Counted(folder, size=1 << 16)
        journal = Journal(lambda: log, lambda: clients)
        try:
            await work(journal)
        finally:
            journal.close()
        return log.syncs

    return asyncio.run(main())


def test_requests_that_come_together_share_one_sync(tmp_path):
    async def work(journal):
        for _ in range(10):
            await asyncio.gather(*(journal.write(head(n), b"") for n in range(8)))

    syncs = run(tmp_path / "log", work)
    assert len(logged(tmp_path / "log")) == 80
    assert syncs <= 12


def test_a_lonely_request_does_not_wait_for_others_for_long(tmp_path):
    async def work(journal):
        began = asyncio.get_running_loop().time()
        await journal.write(head(0), b"")
        assert asyncio.get_running_loop().time() - began < 1

    run(tmp_path / "log", work, clients=1000)


def test_a_large_request_is_written_beside_and_is_on_disk_when_it_returns(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "LARGE", 1000)
    logs = []

    async def main():
        def opened():
            logs.append(Log(tmp_path / "log", size=1 << 16))
            return logs[-1]

        journal = Journal(opened, lambda: 1)
        await asyncio.gather(journal.write(head(1), b"x" * 5000), journal.write(head(2), b""))
        assert sorted(logged(tmp_path / "log")) == [1, 2]
        journal.close()

    asyncio.run(main())
    assert len(logs) == 2


def test_when_the_disk_fails_everybody_who_waits_is_told_and_later_it_goes_on(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(segments, "AGAIN_SECONDS", 0.0)

    async def main():
        journal = Journal(lambda: Log(tmp_path / "log", size=1 << 16), lambda: 4)
        await journal.write(head(0), b"")
        journal._log._next(0)
        shutil.rmtree(tmp_path / "log")
        (tmp_path / "log").write_text("in the way")
        large = b"x" * 100_000
        told = await asyncio.gather(
            *(journal.write(head(n), large) for n in range(4)), return_exceptions=True
        )
        assert all(isinstance(error, Unavailable) for error in told)
        (tmp_path / "log").unlink()
        await journal.write(head(9), b"")
        journal.close()

    asyncio.run(main())
    assert logged(tmp_path / "log") == [9]


def test_whatever_goes_wrong_everybody_who_waits_is_told_and_later_it_goes_on(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(segments, "AGAIN_SECONDS", 0.0)

    async def work(journal):
        monkeypatch.setattr(segments, "write_whole", no_memory)
        writes = (journal.write(head(n), b"") for n in range(8))
        told = await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), 5)
        assert all(isinstance(error, Unavailable) for error in told)
        monkeypatch.undo()
        await journal.write(head(9), b"")

    run(tmp_path / "log", work)
    assert logged(tmp_path / "log") == [9]


def no_memory(*_words):
    raise MemoryError


def test_a_log_that_breaks_its_word_leaves_nobody_waiting(tmp_path):
    class Odd(Log):
        """A log that fails as no log should."""

        def commit(self):
            """Fail."""
            raise ZeroDivisionError

    async def main():
        journal = Journal(lambda: Odd(tmp_path / "log", size=1 << 16), lambda: 2)
        writes = (journal.write(head(n), b"") for n in range(2))
        told = await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), 5)
        assert all(isinstance(error, ZeroDivisionError) for error in told)
        journal.close()

    asyncio.run(main())


@pytest.mark.parametrize("requests", [0, 1])
def test_a_segment_ends_after_a_while_so_that_it_can_be_sealed(tmp_path, monkeypatch, requests):
    monkeypatch.setattr(journals, "TURN_SECONDS", 0.05)
    monkeypatch.setattr(journals, "READY_SECONDS", 0.05)

    async def work(journal):
        for number in range(requests):
            await journal.write(head(number), b"")
        await asyncio.sleep(0.3)
        (ended,) = [p for p in (tmp_path / "log").glob("*.log") if segments.is_abandoned(p)] or [0]
        assert bool(ended) is bool(requests)

    run(tmp_path / "log", work, clients=1)
