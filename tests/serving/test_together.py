"""Many ask at the same moment: one group, one write, everybody answered."""

import json
import os
import signal
import socket
from contextlib import ExitStack

from jupyter_mlops.services.workspace import open_local
from serving.payloads import ARROW, PREDICT, Payload, arrow_body, as_request

CALLERS = 200


def asked_at_once(known, payload, callers):
    """Have a server find the requests of many callers all there when it looks; return their answers."""
    host, port = known["url"].removeprefix("http://").split(":")
    request = as_request(payload, f"{host}:{port}", known["token"])
    with ExitStack() as opened:
        lines = [
            opened.enter_context(socket.create_connection((host, int(port)), timeout=30))
            for _ in range(callers)
        ]
        for line in lines:
            line.sendall(request)
            line.recv(1 << 16)
        os.kill(known["pid"], signal.SIGSTOP)
        for line in lines:
            line.sendall(request)
        os.kill(known["pid"], signal.SIGCONT)
        return [line.recv(1 << 16) for line in lines]


def test_small_arrow_requests_that_come_at_once_are_all_answered_and_logged(place, rows):
    known = json.loads((place / "server.json").read_text())
    payload = Payload(PREDICT, ARROW, arrow_body(rows[:1]))
    told = asked_at_once(known, payload, CALLERS)
    assert {answer.split(b" ", 2)[1] for answer in told} == {b"200"}
    assert len(open_local(place).telemetry.read_predictions("clinic")) == 2 * CALLERS
