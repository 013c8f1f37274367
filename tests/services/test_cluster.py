"""Pieces counted by workers of a Dask scheduler: the same profiles, to the last count."""

import gc
import socket
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from conftest import absent
from jupyter_mlops.errors import Invalid, Unavailable, UsageError
from jupyter_mlops.services import cluster, judging, watching
from jupyter_mlops.services.workspace import open_local
from watched import NOON, deployed, people, written

DAY = timedelta(days=1)


def installed():
    """Return the library, or skip with the reason."""
    try:
        import distributed
    except ImportError:
        absent("no Dask: jupyter-mlops[dask] is not installed")
    return distributed


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with two workers, each a process."""
    distributed = installed()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def filled(folder, clock):
    """Return a workspace with a history of twelve days, two versions and some failures."""
    ws = open_local(str(folder), clock=clock)
    deployed(ws, versions=2, since=NOON - 20 * DAY, every=10 * DAY)
    requests = []
    for day in range(1, 13):
        told = {"version": f"buyer:{1 if day > 10 else 2}", "known": None}
        requests.append((people(30, day), NOON - day * DAY, told))
        requests.append(([], NOON - day * DAY, {"kind": "internal"}))
    written(ws, requests)
    return ws


def profiles(ws):
    query = "SELECT part, version, role, hour, known_at, rows, shown, sums, counts FROM profile"
    with ws.look() as session:
        return sorted(tuple(row) for row in session.execute(text(query)))


def test_workers_count_what_one_machine_counts(tmp_path, clock, scheduler):
    here, there = filled(tmp_path / "here", clock), filled(tmp_path / "there", clock)
    alone = watching.watch(here, once=True)
    found = watching.watch(there, once=True, on=scheduler)
    assert found["rows"] == alone["rows"] == 360
    assert found["because"] == alone["because"]
    assert profiles(there) == profiles(here)
    assert watching.watch(there, once=True, on=scheduler)["rows"] == 0
    for ws in (here, there):
        ws.engine.dispose()


def test_a_damaged_piece_waits_and_the_others_are_counted(tmp_path, clock, scheduler):
    ws = filled(tmp_path / "w", clock)
    damaged = min(ws.telemetry.pieces("shop").predictions.rglob("*.parquet"))
    damaged.write_bytes(b"no parquet")
    assert watching.watch(ws, once=True, on=scheduler)["rows"] == 330
    ws.engine.dispose()


def test_a_scheduler_that_is_not_there_is_named(tmp_path, clock, monkeypatch):
    installed()
    monkeypatch.setattr(cluster, "SECONDS", 0.5)
    ws = open_local(str(tmp_path / "w"), clock=clock)
    with pytest.raises(Unavailable, match=r"tcp://127\.0\.0\.1:9 cannot be used"):
        watching.watch(ws, once=True, on="tcp://127.0.0.1:9")
    ws.engine.dispose()


@pytest.mark.parametrize(
    "on", ["garbage", "http://h:8786", "tcp://h:x", "tcp://:1", "h h:1", "h:0"]
)
def test_what_is_no_address_is_refused_before_anything_waits(tmp_path, clock, on):
    installed()
    ws = open_local(str(tmp_path / "w"), clock=clock)
    begun = time.monotonic()
    with pytest.raises(Invalid, match="is not the address of a Dask scheduler"):
        watching.watch(ws, once=True, on=on)
    assert time.monotonic() - begun < 2
    ws.engine.dispose()


def test_what_listens_and_says_nothing_is_left_soon_and_in_silence(tmp_path, clock, monkeypatch):
    installed()
    monkeypatch.setattr(cluster, "SECONDS", 0.5)
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    ws = open_local(str(tmp_path / "w"), clock=clock)
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable, match="cannot be used"):
            watching.watch(ws, once=True, on=address)
        gc.collect()
    assert time.monotonic() - begun < 5
    assert ignored == []
    ws.engine.dispose()


def test_a_worker_that_does_not_see_a_file_says_so_instead_of_counting_nothing(tmp_path, clock):
    ws = filled(tmp_path / "w", clock)
    log = ws.telemetry.pieces("shop")
    judge = judging.judge(ws, "shop")
    assert cluster._count(log, "shop/2026-11-01/gone", (True, True), {}, judge).absent
    ws.engine.dispose()


def test_a_scheduler_without_workers_says_how_to_start_one(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS", 0.5)
    ws = open_local(str(tmp_path / "w"), clock=clock)
    empty = {"n_workers": 0, "processes": False, "dashboard_address": None, "protocol": "tcp"}
    with (
        installed().LocalCluster(**empty) as found,
        pytest.raises(Unavailable, match="has no workers"),
    ):
        watching.watch(ws, once=True, on=found.scheduler_address)
    ws.engine.dispose()


def test_without_dask_it_says_how_to_get_it(tmp_path, clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    ws = open_local(str(tmp_path / "w"), clock=clock)
    with pytest.raises(Unavailable, match=r"jupyter-mlops\[dask\]"):
        watching.watch(ws, once=True, on="tcp://127.0.0.1:8786")
    with pytest.raises(UsageError, match="watch --once --on"):
        watching.watch(ws, on="tcp://127.0.0.1:8786")
    ws.engine.dispose()
