"""``make bench``: every figure beside something named, measured in the same run."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

LOAD = """
import resource, time
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
{what}
print(time.perf_counter() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024)
"""
NAMED = {
    "%load_ext jupyter_mlops": "shell.run_line_magic('load_ext', 'jupyter_mlops')",
    "import pandas": "import pandas",
    "import sklearn": "import sklearn.pipeline",
}
SECONDS = 5
CONNECTIONS = 8


def loading() -> None:
    """Time the extension's loading beside two imports, fresh processes, medians of five."""
    print("\nLoading, in a fresh process (median of 5)")
    for name, what in NAMED.items():
        runs = [
            subprocess.run(
                [sys.executable, "-c", LOAD.format(what=what)],
                capture_output=True, text=True, check=True,
            ).stdout.split()
            for _ in range(5)
        ]  # fmt: skip
        seconds = statistics.median(float(run[0]) for run in runs)
        memory = statistics.median(float(run[1]) for run in runs)
        print(f"  {name:26} {seconds:6.3f} s   + {memory:5.1f} MB")


def registering() -> None:
    """Time register of a small pipeline once its libraries are imported."""
    from jupyter_mlops import open_workspace
    from stories import registered

    print("\nRegistering a small pipeline (30 features; profile, metrics, compilation, parity)")
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(6):
            session = open_workspace(Path(folder) / str(run))
            began = time.perf_counter()
            registered(session)
            times.append(time.perf_counter() - began)
    print(f"  first, libraries included  {times[0]:6.3f} s")
    print(f"  median of 5 after that     {statistics.median(times[1:]):6.3f} s")


def serving() -> None:
    """Compare one-row requests per second of the same server, compiled and as it is."""
    if not shutil.which("wrk"):
        print("\nServing: not measured, wrk is not installed (apt-get install wrk)")
        return
    print(f"\nOne-row predictions over HTTP, {CONNECTIONS} connections, durable logging on")
    with tempfile.TemporaryDirectory() as folder:
        print(f"  fdatasync of this disk      {_fdatasync(Path(folder)) * 1e6:7.0f} µs")
        rates = {name: _rate(Path(folder), *more) for name, more in (
            ("compiled", ()), ("as it is", ("--no-compiled",)),
        )}  # fmt: skip
    print(f"  ratio                       {rates['compiled'] / rates['as it is']:7.1f} ×")


def _rate(folder: Path, *more: str) -> float:
    from jupyter_mlops import open_workspace
    from stories import deployed, tumours

    place = folder / ("slow" if more else "fast")
    session = open_workspace(place)
    deployed(session)
    session.stop()
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlops.serving", "--workspace", str(place), *more],
        stderr=subprocess.DEVNULL,
    )
    try:
        told = place / "server.json"
        until = time.monotonic() + 30
        while not told.exists() and time.monotonic() < until:
            time.sleep(0.05)
        known = json.loads(told.read_text())
        row = json.loads(tumours()[2].drop(columns="target").head(1).to_json(orient="records"))
        script = folder / "ask.lua"
        script.write_text(
            'wrk.method = "POST"\n'
            f"wrk.body = [==[{json.dumps({'rows': row})}]==]\n"
            'wrk.headers["Content-Type"] = "application/json"\n'
            f'wrk.headers["Authorization"] = "Bearer {known["token"]}"\n'
        )
        url = known["url"] + "/deployments/clinic/predictions"
        said = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(script), url],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    finally:
        process.terminate()
        process.wait(timeout=40)
    lines = [line.split() for line in said.splitlines()]
    rate = float(next(line[1] for line in lines if line[:1] == ["Requests/sec:"]))
    tails = {line[0]: line[1] for line in lines if line and line[0] in ("50%", "99%")}
    errors = [line for line in lines if line[:1] in (["Non-2xx"], ["Socket"])]
    name = "original models" if more else "compiled"
    print(
        f"  {name:26} {rate:9.0f} requests/s   p50 {tails['50%']}   p99 {tails['99%']}   {errors or ''}"
    )
    return rate


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


if __name__ == "__main__":
    loading()
    registering()
    serving()
