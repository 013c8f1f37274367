"""``python -m jupyter_mlops.serving.shadowed``: what runs in a challenger's own process.

It reads the model, then requests that were answered, from its standard input, and writes a line of
JSON for each thing its server has to know. Priority, memory and time are limited; it ends with its
server.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.formats.process import MEMORY
from jupyter_mlops.serving.shadow import HEADER, LENGTH

LOAD_SECONDS: Final = 60.0
COMMIT_SECONDS: Final = 0.25
TURN_SECONDS: Final = 1.0
"""How long nothing comes before it is looked whether the segment is to end."""
HEAP: Final = 2 << 30
"""Bytes a challenger may keep; one that leaks is ended before the machine is short of memory."""
_READ: Final = 1 << 20
_NICEST: Final = 19
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG


class NotFinite(Exception):
    """The model answered with what is no prediction."""


class Incoming:
    """Whole messages out of a pipe."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._read = bytearray()

    def take(self, count: int) -> bytes:
        """Return so many bytes, waiting for them.

        Raises:
            EOFError: the server has hung up.
        """
        while len(self._read) < count:
            part = os.read(self._handle, _READ)
            if not part:
                raise EOFError
            self._read += part
        taken = bytes(self._read[:count])
        del self._read[:count]
        return taken

    def message(self) -> bytes:
        """Return a message that its length stands before."""
        return self.take(LENGTH.unpack(self.take(LENGTH.size))[0])

    def is_quiet(self, seconds: float) -> bool:
        """Say whether nothing comes within so many seconds."""
        if self._read:
            return False
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return not poll.poll(seconds * 1000)


class Challenger:
    """A loaded challenger: answered requests in, frames of the prediction log out."""

    def __init__(self, told: Mapping[str, Any], data: bytes) -> None:
        from jupyter_mlops import formats
        from jupyter_mlops.formats.signature import Reader

        manifest = told["manifest"]
        self._told = told
        self._classes = [str(name) for name in manifest["classes"]]
        self._is_binary = manifest["task"] == "binary"
        self._reader = Reader(manifest["features"])
        self._scorer = formats.load(
            told["format"], data, like=manifest, allowed=told.get("allowed", ())
        )

    def frame(self, answered: Mapping[str, Any], record: bytes) -> tuple[dict[str, Any], str]:
        """Return the head of the frame that remembers a request, and why it failed, if it did."""
        began = time.perf_counter()
        count = len(answered["prediction_ids"])
        head = {
            "at": _now(),
            "kind": "",
            "status": 200,
            "rows": count,
            "version": self._told["ref"],
            "digest": self._told["digest"],
            "role": "challenger",
        }
        signal.setitimer(signal.ITIMER_REAL, self._told["seconds"])  # its signal ends the process
        try:
            scores, warnings = self._scores(json.loads(record)["rows"])
        except Exception as error:  # noqa: BLE001  (a model raises whatever it likes)
            kind, why = _fault(error)
            return {**head, "kind": kind, "status": 500, "ms": _ms(began)}, why
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return {**head, "ms": _ms(began), **self._said(answered, scores, warnings)}, ""

    def dropped(self, requests: int) -> dict[str, Any]:
        """Return the head of the frame that remembers how many requests it could not keep up with."""
        return {
            "at": _now(),
            "kind": "dropped",
            "status": 503,
            "rows": requests,
            "ms": 0.0,
            "version": self._told["ref"],
            "digest": self._told["digest"],
            "role": "challenger",
        }

    def _scores(self, rows: list[dict[str, Any]]) -> tuple[Any, list[list[str]]]:
        columns, warnings = self._reader.columns(rows)
        scores = np.asarray(self._scorer.score(columns), dtype=np.float64)
        shape = (len(rows), len(self._classes)) if self._classes else (len(rows),)
        if scores.shape != shape or not np.isfinite(scores).all():
            raise NotFinite
        return scores, warnings

    def _said(
        self, answered: Mapping[str, Any], scores: Any, warnings: list[list[str]]
    ) -> dict[str, Any]:
        from jupyter_mlops.serving.places import prediction_ids

        told: dict[str, Any] = {
            "prediction_ids": prediction_ids(len(scores)),
            "ids": answered["ids"],
            "beside": answered["prediction_ids"],
            "labels": None,
            "probabilities": None,
            "warnings": warnings if any(warnings) else None,
            "salt": secrets.token_hex(16),
        }
        if scores.ndim == 1:
            return {**told, "scores": scores.tolist()}
        return {
            **told,
            "labels": [self._classes[at] for at in scores.argmax(axis=1)],
            "probabilities": scores.tolist(),
            "scores": (scores[:, 1] if self._is_binary else scores.max(axis=1)).tolist(),
        }


def main() -> None:
    """Score what comes until the server hangs up."""
    outgoing = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a model prints is none of our words
    incoming = Incoming(0)
    told = json.loads(incoming.message())
    _limit(told["parent"])
    data = incoming.message()
    signal.setitimer(signal.ITIMER_REAL, LOAD_SECONDS)
    challenger = Challenger(told, data)
    signal.setitimer(signal.ITIMER_REAL, 0)
    from jupyter_mlops.store.segments import Log
    from jupyter_mlops.store.turns import Turn

    folder = Path(told["folder"])
    log, turn = Log(folder), Turn(folder.parent)
    _say(outgoing, {"ready": True})
    with contextlib.suppress(EOFError):
        _score_all(challenger, incoming, log, outgoing, turn)
    log.commit()
    log.close()


def _score_all(
    challenger: Challenger, incoming: Incoming, log: Any, outgoing: int, turn: Any
) -> None:
    """Score request after request; what is scored is made durable a few times a second."""
    answered, since = 0, time.monotonic()
    while True:
        is_late = time.monotonic() - since >= COMMIT_SECONDS
        if answered and (is_late or incoming.is_quiet(COMMIT_SECONDS)):
            log.commit()
            _say(outgoing, {"answered": answered})
            answered, since = 0, time.monotonic()
            if turn.is_asked():
                log.roll()
        while incoming.is_quiet(TURN_SECONDS):
            if turn.is_asked():
                log.roll()
        dropped, wide, long = HEADER.unpack(incoming.take(HEADER.size))
        head, record = json.loads(incoming.take(wide)), incoming.take(long)
        if dropped:
            log.append(json.dumps(challenger.dropped(dropped)).encode(), b'{"rows":[]}')
        if not head.get("prediction_ids"):
            continue
        frame, why = challenger.frame(head, record)
        log.append(json.dumps(frame).encode(), b'{"rows":[]}' if why else record)
        if why:
            log.commit()
            _say(outgoing, {"failed": why})
        else:
            answered += 1


def _fault(error: Exception) -> tuple[str, str]:
    """Return the kind of a failure and its reason; the model's own words may hold a person's data."""
    if isinstance(error, NotFinite):
        return "model_output_invalid", "it answers with what is no prediction"
    if isinstance(error, MlopsError):
        feature = f": {error.values['feature']}" if "feature" in error.values else ""
        return error.code, f"it does not read the rows ({error.code}{feature})"
    return "model_failed", f"it raises {type(error).__name__}"


def _limit(parent: int) -> None:
    """Take what nobody else needs, bound the memory, and end with the server."""
    import ctypes
    import resource

    os.nice(_NICEST)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_DATA, (HEAP, HEAP))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if os.getppid() != parent:
        sys.exit(1)


def _now() -> int:
    return time.time_ns() // 1000


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _say(outgoing: int, told: Mapping[str, Any]) -> None:
    os.write(outgoing, json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    main()
