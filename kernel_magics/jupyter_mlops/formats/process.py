"""Loading a model in a process of its own, where a crash costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid

MEMORY: Final = 8 << 30
"""Bytes of address space a model may take to load and to answer a few rows."""


def loads_in_fresh_process(
    format: str, data: bytes, columns: Mapping[str, np.ndarray[Any, Any]], *, seconds: float = 60
) -> np.ndarray[Any, Any]:
    """Load and score in a fresh process with limits; return the scores.

    Raises:
        Invalid: it crashed, hung, ran out of memory or refused; the reason is in the message.
    """
    from jupyter_mlops.formats import frames

    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder:
        place = Path(folder)
        (place / "model").write_bytes(data)
        (place / "rows").write_bytes(frames.to_arrow(dict(columns)))
        ended = _run([sys.executable, "-m", __name__, format, folder], seconds)
        scores = place / "scores.npy"
        if ended.returncode == 0 and scores.exists():
            found: np.ndarray[Any, Any] = np.load(scores, allow_pickle=False)
            return found
    raise _failed(ended)


def _run(argv: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise Invalid(
            "The model does not load within {seconds} s.", code="load_failed", seconds=seconds
        ) from None


def _failed(ended: subprocess.CompletedProcess[str]) -> Invalid:
    if ended.returncode < 0:
        why = f"its process died of signal {-ended.returncode}"
    else:
        why = (ended.stderr.strip().splitlines() or ["no reason was given"])[-1]
    return Invalid(
        "The model does not load in a fresh process: {why}.",
        "register it again from the process that trained it.",
        code="load_failed",
        why=why,
    )


def _main(format: str, folder: str) -> None:
    """Load what lies in the folder, score its rows, write the scores beside."""
    import resource

    from jupyter_mlops import formats
    from jupyter_mlops.formats import frames

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    place = Path(folder)
    scorer = formats.load(format, (place / "model").read_bytes())
    scores = scorer.score(frames.from_arrow((place / "rows").read_bytes()))
    np.save(place / "scores.npy", np.asarray(scores, dtype=np.float64), allow_pickle=False)


if __name__ == "__main__":
    _main(*sys.argv[1:])
