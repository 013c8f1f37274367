"""Registering a small pipeline, with everything that comes with it, beside MLflow's ``log_model``."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import environments
import peers
from report import Report

RUNS: Final = 7
WORKER: Final = Path(__file__).with_name("register_as.py")
_DONE: Final = ("do_begin", "do_execute", "do_executemany", "do_commit")
"""What SQLAlchemy asks of a database driver."""


def measure(report: Report, folder: Path, *, peer: bool) -> None:
    """Time ``register`` of the tumour pipeline once its libraries are imported, and MLflow's."""
    report.title(
        "Registering a small pipeline (30 features; signature, profile, metrics, compilation, parity)"
    )
    first, times, stored = _ours(folder)
    ours = statistics.median(times)
    report.say(f"first, libraries included {first:.3f} s")
    report.say(f"median of {RUNS} after that {ours:.3f} s")
    report.say(f"of it in the database {statistics.median(stored) * 1000:.1f} ms (median)")
    report.bound("register", ours, 0.6, unit="s", at_least=False)
    report.bound(
        "register, in the database",
        statistics.median(stored) * 1000,
        30,
        unit="ms",
        at_least=False,
    )
    if not peer:
        return
    try:
        theirs = _theirs(report, folder)
    except (environments.NotInstalledError, subprocess.SubprocessError) as error:
        report.say(f"MLflow is not measured: {environments.why(error)}")
        return
    report.say(f"MLflow: log_model with an input example and a registered name {theirs:.3f} s")
    report.say(f"ratio {theirs / ours:.1f}")


def _ours(folder: Path) -> tuple[float, list[float], list[float]]:
    """Return seconds of the first, of those after it, and of each of these in the database."""
    from jupyter_mlops import open_workspace
    from stories import registered

    times, stored = [], []
    for run in range(RUNS + 1):
        with open_workspace(folder / f"registering-{run}") as session:
            with _clocked(session.door.ws.engine.dialect) as spent:
                began = time.perf_counter()
                registered(session)
                times.append(time.perf_counter() - began)
            stored.append(sum(spent))
    return times[0], times[1:], stored[1:]


@contextmanager
def _clocked(dialect: Any) -> Iterator[list[float]]:
    """Note the seconds of each thing that is asked of the database."""
    spent: list[float] = []

    def clocked(do: Any) -> Any:
        def done(*words: Any, **more: Any) -> Any:
            began = time.perf_counter()
            try:
                return do(*words, **more)
            finally:
                spent.append(time.perf_counter() - began)

        return done

    for name in _DONE:
        setattr(dialect, name, clocked(getattr(dialect, name)))
    try:
        yield spent
    finally:
        for name in _DONE:
            delattr(dialect, name)


def _theirs(report: Report, folder: Path) -> float:
    """Return the median seconds that MLflow takes in an environment of its own."""
    (mlflow,) = (peer for peer in peers.PEERS if peer.name == "MLflow")
    interpreter = environments.python("mlflow", mlflow.packages)
    report.say(environments.versions(interpreter, ["mlflow", "scikit-learn"]))
    place = folder / "mlflow-registering"
    place.mkdir()
    said = subprocess.run(
        [interpreter, "-I", WORKER, place],
        capture_output=True, text=True, check=True, timeout=300, cwd=place,
    )  # fmt: skip
    return statistics.median(float(line) for line in said.stdout.split())
