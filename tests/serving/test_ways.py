"""The ways to ask: rows, columns, CSV, Arrow and the Open Inference Protocol tell the same."""

import csv
import io
import json
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving import tabular
from jupyter_mlops.serving.problems import Problem
from serving.payloads import arrow_body, as_arrow

PATH = "/deployments/clinic/predictions"
INFER = "/v2/models/clinic/infer"
JSON, CSV = "application/json", "text/csv"
ARROW = "application/vnd.apache.arrow.stream"


def post(client, kind, body, path=PATH, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"Content-Type": kind, **headers})


def as_csv(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def by_column(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def tensors(rows, datatype="FP64"):
    return [
        {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}
        for name, values in by_column(rows).items()
    ]


def test_every_way_to_ask_gives_the_same_answers(client, rows):
    some = rows[:5]
    told = [
        post(client, JSON, {"rows": some}),
        post(client, JSON, {"columns": by_column(some)}),
        post(client, CSV, as_csv(some)),
        post(client, ARROW, arrow_body(some)),
    ]
    assert [answer.status_code for answer in told] == [200] * 4
    chances = [[row["probabilities"] for row in answer.json()["predictions"]] for answer in told]
    assert all(found == chances[0] for found in chances)
    outputs = post(client, JSON, {"inputs": tensors(some)}, INFER).json()["outputs"]
    flat = next(tensor for tensor in outputs if tensor["name"] == "probabilities")
    assert flat["data"] == [value for row in chances[0] for value in row.values()]


@pytest.mark.parametrize("kind", [CSV, ARROW])
def test_a_column_of_a_table_may_hold_the_ids(client, rows, kind):
    some = [{**row, "case": 7 + at} for at, row in enumerate(rows[:2])]
    body = as_csv(some) if kind == CSV else arrow_body(some)
    answer = post(client, kind, body, PATH + "?id=case").json()
    assert [row["id"] for row in answer["predictions"]] == ["7", "8"]
    assert answer["predictions"][0]["warnings"] == []
    missing = post(client, kind, body, PATH + "?id=nowhere")
    assert (missing.status_code, missing.json()["code"]) == (422, "invalid_ids")


def test_what_was_asked_in_a_table_is_in_the_log_by_its_features(client, place, rows):
    from jupyter_mlops import open_workspace

    some = [{**rows[0], "mean radius": 12.25, "case": "from-a-table"}]
    post(client, CSV, as_csv(some), PATH + "?id=case")
    with open_workspace(place) as session:
        drift = session.drift("clinic", since="1h").to_dict()
    assert drift["items"]
    assert any(place.rglob("spool*")) or any(place.rglob("*.parquet"))


@pytest.mark.parametrize(
    "text",
    ["nan", "inf", "1_000", "0x10", "1e999", " 1", "one", "\x00", "١"],
)
def test_a_field_of_a_csv_that_is_no_number_is_refused(client, rows, text):
    answer = post(client, CSV, as_csv([{**rows[0], "mean radius": text}]))
    assert answer.status_code == 422
    assert "mean radius" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (CSV, b"", 422),
        (CSV, b"a,b\n1\n", 400),
        (CSV, b'a\n"1', 400),
        (CSV, b"a,a\n1,2\n", 422),
        (CSV, b"\xff\xfe", 400),
        (CSV, b"a\n" + b"1\n" * 100_001, 422),
        (ARROW, b"", 400),
        (ARROW, b"\xff\xff\xff\xff\x10\x00\x00\x00" + b"\x00" * 40, 400),
        (ARROW, b"ARROW1\x00\x00", 400),
        (ARROW, as_arrow(pa.table({"a": [[1]]})), 422),
        (ARROW, as_arrow(pa.table({"a": []})), 422),
        (ARROW, as_arrow(pa.table({"a": [1.0] * 9999}), compression="zstd"), 400),
        (ARROW, as_arrow(pa.table({"a": pa.nulls(200_000)})), 422),
        ("text/plain", b"a\n1\n", 415),
        ("application/x-python-pickle", b"\x80\x04.", 415),
    ],
)
def test_a_table_that_is_none_is_refused(client, kind, body, status):
    answer = post(client, kind, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_dictionary_column_cannot_fill_the_memory():
    words = pa.array(["x" * (1 << 20)])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), words)
    with pytest.raises(Problem) as error:
        tabular.from_arrow(as_arrow(pa.table({"a": column})))
    assert error.value.status == 413


def test_a_frame_of_pandas_comes_through_arrow_with_its_categories_and_gaps():
    frame = pd.DataFrame({"n": [1.5, np.nan], "c": pd.Categorical(["a", None]), "b": [True, False]})
    found = tabular.from_arrow(as_arrow(pa.Table.from_pandas(frame)))
    assert found == [{"n": 1.5, "c": "a", "b": True}, {"n": None, "c": None, "b": False}]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_a_broken_stream_is_a_problem_and_never_a_crash(at, value, cut):
    body = bytearray(as_arrow(pa.table({"a": [1.0, None, 3.0], "t": ["x", "y", None]})))
    body[at % len(body)] = value
    try:
        tabular.from_arrow(bytes(body[: max(1, cut % len(body))]))
    except Problem as problem:
        told = problem.status
    else:
        told = 200
    assert told in (200, 400, 413, 422)


