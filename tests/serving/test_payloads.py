"""Bodies that nobody should send: each is a problem with a code, and the next request is answered."""

import asyncio
import json
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest

from jupyter_mlops.services.loading import Loaded
from jupyter_mlops.serving.models import Model
from jupyter_mlops.serving.problems import Problem
from serving.payloads import (
    ARROW,
    BINARY,
    CANARY,
    CSV,
    INFER,
    JSON,
    PREDICT,
    Payloads,
    as_arrow,
    fire,
)

GOOD = httpx.codes.OK


def post(client, body, kind=JSON, path=PREDICT, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"Content-Type": kind, **headers})


def with_value(rows, text):
    """Return a body whose first feature is this text of JSON."""
    (name, _), *others = rows[0].items()
    rest = json.dumps(dict(others))[1:]
    return f'{{"rows":[{{{json.dumps(name)}:{text},{rest}]}}'.encode("utf-8", "surrogatepass")


def refused(client, answer, *, status, code=None):
    """Check that an answer is a proper refusal, and that the server is well."""
    assert answer.status_code in ((status,) if isinstance(status, int) else status)
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert code is None or told["code"] == code
    assert told["status"] == answer.status_code
    assert CANARY not in answer.text
    assert "Traceback" not in answer.text
    assert client.get("/v2/health/ready").status_code == GOOD


G01 = ["NaN", "Infinity", "-Infinity", "nan", "-nan"]
G02 = ["1e400", "-1e400", "1E999999999"]
G03 = ["9" * 400, "9" * 4000, "9" * 5000, "-" + "9" * 4301]
G03_ROUNDED = [str(2**53 + 1), str(2**63), str(-(2**53) - 1)]


@pytest.mark.parametrize("text", G01)
def test_g01_what_is_no_json_number_is_no_json(client, rows, text):
    refused(client, post(client, with_value(rows, text)), status=400, code="invalid_json")


@pytest.mark.parametrize("text", G02)
def test_g02_a_number_beyond_all_numbers_is_refused(client, rows, text):
    refused(client, post(client, with_value(rows, text)), status=422, code="non_finite")


@pytest.mark.parametrize("text", [*G03, *G03_ROUNDED])
def test_g03_an_integer_that_would_be_rounded_is_refused(client, rows, text):
    refused(client, post(client, with_value(rows, text)), status=422)


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udfff\\ud800"', '"\ud800"'])
def test_g04_half_a_character_is_refused(client, rows, text):
    refused(client, post(client, with_value(rows, text)), status=(400, 422))
    key = with_value(rows, f"1, {text}: 2")
    refused(client, post(client, key), status=(400, 422))


def test_g05_a_nul_is_refused_everywhere(client, rows):
    refused(client, post(client, with_value(rows, '"a\\u0000b"')), status=422)
    for body in (
        {"rows": rows[:1], "ids": ["a\x00b"]},
        {"rows": [{**rows[0], "note": "a\x00b"}]},
        {"rows": [{**rows[0], "a\x00b": 1}]},
        {"columns": {**{name: [value] for name, value in rows[0].items()}, "n": ["a\x00"]}},
    ):
        refused(client, post(client, body), status=422)
    some = pa.Table.from_pylist([{**rows[0], "note": "a\x00b"}])
    refused(client, post(client, as_arrow(some), ARROW), status=422)
    text = ",".join([*rows[0], "note"]) + "\n" + ",".join([*map(str, rows[0].values()), "a\x00b"])
    refused(client, post(client, text.encode(), CSV), status=(400, 422))
    tensor = {"name": "note", "shape": [1], "datatype": "BYTES", "data": ["a\x00b"]}
    refused(client, post(client, {"inputs": [*inputs(rows[0]), tensor]}, path=INFER), status=422)


def inputs(row):
    return [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in row.items()
    ]


@pytest.mark.parametrize("kind", ["utf-16", "utf-32", "utf-8-sig", "bad", "overlong"])
def test_g06_what_is_not_plain_utf8_is_refused(client, rows, kind):
    text = json.dumps({"rows": rows[:1]})
    odd = {"bad": text.encode() + b"\xff", "overlong": text.encode() + b"\xc0\xaf"}
    body = odd[kind] if kind in odd else text.encode(kind)
    refused(client, post(client, body), status=400, code="invalid_json")


