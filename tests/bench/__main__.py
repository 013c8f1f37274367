"""``make bench``: every figure beside something named, measured in the same run."""

from __future__ import annotations

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


if __name__ == "__main__":
    from served import serving

    loading()
    registering()
    serving()
