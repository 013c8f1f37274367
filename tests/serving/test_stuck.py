"""A store that somebody holds, or that is gone: what happened waits or is refused, answers go on."""

import contextlib
import fcntl
import json
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.config import find_home
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving.actuals import MOST_TOLD
from serving.payloads import PREDICT
from stories import caller, deployed

JSON = {"Content-Type": "application/json"}
ACTUALS = "/deployments/clinic/actuals"
TOLD = {"rows": [{"id": "a", "value": "1"}], "id": "id", "value": "value"}
LOCK = "SELECT pg_advisory_lock(hashtext('jupyter-mlops:' || current_schema()))"


@contextlib.contextmanager
def held(home):
    """Keep everybody else from writing to a store."""
    if home.is_sqlite:
        with home.lock_file.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with psycopg.connect(home.url.replace("+psycopg", "")) as connection:
        connection.execute(LOCK)
        yield


@pytest.fixture(scope="module")
def home(shared_where):
    """A workspace with one live deployment, on each database in turn."""
    session = open_workspace(shared_where)
    deployed(session)
    yield find_home(shared_where)
    session.stop()


@pytest.fixture
def client(home):
    """A client that has the token."""
    with caller(home.folder) as client:
        yield client


def timed(ask):
    began = time.monotonic()
    return ask(), time.monotonic() - began


@pytest.mark.slow
def test_while_a_store_is_held_actuals_are_refused_and_everything_else_goes_on(client, home, rows):
    many = json.dumps({"rows": rows[:100] * 20}).encode()
    assert len(many) > 1 << 20
    with ThreadPoolExecutor(2 * MOST_TOLD) as callers:
        with held(home):
            waiting = [
                callers.submit(timed, lambda: client.post(ACTUALS, json=TOLD))
                for _ in range(2 * MOST_TOLD)
            ]
            for _ in range(20):
                answer, took = timed(lambda: client.post(PREDICT, content=many, headers=JSON))
                assert (answer.status_code, took < 3) == (200, True)
            refused = [found.result() for found in waiting]
        answer, took = timed(lambda: client.post(ACTUALS, json=TOLD))
        assert (answer.status_code, took < 5) == (200, True)
    assert {found.status_code for found, _ in refused} == {429, 503}
    assert all(found.headers["retry-after"] == "1" for found, _ in refused)
    assert max(took for _, took in refused) < 15


def test_an_actual_that_was_refused_may_be_told_again(client, home):
    for _ in range(3):
        assert client.post(ACTUALS, json=TOLD).status_code == 200
    read = open_local(home.where).telemetry.read_actuals
    assert set(read("clinic")["id"].to_pylist()) == {"a"}
