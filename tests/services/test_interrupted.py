"""An erasure that is killed at any step leaves each file whole, and is finished by the next one."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import subjects
from fakes import Clock
from jupyter_mlops.services import erasure, segments
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.erasure import erase
from jupyter_mlops.services.receipts import receipt
from jupyter_mlops.services.scoring import receive_actuals
from jupyter_mlops.services.subjects import subject
from jupyter_mlops.store import erasing, sealing
from subjects import WHO, answered, spoken, traces


@pytest.fixture(scope="module")
def shop(shared_where):
    ws = subjects.shop(shared_where, Clock())
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(shop):
    subjects.afresh(shop)
    return shop


STEPS = {
    "before the event": "jupyter_mlops.services.erasure:_planned",
    "before a file is in its place": "jupyter_mlops.store.erasing:take_place",
    "before an artifact is gone": "jupyter_mlops.store.artifacts:Artifacts.remove",
    "while a file is written": "jupyter_mlops.store.erasing:beside",
}
KILLED = textwrap.dedent("""
    import importlib, os, signal, sys
    from jupyter_mlops.services.workspace import open_local
    from jupyter_mlops.services.erasure import erase

    where, who, step, after = sys.argv[1:]
    module, _, name = step.partition(":")
    owner = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    done, left = getattr(owner, last), [int(after)]

    def kill(*args, **options):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return done(*args, **options)

    setattr(owner, last, kill)
    erase(open_local(where), who, reason="asked")
""")


def killed(ws, step, after):
    """Have another process erase, and kill it at its n-th call of a step; say whether that came."""
    asked = [sys.executable, "-c", KILLED, ws.home.where, WHO, STEPS[step], str(after)]
    environ = {**os.environ, "JUPYTER_MLOPS_FOLDER": str(ws.home.folder)}
    done = subprocess.run(asked, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize(("step", "after"), [(step, n) for step in STEPS for n in (0, 1)])
def test_killed_anywhere_it_is_as_before_or_goes_on_to_the_end(ws, step, after):
    names = [*answered(ws, ["a", WHO, "b"], key="k"), *answered(ws, [WHO, "c"])]
    spoken(ws, "k", WHO)
    receive_actuals(ws, "shop", [{"id": n, "value": 1} for n in ("a", WHO)])
    was_killed = killed(ws, step, after)
    assert was_killed or step in ("before the event", "before an artifact is gone")
    others = ["a", "b", "c"]
    there = ws.telemetry.read_predictions("shop")["id"].to_pylist()
    assert [one for one in there if one != WHO] == others  # each file is the old one or the new one
    for name in (names[0], names[2], names[4]):
        assert receipt(ws, name)["ok"]
    erasure.settle(ws)
    if subject(ws, WHO)["rows"]:
        assert erase(ws, WHO, reason="again")["state"] == "done"
    assert traces(ws, WHO, names[1], names[3]) == []
    assert not list(ws.home.folder.rglob("*.next"))
    assert ws.telemetry.read_predictions("shop")["id"].to_pylist() == others
    assert ws.telemetry.read_actuals("shop")["id"].to_pylist() == ["a"]
    assert all(receipt(ws, name)["ok"] for name in names)
    assert audit(ws, verify=True)["ok"]


def test_what_a_killed_sealer_left_half_written_goes_too(ws):
    answered(ws, [WHO, "a"])
    (path,) = ws.home.predictions.rglob("*.parquet")
    (half := path.with_name(f".{path.name}.4711")).write_bytes(WHO.encode())
    erase(ws, WHO, reason="asked")
    assert not half.exists()
    assert traces(ws, WHO) == []


def test_nobody_seals_again_what_is_sealed_while_its_rows_are_taken_out(ws, monkeypatch):
    log = ws.telemetry.open_log("shop")
    answered(ws, [WHO, "a"], log=log)
    log.close()
    held, go_on, written = threading.Event(), threading.Event(), sealing._write

    def slow(table, path):
        held.set()
        go_on.wait(20)
        written(table, path)

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "_write", slow)
        sealer = threading.Thread(target=segments.seal, args=(ws,))
        sealer.start()
        assert held.wait(20)
        patch.setattr(sealing, "_write", written)
        segments.seal(ws)  # another sealer leaves it to the first
        done = erase(ws, WHO, reason="asked")
        assert done["state"] == "waiting"
        go_on.set()
        sealer.join()
    assert erasure.settle(ws) == 1
    assert traces(ws, WHO) == []
    assert ws.telemetry.read_predictions("shop")["id"].to_pylist() == ["a"]


def test_readers_see_whole_files_while_rows_are_taken_out(ws):
    from pyarrow import dataset

    for at in range(6):
        answered(ws, [WHO, f"c{at}"])
    stop, seen, failed = threading.Event(), [], []

    def look():
        while not stop.is_set():
            try:
                own = ws.telemetry.read_predictions("shop")["id"].to_pylist()
                other = dataset.dataset(ws.home.predictions).to_table(["id"])["id"].to_pylist()
                seen.append(all(sum(one != WHO for one in told) == 6 for told in (own, other)))
            except Exception as error:  # noqa: BLE001  (any is a torn file)
                failed.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    while len(seen) < 2 and not failed:
        pass
    erase(ws, WHO, reason="asked")
    n = len(seen)
    while len(seen) < n + 2 and not failed:
        pass
    stop.set()
    reader.join()
    assert not failed
    assert all(seen)


def test_a_footer_keeps_places_and_digests_of_what_went():
    gone = [erasing.Gone(2, b"c", "", 1), erasing.Gone(0, b"a", "", 1)]
    assert erasing.leaves_of([b"b", b"d"], gone) == [b"a", b"b", b"c", b"d"]
    assert erasing.places_of(2, gone) == [1, 3]
