"""All rows of a data subject in one file, for the subject and for nobody's spreadsheet to run."""

import csv
import io
import json
import zipfile
from dataclasses import replace

import pytest

import subjects
from fakes import Clock
from jupyter_mlops import open_workspace
from jupyter_mlops.domain.masked import MARK
from jupyter_mlops.errors import Conflict, Invalid
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.masks import mask
from jupyter_mlops.services.scoring import receive_actuals
from jupyter_mlops.services.sought import salted
from subjects import WHO, answered, traces
from traffic import people

FORMULA = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def shop(shared_where):
    ws = subjects.shop(shared_where, Clock())
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(shop):
    subjects.afresh(shop)
    return shop


def exported(ws, to, **options):
    """Say it as a person does; return the answer and what is in the file."""
    with open_workspace(ws.home.where) as session:
        session.door.ws = replace(session.door.ws, clock=ws.clock)
        told = session.subject(WHO, export=str(to), **options).to_dict()
    with zipfile.ZipFile(told["export"]["written"]) as archive:
        return told, {name: archive.read(name).decode() for name in archive.namelist()}


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_everything_of_a_subject_is_in_one_file_and_in_no_other(ws, tmp_path):
    row = json.loads(people(1, 1).to_json(orient="records"))[0] | {"note": FORMULA, "plan": "+pro"}
    answered(ws, ["c1", WHO], rows=[row | {"note": "c1"}, row])
    answered(ws, [WHO], seal=False)
    receive_actuals(ws, "shop", [{"id": WHO, "value": 1}])
    told, files = exported(ws, tmp_path / "taro.zip")
    assert (told["rows"], told["export"]["rows"], "data" in told["export"]) == (4, 4, False)
    first, second = lines(files["predictions.jsonl"])
    assert first["id"] == second["id"] == WHO
    assert (first["features"]["note"], first["deployment"]) == (FORMULA, "shop")
    assert lines(files["actuals.jsonl"])[0]["value"] == "1"
    assert lines(files["samples.jsonl"])[0]["customer"] == WHO
    assert WHO in files["README.txt"]
    (event, *_) = audit(ws, "action:subject:export")["items"]
    salt = files["README.txt"].split("salt: ")[1].strip()
    assert event["after"]["subject"] == salted(salt, "", WHO)
    assert event["after"]["digest"] == told["export"]["digest"]
    assert traces(ws, salt, "README.txt") == []
    assert WHO not in json.dumps(event)


def test_no_cell_is_a_formula(ws, tmp_path):
    row = json.loads(people(1, 1).to_json(orient="records"))[0] | {"note": FORMULA, "@n": "\t=1"}
    answered(ws, [WHO], rows=[row])
    _, files = exported(ws, f"{tmp_path}/")
    table = list(csv.DictReader(io.StringIO(files["predictions.csv"])))
    assert table[0]["features.note"] == f"'{FORMULA}"
    cells = [cell for one in table for cell in (*one, *one.values())]
    assert not [c for c in cells if c.startswith(("=", "@", "\t", "+"))]


def test_what_is_masked_is_a_mark_in_the_file(ws, tmp_path):
    answered(ws, [WHO])
    mask(ws, "shop", ("age", "id", "prediction"), unless="privacy")
    told, files = exported(ws, tmp_path / "taro.zip")
    (row,) = lines(files["predictions.jsonl"])
    assert (row["features"]["age"], row["id"], row["score"], row["label"]) == (MARK,) * 4
    assert row["features"]["income"] != MARK
    assert told["masked"] == ["age", "id", "prediction"]
    assert lines(files["samples.jsonl"])[0]["age"] == MARK


def test_a_place_that_is_taken_or_not_there_is_refused_before_anything_is_told(ws, tmp_path):
    answered(ws, [WHO])
    (tmp_path / "taro.zip").write_text("something dear")
    n = len(audit(ws, "action:subject:export", limit=1000)["items"])
    with pytest.raises(Conflict):
        exported(ws, tmp_path / "taro.zip")
    with pytest.raises(Invalid):
        exported(ws, "/proc/nothing/x.zip")
    assert (tmp_path / "taro.zip").read_text() == "something dear"
    assert len(audit(ws, "action:subject:export", limit=1000)["items"]) == n
