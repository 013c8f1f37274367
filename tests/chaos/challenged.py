"""A champion beside challengers that sleep, raise, burn, leak or die: it must not notice.

A machine's own noise moves a p99 by a fifth from one load to the next. So it is compared in
interleaved pairs, and their median counts; where the first pairs speak against a promise, as many
again are taken, and the median of all of them decides.
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

from chaos.clients import PATH, known
from chaos.disk import tool
from chaos.load import body
from jupyter_mlops import open_workspace
from stories import approved_again

KINDS = ("sleeping", "raising", "dying", "leaking", "busy")
PAIRS = 10
SECONDS = 1
CONNECTIONS = 8
HALF = 0.5
MOST = 1.10
SCRIPT = """
wrk.method = "POST"
wrk.body = [==[{asked}]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
function delay() return math.floor({pause_ms} + math.random()) end
done = function(summary, latency)
  local wrong = summary.errors
  print(string.format('{{"p99_ms": %f, "errors": %d, "rate": %f}}', latency:percentile(99) / 1e3,
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout,
    summary.requests / summary.duration * 1e6))
end
"""


def challenged(folder: Path, count: int) -> str:
    """Compare the champion's p99 with and without each bad challenger, in interleaved pairs."""
    tool("wrk")
    told = []
    for kind in KINDS:
        place = folder.with_name(f"{folder.name}-{kind}")
        with _pair(folder, place, kind) as (alone, beside):
            told.append(_compared(kind, folder, alone, beside, count))
    return f"p99 beside it / alone, median (of so many pairs, at half load): {', '.join(told)}"


def _compared(
    kind: str, folder: Path, alone: dict[str, Any], beside: dict[str, Any], count: int
) -> str:
    """Say how the two compare; raise when the one beside a challenger is slower, or failed."""
    pause_ms = _pause_ms(_load(alone, folder, 0)["rate"])
    ratios: list[float] = []
    while len(ratios) < count or (len(ratios) < 2 * count and statistics.median(ratios) > MOST):
        pair = [_load(told, folder, pause_ms) for told in (alone, beside)]
        errors = sum(found["errors"] for found in pair)
        assert not errors, f"{errors} errors beside a {kind} challenger"
        ratios.append(pair[1]["p99_ms"] / pair[0]["p99_ms"])
    middle = statistics.median(ratios)
    said = f"{kind} {middle:.2f} (of {len(ratios)}: {min(ratios):.2f} – {max(ratios):.2f})"
    assert middle <= MOST, f"p99 beside it / alone: {said}"
    return said


def _pause_ms(most: float) -> float:
    """Return what each connection waits between two questions, so that a half of ``most`` are asked.

    One question's own time is taken off: at half load hardly any waits for another.
    """
    return (CONNECTIONS / HALF - 1) / most * 1000


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


def _load(told: dict[str, Any], folder: Path, pause_ms: float) -> dict[str, Any]:
    script = folder / "ask.lua"
    asked = body(1).decode()
    script.write_text(SCRIPT.format(asked=asked, token=told["token"], pause_ms=pause_ms))
    said = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", script, told["url"] + PATH],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found
