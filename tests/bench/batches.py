"""A thousand rows at once, in JSON and out, in Arrow and out, beside the peer that knows JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import mixed
import pyarrow as pa
import wrk
from peers import Running
from report import Report
from servers import Server

ROWS = 1_000
CONNECTIONS = 8
ROUNDS = 3
ARROW = "application/vnd.apache.arrow.stream"


def measure(report: Report, ours: Server, peer: Running | None, *, seconds: int) -> None:
    """Ask for a thousand rows again and again, everybody in turn."""
    report.title(f"{ROWS:,} rows over HTTP, {CONNECTIONS} connections, durable logging on")
    rows = mixed.asked(ROWS)
    plain, arrow = json.dumps({"rows": rows}).encode(), _arrow(rows)
    targets = {
        "linear, JSON": ours.target("linear", plain),
        "linear, Arrow": replace(ours.target("linear", arrow, ARROW), accept=ARROW),
        "linear, Arrow answered as JSON": ours.target("linear", arrow, ARROW),
        "trees, JSON": ours.target("trees", plain),
        "trees, Arrow": replace(ours.target("trees", arrow, ARROW), accept=ARROW),
    }
    if peer is not None:
        targets["vetiver, JSON"] = peer.target(rows)
    found = wrk.side_by_side(targets, CONNECTIONS, seconds=seconds, rounds=ROUNDS)
    cells = [
        [name, f"{one.rate * ROWS:,.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}",
         f"{one.cpu_us / ROWS:,.1f}", str(one.errors)]
        for name, one in found.items()
    ]  # fmt: skip
    report.table(["", "rows/s", "p50 ms", "p99 ms", "CPU µs a row", "errors"], cells)
    theirs = found["vetiver, JSON"].rate if peer is not None else None
    for kind, wanted in (("JSON", 3), ("Arrow", 10)):
        ratio = found[f"linear, {kind}"].rate / theirs if theirs else None
        report.bound(f"{ROWS:,} rows: linear as {kind} / vetiver as JSON", ratio, wanted)
    errors = sum(one.errors for one in found.values())
    report.bound(f"{ROWS:,} rows: errors, everybody's", errors, 0, unit="", at_least=False)


def _arrow(rows: list[dict[str, Any]]) -> bytes:
    table = pa.Table.from_pylist(rows)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())