@pytest.mark.parametrize("word", ["é", "e\u0301", "１２", "👩‍👩‍👧", "\u202ertl", "x" * 10_000])
def test_g07_text_comes_back_byte_for_byte(client, place, rows, word):
    from jupyter_mlops.services.workspace import open_local

    answer = post(client, {"rows": [{**rows[0], "note": word}]}, path=PREDICT + "?pass=note")
    told = answer.json()["predictions"][0]
    assert told["passed"]["note"] == word
    named = post(client, {"rows": rows[:1], "ids": ["é-e\u0301"]}).json()["predictions"][0]
    log = open_local(place).telemetry.read_predictions("clinic").to_pylist()
    (kept,) = [row for row in log if row["prediction_id"] == named["prediction_id"]]
    assert kept["id"] == "é-e\u0301"


@pytest.mark.parametrize("depth", [33, 900, 100_000])
@pytest.mark.parametrize("pair", ["[]", '{"a":}'])
def test_g09_deep_nesting_costs_little(client, place, rows, depth, pair):
    left, right = pair[:-1], pair[-1]
    body = with_value(rows, left * depth + "1" + right * depth)
    pid = json.loads((place / "server.json").read_text())["pid"]
    before = cpu(pid)
    refused(client, post(client, body), status=(400, 422))
    note = json.dumps({"rows": [{**rows[0], "note": 1}]}).replace(
        '"note": 1', '"note":' + left * depth + "1" + right * depth
    )
    refused(client, post(client, note.encode()), status=(400, 422))
    assert cpu(pid) - before < 0.1 + 0.04  # a clock of hundredths, and the question after it


def cpu(pid):
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / 100


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b'"x"', b"[]", b"{}", b'{"rows":[]}', b'{"rows":null}', b'{"rows":[null]}',
     b'{"rows":[[]]}', b'{"rows":{}}', b"0", b"true", b'{"rows":[{}]}', b'{"columns":{}}',
     b'{"rows":[{}],"columns":{}}', b'{"rows":[{}],"hash":1}', b"{}{}", b"[[", b" "],
)  # fmt: skip
def test_g10_what_asks_nothing_is_refused(client, body):
    refused(client, post(client, body), status=(400, 422))
    refused(client, post(client, body, path=INFER), status=(400, 422))
    refused(client, post(client, body, path="/deployments/clinic/actuals"), status=(400, 422))
    refused(client, post(client, body, CSV), status=(400, 422))
    refused(client, post(client, body, ARROW), status=(400, 422))


def test_g11_the_order_of_features_does_not_matter_and_their_names_do(client, rows):
    turned = dict(reversed(rows[0].items()))
    one, other = (
        post(client, {"rows": [row]}).json()["predictions"][0]["probabilities"]
        for row in (rows[0], turned)
    )
    assert one == other
    loud = {name.upper(): value for name, value in rows[0].items()}
    answer = post(client, {"rows": [loud]})
    refused(client, answer, status=422)
    assert "mean radius" in answer.json()["detail"]


def test_g15_one_byte_too_many_is_too_many(client, rows):
    from jupyter_mlops.serving.bodies import LARGEST, LARGEST_ACTUALS

    body = b" " * (LARGEST_ACTUALS + 1)
    refused(client, post(client, body, path="/deployments/clinic/actuals"), status=413)
    refused(client, post(client, b" " * (LARGEST + 1)), status=413, code="too_large")


def test_g16_a_packed_body_is_not_unpacked(client):
    for how in ("gzip", "br", "zstd", "identity"):
        answer = post(client, b"\x1f\x8b\x08", **{"Content-Encoding": how})
        refused(client, answer, status=415, code="unsupported_media_type")


def test_g20_what_is_not_there_is_not_found_and_nothing_is_listed(client, rows):
    for path in (
        "/deployments/other/predictions",
        "/v2/models/other/infer",
        "/v2/models/clinic/versions/9/infer",
    ):
        answer = post(client, {"rows": rows[:1]}, path=path)
        refused(client, answer, status=404)
        assert "clinic" not in answer.text
        assert "tumour" not in answer.text


