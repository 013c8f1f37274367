"""Stores that are damaged, gone or not ours to write: what is said, and that nothing is made of them."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from jupyter_mlops import open_workspace
from jupyter_mlops.errors import Corrupt, MlopsError, Unavailable
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables


@pytest.fixture
def store(tmp_path):
    """The file of a store that was closed, with a model beside it."""
    ws = open_local(tmp_path / "workspace")
    ws.artifacts.put(b"a model")
    for n in range(200):
        with ws.act("test:deed", subject=f"x{n}", reason="why " * 50):
            pass
    ws.engine.dispose()
    return ws.home.database


def refused(store):
    with pytest.raises(MlopsError) as error:
        open_local(store.parent)
    return error.value


def diagnosis(store):
    """Return what the doctor says of a store, by subject."""
    from jupyter_mlops.commands.session import open_session

    with open_session(store.parent, lazily=True) as session:
        told = session.doctor()
    return told, {row["subject"]: row for row in told.items}


@pytest.mark.parametrize(
    "data", [b"", None, b"this was a store" * 500, b"SQLite format 3\0" + bytes(84)]
)
def test_a_store_that_is_none_any_more_is_left_as_it_is(data, store):
    store.unlink() if data is None else store.write_bytes(data)
    error = refused(store)
    assert isinstance(error, Corrupt | Unavailable)
    assert "restore ARCHIVE --to FOLDER" in error.hint
    if data is not None:
        assert store.read_bytes() == data
    else:
        assert not store.exists()
    told, found = diagnosis(store)
    assert (told.status, found["store"]["status"]) == ("failing", "failing")
    assert "restore ARCHIVE" in found["store"]["hint"]


def test_an_empty_file_in_an_empty_folder_is_a_beginning(tmp_path):
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "store.db").touch()
    assert audit(open_local(tmp_path / "workspace"), verify=True)["ok"]


def test_a_page_that_is_damaged_is_said_so_by_whoever_reads_it(store):
    with sqlite3.connect(store) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        found = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'audit_event'")
        page = found.fetchone()[0]
    with store.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xde\xad" * (size // 2))
    before = store.read_bytes()
    ws = open_local(store.parent)  # the page is none of those that opening needs
    for word in (lambda: audit(ws), lambda: audit(ws, verify=True)):
        with pytest.raises(Corrupt) as error:
            word()
        assert error.value.code == "store_damaged"
        assert "restore ARCHIVE --to FOLDER" in error.value.hint
    with pytest.raises(Corrupt), ws.act("test:deed", subject="x"):
        pass
    ws.engine.dispose()
    assert store.read_bytes() == before
    told, found = diagnosis(store)
    assert told.status == "failing"
    assert found["integrity"]["status"] == "failing"
    assert "restore ARCHIVE" in found["integrity"]["hint"]
    assert found["disk"]["status"] == "passing"  # the rest is looked at all the same


def test_a_log_that_is_cut_short_loses_its_end_and_no_more(store):
    """What SQLite had not moved into the store when it was cut off is gone; an anchor would tell."""
    with sqlite3.connect(store) as held:  # somebody reads, so that the log stays
        held.execute("SELECT count(*) FROM audit_event").fetchone()
        held.execute("BEGIN")
        held.execute("SELECT count(*) FROM audit_event").fetchone()
        ws = open_local(store.parent)
        for n in range(5):
            with ws.act("test:deed", subject=f"y{n}"):
                pass
        log = store.with_name("store.db-wal")
        data, shared = log.read_bytes(), store.read_bytes()
        assert data
        ws.engine.dispose()
    store.write_bytes(shared)
    log.write_bytes(data[: len(data) // 2 + 100])
    store.with_name("store.db-shm").unlink(missing_ok=True)
    ws = open_local(store.parent)
    told = audit(ws, verify=True)
    assert told["ok"]
    assert 201 <= told["events"] < 206
    ws.engine.dispose()


def test_a_folder_that_cannot_be_written_is_one_line(store):
    store.with_name("store.lock").unlink()
    store.with_name("store.lock").mkdir()  # as hard to write as one on a disk that is read-only
    ws = open_local(store.parent)
    with pytest.raises(Unavailable) as error, ws.act("test:deed", subject="x"):
        pass
    assert error.value.code == "workspace_unwritable"
    assert audit(ws, verify=True)["ok"]
    ws.engine.dispose()


def test_others_who_may_write_are_named_with_the_way_out(store):
    store.parent.chmod(0o770)
    told, found = diagnosis(store)
    assert told.status == "failing"
    assert store.parent.name in found["permissions"]["because"]
    assert found["permissions"]["hint"] == f"chmod -R go-w {store.parent}"
    store.parent.chmod(0o700)
    assert diagnosis(store)[1]["permissions"]["status"] == "passing"


def test_triggers_that_are_gone_or_changed_are_named(workspace, where):
    with open_workspace(where) as session:
        assert {row["subject"]: row["status"] for row in session.doctor().items}[
            "audit triggers"
        ] == "passing"
        drop = "DROP TRIGGER decision_no_update" if workspace.home.is_sqlite else (
            "ALTER TABLE decision DISABLE TRIGGER decision_append_only"
        )  # fmt: skip
        with workspace.engine.begin() as connection:
            connection.execute(text(drop))
        found = {row["subject"]: row for row in session.doctor().items}["audit triggers"]
    assert found["status"] == "failing"
    assert "decision" in found["because"]


def test_a_clock_behind_the_newest_event_is_said(workspace, clock):
    from dataclasses import replace

    from jupyter_mlops.services.doctor import examined

    ahead = replace(workspace, clock=clock)
    clock.now = workspace.clock()
    clock.turn(days=365)
    with ahead.act("test:deed", subject="x"):
        pass
    told = {row["subject"]: row for row in examined(workspace)["items"]}["clock"]
    assert told["status"] == "failing"
    assert {row["subject"]: row["status"] for row in examined(ahead)["items"]}["clock"] == "passing"


def test_ages_of_backups_and_drills_are_told(workspace, clock, tmp_path):
    from dataclasses import replace

    from jupyter_mlops.services.backups.restoring import drilled
    from jupyter_mlops.services.backups.writing import backup
    from jupyter_mlops.services.doctor import examined

    clock.now = workspace.clock()
    ws = replace(workspace, clock=clock)

    def told():
        return {row["subject"]: row for row in examined(ws)["items"]}

    assert told()["backup"]["status"] == "warning"
    assert "restore drill" not in told()
    backup(ws, to=str(tmp_path / "a.tar"))
    assert (told()["backup"]["status"], told()["restore drill"]["status"]) == ("passing", "warning")
    drilled(ws, str(tmp_path / "a.tar"), digest="")
    assert told()["restore drill"]["status"] == "passing"
    clock.turn(days=8)
    assert told()["backup"]["because"] == "The last is 8 days old."
    assert (told()["backup"]["status"], told()["restore drill"]["status"]) == ("warning", "passing")


HOLDING = """
import sys, time
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store.tables import Setting
ws = open_local(sys.argv[1])
with ws.act("test:deed", subject="held") as act:
    act.session.add(Setting(name="half", value="done"))
    act.session.flush()
    print("holding", flush=True)
    time.sleep(600)
"""


def test_who_is_killed_while_writing_holds_up_nobody(where):
    ws = open_local(where)
    process = subprocess.Popen([sys.executable, "-c", HOLDING, where], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holding\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    began = time.monotonic()
    with ws.act("test:deed", subject="after") as act:
        assert act.session.get(tables.Setting, "half") is None
        act.session.add(tables.Setting(name="whole", value="done"))
    assert time.monotonic() - began < 30
    told = audit(ws, "test:deed", verify=True)
    assert (told["ok"], [event["subject"] for event in told["items"]]) == (True, ["after"])
    process.stdout.close()
    ws.engine.dispose()
