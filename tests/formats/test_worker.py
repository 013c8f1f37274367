"""A model in processes of its own: what happens to them happens to one request."""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from jupyter_mlops import formats
from jupyter_mlops.errors import Unavailable
from jupyter_mlops.formats.worker import WorkerDied, Workers
from stories import tumours


@pytest.fixture(scope="module")
def packed():
    return formats.pack(tumours()[0])


@pytest.fixture(scope="module")
def columns():
    holdout = tumours()[2].drop(columns="target").head(5)
    return {name: holdout[name].to_numpy() for name in holdout}


@pytest.fixture
def workers(packed):
    return Workers(
        packed.format, packed.data, task=packed.task, classes=packed.classes, most=1, seconds=5
    )


def children():
    """The processes this one started that run a model."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "formats.worker" in line]


def test_it_answers_what_the_model_answers_here(packed, workers, columns):
    here = formats.load(packed.format, packed.data).score(columns)
    assert np.array_equal(workers.score(columns), here)


def test_a_process_that_dies_costs_one_request(workers, columns):
    first = workers.score(columns)
    (child,) = children()
    os.kill(child, signal.SIGSTOP)
    os.kill(child, signal.SIGSEGV)
    os.kill(child, signal.SIGCONT)
    try:
        again = workers.score(columns)
    except WorkerDied:
        again = workers.score(columns)
    assert np.array_equal(again, first)
    assert child not in children()


def test_a_process_that_hangs_is_ended_at_the_deadline(workers, columns):
    workers.score(columns)
    (child,) = children()
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(Unavailable) as error:
        workers.score(columns)
    assert error.value.code == "deadline_exceeded"
    assert not Path(f"/proc/{child}").exists()
    assert len(workers.score(columns)) == 5


def test_a_model_that_raises_keeps_its_process(workers, columns):
    workers.score(columns)
    before = children()
    with pytest.raises(WorkerDied):
        workers.score({"something else": columns["mean radius"]})
    assert children() == before
    assert len(workers.score(columns)) == 5


def test_bytes_that_are_no_model_answer_nothing(columns):
    workers = Workers("skops", b"PK\x03\x04", task="binary", classes=[0, 1])
    with pytest.raises(WorkerDied):
        workers.score(columns)


def test_nobody_is_left_behind(packed, columns):
    before = set(children())
    workers = Workers(packed.format, packed.data, task=packed.task, classes=packed.classes)
    workers.score(columns)
    own = set(children()) - before
    assert len(own) == 1
    del workers
    assert not own & set(children())