@pytest.mark.parametrize(
    "when",
    ["1970-01-01", "2999-01-01T00:00:00Z", "2016-12-31T23:59:60Z", "yesterday", "2026-02-30", "",
     "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "999999w"],
)  # fmt: skip
def test_g21_an_actual_of_no_time_is_refused(client, rows, when):
    case = post(client, {"rows": rows[:1], "ids": ["g21"]})
    assert case.status_code == GOOD
    row = {"id": "g21", "value": 1, "when": when}
    answer = post(client, {"rows": [row], "time": "when"}, path="/deployments/clinic/actuals")
    refused(client, answer, status=422)


@pytest.mark.parametrize("kind", [JSON, CSV, ARROW, BINARY])
def test_g22_a_refusal_repeats_nothing_of_what_was_sent(client, rows, kind):
    secret = {**rows[0], "mean radius": CANARY, CANARY: CANARY}
    bodies = {
        JSON: json.dumps({"rows": [secret]}).encode(),
        CSV: (",".join(secret) + "\n" + ",".join(map(str, secret.values()))).encode(),
        ARROW: as_arrow(pa.Table.from_pylist([{**secret, CANARY: [CANARY]}])),
        BINARY: CANARY.encode() * 20,
    }
    path = INFER if kind == BINARY else PREDICT
    header = {"Inference-Header-Content-Length": "40"} if kind == BINARY else {}
    refused(client, post(client, bodies[kind], kind, path, **header), status=(400, 422))
    refused(client, post(client, {"rows": [{CANARY: 1}], CANARY: 2}), status=422)
    refused(client, post(client, {"rows": rows[:1]}, path=f"{PREDICT}?{CANARY}=1"), status=422)


def test_what_no_feature_holds_is_logged_and_read_again(client, place, rows):
    """A number that no float holds, in a column that no model knows, poisons no log."""
    from jupyter_mlops.services.workspace import open_local

    body = json.dumps({"rows": [{**rows[0], "note": 1}]})
    for text in ("9" * 400, str(2**53 + 1), "true", '{"a": [1]}', '"1"', "1.5", "null"):
        answer = post(client, body.replace('"note": 1', f'"note": {text}').encode())
        assert answer.status_code == GOOD
    log = open_local(place).telemetry.read_predictions("clinic").to_pylist()
    kept = {row["features"]["note"] for row in log}
    assert {"9" * 400, str(2**53 + 1)} <= kept


def test_g19_values_that_leave_a_model_without_an_answer_are_the_callers(client, rows):
    wild = dict.fromkeys(rows[0], 1e308)
    answer = post(client, {"rows": [wild]})
    refused(client, answer, status=422, code="not_answerable")
    assert answer.json()["detail"].startswith("Row 0:")


def test_g19_neighbours_of_such_values_are_answered(client, rows):
    wild = dict.fromkeys(rows[0], 1e308)
    told = post(client, {"rows": [rows[0], wild, rows[1]]}).json()["predictions"]
    assert [row["prediction"] is None for row in told] == [False, True, False]
    assert told[1]["warnings"][-1] == "not_answerable"


@pytest.mark.parametrize("scores", [np.nan, np.inf, None, "x"])
def test_g19_a_model_that_answers_nonsense_of_itself_is_told_as_its_fault(scores):
    """What it says of ordinary rows is no prediction; the answer is JSON all the same."""

    class Scorer:
        def score(self, columns):
            return np.full(len(columns["a"]), scores)

    features = [{"name": "a", "type": "number", "low": 0.0, "high": 1.0, "missing": 0.0}]
    loaded = Loaded("m:1", "sha256:0", "regression", [], features, Scorer(), form="")
    with pytest.raises(Problem) as error:
        Model("clinic", loaded).scored([{"a": 0.5}])
    assert (error.value.status, error.value.code) in (
        (500, "model_output_invalid"),
        (500, "model_failed"),
    )
    json.loads(error.value.body())


def test_five_thousand_odd_payloads_and_not_one_fault(place, client, rows):
    known = json.loads((place / "server.json").read_text())
    outcome = asyncio.run(fire(known, Payloads(rows, seed=1), 5000))
    assert outcome.wrong == []
    assert sum(outcome.statuses.values()) == 5000
    assert outcome.statuses[200] > 250
    assert len(outcome.codes) > 8
    assert "fault:" not in (place / "server.log").read_text()
    assert post(client, {"rows": rows[:1]}).status_code == GOOD


def few(count):
    """A columnar body of so many values, which are few enough bytes to be read."""
    return b'{"columns":{"a":[' + b"1," * count + b"1]}}"


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        (JSON, b'{"rows":[' + b"{}," * 5_000_000 + b"{}]}", PREDICT),
        (JSON, b'{"rows":[{"a":[' + b"[]," * 5_000_000 + b"1]}]}", PREDICT),
        (JSON, few(5_000_001), PREDICT),
        (CSV, b"a\n" + b"\n" * 6_000_000, PREDICT),
        (CSV, b"a,b\n" + b"," * 6_000_000, PREDICT),
        (ARROW, as_arrow(pa.table({f"c{n}": pa.nulls(99_999) for n in range(1000)})), PREDICT),
        (JSON, b'{"inputs":[' + b'{"name":"a","shape":[1000000],"datatype":"BOOL"},' * 6 + b"{}]}", INFER),
    ],
)  # fmt: skip
def test_few_bytes_do_not_become_much_memory(client, place, kind, body, path):
    pid = json.loads((place / "server.json").read_text())["pid"]
    before = peak(pid)
    refused(client, post(client, body, kind, path), status=(413, 422))
    assert peak(pid) - before < 200


def peak(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))
