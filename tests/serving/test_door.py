"""Who may come in: by name and token, at every route, however it is tried."""

import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import jupyter_mlops
import jupyter_mlops_lab
from jupyter_mlops.services.server import serve, stop, where
from jupyter_mlops.serving.app import PUBLIC, ROUTES
from jupyter_mlops.serving.door import GUESSES, Door
from jupyter_mlops.serving.problems import Problem, internal

PREDICT = "/deployments/clinic/predictions"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
FORGED = {
    "X-Forwarded-User": "admin",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=localhost",
    "Remote-User": "admin",
    "X-Remote-User": "admin",
    "X-Original-URL": "/v2/health/live",
    "X-Rewrite-URL": "/v2/health/live",
    "X-HTTP-Method-Override": "GET",
}


@pytest.fixture
def token(place):
    return json.loads((place / "server.json").read_text())["token"]


@pytest.fixture
def stranger(client):
    """A client without a token."""
    with httpx.Client(base_url=client.base_url) as stranger:
        yield stranger


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", dict.fromkeys(path for _, path in ROUTES))
def test_a01_no_route_answers_a_stranger_but_the_health_ones(stranger, method, path):
    answer = stranger.request(method, path.format(deployment="clinic"))
    if path in PUBLIC:
        assert answer.status_code == (200 if method == "GET" else 405)
        assert set(answer.json() if method == "GET" else {}) <= {"live", "ready"}
    else:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "clinic" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/docs", "/redoc", "/static/app.js", "/", "/metrics/", "/admin", "/.env", "/server.json",
     "/v2/health/live/", "/v2/health/live/..", "/v2/health//live", "/V2/HEALTH/LIVE",
     "/v2/health/live;x", "/v2/health/live%00", "/v2/health/ready/../../models/clinic"],
)  # fmt: skip
def test_a03_nothing_else_is_public(stranger, path):
    answer = stranger.get(path)
    # a client may tidy the path itself; what arrives is public or it is not
    assert answer.status_code == 401 or answer.request.url.path in PUBLIC


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "key"])
def test_a06_a_token_in_the_address_is_refused_and_written_nowhere(stranger, place, token, name):
    assert stranger.get(f"/v2?{name}={token}").status_code == 401
    assert stranger.post(f"{PREDICT}?{name}={token}", json={}).status_code == 401
    assert stranger.get(f"/{token}").status_code == 401
    time.sleep(1)
    written = [path for path in place.rglob("*") if path.is_file() and path.name != "server.json"]
    assert not [path for path in written if token.encode() in path.read_bytes()]


def test_a07_who_guesses_is_slowed_down_and_who_knows_is_not(stranger, client, rows):
    told = [stranger.get("/v2", headers={"Authorization": f"Bearer {n:032x}"}) for n in range(1000)]
    assert {answer.status_code for answer in told} == {401, 429}
    assert all(answer.headers.get("retry-after") for answer in told if answer.status_code == 429)
    assert sum(answer.status_code == 401 for answer in told) < GUESSES + 100
    assert client.post(PREDICT, json={"rows": rows[:1]}).status_code == 200
    assert stranger.get("/v2").status_code == 401  # who says nothing has guessed nothing


def test_a07_a_nearly_right_token_takes_as_long_as_a_wrong_one():
    door = Door("t" * 43, frozenset({"h"}))

    def seconds(said):
        door._left = 1e9
        headers, taken = {b"host": b"h", b"authorization": said}, []
        for _ in range(4000):
            began = time.perf_counter_ns()
            try:
                door.check(headers, public=False)
            except Problem:
                taken.append(time.perf_counter_ns() - began)
        return statistics.median(taken)

    near, far = seconds(b"Bearer " + b"t" * 42 + b"x"), seconds(b"Basic  " + b"x" * 43)
    assert near < 1.5 * far
    assert far < 1.5 * near


def test_a17_a_fault_is_told_and_logged_by_its_place_alone(capsys):
    with pytest.raises(RuntimeError) as raised:
        raise RuntimeError("t" * 43)
    told = internal(raised.value)
    assert (told.status, told.code) == (500, "internal_error")
    assert capsys.readouterr().err.startswith("fault: RuntimeError at test_door.py:")
    assert "ttt" not in f"{told} {vars(told)}"


def test_a08_a_server_that_is_started_again_has_another_token(sqlite_workspace):
    tokens = []
    for _ in range(2):
        serve(sqlite_workspace)
        known = where(sqlite_workspace)
        tokens.append(known["token"])
        told = [
            httpx.get(
                f"{known['url']}/v2", headers={"Authorization": f"Bearer {token}"}
            ).status_code
            for token in tokens
        ]
        stop(sqlite_workspace)
    assert told == [401, 200]


@pytest.mark.parametrize(
    "said",
    ["", "Bearer", "Basic YWRtaW46YWRtaW4=", "Bearer admin", "Bearer password",
     "Bearer token", "Bearer None", "Bearer null", "bearer {token}",
     "Bearer  {token}", "{token}", "Bearer {token},Bearer {token}", "Bearer {token}x"],
)  # fmt: skip
def test_a09_no_other_word_opens(stranger, token, said):
    answer = stranger.get("/v2", headers={"Authorization": said.format(token=token)})
    assert answer.status_code in (401, 429)


