"""A server of two processes: they share the work, and nobody can tell that there are two."""

import json
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.services import processes
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving import leaving
from stories import approved_again, caller, deployed

PATH = "/deployments/clinic/predictions"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace with one live deployment, served by two processes."""
    folder = tmp_path_factory.mktemp("two") / "workspace"
    with open_workspace(folder) as session:
        session.serve(processes=2)
        deployed(session)
        yield folder
        session.stop()


@pytest.fixture
def ws(place):
    """The same workspace, from the inside."""
    return open_local(place)


def ask(place, rows, path=PATH, **headers):
    """Ask on a connection of its own, which either process may take."""
    with caller(place) as client:
        return client.post(path, json={"rows": rows}, headers=headers)


def asked_by_many(place, rows, count=40, **headers):
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: ask(place, rows, **headers), range(count)))


def told(place, name):
    """A metric of the server, whichever process is asked."""
    with caller(place) as client:
        lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def eventually(holds, seconds=20):
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return holds()


def works(pid):
    """Say whether a process is there and has not ended; who started it may not have asked how yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_both_answer_and_each_says_what(place, ws, rows):
    asked_by_many(place, rows[:1])
    both = processes.answering(ws.home)
    assert len({found.pid for found in both}) == 2
    assert both[0].deployments == both[1].deployments
    time.sleep(1.5)
    counted = [json.loads(file.read_text()) for file in ws.home.run.glob("counts-*.json")]
    assert all(found["predictions"]["clinic"] > 0 for found in counted)


def test_a_deployment_is_over_when_both_answer_with_it(place, rows):
    with open_workspace(place) as session:
        for strength in (0.01, 0.02):
            session.deploy(approved_again(session, strength), to="clinic")
            seen = {answer.json()["version"] for answer in asked_by_many(place, rows[:1])}
            assert len(seen) == 1
        session.rollback("clinic")
    assert {answer.json()["version"] for answer in asked_by_many(place, rows[:1])} == {"tumour:2"}


def test_rules_are_in_force_in_both_when_the_word_returns(place, rows):
    text = "humility: [{name: far, when: outlying, then: refuse}]"
    far = [{**rows[0], "mean radius": 1e6}]
    with open_workspace(place) as session:
        session.rules("clinic", text)
        assert {answer.status_code for answer in asked_by_many(place, far, 20)} == {422}
        session.rules("clinic", "{}")
        assert {answer.status_code for answer in asked_by_many(place, far, 20)} == {200}


def test_a_repeat_gets_its_answer_from_either(place, ws, rows):
    first = ask(place, rows[:1], **{"Idempotency-Key": "two-1"})
    again = asked_by_many(place, rows[:1], 20, **{"Idempotency-Key": "two-1"})
    assert {answer.content for answer in again} == {first.content}
    other = asked_by_many(place, rows[1:2], 10, **{"Idempotency-Key": "two-1"})
    assert {answer.status_code for answer in other} == {422}
    log = ws.telemetry.read_predictions("clinic")["prediction_id"].to_pylist()
    assert log.count(first.json()["predictions"][0]["prediction_id"]) == 1


def test_the_same_key_at_once_is_answered_once(place, ws, rows):
    answers = asked_by_many(place, rows[:1], 30, **{"Idempotency-Key": "two-2"})
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1


def test_metrics_are_the_sum_over_both(place, rows):
    time.sleep(1.5)  # what was asked before is told of by both by then
    before = told(place, "mlops_predictions_total")
    asked_by_many(place, rows[:2], 20)
    time.sleep(1.5)
    assert [told(place, "mlops_predictions_total") - before for _ in range(6)] == [40] * 6


def test_one_that_is_killed_is_replaced_and_nothing_is_lost(place, ws, rows):
    acknowledged, ended = [], threading.Event()
    before = told(place, "mlops_predictions_total")

    def load():
        while not ended.is_set():
            try:
                answer = ask(place, rows[:2])
            except httpx.HTTPError:
                continue
            acknowledged.extend(row["prediction_id"] for row in answer.json()["predictions"])

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    victim = processes.answering(ws.home)[0].pid
    os.kill(victim, signal.SIGKILL)
    replaced = eventually(
        lambda: len({found.pid for found in processes.answering(ws.home)} - {victim}) == 2
    )
    ended.set()
    for thread in threads:
        thread.join()
    assert replaced
    found = ws.telemetry.read_predictions("clinic")["prediction_id"].to_pylist()
    assert set(acknowledged) <= set(found)
    assert told(place, "mlops_predictions_total") > before


def test_one_that_is_told_to_stop_is_replaced_and_nobody_is_refused(place, ws, rows):
    outcomes, ended = [], threading.Event()

    def load():
        while not ended.is_set():
            outcomes.append(ask(place, rows[:1]).status_code)

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(load) for _ in range(2)]
        victim = processes.answering(ws.home)[0].pid
        os.kill(victim, signal.SIGTERM)
        replaced = eventually(lambda: not works(victim)) and eventually(
            lambda: len({found.pid for found in processes.answering(ws.home)} - {victim}) == 2
        )
        ended.set()
        assert [future.exception() for future in asking] == [None, None]
    assert replaced
    assert set(outcomes) == {200}


def test_stopped_it_answers_whoever_came_and_leaves_nobody(place, ws, rows):
    outcomes, ended = [], threading.Event()

    def load():
        while not ended.is_set() and (place / "server.json").exists():
            try:
                outcomes.append(ask(place, rows[:1]).status_code)
            except (httpx.ConnectError, FileNotFoundError):
                return

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    pids = [found.pid for found in processes.living(ws.home)]
    with open_workspace(place) as session:
        session.stop()
    ended.set()
    for thread in threads:
        thread.join()
    assert set(outcomes) == {200}
    assert len(pids) == 3
    assert eventually(lambda: not any(works(pid) for pid in pids), 5)
    assert not processes.living(ws.home)
    assert not list((place / "spool").glob("*/*.log"))


def test_they_go_with_their_parent(place, ws):
    with open_workspace(place) as session:
        session.serve(processes=2)
        pids = [found.pid for found in processes.answering(ws.home)]
        os.kill(json.loads((place / "server.json").read_text())["pid"], signal.SIGKILL)
        assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 5)
        assert not processes.living(ws.home)


def test_whoever_knocked_before_the_door_was_shut_is_heard_out():
    door = socket.create_server(("127.0.0.1", 0))
    with door, socket.create_connection(door.getsockname()) as early:
        leaving.let_nobody_in(door)
        if sys.platform == "linux":
            with pytest.raises(TimeoutError):
                socket.create_connection(door.getsockname(), timeout=0.3)
        early.sendall(b"asked")
        served, _ = door.accept()
        assert served.recv(5) == b"asked"
        served.close()
