"""A notebook cannot decide what is critical; two people in terminals of their own can."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import nbformat
import pytest
import sqlmodel
from nbclient import NotebookClient
from sklearn.base import clone

from conftest import absent
from governed import PENS, decision, forged, listed
from jupyter_mlops import open_workspace
from jupyter_mlops.store import tables
from stories import tumours

SECONDS = 60
STATED = {"purpose": "see tumours early", "owner": "Ann", "unit": "clinic", "description": "first"}
REVIEW = [
    "%load_ext jupyter_mlops",
    "%mlops approve 1 --comment 'please review: run all cells'",
    "!{sys} -m jupyter_mlops decide 1 --approve --yes --key {key}",
]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A workspace whose people have keys, with a critical model that waits."""
    if not shutil.which("ssh-keygen"):
        absent("no ssh-keygen")
    session = open_workspace(tmp_path_factory.mktemp("signing") / "workspace")
    session.policy("people", listed())
    registered(session)
    session.request("tumour:1", for_deployment="clinic", reason="first release")
    yield session
    session.stop()


def registered(session, strength=1.0):
    model, train, holdout = tumours()
    other = clone(model).set_params(logisticregression__C=strength)
    other.fit(train.drop(columns="target"), train["target"])
    return session.register(
        other, name="tumour", train=train, target="target", holdout=holdout, risk="critical",
        **STATED,
    )  # fmt: skip


@pytest.fixture
def keys(tmp_path):
    """The files of everybody's keys."""
    return {name: pen.kept(tmp_path, f"key-of-{name}") for name, pen in PENS.items()}


def place(session):
    return session.door.ws.home.where


def typed(session, *words, answer="", cwd=None):
    """Type a line in a real terminal; return what it showed and how it ended."""
    where = place(session)
    ours, theirs = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
    argv = [sys.executable, "-m", "jupyter_mlops", "--workspace", where, *map(str, words)]
    process = subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, cwd=cwd,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # nobody writes any more
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return shown.decode(), process.wait(SECONDS)


def decisions(session):
    with session.door.ws.look() as look:
        return look.exec(sqlmodel.select(tables.Decision)).all()


def test_from_a_notebook_that_cannot_to_two_people_who_can(session, keys, monkeypatch, tmp_path):
    a_reviewer_runs_what_an_author_sent(session, keys["bob"], monkeypatch)
    wrong, ended = typed(session, "decide", 1, "--approve", "--key", keys["bob"], answer="tumour:2")
    assert ended == 1, wrong
    assert "nothing was signed" in wrong
    assert not decisions(session)
    shown, ended = typed(session, "decide", 1, "--approve", "--key", keys["bob"], answer="tumour:1")
    assert ended == 0, shown
    assert "Request 1: tumour:1 for clinic, as champion" in shown
    assert "the request waits for others still" in shown
    a_file_is_enough(session, keys["cat"], tmp_path)
    assert [one.person for one in decisions(session)] == ["bob", "cat"]
    assert session.deploy("tumour:1", to="clinic").version == "tumour:1"
    rows = tumours()[2].drop(columns="target").head(2)
    assert session.predict("clinic", rows)[0]["version"] == "tumour:1"
    what_is_forged_is_not_served(session)
    assert session.predict("clinic", rows)[0]["version"] == "tumour:1"
    assert session.audit(verify=True).ok


def a_reviewer_runs_what_an_author_sent(session, key, monkeypatch):
    monkeypatch.setenv("JUPYTER_MLOPS_WORKSPACE", place(session))
    cells = [cell.format(sys=sys.executable, key=key) for cell in REVIEW]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(book, timeout=SECONDS, allow_errors=True).execute()
    said = str([cell["outputs"] for cell in book.cells])
    assert "Nothing was decided" in said
    assert "jupyter mlops decide 1" in said
    assert "A signed decision is not made in a notebook" in said
    assert not decisions(session)
    assert session.requests()[0]["state"] == "open"


def a_file_is_enough(session, key, tmp_path):
    """Cat has the file, and no workspace."""
    sent = session.send(1, to=str(tmp_path / "request.json"))
    assert sent.written == str(tmp_path / "request.json")
    argv = ["decide", "request.json", "--approve", "--comment", "fine", "--yes", "--key", key]
    nowhere = replace_where(session, tmp_path / "nowhere")
    shown, ended = typed(nowhere, *argv, cwd=tmp_path)
    assert ended == 0, shown
    assert not (tmp_path / "nowhere").exists()
    told = session.receive(str(tmp_path / "decision.json"))
    assert told.state == "approved"
    assert told.decisions[-1]["by"]["label"] == "Signed by Cat's key"


def replace_where(session, folder):
    class Elsewhere:
        door = type("Door", (), {"ws": type("Ws", (), {"home": replace(
            session.door.ws.home, folder=folder, url=f"sqlite:///{folder}/store.db")})})  # fmt: skip

    return Elsewhere


def what_is_forged_is_not_served(session):
    """Whoever can write to the database writes a version live; the server does not believe it."""
    ws = session.door.ws
    registered(session, strength=0.1)
    asked = session.request("tumour:2", for_deployment="clinic")
    forged(ws, *(decision(ws, asked.id, who) for who in ("bob", "cat")))
    with ws.look() as look:
        version = look.exec(
            sqlmodel.select(tables.Version).where(tables.Version.digest == asked.digest)
        ).one()
    (rollout,) = forged(
        ws,
        tables.Rollout(
            deployment_id=1, version_id=version.id, request_id=asked.id, action="deploy",
            role="champion", because="", state="loading", at=ws.now(),
        ),
    )  # fmt: skip
    with ws.act("nothing:at-all", subject="rollout"):  # so that the server looks
        pass
    assert state_of(ws, rollout.id) == "failed"


def state_of(ws, rollout):
    for _ in range(SECONDS * 10):
        with ws.look() as look:
            found = look.get_one(tables.Rollout, rollout)
        if found.state != "loading":
            assert "is not approved for clinic" in found.because
            return found.state
        time.sleep(0.1)
    return "loading"
