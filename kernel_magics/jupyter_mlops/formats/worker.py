"""A model that answers from a process of its own: watched, limited, and started anew when it dies.

What a compiled form cannot do is done here, so that a model that hangs, leaks or dies of a signal
costs one request, never the server. Parent and child speak through pipes: a length and a message.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import select
import signal
import struct
import subprocess
import sys
import time
import weakref
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from jupyter_mlops.domain import elsewhere
from jupyter_mlops.errors import Unavailable
from jupyter_mlops.formats.process import MEMORY

if TYPE_CHECKING:
    from jupyter_mlops.domain.answers import Task

WORKERS: Final = 2
ANSWER_SECONDS: Final = 10.0
LOAD_SECONDS: Final = 60.0
_LENGTH: Final = struct.Struct("<Q")
_READ: Final = 1 << 20
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG
_SILENT: Final = b"silent:"
"""What a child says before the reason why a model elsewhere gave no answer."""


class WorkerDied(Exception):
    """The model's process ended, or the model raised; its own words stay in its own process."""


class ModelRaised(WorkerDied):
    """The model raised; its process lives on."""


class Workers:
    """A few processes with the same model; a request takes one that is free."""

    def __init__(
        self,
        format: str,
        data: bytes,
        *,
        task: Task,
        classes: list[Any] | None,
        allowed: Collection[str] = (),
        most: int = WORKERS,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.task = task
        self.classes = classes
        self.is_away = format == elsewhere.ADDRESS
        self._seconds = seconds
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for _ in range(most):
            self._free.put(_Worker(format, data, seconds, allowed))

    def score(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Score in one of the processes.

        Raises:
            Unavailable: it did not answer in time, or none was free in time.
            WorkerDied: the model raised, or its process died; the next request finds a new one.
        """
        from jupyter_mlops.formats import frames

        try:
            worker = self._free.get(timeout=self._seconds)
        except queue.Empty:
            raise _too_slow() from None
        try:
            return worker.score(frames.to_arrow(dict(columns)))
        finally:
            self._free.put(worker)


class _Worker:
    """One process; it is started when it is first needed, and again after it has died."""

    def __init__(self, format: str, data: bytes, seconds: float, allowed: Collection[str]) -> None:
        self._format = format
        self._allowed = sorted(allowed)
        self._data = data
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def score(self, rows: bytes) -> np.ndarray[Any, Any]:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = self._started()
        try:
            told = _exchange(process, [rows], self._seconds)
        except (WorkerDied, Unavailable):
            self._end(process)
            raise
        if not told:
            raise ModelRaised("The model raised.")
        if told.startswith(_SILENT):
            raise elsewhere.silent(told.removeprefix(_SILENT).decode())
        found: np.ndarray[Any, Any] = np.load(io.BytesIO(told), allow_pickle=False)
        return found

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        weakref.finalize(self, _kill, process)
        head = json.dumps(
            {"format": self._format, "parent": os.getpid(), "allowed": self._allowed}
        ).encode()
        try:
            _exchange(process, [head, self._data], LOAD_SECONDS)
        except (WorkerDied, Unavailable):
            self._end(process)
            raise
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        _kill(process)
        self._process = None


def _exchange(process: subprocess.Popen[bytes], said: list[bytes], seconds: float) -> bytes:
    """Say something to a child and return its answer, or stop waiting for it."""
    if process.stdin is None or process.stdout is None:
        raise WorkerDied("It has no pipes.")
    until = time.monotonic() + seconds
    try:
        for message in said:
            _write(process.stdin.fileno(), _LENGTH.pack(len(message)) + message, until)
        (length,) = _LENGTH.unpack(_read(process.stdout.fileno(), _LENGTH.size, until))
        return _read(process.stdout.fileno(), length, until)
    except OSError as error:
        raise WorkerDied(str(error)) from None


def _write(handle: int, data: bytes, until: float) -> None:
    """Write to a pipe, but not for longer than until then."""
    os.set_blocking(handle, False)
    rest = memoryview(data)
    while rest:
        _wait(handle, select.POLLOUT, until)
        with contextlib.suppress(BlockingIOError):
            rest = rest[os.write(handle, rest[:_READ]) :]


def _read(handle: int, length: int, until: float) -> bytes:
    """Read from a pipe, but not for longer than until then."""
    parts, missing = [], length
    while missing:
        _wait(handle, select.POLLIN, until)
        part = os.read(handle, min(missing, _READ))
        if not part:
            raise WorkerDied("Its process ended.")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _wait(handle: int, event: int, until: float) -> None:
    """Wait for a pipe; ``poll``, since ``select`` knows no handle above 1023."""
    poll = select.poll()
    poll.register(handle, event)
    left = until - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise _too_slow()


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _too_slow() -> Unavailable:
    return Unavailable(
        "The model did not answer in time.",
        "send fewer rows at once, or try again.",
        code="deadline_exceeded",
    )


def main() -> None:
    """Load the model that comes through standard input, then answer until it is closed."""
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a model prints is not an answer
    head = json.loads(_message(incoming))
    _limit(head["parent"])
    from jupyter_mlops import formats
    from jupyter_mlops.formats import frames

    scorer = formats.load(head["format"], _message(incoming), allowed=head["allowed"])
    _answer(outgoing, b"ready")
    while rows := _message(incoming):
        try:
            scores = np.asarray(scorer.score(frames.from_arrow(rows)), dtype=np.float64)
        except Unavailable as error:
            _answer(outgoing, _SILENT + error.values["why"].encode())
            continue
        except Exception:  # noqa: BLE001  (a model raises whatever it likes)
            _answer(outgoing, b"")
            continue
        written = io.BytesIO()
        np.save(written, scores, allow_pickle=False)
        _answer(outgoing, written.getvalue())


def _limit(parent: int) -> None:
    """Bound the memory of this process, and end it with its parent, even in the middle of a score."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _message(incoming: BinaryIO) -> bytes:
    head = incoming.read(_LENGTH.size)
    return incoming.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


def _answer(outgoing: BinaryIO, data: bytes) -> None:
    outgoing.write(_LENGTH.pack(len(data)) + data)
    outgoing.flush()


if __name__ == "__main__":
    main()
