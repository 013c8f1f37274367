"""Loading a model in a process of its own, where a crash costs nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from jupyter_mlops.errors import Invalid
from jupyter_mlops.formats.stem import SAID, Stem, end_with_parent, environment

_PAUSE: Final = 0.05
MEMORY: Final = 8 << 30
"""Bytes of address space a model may take to load and to answer a few rows."""
_LIBRARIES: Final = {"skops": ("pandas", "skops.io")}
"""Not onnxruntime: importing it starts a thread, which would be missing in what branches off."""
_STEMS: Final = (Stem(), Stem(reseeded=True))


class Child(Protocol):
    """A process of a model, seen from the one that started it."""

    def wait(self, seconds: float) -> int:
        """Return the code it ended with, or minus its signal; raise TimeoutExpired if it goes on."""

    def end(self) -> None:
        """End it, if it goes on, with everything that it has started."""


def loads_in_fresh_process(
    format: str,
    data: bytes,
    columns: Mapping[str, np.ndarray[Any, Any]],
    *,
    allowed: Collection[str] = (),
    seconds: float = 60,
    seed: int = 0,
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
        (place / "format").write_text(format)
        (place / "allowed").write_text("\n".join(allowed))
        run(__name__, place, seconds, libraries=libraries(format), seed=seed)
        scores = place / "scores.npy"
        if scores.exists():
            found: np.ndarray[Any, Any] = np.load(scores, allow_pickle=False)
            return found
    raise load_failed("it ended without an answer")


def libraries(format: str) -> Sequence[str]:
    """Return what a model of this format needs in memory, so that it is there already."""
    return _LIBRARIES.get(format, ())


def prepare(module: str, format: str) -> None:
    """Have in memory what ``module`` and a model of this format need, for one that is soon to be run."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            _STEMS[0].prepare([*libraries(format), module])


def run(
    module: str,
    folder: Path,
    seconds: float,
    *,
    libraries: Sequence[str] = (),
    look: Callable[[], bool] | None = None,
    seed: int = 0,
) -> None:
    """Run ``module.main(folder)`` in a process of its own to its end, with all that it has started.

    ``libraries`` are in memory when it begins. ``look`` is asked again and again whether it got on;
    the seconds then begin anew. Processes of another ``seed``, 0 or 1, have another hash seed.

    Raises:
        Invalid: it took too long, or ended otherwise than by itself; with the last line it wrote.
    """
    child = _started(module, folder, libraries, seed)
    try:
        code = _ended(child, seconds, look)
    except subprocess.TimeoutExpired:
        raise Invalid(
            "The model does not load within {seconds} s.", code="load_failed", seconds=seconds
        ) from None
    finally:
        child.end()
    if code:
        raise _failed(code, (folder / SAID).read_text(errors="replace"))


def _started(module: str, folder: Path, libraries: Sequence[str], seed: int) -> Child:
    told = environment(reseeded=bool(seed))
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return _STEMS[seed].branch(module, folder, told, libraries)
    return Fresh(module, folder, told)


class Fresh:
    """A process begun from nothing, where none can branch off."""

    def __init__(self, module: str, folder: Path, environment: Mapping[str, str]) -> None:
        with (folder / SAID).open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=dict(environment),
                start_new_session=True,
            )

    def wait(self, seconds: float) -> int:
        """Return the code it ended with, or minus its signal; raise TimeoutExpired if it goes on."""
        return self._process.wait(seconds)

    def end(self) -> None:
        """End it, if it goes on, with everything that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _ended(child: Child, seconds: float, look: Callable[[], bool] | None) -> int:
    """Return the code of a process that has ended, having looked at it meanwhile."""
    if look is None:
        return child.wait(seconds)
    until = time.monotonic() + seconds
    while True:
        try:
            return child.wait(_PAUSE)
        except subprocess.TimeoutExpired:
            if look():
                until = time.monotonic() + seconds
            elif time.monotonic() > until:
                raise


def limit() -> None:
    """Bound what this process may take, and end it with the process that started it."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    end_with_parent()


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


def main(folder: str) -> None:
    """Load what lies in the folder, score its rows, write the scores beside."""
    from jupyter_mlops import formats
    from jupyter_mlops.formats import frames

    limit()
    place = Path(folder)
    scorer = formats.load(
        (place / "format").read_text(),
        (place / "model").read_bytes(),
        allowed=(place / "allowed").read_text().splitlines(),
    )
    scores = scorer.score(frames.from_arrow((place / "rows").read_bytes()))
    np.save(place / "scores.npy", np.asarray(scores, dtype=np.float64), allow_pickle=False)


if __name__ == "__main__":
    main(sys.argv[1])
