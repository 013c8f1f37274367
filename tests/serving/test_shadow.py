"""A challenger's process: what happens to it happens to nobody else."""

import asyncio
import json
import sys
import threading
import time

import pytest

from jupyter_mlops import formats
from jupyter_mlops.domain.registry import Kindred, manifest
from jupyter_mlops.formats.signature import infer
from jupyter_mlops.serving import shadow
from jupyter_mlops.serving.places import prediction_ids
from jupyter_mlops.serving.shadow import Shadow
from jupyter_mlops.store import logtables
from jupyter_mlops.store.segments import frames
from stories import tumours

BROKEN = """
import json, os, signal, sys, time
from jupyter_mlops import formats
from jupyter_mlops.serving import shadowed

class Broken:
    def score(self, columns):
        {body}

formats.load = lambda *_, **__: Broken()
shadowed.main()
"""
WAYS = {
    "raises": ("raise ValueError('nobody hears this')", "it raises ValueError"),
    "dies": ("os.kill(os.getpid(), signal.SIGSEGV)", "died of signal 11"),
    "hangs": ("time.sleep(60)", "died of signal 14"),
    "takes all memory": ("kept = bytearray(3 << 30)", "MemoryError"),
    "answers nothing": ("return [float('nan')]", "what is no prediction"),
}


@pytest.fixture(scope="module")
def told():
    """What a challenger's process is told of its model."""
    model, train, _ = tumours()
    packed = formats.pack(model)
    names = list(train.drop(columns="target"))
    features = infer({name: train[name].to_numpy() for name in names}, names=names)
    body = manifest(
        artifact="sha256:0",
        format=packed.format,
        compiled=None,
        kindred=Kindred("target", packed.task, [0, 1]),
        features=features,
        requirements={},
        profile=None,
    )
    return {"ref": "m:2", "digest": "d", "manifest": body, "format": "skops"}, packed.data


@pytest.fixture
def begun(told, tmp_path, monkeypatch):
    """Start a challenger; tell when it is ready and why it is given up."""
    monkeypatch.setattr(shadow, "FIRST_PAUSE", 0.01)
    made = []

    def begin(code=None, seconds=5.0):
        ready, why, given_up = threading.Event(), [], threading.Event()
        argv = [
            sys.executable,
            *(("-c", code) if code else ("-m", "jupyter_mlops.serving.shadowed")),
        ]
        head = {**told[0], "folder": str(tmp_path), "seconds": seconds}
        made.append(
            Shadow(
                head,
                told[1],
                on_ready=ready.set,
                on_given_up=lambda said: (why.append(said), given_up.set()),
                argv=tuple(argv),
            )
        )
        return made[-1], ready, given_up, why

    yield begin
    for one in made:
        one.stop()


def answered(rows):
    """What the server writes down of a request, as the challenger is given it."""
    head = {
        "prediction_ids": prediction_ids(len(rows)),
        "ids": [str(at) for at in range(len(rows))],
    }
    return json.dumps(head).encode(), json.dumps({"rows": rows}).encode()


async def offer(one, rows, times, until):
    """Offer requests, a few at a time, until something has happened."""
    for _ in range(600):
        for _ in range(times):
            one.offer(*answered(rows))
        await asyncio.sleep(0.05)
        if until():
            return
    raise AssertionError("it never happened")


def logged(folder):
    """Everything the challenger wrote down."""
    return [frame for path in folder.glob("*.log") for frame in frames(path)]


async def written(folder, count):
    """Wait until so many frames are on disk."""
    for _ in range(600):
        if len(logged(folder)) >= count:
            return
        await asyncio.sleep(0.1)


def test_it_writes_down_what_it_scored_and_ends_when_told(begun, tmp_path, rows):
    one, _, _, _ = begun()
    head, record = answered(rows[:3])

    async def once():
        one.offer(head, record)
        await written(tmp_path, 1)

    asyncio.run(once())
    one.stop()
    (row, *_) = logtables.predictions(logged(tmp_path)).to_pylist()
    assert (row["role"], row["version"]) == ("challenger", "m:2")
    assert row["beside"] == json.loads(head)["prediction_ids"][0]


@pytest.mark.parametrize("way", WAYS)
def test_one_that_does_not_work_is_given_up_after_a_few_failures_in_a_row(way, begun, rows):
    body, because = WAYS[way]
    one, _, given_up, why = begun(BROKEN.format(body=body), seconds=0.3 if way == "hangs" else 5)
    asyncio.run(offer(one, rows[:1], 1, given_up.is_set))
    assert because in why[0]
    assert len(why) == 1


def test_offering_takes_no_time_and_what_does_not_fit_is_dropped_and_counted(
    begun, tmp_path, rows, monkeypatch
):
    monkeypatch.setattr(shadow, "MOST_WAITING", 20)
    one, _, _, _ = begun()  # it is not ready yet: everything waits, and not for long

    async def much():
        given = answered(rows[:1])
        began = time.perf_counter()
        for _ in range(5000):
            one.offer(*given)
        took = time.perf_counter() - began
        await written(tmp_path, 20)
        one.offer(*given)
        await written(tmp_path, 22)
        return took

    assert asyncio.run(much()) < 5000 * 50e-6
    heads = [frame.head for frame in logged(tmp_path)]
    assert [head["rows"] for head in heads if head["kind"] == "dropped"] == [4980]
    assert sum(not head["kind"] for head in heads) == 21
