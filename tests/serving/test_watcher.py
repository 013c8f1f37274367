"""A server has a watcher: an answer shows at once, what is sealed is profiled, and it goes with it."""

import os
import shutil
import signal
import threading
import time

import pytest
from sqlalchemy import text

from jupyter_mlops import open_workspace
from jupyter_mlops.services import segments, watching
from jupyter_mlops.serving.chores import SEAL_SECONDS, Chores
from stories import deployed


@pytest.fixture
def session(tmp_path):
    """A session with a server that serves the tumour model."""
    with open_workspace(tmp_path / "here") as session:
        deployed(session)
        yield session
        session.stop()


def until(is_so, seconds=40):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_an_answer_shows_at_once_and_is_profiled_once_sealed(session, rows):
    ws = session.door.ws
    asked = time.monotonic()
    session.predict("clinic", rows[:5])
    assert session.monitor("clinic").to_dict()["service"]["predictions"] == 5
    assert session.drift("clinic").to_dict()["items"][0]["n_current"] == 5
    assert time.monotonic() - asked < 10
    until(lambda: (watching.holder(ws) or {}).get("by") == watching.SERVER)
    session.stop()
    until(lambda: watching.holder(ws) is None)
    session.serve()
    until(lambda: kept(ws) == 5)
    assert session.drift("clinic").to_dict()["items"][0]["n_current"] == 5


def kept(ws):
    with ws.look() as look:
        query = "SELECT sum(rows) FROM profile WHERE part = 'answers'"
        return look.execute(text(query)).scalar()


def test_the_watcher_ends_with_a_server_that_is_killed(session):
    ws = session.door.ws
    until(lambda: (watching.holder(ws) or {}).get("pid"))
    os.kill(session.serve().pid, signal.SIGKILL)
    until(lambda: watching.holder(ws) is None)


def test_a_busy_server_does_not_let_its_log_grow_unsealed(session, rows, tmp_path):
    ws = session.door.ws
    session.predict("clinic", rows[:3])
    spool = ws.home.spool / "clinic"
    (segment,) = spool.glob("*.log")
    shutil.copy(segment, tmp_path / "kept")
    session.stop()
    until(lambda: not segments.is_behind(ws) and not ws.telemetry.finished())
    over = threading.Event()
    busy = threading.Thread(target=lambda: [over.is_set() for _ in iter(over.is_set, True)])
    chores = Chores(ws, str(tmp_path / "here"), seals=True, each=[])
    chores.begin()
    time.sleep(2)  # what was left by a server before is sealed at once
    busy.start()
    for at in range(segments.BACKLOG + 1):
        shutil.copy(tmp_path / "kept", spool / f"20260101T00000000000{at:x}-00000000.log")
    try:
        until(lambda: not ws.telemetry.finished(), SEAL_SECONDS - 5)
        until(lambda: kept(ws) == 3 * (segments.BACKLOG + 2))
    finally:
        over.set()
        busy.join()
        chores.end()
