"""Whether the model is what was registered, and answers alike however it is asked."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from jupyter_mlops.services.release.findings import Found
from jupyter_mlops.services.release.subject import Subject

SAME: Final = 1e-6
COMPILED: Final = 1e-5
SINGLY: Final = 50
_MIB: Final = 1 << 20

Array = np.ndarray[Any, Any]


def restarts(subject: Subject, other: Array | Found) -> Found:
    """Compare what two processes answered, byte by byte."""
    if isinstance(other, Found):
        return other
    mine = np.asarray(subject.score(subject.few()), dtype=np.float64)
    if mine.tobytes() == other.tobytes():
        return Found("passed", figure="{n} rows, the same bytes", values={"n": len(mine)})
    apart = float(np.max(np.abs(mine - other)))
    return Found(
        "failed",
        figure="{n} rows, at most {apart:.1e} apart",
        because="Two processes answer the same rows differently: give the model a fixed"
        " random_state, and let nothing depend on the order of a set.",
        values={"n": len(mine), "apart": apart},
    )


def artifact(subject: Subject) -> Found:
    """Read every byte again, and compare its digest."""
    read = len(subject.artifact) + len(subject.compiled or b"")
    rows = len(next(iter(subject.sample.values()), ()))
    return Found("passed", figure=subject.manifest["format"], detail={"bytes": read, "rows": rows})


class Loaded:
    """What loading took, measured where it is loaded for the first time."""

    def __init__(self) -> None:
        self._seconds = self._before = self._after = 0.0

    def loads(self, subject: Subject) -> Found:
        """Load the model and have it answer some rows."""
        self._before, began = _held(), time.perf_counter()
        scores = subject.score(subject.few())
        self._seconds, self._after = time.perf_counter() - began, _held()
        return Found("passed", figure="{n} rows", values={"n": len(scores)})

    def footprint(self, subject: Subject) -> Found:
        """Tell how large it is, on disk and in memory, and how long it takes to come."""
        size = len(subject.artifact) + len(subject.compiled or b"")
        memory = max(self._after - self._before, 0.0)
        return Found(
            "passed",
            figure="{size:.2f} MiB stored, {memory:.0f} MiB of memory, loaded in {seconds:.1f} s",
            values={"size": size / _MIB, "memory": memory, "seconds": self._seconds},
            detail={"bytes": size, "memory_mib": memory, "load_seconds": self._seconds},
        )


def row_by_row(subject: Subject) -> Found:
    """Ask rows together and one by one."""
    rows = subject.rows(SINGLY)
    if not rows:
        return _no_rows()
    whole = subject.score(rows)
    single = [
        subject.score({name: values[i : i + 1] for name, values in rows.items()})
        for i in range(len(whole))
    ]
    return _agreement(
        whole,
        np.concatenate(single),
        because="A row is answered otherwise in company than alone: let no step compute over the"
        " rows of a request.",
    )


def column_order(subject: Subject) -> Found:
    """Ask the same rows with their columns turned round."""
    rows = subject.rows(SINGLY)
    if not rows:
        return _no_rows()
    return _agreement(
        subject.score(rows),
        subject.score(dict(reversed(rows.items()))),
        because="The answer depends on the order of columns: fit the model on a frame with names.",
    )


def compiled(subject: Subject) -> Found:
    """Ask the compiled form and the original."""
    if subject.compiled is None:
        return Found("not applicable", because=subject.asked.record.get("reason", ""))
    rows = subject.few()
    return _agreement(
        subject.score(rows),
        subject.score(rows, subject.served),
        within=COMPILED,
        because="The compiled form answers otherwise than the original: register the model again.",
    )


def _agreement(one: Array, other: Array, *, because: str, within: float = SAME) -> Found:
    apart = float(np.max(np.abs(one - other) / np.maximum(np.abs(one), 1.0)))
    return Found(
        "passed" if apart <= within else "failed",
        figure="{n} rows, at most {apart:.1e} apart",
        because="" if apart <= within else because,
        values={"n": len(one), "apart": apart},
    )


def _no_rows() -> Found:
    return Found("not applicable", because="The version has no sample rows.")


def _held() -> float:
    """Return the memory this process holds, in MiB.

    The most it has held would do elsewhere; on Linux that of the process it came from counts too.
    """
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text().split()[1]) * resource.getpagesize() / _MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB
