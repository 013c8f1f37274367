"""Where a version comes from and where it went, on each database; what others may be told of it."""

from __future__ import annotations

import json
import sys

import nbformat
import pytest
from sklearn.base import clone

from jupyter_mlops.charts import picture, render
from jupyter_mlops.commands.showing import as_html, as_text
from jupyter_mlops.domain.arguments import Here
from jupyter_mlops.errors import Conflict, Invalid, Refused, Unavailable
from jupyter_mlops.locale import language
from jupyter_mlops.services import reproducing
from jupyter_mlops.services.approvals import approve, request
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.lineage import lineage
from jupyter_mlops.services.openlineage import finish as written
from jupyter_mlops.services.openlineage import openlineage
from jupyter_mlops.services.packing import prepare_register
from jupyter_mlops.services.registry import register, show
from jupyter_mlops.services.reproducing import reproduce
from receivers import Receiver
from stories import tumours

HOSTILE = '<img src=x onerror=alert(1)>"\u202e\n'


def cell(source, n, **more):
    """Return a cell as the kernel's record has it."""
    return {"source": source, "id": f"c{n}", "count": n, "at": "", "seconds": 0.0, **more}


def origin(folder, *cells):
    """Return what a notebook tells of itself that ran these cells."""
    sources = [*cells, "v = %mlops register model --name tumour --train train --holdout test"]
    path = folder / "training.ipynb"
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(s, id=f"c{n}") for n, s in enumerate(sources, 1)]
    nbformat.write(book, path)
    ran = [cell(source, n) for n, source in enumerate(sources, 1)]
    return {"notebook": str(path), "executions": ran, "is_whole": True, "source": sources[-1]}


def registered(ws, told, *, change=None, strength=None, **more):
    """Register the tumour model, or one regularised otherwise, with what its notebook told."""
    model, train, test = tumours()
    if strength:
        model = clone(model).set_params(logisticregression__C=strength)
        model.fit(train.drop(columns="target"), train["target"])
    options = {"name": "tumour", "target": "target", **more}
    here = Here(lambda: told, lambda *_: None)
    ready = prepare_register(here, model=model, train=train, holdout=test, **options)
    for blob in ready.blobs:
        ws.artifacts.put(blob)
    if change:
        ready.arguments["model"]["lineage"] = change(ready.arguments["model"]["lineage"])
    return register(ws, **{**options, **ready.arguments})


@pytest.fixture
def book(tmp_path):
    """What a notebook tells that read a file."""
    (tmp_path / "rows.csv").write_text("a\n1\n")
    read = f"import pandas as pd\ntrain = pd.read_csv('{tmp_path / 'rows.csv'}')"
    return origin(tmp_path, read, "test = train.copy()", "model = fit(train)")


def test_data_cells_version_and_decisions_are_one_way(workspace, book):
    registered(workspace, book)
    asked = request(workspace, "tumour:1", for_deployment="clinic", reason="first")
    approve(workspace, asked["id"])
    told = lineage(workspace, "tumour:1")
    kinds = [node["kind"] for node in told["items"]]
    assert kinds == ["data", "notebook", "cell", "cell", "cell", "cell", "version", "decision"]
    led = {(edge["source"].partition(":")[0], edge["target"].partition(":")[0]) for edge in told["edges"]}  # fmt: skip
    assert led >= {("data", "cell"), ("cell", "version"), ("version", "decision")}
    assert told["state"] == "clean"
    assert "approved by" in told["items"][-1]["detail"]
    for word in ("en", "ja"):
        with language(word):
            assert render.png(picture("lineage", lineage(workspace, "tumour:1")))[:4] == b"\x89PNG"


def test_the_version_before_is_its_parent(workspace, book):
    registered(workspace, book)
    registered(workspace, book, strength=0.1)
    told = lineage(workspace, "tumour:2")
    names = [node["name"] for node in told["items"] if node["kind"] == "version"]
    assert names == ["tumour:1", "tumour:2"]


