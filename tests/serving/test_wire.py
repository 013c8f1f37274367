"""Connections that ask badly, slowly or not at all: each is told or closed, and hurts nobody."""

import json
import socket
import statistics
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from jupyter_mlops.serving import wire

PATH = "/deployments/clinic/predictions"


@pytest.fixture
def known(place):
    """Where the server listens, and its token."""
    told = json.loads((place / "server.json").read_text())
    return told | {"at": ("127.0.0.1", int(told["url"].rsplit(":", 1)[1]))}


def said(known, data, seconds=20, half=True):
    """Send bytes; return what came back until the server closed, and after how long."""
    began = time.monotonic()
    with socket.create_connection(known["at"], timeout=seconds) as line:
        try:
            line.sendall(data)
            if half:
                line.settimeout(seconds)
            found = b""
            while part := line.recv(65536):
                found += part
        except ConnectionError:
            pass
    return found, time.monotonic() - began


def head(known, *more, method="POST", path=PATH):
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{known['at'][1]}",
        f"Authorization: Bearer {known['token']}",
        "Content-Type: application/json",
        *more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def check(answer, status, code):
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.split()[1] == str(status).encode()
    assert b"application/problem+json" in top
    assert json.loads(body)["code"] == code


@pytest.mark.parametrize(
    ("more", "body", "status", "code"),
    [
        (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n", 400, "invalid_http"),
        (["Content-Length: 5", "Content-Length: 6"], b"hello!", 400, "invalid_http"),
        (["Content-Length: -1"], b"", 400, "invalid_http"),
        (["Content-Length: 1e3"], b"", 400, "invalid_http"),
        (["Transfer-Encoding: chunked"], b"zz\r\nhello\r\n", 400, "invalid_http"),
        (["Transfer-Encoding: chunked"], b"-5\r\nhello\r\n", 400, "invalid_http"),
        (["Transfer-Encoding: chunked, identity"], b"", 400, "invalid_http"),
        (["X: " + "x" * (1 << 20)], b"", 431, "head_too_large"),
        ([f"X-{n}: 1" for n in range(10_000)], b"", 431, "head_too_large"),
        ([f"X-{n}: 1" for n in range(101)], b"", 431, "head_too_large"),
        (["X:" + "a" * (70 << 10)], b"", 431, "head_too_large"),
        (["No colon"], b"", 400, "invalid_http"),
        (["X: a\x00b"], b"", 400, "invalid_http"),
        ([" folded"], b"", 400, "invalid_http"),
    ],
)
def test_a_request_that_is_no_http_is_told_so_and_the_line_ends(
    known, client, rows, more, body, status, code
):
    answer, _ = said(known, head(known, *more) + body)
    check(answer, status, code)
    assert b"connection: close" in answer.lower()
    assert client.post(PATH, json={"rows": rows[:1]}).status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"get / http/9.9\r\n\r\n",
        b"G" * 70_000,
    ],
)
def test_noise_is_answered_with_a_problem_and_leaves_no_traceback(known, place, data):
    answer, _ = said(known, data)
    assert answer.split()[1] in (b"400", b"404", b"405", b"431")
    log = (place / "server.log").read_text()
    assert "Traceback" not in log
    assert "Invalid HTTP" not in log


def test_an_upgrade_is_answered_as_the_request_it_is(known):
    lines = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    host = f"GET /v2 HTTP/1.1\r\nHost: 127.0.0.1:{known['at'][1]}\r\n".encode()
    with socket.create_connection(known["at"], timeout=5) as line:
        line.sendall(host + lines)
        assert line.recv(65536).startswith(b"HTTP/1.1 401")


def test_ten_gigabytes_are_refused_before_they_are_read(known):
    began = time.monotonic()
    answer, _ = said(known, head(known, "Content-Length: 10000000000") + b"x" * 1000, seconds=3)
    check(answer, 413, "too_large")
    assert time.monotonic() - began < 5


def resident(pid):
    told = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in told if line.startswith("VmRSS"))


def test_a_body_without_an_end_is_refused_in_little_memory(known):
    before, part = resident(known["pid"]), b"x" * 65536
    chunk = b"%x\r\n" % len(part) + part + b"\r\n"
    with socket.create_connection(known["at"], timeout=10) as line:
        line.sendall(head(known, "Transfer-Encoding: chunked"))
        try:
            for _ in range(4000):
                line.sendall(chunk)
        except ConnectionError:
            pass
        assert line.recv(65536).startswith(b"HTTP/1.1 413")
    assert resident(known["pid"]) - before < 50


@pytest.mark.slow
def test_who_is_slow_is_told_and_who_is_idle_is_closed(known):
    """Heads, bodies, trickles and silence, all at once."""
    found = {}

    def run(name, data, drip=b""):
        began = time.monotonic()
        with socket.create_connection(known["at"], timeout=40) as line:
            line.sendall(data)
            answer = b""
            line.settimeout(0.5)
            while time.monotonic() - began < 40:
                try:
                    part = line.recv(65536)
                    if not part:
                        break
                    answer += part
                except TimeoutError:
                    if drip:
                        line.sendall(drip)
                except ConnectionError:
                    break
        found[name] = (answer, time.monotonic() - began)

    live = head(known, method="GET", path="/v2/health/live")
    asks = [
        ("silent", b""),
        ("head", b"POST /x HTTP/1.1\r\n", b"X: 1\r\n"),
        ("body", head(known, "Content-Length: 1000"), b"x"),
        ("chunks", head(known, "Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
        ("idle", live),
        ("second", live + b"GET /", b"a"),
    ]
    threads = [threading.Thread(target=run, args=ask) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found["silent"][0] == b""
    for name in ("head", "body", "chunks"):
        check(found[name][0], 408, "too_slow")
    assert b"too_slow" in found["second"][0]
    assert found["idle"][0].count(b"HTTP/1.1") == 1
    assert all(seconds < 15 for _, seconds in found.values())


def latencies(client, rows, count=150):
    body, told = {"rows": rows[:1]}, []
    for _ in range(count):
        began = time.perf_counter()
        assert client.post(PATH, json=body).status_code == 200
        told.append(time.perf_counter() - began)
    return statistics.quantiles(told, n=20)[-1]


@pytest.mark.slow
def test_a_thousand_idle_and_crawling_connections_disturb_nobody(known, client, rows):
    before = min(latencies(client, rows) for _ in range(3))
    with ExitStack() as lines:
        for at in range(1000):
            line = lines.enter_context(socket.create_connection(known["at"], timeout=5))
            if at % 3 == 1:
                line.sendall(b"POST /x HTTP/1.1\r\nX: ")
            if at % 3 == 2:
                line.sendall(head(known, "Content-Length: 100000") + b"{")
        during = min(latencies(client, rows) for _ in range(3))
    assert during < max(2 * before, 0.004)


def test_more_connections_than_there_is_room_for_push_out_the_idlest(known, client, rows):
    wire.allow_connections()
    with ExitStack() as lines:
        for _ in range(wire.most_connections() + 200):
            lines.enter_context(socket.create_connection(known["at"], timeout=5))
        with httpx.Client(base_url=client.base_url, headers=client.headers) as other:
            assert other.post(PATH, json={"rows": rows[:1]}).status_code == 200


def test_what_stands_before_a_broken_request_is_answered(known):
    live = head(known, method="GET", path="/v2/health/live")
    answer, _ = said(known, live + b"\x00\x01garbage\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'{"live":true}' in answer
