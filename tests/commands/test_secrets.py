"""What opens the database is shown by no list of processes and stands in no answer."""

from __future__ import annotations

import fcntl
import secrets
import time
from pathlib import Path

import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.serving.keeper import Keeper


@pytest.fixture
def password():
    """One of this test's own; a database that trusts its callers takes any."""
    return f"opens-{secrets.token_hex(8)}"


@pytest.fixture
def session(schema, password, tmp_path, monkeypatch):
    """A session on a PostgreSQL workspace whose address holds the password."""
    monkeypatch.setenv("JUPYTER_MLOPS_FOLDER", str(tmp_path / "folder"))
    scheme, _, rest = schema.partition("://")
    user, _, place = rest.rpartition("@")
    with open_workspace(f"{scheme}://{user.partition(':')[0]}:{password}@{place}") as session:
        yield session
        session.stop()


def command_lines():
    """Return what every process of this machine was started with, by its id."""
    told = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told[int(file.parent.name)] = file.read_bytes()
        except OSError:  # it has just ended
            continue
    return told


def until(found, seconds=30):
    end = time.monotonic() + seconds
    while not (told := found()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return told


@pytest.mark.parametrize("processes", [1, 2])
def test_no_process_of_a_server_was_started_with_the_password(session, password, processes):
    server = session.serve(processes=processes)
    assert server.processes == processes
    watcher = b"jupyter_mlops.services.watching"
    until(lambda: [line for line in command_lines().values() if watcher in line])
    lines = command_lines()
    assert b"jupyter_mlops.serving" in lines[server.pid]
    assert not [line for line in lines.values() if password.encode() in line]


def test_no_watcher_was_started_with_the_password(session, password):
    watcher = session.watch()
    lines = command_lines()
    session.watch(stop=True)
    assert b"jupyter_mlops.services.watching" in lines[watcher.pid]
    assert not [line for line in lines.values() if password.encode() in line]


def test_no_keeper_of_rollouts_was_started_with_the_password(session, password):
    ws = session.door.ws
    keeper = Keeper(ws)
    with (ws.home.folder / "keeper.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # so that it waits while it is looked at
        keeper.look(is_needed=True)
        name = b"jupyter_mlops.serving.keeper"
        mine = until(lambda: [line for line in command_lines().values() if name in line])
        keeper.stop()
    assert not [line for line in mine if password.encode() in line]
