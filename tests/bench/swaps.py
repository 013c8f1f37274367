"""How soon the server answers after its start, how long a change takes, and what it holds in memory."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mixed
import processes
import servers
import wrk
from report import Report
from servers import Server

from jupyter_mlops import open_workspace

PAIRS = 10
"""A change and the way back, so twenty changes."""
STEPS = 5
CONNECTIONS = 8


def changing(report: Report, folder: Path, *, seconds_to_start: float) -> None:
    """Time a digest that was not seen before, then going to and fro between two that were."""
    report.title("Starting and changing what is live, without load")
    report.say(f"start to first answer {seconds_to_start:.2f} s")
    report.bound("start to first answer", seconds_to_start, 3, unit="s", at_least=False)
    session = open_workspace(folder)
    session.serve()
    try:
        second = servers.approved(session, mixed.linear(mixed.frame(), strength=0.5), "linear")
        new = _took(lambda: session.deploy(second, to="linear"))
        _took(lambda: session.rollback("linear"))
        times = sorted(took for _ in range(PAIRS) for took in _to_and_fro(session, second))
    finally:
        session.stop()
    middle, longest = statistics.median(times), times[-1]
    report.say(f"a digest not seen before {new:.2f} s")
    report.say(
        f"to and fro, {2 * PAIRS} changes: p50 {middle * 1e3:.0f} ms, longest {longest * 1e3:.0f} ms"
    )
    report.bound("swap: a digest not seen before", new, 3, unit="s", at_least=False)
    report.bound("swap: from cache, p50", middle * 1e3, 60, unit="ms", at_least=False)
    report.bound("swap: from cache, longest", longest * 1e3, 60, unit="ms", at_least=False)


def remembering(report: Report, ours: Server, *, requests: int) -> None:
    """Ask a great many times, and look at the server's memory after each fifth of them."""
    report.title(f"Memory over {requests:,} one-row requests, {CONNECTIONS} connections")
    target = ours.target("linear", json.dumps({"rows": mixed.asked(1)}).encode())
    done, errors, held = 0, 0, [(0, *processes.memory(ours.pid))]
    for step in range(1, STEPS + 1):
        while done < requests * step / STEPS:
            found = wrk.load(target, CONNECTIONS, 1)
            done, errors = done + found.requests, errors + found.errors
        held.append((done, *processes.memory(ours.pid)))
    report.table(
        ["requests", "server MB", "its children MB"],
        [[f"{at:,}", *(f"{size / 1e6:.1f}" for size in sizes)] for at, *sizes in held],
    )
    growth = (held[-1][1] / held[1][1] - 1) * 100
    report.bound("memory: growth after the first fifth", growth, 5, unit="%", at_least=False)
    helpers = max(children for _, _, children in held) / 1e6
    report.bound("memory: the most its helpers held", helpers, 1_000, unit="MB", at_least=False)
    report.bound("memory: errors", errors, 0, unit="", at_least=False)


def _to_and_fro(session: Any, version: Any) -> tuple[float, float]:
    """Time a deploy and its rollback; each deploy needs an approval of its own, which is not timed."""
    session.approve(session.request(version, for_deployment="linear").id)
    return (
        _took(lambda: session.deploy(version, to="linear")),
        _took(lambda: session.rollback("linear")),
    )


def _took(deed: Callable[[], Any]) -> float:
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began
