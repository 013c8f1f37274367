"""Watchers: killed at any moment, two at once, a long backlog; nothing is counted twice or lost."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from jupyter_mlops.errors import Conflict
from jupyter_mlops.services import profiles, watching
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import open_local
from watched import NOON, deployed, people, written

DAY = timedelta(days=1)
YEAR = Window(NOON - 366 * DAY, NOON)
KEEP = (
    "from jupyter_mlops.services import keeping; keeping.MOST = 4\n"
    "from jupyter_mlops.services.workspace import open_local\n"
    "keeping.keep(open_local())"
)


@pytest.fixture
def ws(where, clock):
    """A workspace whose deployment has answered twenty rows every fourth day for a year."""
    ws = open_local(where, clock=clock)
    deployed(ws)
    days = range(0, 360, 4)
    written(ws, [(people(20, day), NOON - day * DAY - timedelta(hours=1)) for day in days])
    yield ws
    ws.engine.dispose()


def waiting(ws):
    with ws.look() as session:
        return session.execute(text("SELECT count(*) FROM pending")).scalar()


def rows(ws):
    return profiles.answers(ws, "shop", YEAR, "buyer:1")[0].rows


def counted(ws):
    with ws.look() as session:
        return session.execute(
            text("SELECT sum(rows) FROM profile WHERE part = 'answers'")
        ).scalar()


def started(ws, *argv):
    words = [sys.executable, *argv]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, env=ws.home.environment())


def until(is_so, seconds=30):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_that_is_killed_loses_and_doubles_nothing(ws):
    assert waiting(ws) == 90
    for left in (80, 60):
        process = started(ws, "-c", KEEP)
        until(lambda left=left: waiting(ws) < left)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert rows(ws) == 20 * 90
    assert waiting(ws) > 0
    watching.watched(ws)
    assert (waiting(ws), counted(ws), rows(ws)) == (0, 20 * 90, 20 * 90)


def test_two_at_once_count_everything_once(ws):
    both = [started(ws, "-c", KEEP) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert (waiting(ws), counted(ws)) == (0, 20 * 90)


def test_another_takes_over_from_a_watcher_that_dies(ws):
    both = [started(ws, "-m", "jupyter_mlops.services.watching", watching.ALONE) for _ in range(2)]
    try:
        until(lambda: waiting(ws) == 0)
        first = watching.holder(ws)
        os.kill(first["pid"], signal.SIGKILL)
        next(process for process in both if process.pid == first["pid"]).wait()
        until(lambda: (watching.holder(ws) or first)["pid"] not in (0, first["pid"]))
        assert watching.holder(ws)["pid"] in {process.pid for process in both}
    finally:
        for process in both:
            process.kill()
            process.wait()


def test_a_watcher_is_started_once_and_stopped_by_its_word(sqlite_workspace):
    first = watching.watch(sqlite_workspace)
    try:
        assert first["running"]
        assert watching.watch(sqlite_workspace)["pid"] == first["pid"]
        assert watching.watch(sqlite_workspace, once=True)["pid"] == first["pid"]
    finally:
        watching.watch(sqlite_workspace, stop=True)
    assert watching.holder(sqlite_workspace) is None


def test_the_watcher_of_a_server_goes_with_it(sqlite_workspace):
    with watching.take(sqlite_workspace, watching.SERVER), pytest.raises(Conflict):
        watching.watch(sqlite_workspace, stop=True)


def test_a_single_round_seals_and_profiles(sqlite_workspace):
    deployed(sqlite_workspace)
    written(sqlite_workspace, [(people(7), NOON)], seal=False)
    done = watching.watch(sqlite_workspace, once=True)
    assert (done["pieces"], done["rows"], done["running"]) == (1, 7, False)
