"""One-row predictions over HTTP, durable logging on, beside a no-op on the same server library."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

SECONDS = 5
CONNECTIONS = (1, 8, 32)


@dataclass(frozen=True)
class Measured:
    """What a load found: requests per second, two latencies, and the server's own CPU."""

    rate: float
    p50: str
    p99: str
    cpu_us: float
    errors: str


def serving() -> None:
    """Compare the server, compiled and as it is, with a no-op, at 1, 8 and 32 connections."""
    if not shutil.which("wrk"):
        print("\nServing: not measured, wrk is not installed (apt-get install wrk)")
        return
    print("\nOne-row predictions over HTTP, durable logging on (30 features)")
    with tempfile.TemporaryDirectory() as folder:
        print(f"  fdatasync of this disk {_fdatasync(Path(folder)) * 1e6:7.0f} µs")
        with _noop(Path(folder)) as (pid, url, script):
            least = _loads("no-op", pid, url, script)
        with _ours(Path(folder) / "fast") as (pid, url, script):
            fast = _loads("compiled", pid, url, script)
        with _ours(Path(folder) / "slow", "--no-compiled") as (pid, url, script):
            slow = _loads("as it is", pid, url, script)
    for connections in CONNECTIONS:
        ours, none, original = fast[connections], least[connections], slow[connections]
        print(
            f"  {connections:2} connections: compiled is {ours.rate / none.rate:5.2f} x the no-op,"
            f" {ours.rate / original.rate:5.1f} x as it is;"
            f" CPU per request {ours.cpu_us / none.cpu_us:4.1f} x the no-op's"
        )


def _loads(name: str, pid: int, url: str, script: Path) -> dict[int, Measured]:
    found = {}
    for connections in CONNECTIONS:
        now = found[connections] = _load(pid, url, script, connections)
        print(
            f"  {name:9} {connections:3} connections {now.rate:9.0f} requests/s"
            f"   p50 {now.p50:>8}   p99 {now.p99:>8}   CPU {now.cpu_us:6.0f} µs each   {now.errors}"
        )
    return found


def _load(pid: int, url: str, script: Path, connections: int) -> Measured:
    before = _cpu(pid)
    said = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", str(script), url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line.split() for line in said.splitlines() if line.strip()]
    told = {line[0]: line[1] for line in lines if len(line) > 1}
    count = next(int(line[0]) for line in lines if line[1:3] == ["requests", "in"])
    wrong = [" ".join(line) for line in lines if line[0] in ("Non-2xx", "Socket")]
    return Measured(
        rate=float(told["Requests/sec:"]),
        p50=told["50%"],
        p99=told["99%"],
        cpu_us=(_cpu(pid) - before) / max(count, 1) * 1e6,
        errors=", ".join(wrong),
    )


def _cpu(pid: int) -> float:
    """Return the seconds of CPU that a process and its ended children have taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _noop(folder: Path) -> Iterator[tuple[int, str, Path]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, Path(__file__).with_name("noop.py"), str(port)])
    try:
        url = f"http://127.0.0.1:{port}/"
        _until_it_answers(url)
        yield process.pid, url, _script(folder, "none")
    finally:
        process.terminate()
        process.wait(timeout=40)


@contextlib.contextmanager
def _ours(place: Path, *more: str) -> Iterator[tuple[int, str, Path]]:
    from jupyter_mlops import open_workspace
    from stories import deployed

    session = open_workspace(place)
    deployed(session)
    session.stop()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlops.serving", "--workspace", str(place), *more],
        stderr=subprocess.DEVNULL,
    )
    try:
        told = place / "server.json"
        until = time.monotonic() + 30
        while not told.exists() and time.monotonic() < until:
            time.sleep(0.02)
        known = json.loads(told.read_text())
        _until_it_answers(known["url"] + "/v2/health/ready")
        print(f"  start to ready {time.perf_counter() - began:6.2f} s")
        url = known["url"] + "/deployments/clinic/predictions"
        yield process.pid, url, _script(place, known["token"])
    finally:
        process.terminate()
        process.wait(timeout=40)


def _until_it_answers(url: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.02)


def _script(folder: Path, token: str) -> Path:
    """Write what wrk asks: one row with a token, to whoever is asked."""
    from stories import tumours

    row = json.loads(tumours()[2].drop(columns="target").head(1).to_json(orient="records"))
    script = folder / "ask.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = [==[{json.dumps({'rows': row})}]==]\n"
        'wrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.headers["Authorization"] = "Bearer {token}"\n'
    )
    return script


def _fdatasync(folder: Path) -> float:
    with (folder / "probe").open("wb") as file:
        file.write(bytes(1 << 20))
        file.flush()
        os.fsync(file.fileno())
        times = []
        for _ in range(200):
            os.pwrite(file.fileno(), bytes(512), 0)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times)
