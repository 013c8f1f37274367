"""Many kernels on one store: thirty that have it open and look, ten that write; what a deed costs there."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from report import Report

KERNELS: Final = 30
WRITERS: Final = 10
DEEDS: Final = 50
"""By each writer."""
MOST_MS: Final = 1000
_KERNEL: Final = """
import json, select, sys, time
from jupyter_mlops.services.workspace import open_local
ws, name, deeds = open_local(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("open", flush=True)
sys.stdin.readline()
took = []
for n in range(deeds):
    began = time.perf_counter()
    with ws.act("bench:deed", subject=f"kernel:{name}", reason=str(n)):
        pass
    took.append((time.perf_counter() - began) * 1000)
    time.sleep(0.02)
while not deeds and not select.select([sys.stdin], [], [], 0.05)[0]:
    with ws.look() as session:
        session.connection().exec_driver_sql("SELECT count(*) FROM audit_event").scalar()
print(json.dumps(took), flush=True)
"""
"""A notebook: it opens the store, waits for the others, then writes, or looks until it is told to stop."""


def measure(report: Report, folder: Path) -> None:
    """Open thirty at once, have ten write, and say what a deed costs at the 99th percentile."""
    from jupyter_mlops.services.audit import audit
    from jupyter_mlops.services.workspace import open_local

    report.title(f"Many notebooks: {KERNELS} kernels, {WRITERS} of them writing")
    where = str(folder / "contended")
    kernels = [_kernel(where, n) for n in range(KERNELS)]
    opened = [kernel.stdout.readline() if kernel.stdout else b"" for kernel in kernels]
    for kernel in kernels:
        _say(kernel)
    took = [t for kernel in kernels[:WRITERS] for t in _told(kernel)]
    for kernel in kernels[WRITERS:]:
        _say(kernel)
        _told(kernel)
    failed = sum(kernel.wait(60) != 0 for kernel in kernels) + opened.count(b"")
    ws = open_local(where)
    whole = audit(ws, "bench:deed", verify=True, limit=WRITERS * DEEDS)
    ws.engine.dispose()
    cuts = statistics.quantiles(took, n=100)
    report.say(f"a deed p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, longest {max(took):.1f} ms")
    report.bound("kernels that failed", failed, 0, unit="", at_least=False)
    report.bound(
        "deeds that were kept", len(whole["items"]) * whole["ok"], WRITERS * DEEDS, unit=""
    )
    report.bound("a deed among ten writers, p99", cuts[98], MOST_MS, unit="ms", at_least=False)


def _kernel(where: str, number: int) -> subprocess.Popen[bytes]:
    deeds = DEEDS if number < WRITERS else 0
    return subprocess.Popen(
        [sys.executable, "-c", _KERNEL, where, str(number), str(deeds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _say(kernel: subprocess.Popen[bytes]) -> None:
    """Send a line: to begin, then, to who only looks, to end."""
    if kernel.stdin:
        kernel.stdin.write(b"\n")
        kernel.stdin.flush()


def _told(kernel: subprocess.Popen[bytes]) -> list[float]:
    line = kernel.stdout.readline() if kernel.stdout else b""
    return list(json.loads(line or b"[]"))
