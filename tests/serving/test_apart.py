"""A model that is not compiled answers beside the server; its crash is not the server's."""

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.services import server
from jupyter_mlops.services.workspace import launch, open_local
from stories import deployed

PATH = "/deployments/clinic/predictions"


def as_it_is(argv, log):
    """Start a server that serves original models."""
    return launch([*argv, "--no-compiled"], log)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace whose server serves the original model."""
    folder = tmp_path_factory.mktemp("apart") / "workspace"
    with open_workspace(folder) as session:
        server.ensure(open_local(folder, launcher=as_it_is))
        deployed(session)
        yield folder
        session.stop()


def workers(place):
    pid = json.loads((place / "server.json").read_text())["pid"]
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], check=True, capture_output=True, text=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "formats.worker" in line]


def test_it_answers_with_its_own_process(client, place, rows):
    assert client.post(PATH, json={"rows": rows[:3]}).status_code == httpx.codes.OK
    assert workers(place)


def test_a_crash_under_load_hurts_one_request_at_most(client, place, rows):
    def ask(_):
        return client.post(PATH, json={"rows": rows[:2]}).status_code

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(ask, range(40)))
        killed = workers(place)
        for pid in killed:
            os.kill(pid, signal.SIGSEGV)
        told += pool.map(ask, range(40))
    assert set(told) <= {200, 500}
    assert told.count(500) <= len(killed)
    assert client.get("/v2/health/ready").status_code == httpx.codes.OK
    assert ask(0) == httpx.codes.OK


def test_its_processes_go_with_the_server(place):
    before = workers(place)
    with open_workspace(place) as session:
        session.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)