def test_what_is_not_known_is_said(sqlite_workspace):
    registered(sqlite_workspace, {})
    told = lineage(sqlite_workspace, "tumour:1")
    assert told["state"] == "unknown"
    assert told["cells"] == []
    assert any(one.startswith("Which code made it") for one in told["unknown"])
    assert any(one.startswith("What the training data was read from") for one in told["unknown"])
    with pytest.raises(Refused, match="not known"):
        reproduce(sqlite_workspace, "tumour:1", to="x")


def test_hidden_state_is_warned_of_when_registering(workspace, tmp_path):
    told = origin(tmp_path, "train = load()", "train = train[1:]", "model = fit(train)")
    ran = told["executions"]
    told["executions"] = [*ran[:2], ran[1], *ran[2:]]
    found = registered(workspace, told)
    assert "more than once" in found["warnings"][0]
    assert "then register again" in found["warnings"][1]
    assert "▲" in as_text("register", found)
    assert show(workspace, "tumour:1")["warnings"] == found["warnings"]


def test_cells_that_are_not_saved_yet_are_named_together(sqlite_workspace, tmp_path):
    told = origin(tmp_path, *(f"train = {n}" for n in range(9)), "model = fit(train)")
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "training.ipynb")
    told["executions"] = [{**one, "at": "2999"} for one in told["executions"]]
    found = registered(sqlite_workspace, told)["warnings"]
    assert found == [
        "Not in the notebook as it was last saved: cell [9], cell [10], cell [11].",
        "Save the notebook, then register again.",
    ]


def test_a_proof_changes_the_origin_and_nothing_that_checks_rely_on(workspace, tmp_path):
    told = origin(tmp_path, "train = load()", "train = train[1:]", "model = fit(train)")
    clean = list(told["executions"])
    told["executions"] = [*clean[:2], clean[1], *clean[2:]]
    before = registered(workspace, told)["lineage"]
    forged = {"sample": "sha256:0", "data": {}, "protected": ["x"], "roles": {"target": "y"}}
    again = {**told, "executions": clean}
    found = registered(workspace, again, change=lambda told: {**told, **forged})
    assert found["new"] is False
    assert found["warnings"] == []
    assert {name: found["lineage"][name] for name in forged} == {n: before[n] for n in forged}
    assert audit(workspace)["items"][0]["action"] == "version:lineage:done"
    registered(workspace, told)
    assert lineage(workspace, "tumour:1")["state"] == "clean"


def test_a_lineage_that_anybody_told_harms_nobody(workspace, book):
    hostile = {
        "notebook": HOSTILE,
        "hidden": {
            "state": HOSTILE,
            "findings": [{"why": "edited", "cell": HOSTILE, "names": [1]}],
        },
        "cells": [{"cell": HOSTILE, "source": HOSTILE, "execution_count": True, "at": 3}, 7, None],
        "frames": {"train": {"sources": [{"said": HOSTILE, "how": 9}], "columns": 4}},
        "git": [1],
        "distributions": {"-e evil": "1", "numpy": "2\n--evil"},
    }
    registered(workspace, book, change=lambda told: {**told, **hostile})
    told = lineage(workspace, "tumour:1")
    shown = as_html("lineage", told)
    assert "<img" not in shown
    assert "\u202e" not in as_text("lineage", told)
    assert "\u202e" not in str(picture("lineage", told).to_dict()["title"])
    recipe = reproduce(workspace, "tumour:1", to="x")
    assert "evil" not in recipe["files"]["requirements.lock"]
    nbformat.validate(nbformat.reads(recipe["files"]["reproduce.ipynb"], as_version=4))
    assert openlineage(workspace, "tumour:1", to="x.jsonl")["events"]


@pytest.mark.parametrize(("told", "code"), [(lambda _: [1], "lineage_invalid"), (lambda t: {**t, "x": "y" * 5_000_000}, "lineage_too_large")])  # fmt: skip
def test_a_lineage_that_is_none_is_refused(sqlite_workspace, book, told, code):
    with pytest.raises(Invalid) as refused:
        registered(sqlite_workspace, book, change=told)
    assert refused.value.code == code


