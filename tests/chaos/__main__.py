"""``make chaos``: the server is killed, replaced, starved and lied to, and must keep its word.

Bounded in time and count; ``--long`` runs the counts of the promises, ``--only WORD`` one trial.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from bodies import bodies
from challenged import PAIRS, challenged
from disk import faults
from stops import kills, swaps, terms

from jupyter_mlops import open_workspace
from stories import deployed

TRIALS: dict[str, tuple[Callable[[Path, int], str], int, int]] = {
    "kill -9 under load": (kills, 50, 200),
    "a failing disk, at each write": (faults, 10, 100),
    "replacements under load": (swaps, 1000, 1000),
    "SIGTERM under load": (terms, 20, 100),
    "bad challengers": (challenged, 6, PAIRS),
    "odd payloads": (bodies, 100_000, 1_000_000),
}


def main() -> int:
    """Run every trial; return 1 when one of them shows a broken promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    said = parser.parse_args()
    chosen = [name for name in TRIALS if said.only in name]
    return min(sum(_is_broken(name, long=said.long) for name in chosen), 1)


def _is_broken(name: str, *, long: bool) -> bool:
    """Try one promise in a workspace of its own, and say what came of it."""
    trial, short_count, long_count = TRIALS[name]
    count = long_count if long else short_count
    began, broken = time.monotonic(), False
    with tempfile.TemporaryDirectory(prefix="mlops-chaos-") as place:
        session = open_workspace(Path(place) / "workspace")
        deployed(session)
        try:
            told = trial(Path(place) / "workspace", count)
        except AssertionError as error:
            told, broken = str(error), True
        finally:
            session.stop()
    mark = "✗" if broken else "✓"
    took = time.monotonic() - began
    print(f"{mark} {name:30} × {count:<9,} {told} ({took:.0f} s)", flush=True)
    return broken


if __name__ == "__main__":
    sys.exit(main())
