"""The prediction server over real HTTP: who may ask, what may be asked, what survives."""

import json
import os
import signal
import threading
import time

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlops import open_workspace
from jupyter_mlops.services import segments
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving.app import PUBLIC, ROUTES
from stories import caller, deployed


def ask(client, body, **headers):
    return client.post(
        "/deployments/clinic/predictions",
        content=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
    )


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_but_the_health_ones_wants_a_token(method, path, client):
    path = path.format(deployment="clinic")
    answer = httpx.request(method, str(client.base_url) + path)
    assert answer.status_code == (200 if path in PUBLIC else 401)
    wrong = {"Authorization": "Bearer wrong"}
    assert (
        path in PUBLIC
        or httpx.request(method, str(client.base_url) + path, headers=wrong).status_code == 401
    )


def test_a_token_in_the_address_is_not_accepted(client, place):
    token = json.loads((place / "server.json").read_text())["token"]
    assert httpx.get(f"{client.base_url}/v2?token={token}").status_code == 401


def test_another_name_for_this_server_is_not_answered(client):
    assert client.get("/v2", headers={"Host": "evil.example"}).status_code == 400


def test_only_the_owner_reads_the_token(place):
    assert (place / "server.json").stat().st_mode & 0o777 == 0o600


def test_ids_are_echoed_and_each_answer_has_its_own(client, rows):
    answer = ask(client, {"rows": rows[:2], "ids": ["a", "b"]}).json()
    told = answer["predictions"]
    assert [row["id"] for row in told] == ["a", "b"]
    assert len({row["prediction_id"] for row in told}) == 2
    assert answer["version"] == "tumour:1"


def test_a_missing_feature_is_named(client, rows):
    row = {k: v for k, v in rows[0].items() if k != "mean radius"}
    answer = ask(client, {"rows": [row]})
    assert answer.status_code == 422
    assert "mean radius" in answer.json()["detail"]


@pytest.mark.parametrize("value", ["1", True, [1], {"a": 1}, 2**60])
def test_a_value_of_another_type_is_named(value, client, rows):
    answer = ask(client, {"rows": [{**rows[0], "mean radius": value}]})
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid_rows", "too_deep")


def test_odd_values_are_answered_with_a_warning(client, rows):
    row = {**rows[0], "mean radius": 1e6, "colour": "<script>"}
    told = ask(client, {"rows": [row]}).json()["predictions"][0]
    assert "outside_range:mean radius" in told["warnings"]
    assert "unknown_feature:colour" in told["warnings"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"rows": [{"a": NaN}]}', 400),
        (b'{"rows": [{"a": 1e400}]}', 422),
        (b'{"rows": [{"a": 1, "a": 2}]}', 400),
        (b'{"rows": []}', 422),
        (b'{"rows": null}', 422),
        (b"[]", 422),
        (b'{"rows": [{"a": "\\ud800"}]}', 400),
        (b'{"rows": [{"a": ' + b"[" * 2000 + b"]" * 2000 + b"}]}", 422),
        (b'{"rows": [{"a": ' + b"9" * 5000 + b"}]}", 422),
    ],
)
def test_hostile_bodies_are_problems(body, status, client):
    answer = ask(client, body)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"]
    assert answer.status_code in (status, 400, 422)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
)
def test_no_value_makes_the_server_stumble(client, rows, value):
    answer = ask(client, {"rows": [{**rows[0], "mean radius": value}]})
    assert answer.status_code < 500
    answer.json()


def test_other_media_and_compression_are_refused(client):
    assert ask(client, b"a,b", **{"Content-Type": "text/plain"}).status_code == 415
    assert ask(client, b"x", **{"Content-Encoding": "gzip"}).status_code == 415


def test_an_unknown_deployment_is_not_found_and_lists_no_names(client):
    answer = client.post("/deployments/other/predictions", json={"rows": [{}]})
    assert answer.status_code == 404
    assert "clinic" not in answer.text


def test_the_same_key_gets_the_same_answer_once(client, rows, place):
    key = {"Idempotency-Key": "order-1"}
    first, second = (ask(client, {"rows": rows[:1]}, **key) for _ in range(2))
    assert first.content == second.content
    assert ask(client, {"rows": rows[1:2]}, **key).status_code == 422
    told = first.json()["predictions"][0]["prediction_id"]
    log = open_local(place).telemetry.read_predictions("clinic")["prediction_id"].to_pylist()
    assert log.count(told) == 1


def test_metrics_and_openapi_speak_of_the_deployment(client, rows):
    ask(client, {"rows": rows[:3]})
    assert 'mlops_predictions_total{deployment="clinic"}' in client.get("/metrics").text
    paths = client.get("/openapi.json").json()["paths"]
    assert "/deployments/clinic/predictions" in paths


def test_what_was_acknowledged_is_found_again_after_kill_9(tmp_path, rows):
    session = open_workspace(tmp_path / "workspace")
    deployed(session)
    known = json.loads((tmp_path / "workspace" / "server.json").read_text())
    acknowledged, began = [], time.monotonic()

    def load():
        with caller(tmp_path / "workspace") as client:
            while time.monotonic() - began < 10:
                try:
                    answer = client.post("/deployments/clinic/predictions", json={"rows": rows[:2]})
                except httpx.HTTPError:
                    return
                if answer.status_code == 200:
                    acknowledged.extend(p["prediction_id"] for p in answer.json()["predictions"])

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    os.kill(known["pid"], signal.SIGKILL)
    for thread in threads:
        thread.join()
    ws = open_local(tmp_path / "workspace")
    found = ws.telemetry.read_predictions("clinic")["prediction_id"].to_pylist()
    assert len(acknowledged) > 100
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
    segments.seal(ws)
    sealed = ws.telemetry.read_predictions("clinic")["prediction_id"].to_pylist()
    assert sorted(sealed) == sorted(found)


def test_a_server_that_is_told_to_stop_takes_leave_before_it_goes(tmp_path, rows):
    session = open_workspace(tmp_path / "workspace")
    deployed(session)
    known = json.loads((tmp_path / "workspace" / "server.json").read_text())
    with caller(tmp_path / "workspace") as client:
        assert client.get("/v2/health/ready").status_code == 200
        os.kill(known["pid"], signal.SIGTERM)
        for _ in range(100):
            ready = httpx.get(known["url"] + "/v2/health/ready")
            if ready.status_code == 503:
                break
        answer = client.post("/deployments/clinic/predictions", json={"rows": rows[:1]})
    assert ready.status_code == 503
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"
    assert not (tmp_path / "workspace" / "server.json").exists()
    assert session.stop().running is False
