"""Keys and their answers outlive processes, and the file that holds them."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving.problems import Problem
from jupyter_mlops.serving.repeats import Repeats

DEAD = 2**22 + 1
ASKED = {"key": "k", "body_digest": "b"}


@pytest.fixture
def ws(tmp_path):
    return open_local(tmp_path / "workspace")


def logged(ws, answer, key="k", body="b"):
    """Write a keyed request into the log, as the server does."""
    import json
    import time

    head = {"at": time.time_ns() // 1000, "kind": "", "status": 200, "rows": 0, "ms": 1.0}
    head |= {"version": "m:1", "digest": "d", "role": "champion", "prediction_ids": []}
    head |= {"ids": [], "scores": [], "labels": None, "probabilities": None, "warnings": None}
    head |= {"key": key, "body_digest": body, "answer": answer}
    log = ws.telemetry.open_log("clinic")
    log.append(json.dumps(head).encode(), b'{"rows":[]}')
    log.commit()
    log.close()


def test_a_request_that_runs_is_not_run_twice_and_one_that_failed_is(ws):
    one, other = Repeats(ws), Repeats(ws)
    assert one.find("clinic", ASKED) is None
    with pytest.raises(Problem) as problem:
        other.find("clinic", ASKED)
    assert (problem.value.status, problem.value.headers) == (409, {"Retry-After": "1"})
    one.ended("clinic", ASKED)
    assert other.find("clinic", ASKED) is None
    other.keep("clinic", ASKED, b"said")
    assert one.find("clinic", ASKED) == b"said"
    assert one.find("elsewhere", ASKED) is None


def test_what_a_dead_process_answered_is_found_in_the_log(ws):
    repeats = Repeats(ws)
    ws.telemetry.open_repeats().claim("clinic", "k", "b", DEAD)
    logged(ws, "said")
    with pytest.raises(Problem):
        repeats.find("clinic", ASKED)
    repeats.tidy()
    assert repeats.find("clinic", ASKED) == b"said"


def test_what_a_dead_process_did_not_answer_may_be_tried_again(ws):
    repeats = Repeats(ws)
    ws.telemetry.open_repeats().claim("clinic", "k", "b", DEAD)
    repeats.tidy()
    assert repeats.find("clinic", ASKED) is None


def test_a_process_that_had_this_ones_number_left_its_claims_too(ws):
    ws.telemetry.open_repeats().claim("clinic", "k", "b", os.getpid())
    repeats = Repeats(ws)
    repeats.remember(["clinic"])
    assert repeats.find("clinic", ASKED) is None


@pytest.mark.parametrize("left", [None, b"not a database, " * 100])
def test_losing_the_file_loses_nothing(ws, left):
    logged(ws, "said")
    file = ws.home.spool / "repeats.db"
    if left:
        file.write_bytes(left)
    repeats = Repeats(ws)
    repeats.remember(["clinic"])
    assert repeats.find("clinic", ASKED) == b"said"


def test_after_a_day_a_key_is_forgotten_and_the_file_stays_small(ws, monkeypatch):
    kept = ws.telemetry.open_repeats()
    for number in range(1200):
        kept.keep("clinic", f"old-{number}", "b", b"x" * 2000, at=1)
    kept.keep("clinic", "new", "b", b"said")
    kept.clean()
    assert kept.claim("clinic", "new", "b", 1).said == b"said"
    assert kept.claim("clinic", "old-7", "b", 1) is None
    monkeypatch.setattr("jupyter_mlops.store.repeats.MOST_BYTES", 200_000)
    for number in range(1200):
        kept.keep("clinic", f"big-{number}", "b", b"x" * 2000)
    kept.clean()
    assert kept.claim("clinic", "big-1", "b", 1) is None


def test_several_that_make_the_file_at_once_do_not_spoil_it(ws):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ws.telemetry.open_repeats(), range(16)))
    assert made[0].claim("clinic", "k", "b", 1) is None
    assert all(kept.claim("clinic", "k", "b", 2).said is None for kept in made)
