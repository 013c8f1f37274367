"""The same rows, asked of a second process: another hash seed, nothing shared with the first.

It begins beside the process of the other checks and leaves its answers, or why there are none, in a
folder within theirs, where they are waited for.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.formats import process
from jupyter_mlops.services.release.findings import Found, of_error
from jupyter_mlops.services.release.subject import Asked, Subject

SECONDS: Final = 60.0
_PAUSE: Final = 0.01
_FOLDER: Final = "again"
_SCORES: Final = "scores.npy"
_ERROR: Final = "error.json"


def ask(asked: Asked, place: Path) -> None:
    """Have a second process answer the rows that the folder of the checks asks for."""
    folder = place / _FOLDER
    folder.mkdir()
    try:
        needed = process.libraries(asked.manifest["format"])
        process.run(__name__, folder, SECONDS, libraries=needed, seed=1)
        if not (folder / _SCORES).exists():
            raise process.load_failed("it ended without an answer")
    except MlopsError as error:
        _left(folder / _ERROR, json.dumps(asdict(of_error(error))).encode())


def answered(place: Path) -> np.ndarray[Any, Any] | Found:
    """Wait for what the second process says; return its scores, or the finding that it is none."""
    scores, error = place / _FOLDER / _SCORES, place / _FOLDER / _ERROR
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if error.exists():
            return Found(**json.loads(error.read_text()))
        if scores.exists():
            found: np.ndarray[Any, Any] = np.load(scores, allow_pickle=False)
            return found
        time.sleep(_PAUSE)
    return Found(
        "failed", because="It did not end within {seconds:g} s.", values={"seconds": SECONDS}
    )


def main(folder: str) -> None:
    """Answer the rows, in the second process."""
    place = Path(folder)
    process.limit()
    subject = Subject(Asked(**json.loads((place.parent / "asked.json").read_text())))
    scores = np.asarray(subject.score(subject.few()), dtype=np.float64)
    with (place / f".{_SCORES}").open("wb") as file:
        np.save(file, scores, allow_pickle=False)
    (place / f".{_SCORES}").rename(place / _SCORES)


def _left(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}")
    beside.write_bytes(data)
    beside.rename(path)


if __name__ == "__main__":
    import sys

    main(sys.argv[1])
