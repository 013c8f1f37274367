"""What a notebook waits for when it loads the extension."""

from __future__ import annotations

import statistics
import subprocess
import sys

from report import Report

LOAD = """
import pathlib, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def held():
    told = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) / 1024
base = held()
began = time.perf_counter()
{what}
print(time.perf_counter() - began, held() - base)
"""
NAMED = {
    "%load_ext jupyter_mlops": "shell.run_line_magic('load_ext', 'jupyter_mlops')",
    "import pandas": "import pandas",
    "import sklearn": "import sklearn.pipeline",
}
RUNS = 5


def loading(report: Report) -> None:
    """Time the extension's loading beside two imports, in fresh processes."""
    report.title(f"Loading, in a fresh process (median of {RUNS})")
    report.table(["", "seconds", "MB"], [[name, *_loaded(what)] for name, what in NAMED.items()])


def _loaded(what: str) -> list[str]:
    runs = [
        subprocess.run(
            [sys.executable, "-c", LOAD.format(what=what)],
            capture_output=True, text=True, check=True,
        ).stdout.split()
        for _ in range(RUNS)
    ]  # fmt: skip
    seconds, megabytes = (statistics.median(map(float, told)) for told in zip(*runs, strict=True))
    return [f"{seconds:.3f}", f"{megabytes:.1f}"]
