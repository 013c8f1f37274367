"""``make chaos``: the server is killed, replaced, starved and lied to, and must keep its word.

Bounded in time and count; ``--long`` runs the counts of the promises, ``--only WORD`` one trial.
✓ held, ✗ broken, – not tried, for want of what the line says; under ``CI`` nothing may be wanting.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:1] = [str(HERE.parent)]

from chaos.bodies import bodies
from chaos.challenged import PAIRS, challenged
from chaos.disk import faults
from chaos.load import NotTried
from chaos.sealed import unsealable
from chaos.stops import halves, kills, pairs, terms
from chaos.swaps import swaps
from jupyter_mlops import open_workspace
from stories import deployed

TRIALS: dict[str, tuple[Callable[[Path, int], str], int, int]] = {
    "kill -9 under load": (kills, 50, 200),
    "a failing disk, at each write": (faults, 10, 100),
    "no room where logs are sealed": (unsealable, 3, 30),
    "replacements under load": (swaps, 1000, 1000),
    "SIGTERM under load": (terms, 20, 100),
    "SIGTERM to two processes": (pairs, 4, 50),
    "SIGTERM to one of the two": (halves, 4, 20),
    "bad challengers": (challenged, PAIRS, PAIRS),
    "odd payloads": (bodies, 100_000, 1_000_000),
}
MINUTES = 15
"""What all trials together may take; the long ones may take longer."""


def main() -> int:
    """Run every trial; return 1 when one shows a broken promise, or could not be tried under CI."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    said = parser.parse_args()
    began = time.monotonic()
    marks = {name: _mark(name, long=said.long) for name in TRIALS if said.only in name}
    minutes = (time.monotonic() - began) / 60
    in_time = said.long or minutes <= MINUTES
    bound = "" if said.long else f", of {MINUTES} it may take"
    print(f"{'✓' if in_time else '✗'} {minutes:.1f} minutes in all{bound}")
    untried = [name for name, mark in marks.items() if mark == "–"]
    if untried:
        print(f"– not tried: {', '.join(untried)}")
    wanting = bool(untried and os.environ.get("CI"))
    return int("✗" in marks.values() or not in_time or wanting)


def _mark(name: str, *, long: bool) -> str:
    """Try one promise in a workspace of its own, say what came of it, and return its mark."""
    trial, short_count, long_count = TRIALS[name]
    count = long_count if long else short_count
    began, mark = time.monotonic(), "✓"
    with tempfile.TemporaryDirectory(prefix="mlops-chaos-") as place:
        session = open_workspace(Path(place) / "workspace")
        deployed(session)
        try:
            told = trial(Path(place) / "workspace", count)
        except NotTried as why:
            told, mark = f"not tried: {why}", "–"
        except AssertionError as error:
            told, mark = str(error), "✗"
        finally:
            session.stop()
    took = time.monotonic() - began
    print(f"{mark} {name:30} × {count:<9,} {told} ({took:.0f} s)", flush=True)
    return mark


if __name__ == "__main__":
    sys.exit(main())
