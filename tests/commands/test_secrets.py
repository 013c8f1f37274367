"""What opens the database is shown by no list of processes and stands in no answer."""

from __future__ import annotations

import fcntl
import json
import secrets
import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from commands.test_terminal import typed
from jupyter_mlops import open_workspace
from jupyter_mlops.errors import MlopsError
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


ADDRESSES = (
    "postgresql+psycopg://{2}:{0}@{1}",
    "postgresql://{1}&user={2}&password={0}",
    "postgres://{1}&user={2}&sslpassword={0}",
)


def ways(schema, password, **place):
    """Return every way in which an address can hold a password, at a place that may be wrong."""
    told = urlsplit(schema)
    server, name = told.netloc.rpartition("@")[2], told.path.removeprefix("/")
    where = f"{place.get('server', server)}/{place.get('name', name)}?{told.query}"
    return [address.format(password, where, told.username) for address in ADDRESSES]


def told_by(answer):
    """Return all that an answer shows, in a notebook, a terminal and to a program."""
    shown = answer._repr_mimebundle_()
    return f"{shown['text/plain']} {shown['text/html']} {json.dumps(answer.to_dict(), default=str)}"


def lookable(session):
    return [
        verb.name
        for verb in session.words.values()
        if verb.does == "read" and verb.name not in ("dashboard", "publish", "tour", "use")
    ]


@pytest.mark.parametrize("way", range(len(ADDRESSES)))
def test_k04_no_answer_and_no_refusal_shows_the_password(
    schema, password, way, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_MLOPS_FOLDER", str(tmp_path / "folder"))
    where = ways(schema, password)[way]
    with open_workspace(where) as session:
        told = [repr(session), told_by(session.say("use", {"where": where}))]
        for name in lookable(session):
            for said in ((), ("no-such-name:1",), ("no-such-name:1", "nor:2")):
                try:
                    told.append(told_by(getattr(session, name)(*said)))
                except (MlopsError, TypeError) as error:
                    told.append("".join(traceback.format_exception(error)))
        told.append(told_by(session.doctor()))
    assert len(told) > 60
    assert [one for one in told if "127.0.0.1" in one]
    assert not [one for one in told if password in one]


@pytest.mark.parametrize(
    "place", [{"server": "nowhere.invalid"}, {"server": "127.0.0.1:1"}, {"name": "no_such"}]
)
def test_k04_a_database_that_cannot_be_opened_is_told_without_the_password(
    schema, password, place, tmp_path, monkeypatch
):
    monkeypatch.setenv("JUPYTER_MLOPS_FOLDER", str(tmp_path / "folder"))
    for where in ways(schema, password, **place):
        with pytest.raises(MlopsError) as error:
            open_workspace(where)
        assert password not in "".join(traceback.format_exception(error.value))
        done = typed("--workspace", where, "doctor")
        assert password not in done.stdout + done.stderr
        assert "does not answer" in done.stdout


@pytest.mark.parametrize("start", ["quartz@", "quartz/", "quartz?", "quartz#", "12/", "12?"])
def test_a_password_that_breaks_its_address_is_not_shown_in_pieces(password, start):
    where = f"postgresql://root:{start}{password}@127.0.0.1:1/x"
    with pytest.raises(MlopsError) as error:
        open_workspace(where)
    told = "".join(traceback.format_exception(error.value))
    assert "quartz" not in told
    assert password not in told