def test_events_are_written_one_a_line_and_audited(workspace, book, tmp_path):
    registered(workspace, book)
    path = tmp_path / "deep" / "events.jsonl"
    told = written(openlineage(workspace, "tumour:1", to=str(path)), to=str(path))
    (event,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert told["to"] == str(path)
    assert event["schemaURL"].endswith("2-0-2/OpenLineage.json#/$defs/RunEvent")
    assert {one["namespace"] for one in event["inputs"]} >= {"file"}
    assert event["job"]["facets"]["sourceCode"]["sourceCode"].startswith("import pandas")
    assert event["outputs"][0]["name"] == "models/tumour"
    assert audit(workspace)["items"][0]["action"] == "version:export:written"


def test_events_go_to_an_allowed_address_and_to_no_other(sqlite_workspace, book, monkeypatch):
    ws = sqlite_workspace
    registered(ws, book)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "hunter2")
    with Receiver() as receiver:
        with pytest.raises(Invalid, match="inside"):
            openlineage(ws, "tumour:1", to=receiver.url)
        path = ws.home.allowed_file
        path.write_text(f"127.0.0.1:{receiver.port}")
        path.chmod(0o600)
        told = openlineage(ws, "tumour:1", to=receiver.url)
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{receiver.port}")
        openlineage(ws, "tumour:1", to=receiver.url)
        receiver.statuses = [500]
        with pytest.raises(Unavailable, match="500"):
            openlineage(ws, "tumour:1", to=receiver.url)
    assert [json.loads(body)["eventType"] for _, _, body in receiver.got] == ["COMPLETE"] * 3
    assert "Authorization" not in receiver.got[0][1]
    assert receiver.got[1][1]["Authorization"] == "Bearer hunter2"
    assert told["to"].endswith("/…")
    found = [event["action"] for event in audit(ws)["items"]]
    assert found[:3] == ["version:export:failed", "version:export:sent", "version:export:sent"]


@pytest.mark.parametrize("to", ["http://ann:pw@a.example/", "https://", "http://a b/"])
def test_what_is_no_address_is_refused(sqlite_workspace, book, to):
    registered(sqlite_workspace, book)
    with pytest.raises(Invalid, match="no address"):
        openlineage(sqlite_workspace, "tumour:1", to=to)


def test_files_that_are_in_the_way_stay(sqlite_workspace, book, tmp_path):
    registered(sqlite_workspace, book)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "reproduce.ipynb").write_text("mine")
    told = reproduce(sqlite_workspace, "tumour:1", to="x")
    with pytest.raises(Conflict, match="differs"):
        reproducing.finish(told, to=str(tmp_path / "again"))
    with pytest.raises(Invalid, match="7 days"):
        reproducing.finish(told, to=str(tmp_path / "other"), seconds=0)


def reproducible(folder, last):
    """Return a notebook that really runs, for the interpreter that tests run in."""
    tests = json.dumps([path for path in sys.path if path])
    cells = [
        f"import sys; sys.path[:0] = {tests}",
        "from stories import tumours\nfrom jupyter_mlops import open_workspace",
        f"ws = open_workspace({str(folder / 'workspace')!r})",
        "model, train, test = tumours()",
    ]
    told = origin(folder, *cells)
    told["executions"][-1] = cell(last, 5)
    return told


AGAIN = "ws.register(model, name='tumour', train=train, target='target', holdout=test)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        (AGAIN, "the same"),
        (AGAIN.replace("holdout=test", "holdout=train"), "different"),
        ("import time; time.sleep(99)\n" + AGAIN, "failed"),
        ("print(name=model)\n" + AGAIN, "failed"),
    ],
)
def test_a_notebook_is_run_again_in_a_workspace_of_its_own(
    sqlite_workspace, tmp_path, last, outcome
):
    ws = sqlite_workspace
    registered(ws, reproducible(tmp_path, last))
    told = reproduce(ws, "tumour:1", to="x")
    seconds = 15 if "sleep" in last else 240
    found = reproducing.finish(told, to=str(tmp_path / "again"), run=True, seconds=seconds)
    assert found["outcome"] == outcome, found["because"]
    assert (tmp_path / "again" / "reproduced.ipynb").exists()
    assert [e["action"] for e in audit(ws)["items"]].count("version:registration:done") == 1
    if outcome == "the same":
        assert {one["verdict"] for one in found["items"]} == {"the same"}
        assert "same to the byte" in found["because"]
