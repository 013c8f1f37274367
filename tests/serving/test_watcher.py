"""A server has a watcher: an answer shows at once, what is sealed is profiled, and it goes with it."""

import os
import signal
import time

import pytest
from sqlalchemy import text

from jupyter_mlops import open_workspace
from jupyter_mlops.services import watching
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
