"""Loading a model in a process of its own, where a crash costs nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid

_PARENT: Final = "JUPYTER_MLOPS_PARENT"
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG
_PAUSE: Final = 0.05
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
        run([sys.executable, "-m", __name__, format, folder], place, seconds)
        scores = place / "scores.npy"
        if scores.exists():
            found: np.ndarray[Any, Any] = np.load(scores, allow_pickle=False)
            return found
    raise load_failed("it ended without an answer")


def run(
    argv: list[str], folder: Path, seconds: float, *, look: Callable[[], bool] | None = None
) -> None:
    """Run a process of a model to its end, and everything that it has started with it.

    ``look`` is asked again and again whether it got on; the seconds then begin anew.

    Raises:
        Invalid: it took too long, or ended otherwise than by itself; with the last line it wrote.
    """
    said = folder / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env={**os.environ, "OMP_NUM_THREADS": "1", _PARENT: str(os.getpid())},
            start_new_session=True,
        )
        try:
            code = _ended(process, seconds, look)
        except subprocess.TimeoutExpired:
            raise Invalid(
                "The model does not load within {seconds} s.", code="load_failed", seconds=seconds
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code:
        raise _failed(code, said.read_text(errors="replace"))


def _ended(
    process: subprocess.Popen[bytes], seconds: float, look: Callable[[], bool] | None
) -> int:
    """Return the code of a process that has ended, having looked at it meanwhile."""
    if look is None:
        return process.wait(seconds)
    until = time.monotonic() + seconds
    while True:
        try:
            return process.wait(_PAUSE)
        except subprocess.TimeoutExpired:
            if look():
                until = time.monotonic() + seconds
            elif time.monotonic() > until:
                raise


def limit() -> None:
    """Bound what this process may take, and end it with the process that started it."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != int(os.environ[_PARENT]):
        sys.exit(1)


def _failed(code: int, said: str) -> Invalid:
    if code < 0:
        why = f"its process died of signal {-code}"
    else:
        why = (said.strip().splitlines() or ["no reason was given"])[-1]
    return load_failed(why)


def load_failed(why: str) -> Invalid:
    """Return the error of a model that does not load, or not answer, where it costs nothing."""
    return Invalid(
        "The model does not load in a fresh process: {why}.",
        "register it again from the process that trained it.",
        code="load_failed",
        why=why.rstrip("."),
    )


def _main(format: str, folder: str) -> None:
    """Load what lies in the folder, score its rows, write the scores beside."""
    from jupyter_mlops import formats
    from jupyter_mlops.formats import frames

    limit()
    place = Path(folder)
    scorer = formats.load(format, (place / "model").read_bytes())
    scores = scorer.score(frames.from_arrow((place / "rows").read_bytes()))
    np.save(place / "scores.npy", np.asarray(scores, dtype=np.float64), allow_pickle=False)


if __name__ == "__main__":
    _main(*sys.argv[1:])