def test_the_protocol_says_its_id_and_names_what_it_answers(client, rows):
    asked = {"id": "case-1", "inputs": tensors(rows[:3]), "outputs": [{"name": "prediction"}]}
    answer = post(client, JSON, asked, INFER).json()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == (
        "case-1",
        "clinic",
        "tumour:1",
    )
    assert [tensor["name"] for tensor in answer["outputs"]] == ["prediction"]
    assert answer["outputs"][0]["shape"] == [3]


def test_one_tensor_may_hold_every_feature(client, rows):
    flat = [list(row.values()) for row in rows[:3]]
    tensor = {"name": "all", "shape": [3, len(flat[0])], "datatype": "FP64", "data": flat}
    one = post(client, JSON, {"inputs": [tensor]}, INFER).json()["outputs"]
    many = post(client, JSON, {"inputs": tensors(rows[:3])}, INFER).json()["outputs"]
    chosen = [
        next(t["data"] for t in found if t["name"] == "probabilities") for found in (one, many)
    ]
    assert chosen[0] == chosen[1]


def test_binary_tensors_follow_the_json(client, rows):
    some, blobs, inputs = rows[:4], [], []
    for name, values in by_column(some).items():
        blobs.append(np.array(values, dtype="<f8").tobytes())
        inputs.append(
            {"name": name, "shape": [4], "datatype": "FP64",
             "parameters": {"binary_data_size": len(blobs[-1])}}
        )  # fmt: skip
    header = json.dumps({"inputs": inputs}).encode()
    length = {"Inference-Header-Content-Length": str(len(header))}
    body = header + b"".join(blobs)
    binary = post(client, "application/octet-stream", body, INFER, **length).json()
    plain = post(client, JSON, {"inputs": tensors(some)}, INFER).json()
    pick = [next(t for t in a["outputs"] if t["name"] == "probabilities") for a in (binary, plain)]
    assert pick[0] == pick[1]
    cut = post(client, "application/octet-stream", body[:-8], INFER, **length)
    assert (cut.status_code, cut.json()["code"]) == (422, "invalid_tensors")


@pytest.mark.parametrize(
    "tensor",
    [
        {"name": "a", "shape": [2], "datatype": "FP64", "data": [1.0]},
        {"name": "a", "shape": [-1], "datatype": "FP64", "data": []},
        {"name": "a", "shape": [2**40, 2**40], "datatype": "FP64", "data": []},
        {"name": "a", "shape": [1, 1, 1], "datatype": "FP64", "data": [1.0]},
        {"name": "a", "shape": [1], "datatype": "COMPLEX", "data": [1.0]},
        {"name": "a", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}},
        {"name": "a", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": -1}},
        {"name": "a", "shape": [1, 7], "datatype": "FP64", "data": [1.0] * 7},
        {"name": "a", "shape": "1", "datatype": "FP64", "data": [1.0]},
    ],
)
def test_a_tensor_that_is_none_is_refused(client, tensor):
    answer = post(client, JSON, {"inputs": [tensor]}, INFER)
    assert answer.status_code == 422


def test_text_tensors_are_read_with_their_lengths():
    from jupyter_mlops.serving import inference

    words = [b"north", "süd".encode()]
    blob = b"".join(struct.pack("<I", len(word)) + word for word in words)
    inputs = [{"name": "region", "shape": [2], "datatype": "BYTES",
               "parameters": {"binary_data_size": len(blob)}}]  # fmt: skip
    header = json.dumps({"inputs": inputs}).encode()
    features = [{"name": "region", "type": "category"}]
    found = inference.read(header + blob, features, header=len(header))
    assert [row["region"] for row in found.rows] == ["north", "süd"]


def test_the_protocol_describes_the_model(client):
    told = client.get("/v2/models/clinic").json()
    assert {tensor["name"] for tensor in told["outputs"]} == {
        "prediction",
        "prediction_id",
        "probabilities",
        "warnings",
    }
    assert client.get("/v2/models/clinic/ready").json()["ready"]
    assert client.get("/v2/models/nowhere/ready").status_code == 404
    assert "binary_tensor_data" in client.get("/v2").json()["extensions"]


def test_the_description_shows_every_kind_of_body(client):
    paths = client.get("/openapi.json").json()["paths"]
    content = paths[PATH]["post"]["requestBody"]["content"]
    assert set(content) == {JSON, CSV, ARROW}


