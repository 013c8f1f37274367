"""The keeper of rollouts that go by themselves, in a process of its own.

It reads the prediction log, which takes time that the loop that answers requests does not have.
``python -m jupyter_mlops.serving.keeper PARENT`` ends when nothing is under way any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from jupyter_mlops.domain.access import Actor
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving.saying import say

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace

LOOK_SECONDS: Final = 1.0
SHARE_OF_TIME: Final = 0.1
"""How much of its time the keeper reads; it rests longer where the log is long."""
FRESH_SECONDS: Final = 10.0
_NICEST: Final = 19


class Keeper:
    """Has the process of the keeper run for as long as it is needed."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._is_needed = threading.Event()
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def look(self, *, is_needed: bool) -> None:
        """Say whether something is under way that goes by itself."""
        if not is_needed:
            self._is_needed.clear()
            return
        self._is_needed.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._tend, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the process."""
        self._stopped.set()
        self._is_needed.set()
        process = self._process
        if process is not None:
            process.terminate()
        if self._thread is not None:
            self._thread.join(LOOK_SECONDS)

    def _tend(self) -> None:
        """Start the process whenever it is needed and does not run; one that fails waits its turn."""
        while not self._stopped.is_set():
            self._is_needed.wait()
            if self._stopped.is_set():
                return
            began = time.monotonic()
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(os.getpid())],
                stdin=subprocess.DEVNULL,
                env=self._ws.home.environment(),
            )
            code = self._process.wait()
            failed_at_once = code and time.monotonic() - began < FRESH_SECONDS
            self._stopped.wait(FRESH_SECONDS if failed_at_once else LOOK_SECONDS)


def main(parent: int) -> None:
    """Tend what goes by itself until nothing does; one keeper at a time works on a workspace."""
    from jupyter_mlops.services import ramps
    from jupyter_mlops.services.workspace import open_local

    _end_with(parent)
    ws = open_local(mouth="server", actor=Actor("server", kind="service"))
    with (ws.home.folder / "keeper.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        while True:
            began = time.monotonic()
            try:
                if not ramps.tend(ws):
                    return
            except MlopsError as error:
                say(f"keeper: {error.message}")
            took = time.monotonic() - began
            time.sleep(max(LOOK_SECONDS, took / SHARE_OF_TIME))


def _end_with(parent: int) -> None:
    """Take what nobody else needs, and end with the server that started this."""
    import ctypes
    import signal

    os.nice(_NICEST)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
