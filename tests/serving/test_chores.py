"""Chores of a server: one that fails is said, and ends none of the others."""

import sys
import time

import pytest

from jupyter_mlops.serving import chores
from jupyter_mlops.serving.chores import Chores


@pytest.fixture
def done():
    """What the chores have done."""
    return []


@pytest.fixture
def house(sqlite_workspace, monkeypatch, done):
    """Chores that are done often, of a server that also watches."""
    monkeypatch.setattr(chores, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(chores, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(chores, "SEAL_SECONDS", 0.0)
    place = str(sqlite_workspace.home.folder)
    house = Chores(sqlite_workspace, place, seals=True, each=[lambda: done.append(1)])
    yield house
    house.end()


def until(said):
    began = time.monotonic()
    while not said() and time.monotonic() - began < 10:
        time.sleep(0.01)
    return said()


def test_chores_go_on_where_no_process_can_be_started_and_start_one_later(
    house, done, monkeypatch, capfd
):
    with monkeypatch.context() as there:
        there.setattr(sys, "executable", "/nowhere/python")
        house.begin()
        assert until(lambda: len(done) > 20)
    assert until(lambda: house._watcher is not None)
    assert "FileNotFoundError" in capfd.readouterr().err


def test_chores_go_on_where_segments_cannot_be_read(house, done, sqlite_workspace, capfd):
    (sqlite_workspace.home.spool / "clinic" / "odd.log").mkdir(parents=True)
    house.begin()
    assert until(lambda: house._troubles)
    before = len(done)
    assert until(lambda: len(done) > before + 5)
    assert "IsADirectoryError" in capfd.readouterr().err
