"""A sheet is answered and remembered as its rows would be one by one."""

import numpy as np
import pyarrow as pa
import pytest

from jupyter_mlops.services.workspace import open_local
from serving.payloads import arrow_body

PATH = "/deployments/clinic/predictions"
ARROW = "application/vnd.apache.arrow.stream"


def asked(client, body, accept="application/json", **more):
    headers = {"Content-Type": ARROW, "Accept": accept, **more}
    answer = client.post(PATH, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def odd(rows):
    """Return rows of which some lie outside the training range, and one lacks a value."""
    some = [dict(row) for row in rows[:30]]
    some[3]["mean radius"] = 1e4
    some[7]["mean area"] = -5.0
    some[7]["mean radius"] = 1e5
    return some


def plain(row):
    return {name: row[name] for name in ("prediction", "probabilities", "warnings", "version")}


def test_json_of_a_sheet_says_what_json_of_rows_says(client, rows):
    some = odd(rows)
    by_rows = client.post(PATH, json={"rows": some}).json()
    by_sheet = asked(client, arrow_body(some)).json()
    assert by_sheet.keys() == by_rows.keys()
    for one, other in zip(by_sheet["predictions"], by_rows["predictions"], strict=True):
        assert one.keys() == other.keys()
        assert one["probabilities"] == pytest.approx(other.pop("probabilities"), abs=1e-12)
        assert {**plain(one), "probabilities": 0} == plain({**other, "probabilities": 0})
    assert by_sheet["predictions"][7]["warnings"]


def test_arrow_of_a_sheet_has_the_columns_of_arrow_of_rows(client, rows):
    some = odd(rows)
    by_rows = client.post(PATH, json={"rows": some}, headers={"Accept": ARROW})
    by_sheet = asked(client, arrow_body(some), ARROW)
    one, other = (pa.ipc.open_stream(a.content).read_all() for a in (by_sheet, by_rows))
    assert set(one.schema.names) == set(other.schema.names)
    for name in one.schema.names:
        assert one.schema.field(name).type == other.schema.field(name).type
    assert one.schema.metadata == other.schema.metadata
    for name in ("prediction", "warnings", "version"):
        assert one[name].to_pylist() == other[name].to_pylist()


def test_what_the_log_remembers_of_a_sheet_is_all_there_before_and_after_sealing(
    client, rows, place
):
    some = odd(rows)
    told = asked(client, arrow_body(some)).json()["predictions"]
    log = open_local(place).telemetry.read_predictions("clinic").to_pylist()
    kept = {row["prediction_id"]: row for row in log}
    for row, answer in zip(some, told, strict=True):
        found = kept[answer["prediction_id"]]
        assert found["id"] == answer["prediction_id"]
        assert found["label"] == str(answer["prediction"])
        assert found["warnings"] == answer["warnings"]
        assert (found["version"], found["role"]) == ("tumour:1", "champion")
        assert found["latency_ms"] > 0
        assert found["digest"].startswith("sha256:")
        assert found["features"]["mean radius"] == row["mean radius"]
    assert len({kept[answer["prediction_id"]]["salt"] for answer in told}) == len(told)


def test_the_same_key_gets_the_same_arrow_again_and_never_as_json(client, rows):
    body = arrow_body(rows[:5])
    key = {"Idempotency-Key": "columnar-once"}
    once = asked(client, body, ARROW, **key)
    again = asked(client, body, ARROW, **key)
    assert once.content == again.content
    other = client.post(PATH, content=body, headers={"Content-Type": ARROW, **key})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_value_so_far_out_that_there_is_no_answer_is_treated_alike(client, rows):
    some = [dict(row) for row in rows[:4]]
    some[2]["mean radius"] = np.finfo(float).max
    by_sheet = client.post(PATH, content=arrow_body(some), headers={"Content-Type": ARROW})
    by_rows = client.post(PATH, json={"rows": some})
    assert by_sheet.status_code == by_rows.status_code
    if by_rows.status_code == 200:
        one, other = (a.json()["predictions"] for a in (by_sheet, by_rows))
        assert [row["prediction"] for row in one] == [row["prediction"] for row in other]
        assert [row["warnings"] for row in one] == [row["warnings"] for row in other]
