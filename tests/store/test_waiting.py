"""Who waits for a store waits for a time: then it is said that it does not answer."""

import socket
import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, pool

from jupyter_mlops.config import find_home
from jupyter_mlops.errors import Unavailable
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store.engine import answering, open_engine, writing

LOSE = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture
def ws(where):
    """An open workspace on each database."""
    ws = open_local(where)
    yield ws
    ws.engine.dispose()


def test_who_is_patient_for_a_moment_is_refused_while_another_writes(ws):
    with writing(ws.engine, ws.home):
        began = time.monotonic()
        with (
            pytest.raises(Unavailable) as refused,
            writing(ws.engine, ws.home, patience=0.2),
        ):
            pass
    assert refused.value.code == "store_unavailable"
    assert 0.2 <= time.monotonic() - began < 2
    with writing(ws.engine, ws.home, patience=0.2):
        pass


def test_a_deed_that_never_had_its_turn_waits_once_and_is_not_remembered(ws):
    hurried = replace(ws, patience=0.3)
    with writing(ws.engine, ws.home):
        began = time.monotonic()
        with pytest.raises(Unavailable), hurried.act("test:deed", subject="workspace"):
            pass
    assert time.monotonic() - began < 0.6


def test_who_writes_into_sqlite_past_the_queue_is_waited_for_as_long(sqlite_workspace):
    ws = sqlite_workspace
    with ws.engine.connect().execution_options(mlops_begin="BEGIN IMMEDIATE") as other:
        other.exec_driver_sql("SELECT 1")
        began = time.monotonic()
        with pytest.raises(Unavailable), writing(ws.engine, ws.home, patience=0.2):
            pass
        assert time.monotonic() - began < 2


def test_somebody_who_is_patient_has_the_next_turn(ws):
    done = []

    def wait():
        with writing(ws.engine, ws.home, patience=20):
            done.append(time.monotonic())

    with writing(ws.engine, ws.home):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(1)
        assert not done
    ended = time.monotonic()
    waiting.join()
    assert done[0] - ended < 0.5


def test_too_many_who_use_a_store_at_once_are_told_that_it_does_not_answer():
    few = create_engine(
        "sqlite://", poolclass=pool.QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.1
    )
    with few.connect(), pytest.raises(Unavailable) as refused, answering():
        few.connect()
    assert refused.value.code == "store_unavailable"


def test_a_database_that_takes_no_connection_is_given_up_after_seconds():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql+psycopg://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        engine = open_engine(find_home(address, environ={}))
        began = time.monotonic()
        with pytest.raises(Unavailable), answering():
            engine.connect()
    assert time.monotonic() - began < 10


def test_a_database_that_is_lost_in_the_middle_of_a_deed_is_said_not_to_answer(
    schema, tmp_path, monkeypatch
):
    monkeypatch.setenv("JUPYTER_MLOPS_FOLDER", str(tmp_path))
    ws = open_local(schema)
    for opened in (ws.look, lambda: ws.act("test:deed", subject="workspace")):
        with pytest.raises(Unavailable) as refused, opened() as found:
            getattr(found, "session", found).connection().exec_driver_sql(LOSE)
        assert refused.value.code == "store_unavailable"
    with ws.act("test:deed", subject="workspace") as deed:
        deed.after = {"it": "goes on"}
    ws.engine.dispose()
