"""One-row predictions over HTTP, durable logging on, beside a no-op and the peers."""

from __future__ import annotations

import json
from collections.abc import Mapping

import mixed
import wrk
from peers import Running
from report import Report
from servers import Server
from wrk import Measured, Target

ROUNDS = {1: 1, 8: 3, 32: 1}
"""Connections, and how often everybody is asked with so many."""
AT = 8
"""The number of connections at which the bounds are asked."""
PEER_BOUNDS = {"MLflow": 50, "MLServer": 20, "vetiver": 20}
LEAST_BOUNDS = {"linear": (0.25, 5), "trees": (0.15, 8)}


def measure(
    report: Report,
    least: tuple[int, str],
    compiled: Server,
    original: Server,
    peers: Mapping[str, Running],
    *,
    seconds: int,
    sync: float,
) -> None:
    """Ask everybody for one row at 1, 8 and 32 connections, in turn."""
    report.title("One row over HTTP, durable logging on; 20 mixed features")
    report.say(f"fdatasync of this disk {sync * 1e6:.0f} µs")
    rows = mixed.asked(1)
    body = json.dumps({"rows": rows}).encode()
    targets = {
        "no-op on the same library": Target(least[0], least[1], body),
        "linear": compiled.target("linear", body),
        "trees": compiled.target("trees", body),
        "linear, not compiled": original.target("linear", body),
        **{name: peer.target(rows) for name, peer in peers.items()},
    }
    found = {
        connections: wrk.side_by_side(targets, connections, seconds=seconds, rounds=rounds)
        for connections, rounds in ROUNDS.items()
    }
    for connections, told in found.items():
        heads = [f"{connections} connections", "requests/s", "p50 ms", "p99 ms", "CPU µs", "errors"]
        report.table(heads, [_cells(name, one) for name, one in told.items()])
    _bounds(report, found[AT], f"fdatasync {sync * 1e6:.0f} µs")
    errors = sum(one.errors for told in found.values() for one in told.values())
    report.bound("one row: errors, everybody's", errors, 0, unit="", at_least=False)


def _cells(name: str, one: Measured) -> list[str]:
    return [
        name,
        f"{one.rate:,.0f}",
        f"{one.p50_ms:.2f}",
        f"{one.p99_ms:.2f}",
        f"{one.cpu_us:,.0f}",
        str(one.errors),
    ]


def _bounds(report: Report, found: Mapping[str, Measured], beside: str) -> None:
    least = found["no-op on the same library"]
    mine = found["linear"].cpu_us
    told = [f"{peer} {found[peer].cpu_us / mine:.0f} x" for peer in PEER_BOUNDS if peer in found]
    if told:
        # on a machine that is shared this says more than requests a second do
        report.say(f"CPU per request at {AT} connections, beside linear: {', '.join(told)}")
    for peer, wanted in PEER_BOUNDS.items():
        ratio = found["linear"].rate / found[peer].rate if peer in found else None
        report.bound(f"one row, {AT} connections: linear / {peer}", ratio, wanted)
    for name, (rate, cpu) in LEAST_BOUNDS.items():
        ours = found[name]
        what = f"one row, {AT} connections: {name} / no-op ({beside})"
        report.bound(what, ours.rate / least.rate, rate)
        ratio = ours.cpu_us / least.cpu_us
        report.bound(f"CPU per request: {name} / no-op", ratio, cpu, at_least=False)
