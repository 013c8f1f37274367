"""A challenger in a process of its own: what was answered is given to it afterwards, if it keeps up.

The loop that answers requests only puts bytes into a bounded queue and, a few times a second, into a
pipe that never blocks; what does not fit is dropped and counted. The process scores with the lowest
priority and appends to the prediction log through a segment of its own. One that raises, hangs, leaks
or dies costs itself; after a few failures in a row it is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, Final

MOST_WAITING: Final = 1000
MOST_BYTES: Final = 8 << 20
MOST_AT_ONCE: Final = 256 << 10
PIPE_BYTES: Final = 1 << 20
FLUSH_SECONDS: Final = 0.03
MOST_FAILURES: Final = 5
FIRST_PAUSE: Final = 0.2
END_SECONDS: Final = 2.0
HEADER: Final = struct.Struct("<III")
LENGTH: Final = struct.Struct("<Q")


class Queue:
    """What waits to be scored, and the pipe it goes into; only the loop puts something here."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._requests = self._bytes = self._dropped = 0
        self._rest = memoryview(b"")
        self._pipe = -1
        self._ended = False
        self._lock = threading.Lock()  # the pipe is opened and closed by another thread
        self._timer: asyncio.TimerHandle | None = None

    def offer(self, head: bytes, record: bytes) -> None:
        """Take an answered request, or drop and count it when too much waits already."""
        size = len(head) + len(record)
        if self._ended:
            return
        if self._requests >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self._dropped += 1
            return
        self._waiting += (HEADER.pack(self._dropped, len(head), len(record)), head, record)
        self._dropped = 0
        self._requests += 1
        self._bytes += size
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def open(self, pipe: int) -> None:
        """Write to this pipe from now on, beginning with a whole request."""
        os.set_blocking(pipe, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        with self._lock:
            self._rest, self._pipe = memoryview(b""), pipe

    def close(self) -> None:
        """Write nowhere any more; whoever opened the pipe may close it now."""
        with self._lock:
            self._pipe = -1

    def end(self) -> None:
        """Take nothing any more; what still waits is forgotten."""
        self._ended = True
        self.close()

    def _flush(self) -> None:
        """Write what the pipe takes at once, and come again for the rest."""
        self._timer = None
        with self._lock:
            if self._pipe >= 0:
                with contextlib.suppress(OSError):
                    self._write()
        if not self._ended and (self._waiting or self._rest):
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def _write(self) -> None:
        if not self._rest:
            data = b"".join(self._waiting)
            self._waiting, self._requests, self._bytes = [], 0, 0
            self._rest = memoryview(data)
        written = os.write(self._pipe, self._rest[:MOST_AT_ONCE])
        self._rest = self._rest[written:]


class Shadow:
    """The process of one challenger: started, watched, started anew, given up."""

    def __init__(
        self,
        head: dict[str, Any],
        data: bytes,
        *,
        on_ready: Callable[[], None],
        on_given_up: Callable[[str], None],
        argv: tuple[str, ...] = (sys.executable, "-m", "jupyter_mlops.serving.shadowed"),
    ) -> None:
        self._head = head
        self._data = data
        self._on_ready = on_ready
        self._on_given_up = on_given_up
        self._argv = argv
        self._queue = Queue()
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._why = ""
        self.offer = self._queue.offer
        self._thread = threading.Thread(target=self._tend, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the process once it has written down what it has scored."""
        self._stopped.set()
        self._queue.end()
        process = self._process
        if process is not None:
            self._hang_up(process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            process.kill()
        self._thread.join(END_SECONDS)

    def _tend(self) -> None:
        """Keep a process going until told to stop, or until it has failed too often in a row.

        The death signal of the process is bound to the thread that starts it: this one.
        """
        while not self._stopped.is_set():
            died = self._lived()
            if self._stopped.is_set():
                return
            if self._failures < MOST_FAILURES:
                self._failures += 1
                self._why = died
            if self._failures >= MOST_FAILURES:
                self._queue.end()
                self._on_given_up(self._why)
                return
            self._stopped.wait(FIRST_PAUSE * 2**self._failures)

    def _lived(self) -> str:
        """Start a process, listen to it until it ends, and return what it died of."""
        try:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        except OSError as error:
            return f"its process does not start: {error.strerror}"
        self._process = process
        if process.stdin is None or process.stdout is None:
            return "it has no pipes"
        try:
            self._begin(process.stdin)
            for line in process.stdout:
                self._heard(json.loads(line), process.stdin)
                if self._failures >= MOST_FAILURES:
                    break
        except (OSError, ValueError):
            pass  # it died while it was spoken to; its end says of what
        finally:
            self._queue.close()
            if not self._stopped.is_set():
                process.kill()
            code = process.wait()
            self._hang_up(process)
            process.stdout.close()
        return f"its process died of signal {-code}" if code < 0 else f"its process ended ({code})"

    def _begin(self, stdin: IO[bytes]) -> None:
        """Hand over the model; this thread may wait for the process to take it."""
        head = json.dumps({**self._head, "parent": os.getpid()}).encode()
        for message in (head, self._data):
            stdin.write(LENGTH.pack(len(message)))
            stdin.write(message)
        stdin.flush()

    def _heard(self, told: dict[str, Any], stdin: IO[bytes]) -> None:
        if "failed" in told:
            self._failures += 1
            self._why = str(told["failed"])
        elif "answered" in told:
            self._failures = 0
        elif "ready" in told:
            self._queue.open(stdin.fileno())
            self._on_ready()

    def _hang_up(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