def test_a_key_that_comes_again_while_the_first_still_runs_leaves_the_first_alone(client, rows):
    """The second is refused, and a third is refused as well until the first has ended."""
    import concurrent.futures

    body = {"rows": rows * 40}
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        asked = [
            pool.submit(post, client, JSON, body, PATH, **{"Idempotency-Key": "again"})
            for _ in range(6)
        ]
        answers = [found.result() for found in asked]
    good = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in good}) == 1


@pytest.mark.parametrize("kind", [JSON, CSV, ARROW])
def test_columns_are_handed_back_beside_the_answers(client, rows, kind):
    some = [{**row, "note": f"n{at}"} for at, row in enumerate(rows[:2])]
    body = {JSON: {"rows": some}, CSV: as_csv(some), ARROW: arrow_body(some)}
    told = post(client, kind, body[kind], f"{PATH}?pass=note&pass=mean%20radius").json()
    assert [row["passed"]["note"] for row in told["predictions"]] == ["n0", "n1"]
    assert told["predictions"][0]["passed"]["mean radius"] == rows[0]["mean radius"]
    assert [row["warnings"] for row in told["predictions"]] == [[], []]


def test_what_is_handed_back_is_not_kept_in_the_log(client, place, rows):
    from jupyter_mlops.services.workspace import open_local

    secret = {**rows[0], "note": "for the caller alone"}
    told = post(client, JSON, {"rows": [secret]}, f"{PATH}?pass=note").json()["predictions"][0]
    log = open_local(place).telemetry.read_predictions("clinic").to_pylist()
    (kept,) = [row for row in log if row["prediction_id"] == told["prediction_id"]]
    assert not kept["features"].get("note")


def test_a_threshold_moves_the_line_between_two_classes(client, rows):
    def answers(threshold):
        told = post(client, JSON, {"rows": rows[:40]}, f"{PATH}?threshold={threshold}").json()
        return [
            (row["prediction"], row["probabilities"]["1"] >= threshold)
            for row in told["predictions"]
        ]

    for threshold in (0.0, 0.2, 0.9, 1.0):
        assert all(said == int(above) for said, above in answers(threshold))


@pytest.mark.parametrize(
    "query",
    [
        "threshold=2",
        "threshold=nan",
        "threshold=",
        "threshold=0.1&threshold=0.2",
        "explain=3",
        "id=%ff",
    ],
)
def test_an_address_that_asks_for_what_is_not_offered_is_a_problem(client, rows, query):
    answer = post(client, JSON, {"rows": rows[:1]}, f"{PATH}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")


def test_a_column_that_is_not_there_is_not_handed_back(client, rows):
    answer = post(client, JSON, {"rows": rows[:1]}, f"{PATH}?pass=nothing")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_rows")


def test_an_arrow_stream_may_be_answered_with_one(client, rows):
    kind = "application/vnd.apache.arrow.stream"
    answer = client.post(
        "/deployments/clinic/predictions",
        content=arrow_body(rows[:40]),
        headers={"Content-Type": kind, "Accept": kind},
    )
    assert answer.headers["content-type"] == kind
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.schema.metadata[b"version"] == b"tumour:1"
    plain = client.post("/deployments/clinic/predictions", json={"rows": rows[:40]}).json()
    told = [row["probabilities"] for row in plain["predictions"]]
    assert [row.keys() for row in told] == [
        row.keys() for row in table["probabilities"].to_pylist()
    ]
    for one, other in zip(told, table["probabilities"].to_pylist(), strict=True):
        assert one == pytest.approx(other, abs=1e-12)
    assert len(set(table["prediction_id"].to_pylist())) == 40


def test_rows_that_came_as_arrow_are_in_the_log_like_all_others(client, rows, place):
    kind = {"Content-Type": "application/vnd.apache.arrow.stream"}
    asked = client.post(
        "/deployments/clinic/predictions", content=arrow_body(rows[5:8]), headers=kind
    ).json()
    told = {row["prediction_id"]: row for row in asked["predictions"]}
    log = open_local(place).telemetry.read_predictions("clinic").to_pylist()
    kept = {row["prediction_id"]: row for row in log if row["prediction_id"] in told}
    assert set(kept) == set(told)
    found = [kept[name]["features"] for name in told]
    assert [{n: f[n] for n in rows[5]} for f in found] == rows[5:8]
    assert [kept[name]["score"] for name in told] == [
        row["probabilities"]["1"] for row in told.values()
    ]


def test_many_rows_are_answered_piece_by_piece_and_all_of_them_are_on_disk(client, rows, place):
    many = [rows[at % len(rows)] for at in range(5000)]
    with client.stream(
        "POST", "/deployments/clinic/predictions", json={"rows": many}, timeout=60
    ) as answer:
        assert "content-length" not in answer.headers
        pieces = list(answer.iter_raw())
    assert len(pieces) > 1
    told = json.loads(b"".join(pieces))
    assert len(told["predictions"]) == 5000
    log = open_local(place).telemetry.read_predictions("clinic")["prediction_id"].to_pylist()
    assert {row["prediction_id"] for row in told["predictions"]} <= set(log)
