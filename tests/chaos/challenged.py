"""A champion beside challengers that sleep, raise, burn, leak or die: it must not notice.

A machine's own noise moves a p99 by a fifth from one load to the next. So pairs are interleaved, and a
promise counts as broken when even the lower end of the median ratio's interval is above the bound.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from load import known, rows

from jupyter_mlops import open_workspace
from stories import approved_again

KINDS = ("sleeping", "raising", "dying", "leaking", "busy")
PAIRS = 10
SECONDS = 1
MOST = 1.10
SCRIPT = """
wrk.method = "POST"
wrk.body = [==[{body}]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
function delay() return 1 end
done = function(summary, latency)
  local wrong = summary.errors
  print(string.format('{{"p99_ms": %f, "errors": %d, "requests": %d}}',
    latency:percentile(99) / 1e3,
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout, summary.requests))
end
"""


def challenged(folder: Path, count: int) -> str:
    """Compare the champion's p99 with and without each bad challenger, in interleaved pairs."""
    if not shutil.which("wrk"):
        return "not tried: wrk is not installed (apt-get install wrk)"
    told = []
    for kind in KINDS:
        place = folder.with_name(f"{folder.name}-{kind}")
        with _pair(folder, place, kind) as (alone, beside):
            pairs = [(_load(alone, folder), _load(beside, place)) for _ in range(count)]
        errors = sum(found["errors"] for pair in pairs for found in pair)
        low, middle, high = _interval([b["p99_ms"] / a["p99_ms"] for a, b in pairs])
        told.append(f"{kind} {middle:.2f} ({low:.2f} – {high:.2f})")
        assert not errors, f"{kind}: {errors} errors"
        assert low <= MOST, f"p99 {told[-1]} x beside a {kind} challenger"
    return f"p99 beside it / alone, median (89 % interval) of {count} pairs: {', '.join(told)}; 0 errors"


def _interval(ratios: list[float]) -> tuple[float, float, float]:
    """Return the median between two order statistics that hold the true one with 89 % or more.

    The sign test's interval: the least and greatest of six ratios, the third ones of ten.
    """
    ordered = sorted(ratios)
    end = max(0, len(ordered) // 2 - 3 + len(ordered) % 2)
    return ordered[end], statistics.median(ordered), ordered[-1 - end]


@contextmanager
def _pair(folder: Path, place: Path, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Run two servers of the same workspace's contents, one of them badly challenged."""
    session = open_workspace(folder)
    session.stop()
    if not place.exists():
        shutil.copytree(folder, place)
    other = open_workspace(place)
    approved_again(other, 0.5, role="challenger")
    session.serve()
    server = subprocess.Popen(
        [
            sys.executable,
            Path(__file__).with_name("badly_challenged.py"),
            kind,
            "--workspace",
            str(place),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 30
        while not known(place) and time.monotonic() < until:
            time.sleep(0.02)
        other.deploy("tumour:2", to="clinic", role="challenger")
        yield known(folder), known(place)
    finally:
        server.terminate()
        server.wait(timeout=60)
        session.stop()


def _load(told: dict[str, Any], folder: Path) -> dict[str, Any]:
    script = folder / "ask.lua"
    script.write_text(SCRIPT.format(body=json.dumps({"rows": rows(1)}), token=told["token"]))
    said = subprocess.run(
        [
            "wrk",
            "-t1",
            "-c8",
            f"-d{SECONDS}s",
            "-s",
            str(script),
            told["url"] + "/deployments/clinic/predictions",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found
