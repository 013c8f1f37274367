"""A log that cannot be written: no answer, no readiness, and both again by themselves."""

import io
import os
import sys
import time

import pytest

from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving.saying import say
from serving.payloads import PREDICT

READY = "/v2/health/ready"


@pytest.fixture
def in_the_way(client, place, rows):
    """A file where the log has to go on; it is moved away by calling it."""
    assert client.post(PREDICT, json={"rows": rows[:1]}).status_code == 200
    folder = place / "spool" / "clinic"
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("in the way")
    open_local(place).telemetry.ask_for_turn()

    def away():
        folder.unlink()
        aside.rename(folder)

    yield away
    if folder.is_file():
        away()


def until(is_so, seconds=5):
    began = time.monotonic()
    while not is_so() and time.monotonic() - began < seconds:
        time.sleep(0.05)
    assert is_so()


def test_a_log_that_cannot_be_written_takes_readiness_and_answers_and_gives_them_back(
    client, in_the_way, rows
):
    until(lambda: client.get(READY).status_code == 503)
    for _ in range(15):
        refused = client.post(PREDICT, json={"rows": rows[:1]})
        assert (refused.status_code, refused.json()["code"]) == (503, "log_unavailable")
        assert refused.headers["retry-after"] == "1"
        assert client.get(READY).status_code == 503
    for _ in range(15):  # nobody asks, and it is still not ready
        assert client.get(READY).status_code == 503
        time.sleep(0.1)
    assert client.get("/v2/health/live").status_code == 200
    in_the_way()
    until(lambda: client.get(READY).status_code == 200)
    assert client.post(PREDICT, json={"rows": rows[:1]}).status_code == 200


def test_a_line_that_the_disk_does_not_take_costs_nothing_else(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.FileIO("/dev/full", "w")))
    say("a line")
    with pytest.raises(OSError, match="No space"):
        os.write(sys.stderr.fileno(), b"another")