@pytest.mark.parametrize("package", [jupyter_mlops, jupyter_mlops_lab])
def test_a09_no_secret_is_in_the_files_of_a_package(package):
    known = re.compile(
        r"""(?ix)(password|passwd|secret|api_?key|token)\s*[:=]\s*f?["'][A-Za-z0-9+/_.-]{6,}["']
        |BEGIN\ (RSA|EC|OPENSSH|PRIVATE)|AKIA[0-9A-Z]{16}"""
    )
    allowed = {"MLOPS_TOKEN", "Authorization"}
    found = [
        (path.name, hit[0])
        for path in Path(package.__file__).parent.rglob("*")
        if path.suffix in (".py", ".json", ".yaml", ".html", ".ini", ".js")
        for hit in known.finditer(path.read_text())
        if not any(word in hit[0] for word in allowed)
    ]
    assert found == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "evil.example"])  # noqa: S104
def test_a10_it_does_not_listen_to_the_network_unless_told(tmp_path, host):
    words = ["-m", "jupyter_mlops.serving", "--workspace", str(tmp_path / "w"), "--host", host]
    ended = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "--allow-network" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", FORGED)
def test_a15_what_a_proxy_would_say_is_not_believed(stranger, name):
    assert stranger.get("/v2", headers={name: FORGED[name]}).status_code == 401
    assert stranger.get("/metrics", headers=FORGED).status_code == 401


def test_a17_a_fault_and_a_refusal_leave_no_secret_in_any_log(client, place, rows, token):
    secret = "Zq9-very-private"
    client.post(PREDICT, json={"rows": [{**rows[0], "mean radius": secret}]})
    client.post(f"{PREDICT}?note={secret}", content=secret, headers={"Cookie": secret})
    client.get(f"/{secret}", headers={"User-Agent": secret, "Referer": secret})
    client.post(PREDICT, content=secret, headers={"Content-Type": secret})
    time.sleep(1)
    logs = [place / "server.log", *place.glob("access/*")]
    written = "".join(path.read_text() for path in logs)
    assert secret not in written
    assert token not in written
    assert "127.0.0.1" not in "".join(path.read_text() for path in place.glob("access/*"))


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_f01_a_page_elsewhere_cannot_post(client, rows, kind):
    body = json.dumps({"rows": rows[:1]}).encode()
    headers = {"Content-Type": kind} if kind else {}
    for path in (PREDICT, "/deployments/clinic/actuals"):
        answer = client.post(path, content=body, headers=headers)
        assert answer.status_code == 415
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "", "127.0.0.1.evil.example", "[::1]"]
)
def test_f03_by_another_name_it_is_not_there(client, host):
    for path in (*PUBLIC, "/v2"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")


def test_f07_no_get_changes_anything(client, place):
    for method, path in ROUTES:
        if method == "POST":
            answer = client.get(path.format(deployment="clinic"))
            assert answer.status_code == 405
            assert answer.headers["allow"] == "POST"


def test_f05_every_answer_says_that_a_browser_makes_nothing_of_it(client, stranger):
    for answer in (client.get("/v2"), stranger.get("/v2"), client.get("/metrics")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


ODD_NAMES = [
    *("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%252e%252e%252f", "..%c0%af", "....//"),
    *("..%5c..%5c", "C:%5C", "%2Fetc%2Fpasswd", "file:%2F%2F%2Fetc%2Fpasswd", "~", "x%00.png"),
    *("x;%2F..%2F", "clinic%2F..", "clinic%00", "CLINIC", ".", "%2e%2e", "*", "%25", "a" * 5000),
]


def unowned(place):
    """Return all files but those that the server and its watcher write of what they are for."""
    own = {"access", "run", "clinic", "deployment=clinic"}
    found = {path for path in place.rglob("*") if not own & set(path.parts)}
    return {path for path in found if not path.name.endswith((".lock", "-wal", "-shm"))}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_b01_no_name_leads_out_of_the_store(client, place, rows, name):
    before = unowned(place)
    for path in (f"/deployments/{name}/predictions", f"/v2/models/{name}/infer"):
        answer = client.post(path, json={"rows": rows[:1]})
        assert answer.status_code in (404, 405)
        assert "root:" not in answer.text
    assert client.get(f"/v2/models/{name}").status_code == 404
    assert client.post(
        f"/deployments/{name}/actuals", json={"rows": [{"id": "1", "value": 1}]}
    ).status_code in (404, 405, 422)
    assert unowned(place) - before == set()


@pytest.mark.parametrize(
    "kind",
    ["application/vnd.bentoml+pickle", "application/x-pickle", "application/octet-stream",
     "application/x-npy", "application/x-joblib", "application/vnd.apache.arrow.file"],
)  # fmt: skip
def test_c02_no_header_asks_for_another_reader(client, kind):
    body = (
        b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."
    )
    answer = client.post(PREDICT, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 415
    for words in ("format=pickle", "allow_pickle=1", "loader=joblib"):
        assert client.post(f"{PREDICT}?{words}", json={"rows": []}).status_code == 422
