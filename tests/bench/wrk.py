"""The load, which wrk makes: one thread, some connections, one request again and again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import processes

JSON = "application/json"
SCRIPT = """
local file = io.open("{body}", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "{kind}"
wrk.headers["Authorization"] = "Bearer {token}"
wrk.headers["Accept"] = "{accept}"
done = function(summary, latency)
  local wrong = summary.errors
  print(string.format(
    '{{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout))
end
"""


@dataclass(frozen=True)
class Target:
    """Whom to ask what: a server by its process and address, and the body it is sent."""

    pid: int
    url: str
    body: bytes
    kind: str = JSON
    token: str = ""
    accept: str = "*/*"


@dataclass(frozen=True)
class Measured:
    """What a load found: how many a second, two latencies, the server's own CPU, and failures."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    errors: int


def is_here() -> bool:
    """Say whether wrk can be run, after installing it where that is allowed."""
    if not shutil.which("wrk") and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(
            ["apt-get", "install", "--yes", "--quiet", "wrk"],
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
    return shutil.which("wrk") is not None


def load(target: Target, connections: int, seconds: int) -> Measured:
    """Ask one server for some seconds."""
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder) / "body", Path(folder) / "ask.lua"
        body.write_bytes(target.body)
        script.write_text(
            SCRIPT.format(body=body, kind=target.kind, token=target.token, accept=target.accept)
        )
        before = processes.cpu(target.pid)
        said = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s",
             "-s", script, target.url],
            capture_output=True, text=True, check=True, timeout=seconds + 60,
        ).stdout  # fmt: skip
        taken = processes.cpu(target.pid) - before
    told = json.loads(said.strip().splitlines()[-1])
    return Measured(
        requests=told["requests"],
        rate=max(told["requests"], 1) / told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        cpu_us=taken / max(told["requests"], 1) * 1e6,
        errors=told["errors"],
    )


def side_by_side(
    targets: Mapping[str, Target], connections: int, *, seconds: int, rounds: int
) -> dict[str, Measured]:
    """Ask each server in turn, several rounds; keep of each the round of median rate.

    The errors are those of all rounds.
    """
    found: dict[str, list[Measured]] = {name: [] for name in targets}
    for _ in range(rounds):
        for name, target in targets.items():
            found[name].append(load(target, connections, seconds))
    return {name: _middle(runs) for name, runs in found.items()}


def _middle(runs: list[Measured]) -> Measured:
    middle = sorted(runs, key=lambda run: run.rate)[len(runs) // 2]
    return Measured(**{**vars(middle), "errors": sum(run.errors for run in runs)})
