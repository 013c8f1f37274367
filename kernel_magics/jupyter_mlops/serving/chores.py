"""What has to be done now and then while requests are answered, away from the loop."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from jupyter_mlops.config import WORKSPACE
from jupyter_mlops.services.segments import is_behind
from jupyter_mlops.services.watching import SEAL
from jupyter_mlops.serving.saying import say

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace

TICK_SECONDS: Final = 1.0
SEAL_SECONDS: Final = 30.0
BUSY: Final = 0.3
"""Share of a core that a server uses, from which on sealing waits for a quieter moment."""
AGAIN_SECONDS: Final = 10.0
"""How long a watcher that has died is not started again."""
END_SECONDS: Final = 5.0
"""How long a watcher may take to end when it is told to."""
PATIENCE_SECONDS: Final = 600.0
"""How long finished segments wait for one."""


def watch_apart(place: str) -> subprocess.Popen[bytes]:
    """Start a process that watches, seals when it is told to, and ends with this one."""
    return subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlops.services.watching"],
        stdin=subprocess.PIPE,
        env={**os.environ, WORKSPACE: place},
    )


def seal_apart(place: str, *, hurried: bool = False) -> subprocess.Popen[bytes]:
    """Start a process that seals and profiles finished segments once, and gives way to all others.

    One that is hurried gets its share of a busy machine, a small one.
    """
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyter_mlops.services.segments",
            *(["hurried"] if hurried else []),
        ],
        stdin=subprocess.DEVNULL,
        env={**os.environ, WORKSPACE: place},
    )


def _ended(helper: subprocess.Popen[bytes]) -> None:
    """End a process at whatever step: beginning again comes to the same, so it may be killed too."""
    helper.terminate()
    try:
        helper.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        helper.kill()
        helper.wait()


class Chores:
    """A thread that does them; the first process of a server also has a watcher, which seals."""

    def __init__(
        self,
        ws: Workspace,
        place: str,
        *,
        seals: bool,
        each: list[Callable[[], None]],
    ) -> None:
        self._ws = ws
        self._place = place
        self._each = each
        self._seals = seals
        self._used = time.process_time()
        self._troubles: dict[Callable[..., None], str] = {}
        self._watcher: subprocess.Popen[bytes] | None = None
        self._sealer: subprocess.Popen[bytes] | None = None
        self._watched_at = -math.inf
        self._sealed_at = -math.inf
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def begin(self) -> None:
        """Do them from now on."""
        self._thread.start()

    def end(self) -> None:
        """Do them once more, and no longer; what is being sealed is sealed another time."""
        self._stopped.set()
        self._thread.join(timeout=END_SECONDS)
        self._do_each()
        for helper in (self._watcher, self._sealer):
            if helper is not None:
                _ended(helper)

    def _work(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            self._do_each()
            used, self._used = self._used, time.process_time()
            if self._seals:
                self._do(self._watch)
                self._do(self._seal, is_busy=self._used - used > BUSY * TICK_SECONDS)

    def _do_each(self) -> None:
        for chore in self._each:
            self._do(chore)

    def _do(self, chore: Callable[..., None], **words: bool) -> None:
        """Do one of them; one that fails ends none of the others, and says so when that begins."""
        try:
            chore(**words)
        except Exception as error:  # noqa: BLE001  (whatever it is, the others have to be done)
            trouble = f"{type(error).__name__}: {error}"
            if self._troubles.get(chore) != trouble:
                say(trouble)
            self._troubles[chore] = trouble
        else:
            self._troubles.pop(chore, None)

    def _watch(self) -> None:
        """Have the watcher run; one that fails at once waits its turn."""
        if self._watcher is not None and self._watcher.poll() is None:
            return
        if time.monotonic() - self._watched_at > AGAIN_SECONDS:
            self._watched_at = time.monotonic()
            self._watcher = watch_apart(self._place)

    def _seal(self, *, is_busy: bool) -> None:
        """Have the watcher seal in a quiet moment; where too much waits for one, do not wait."""
        if self._sealer is not None and self._sealer.poll() is None:
            return
        first = self._sealed_at < 0  # what a server left that did not end in peace
        since = time.monotonic() - self._sealed_at
        waits = is_busy and since < PATIENCE_SECONDS
        if not waits and since < SEAL_SECONDS:
            return
        if waits and is_behind(self._ws):
            self._sealer = seal_apart(self._place, hurried=True)
        if waits or not (first or self._ws.telemetry.finished()):
            return
        if self._watcher is None or self._watcher.stdin is None:
            return
        with contextlib.suppress(OSError):  # it has just died; the next one is told again
            self._watcher.stdin.write(SEAL)
            self._watcher.stdin.flush()
            self._sealed_at = time.monotonic()
