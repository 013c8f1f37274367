"""``make calibration``: how often drift is found where there is none, and where there is some.

``QUICK=1`` takes fewer replicates, ``CALIBRATION_OUT=FILE`` writes everything as Markdown too,
``PEERS=1`` sets the peers' defaults beside it, ``SEED=N`` draws anew, ``JOBS=N`` takes as many processes
and gives the same figures. Ends with 1 when a bound is broken.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

import month
import peers
import power
import single
from report import Report

SEED = 20_261_126


def main() -> int:
    """Simulate everything, say what was asked and what was found."""
    quick, seed = os.environ.get("QUICK", "0") == "1", int(os.environ.get("SEED") or SEED)
    report, began = Report("Calibration of drift"), time.monotonic()
    where(report, seed)
    power.measure(report, seed=seed, replicates=50 if quick else 200)
    with ProcessPoolExecutor(int(os.environ.get("JOBS") or 1)) as pool:
        month.measure(report, pool, seed=seed, months=2 if quick else 12)
        single.measure(report, pool, seed=seed, replicates=200 if quick else 1_000)
    if os.environ.get("PEERS", "0") == "1":
        peers.measure(report, seed=seed)
    report.conclude()
    report.say(f"simulated in {(time.monotonic() - began) / 60:.1f} minutes")
    if out := os.environ.get("CALIBRATION_OUT", ""):
        report.write(Path(out))
    return int(any(bound.holds is False for bound in report.bounds))


def where(report: Report, seed: int) -> None:
    """Say with what this is simulated; the same gives the same figures."""
    report.title("Where")
    told = ", ".join(f"{name} {version(name)}" for name in ("jupyter-mlops", "numpy", "scipy"))
    report.say(f"Python {platform.python_version()}, {told}, {platform.machine()}")
    report.say(f"seed {seed}; the same seed and libraries give the same figures")


if __name__ == "__main__":
    sys.exit(main())
