"""The access log: a line for every request of every route, and nothing personal in any."""

import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.serving import access
from jupyter_mlops.serving.access import AccessLog
from jupyter_mlops.serving.app import PUBLIC, ROUTES

PREDICT = "/deployments/clinic/predictions"
FIELDS = {"at", "method", "route", "deployment", "status", "code", "rows", "ms", "bytes_in",
          "bytes_out", "caller"}  # fmt: skip


def lines(folder):
    return [json.loads(line) for path in folder.glob("*.jsonl") for line in path.open()]


@pytest.fixture
def log(tmp_path):
    """A log of its own."""
    paths = [path for _, path in ROUTES]
    found = AccessLog(tmp_path / "access", paths, PUBLIC, lambda name: name == "clinic")
    yield found
    found.close()


def test_every_request_has_its_line(client, place, rows):
    client.post(PREDICT, json={"rows": rows[:3]})
    refused = client.post(PREDICT, json={"rows": []})
    client.get("/v2/models/nobody")
    httpx.get(f"{client.base_url}/v2")
    time.sleep(2 * access.FLUSH_SECONDS)
    good, bad, missing, stranger = lines(place / "access")[-4:]
    assert set(good) == FIELDS
    assert (good["route"], good["deployment"], good["rows"]) == (
        "/deployments/{deployment}/predictions",
        "clinic",
        3,
    )
    assert good["bytes_in"] > 1000
    assert good["bytes_out"] > 500
    assert 0 < good["ms"] < 1000
    assert (bad["status"], bad["code"], bad["caller"]) == (422, "invalid_rows", "token")
    assert bad["request"] == refused.headers["x-request-id"]
    assert (missing["route"], missing["deployment"]) == ("/v2/models/{deployment}", None)
    assert (stranger["code"], stranger["caller"]) == ("unauthorized", "unknown")


def test_only_the_owner_reads_it(place, client):
    client.get("/v2")
    time.sleep(2 * access.FLUSH_SECONDS)
    assert {path.stat().st_mode & 0o777 for path in (place / "access").iterdir()} == {0o600}
    assert (place / "access").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "path", ['/v2\r\n{"at":"forged"}', "/\x1b[31m", '/"},{"', "/v2\x00", "/x" * 9000]
)
def test_no_path_forges_a_line(log, tmp_path, path):
    log.note("GET", path, 404, "not_found", time.perf_counter())
    log.flush()
    (line,) = lines(tmp_path / "access")
    assert line["route"] is None
    assert "forged" not in json.dumps(line)


def test_what_does_not_fit_is_counted_and_nobody_waits(log, tmp_path):
    began = time.perf_counter()
    for _ in range(access.MOST_WAITING + 500):
        log.note("GET", "/v2", 200, "", began)
    log.flush()
    log.note("GET", "/v2", 200, "", began)
    log.flush()
    told = lines(tmp_path / "access")
    dropped = sum(line.get("dropped", 0) for line in told)
    assert len([line for line in told if "route" in line]) + dropped == access.MOST_WAITING + 501


def test_a_disk_that_fails_is_survived_and_told(log, tmp_path):
    (tmp_path / "access").write_text("not a folder")
    log.note("GET", "/v2", 200, "", time.perf_counter())
    log.flush()
    (tmp_path / "access").unlink()
    log.note("GET", "/v2", 200, "", time.perf_counter())
    log.flush()
    assert [line.get("dropped") for line in lines(tmp_path / "access")] == [None, 1]


def test_files_are_kept_for_thirty_days(log, tmp_path):
    folder = tmp_path / "access"
    folder.mkdir()
    today = datetime.now(UTC).date()
    for days in (1, 30, 31, 400):
        (folder / f"{today - timedelta(days=days)}.jsonl").write_text("{}\n")
    (folder / "notes.jsonl").write_text("{}\n")
    log.note("GET", "/v2", 200, "", time.perf_counter())
    log.flush()
    ages = {today - timedelta(days=days) for days in (0, 1, 30)}
    assert {path.stem for path in folder.iterdir()} == {*map(str, ages), "notes"}


def test_a_day_that_is_full_takes_no_more(log, tmp_path, monkeypatch):
    monkeypatch.setattr(access, "LARGEST_DAY", 1000)
    for _ in range(20):
        log.note("GET", "/v2", 200, "", time.perf_counter())
        log.flush()
    (file,) = (tmp_path / "access").iterdir()
    assert file.stat().st_size <= 1000
    assert log._dropped > 10


def test_noting_costs_a_request_two_microseconds(log):
    began = time.perf_counter()
    for _ in range(20_000):
        log.note("POST", PREDICT, 200, "", began, rows=1, came=500, went=400)
    noted = time.perf_counter()
    log.flush()
    assert (noted - began) / 20_000 < 4e-6
    assert (time.perf_counter() - noted) / 20_000 < 20e-6


def test_service_tells_who_was_refused_at_the_door(client, place, rows):
    path = f"{client.base_url}{PREDICT}"
    for _ in range(3):
        httpx.post(path, json={"rows": rows[:1]}, headers={"Authorization": "Bearer no"})
    client.post(PREDICT, json={"rows": rows[:1]})
    time.sleep(2 * access.FLUSH_SECONDS)
    with open_workspace(place) as session:
        told = session.service("clinic", since="1h").to_dict()
    assert told["refused_at_the_door"]["unauthorized"] >= 3
    assert told["end_to_end_ms"]["p50"] >= told["latency_ms"]["p50"] / 2
    assert sum(point["refused"] for point in told["series"]) >= 3
