"""A process with the libraries in memory, from which processes of models branch off.

Most of what a fresh process does before it meets a model is to import what the model was made with.
A stem does that once. It never sees a model, has one thread (beside that of Arrow's allocator, which
knows of forking), and ends with the process that started it, or when nothing was asked of it for a
while. What branches off is as fresh as a new process: its own session, environment, folder and
random numbers; only the hash seed is the stem's, so there can be a second one, of another seed.

Only where forking is safe once libraries are imported, which is on Linux.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

PARENT: Final = "JUPYTER_MLOPS_PARENT"
"""The variable that names the process with which a process of a model has to end."""
SAID: Final = "said"
"""The file, in the folder of a process, that its errors go to."""
IDLE_SECONDS: Final = 60.0
_SEED: Final = "PYTHONHASHSEED"
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG
_LARGEST: Final = 1 << 20
_BEGUN: Final = b"begun"
_WORD: Final = 32


def environment(*, reseeded: bool = False) -> dict[str, str]:
    """Return the environment of a process of a model: one thread, and where wanted another hash seed."""
    told = {**os.environ, "OMP_NUM_THREADS": "1", PARENT: str(os.getpid())}
    if reseeded:
        told[_SEED] = "2" if told.get(_SEED) == "1" else "1"
    return told


def end_with_parent() -> None:
    """Have this process end with the one that started it, which its environment names."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != int(os.environ[PARENT]):
        sys.exit(1)


class Gone(Exception):
    """The stem ended before it began what it was asked for."""


class Stem:
    """The near end of a stem, which is started when it is first needed and again when it has ended."""

    def __init__(self, *, reseeded: bool = False) -> None:
        self._reseeded = reseeded
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0

    def branch(
        self, module: str, folder: Path, environment: Mapping[str, str], libraries: Sequence[str]
    ) -> Branch:
        """Have ``module.main(folder)`` run in a process that branches off.

        Raises:
            OSError: no stem can be started, or what it is told is too long.
        """
        job = json.dumps(
            {
                "module": module,
                "libraries": list(libraries),
                "folder": str(folder),
                "environment": dict(environment),
                "place": str(Path.cwd()),
            }
        ).encode()
        for _ in range(2):  # one that was about to end has not begun, so the next one may
            try:
                return self._asked(job)
            except (Gone, BrokenPipeError, ConnectionResetError):
                self._forget()
        raise OSError("The stem ends at once.")

    def prepare(self, libraries: Sequence[str]) -> None:
        """Have libraries in the stem's memory, and do not wait for it.

        Raises:
            OSError: no stem can be started.
        """
        job = json.dumps({"libraries": list(libraries)}).encode()
        with self._lock:
            self._alive().send(job)

    def _asked(self, job: bytes) -> Branch:
        with self._lock:
            control = self._alive()
            near, far = socket.socketpair()
            with far:
                try:
                    socket.send_fds(control, [job], [far.fileno()])
                except OSError:
                    near.close()
                    raise
        return Branch(near)

    def _alive(self) -> socket.socket:
        """Return the way to a stem of this very process."""
        mine = self._owner == os.getpid()
        if mine and self._process is not None and self._process.poll() is None and self._control:
            return self._control
        self._forget()
        self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(far.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(reseeded=self._reseeded),
                pass_fds=[far.fileno()],
                start_new_session=True,
            )
        self._owner = os.getpid()
        return self._control

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


class Branch:
    """The near end of a process that branched off; letting go of it ends it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._code: int | None = None
        if self._told(None) != _BEGUN:
            end.close()
            raise Gone

    def wait(self, seconds: float) -> int:
        """Return the code it ended with, or minus the signal it died of.

        Raises:
            subprocess.TimeoutExpired: it goes on.
        """
        if self._code is None:
            try:
                told = self._told(seconds)
            except TimeoutError:
                raise subprocess.TimeoutExpired(__name__, seconds) from None
            self._code = int(told) if told else -signal.SIGKILL
        return self._code

    def end(self) -> None:
        """End it, if it goes on, with everything that it has started; return when it has ended."""
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_WR)
            while self._told(None):
                pass
        self._end.close()

    def _told(self, seconds: float | None) -> bytes:
        """Return the next word from the stem, padded to one length; nothing once it is gone."""
        self._end.settimeout(seconds)
        try:
            return self._end.recv(_WORD, socket.MSG_WAITALL).rstrip()
        except ConnectionError:
            return b""


class _Far:
    """The far end: what runs in the stem itself, in its only thread."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._branches: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, waking = socket.socketpair()
        self._woken.setblocking(False)
        waking.setblocking(False)
        self._waking = waking
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        self._selector.register(control, selectors.EVENT_READ, self._take)
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)

    def run(self) -> None:
        """Branch off what is asked for, until nobody asks any more."""
        going = True
        while going:
            ready = self._selector.select(None if self._branches else IDLE_SECONDS)
            going = bool(ready)
            for key, _ in ready:
                if key.data() is False:
                    going = False
        for pid in list(self._branches):
            self._kill(pid)

    def _take(self) -> bool:
        """Branch off once more, or get ready to; False when the one who asks has ended."""
        said, ends, _, _ = socket.recv_fds(self._control, _LARGEST, 1)
        if not said:
            return False
        job = json.loads(said)
        self._import([*job["libraries"], *filter(None, [job.get("module")])])
        if not ends:
            return True
        end = socket.socket(fileno=ends[0])
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            end.close()
            self._leave()
            os._exit(_branched(job))
        self._branches[pid] = end
        self._selector.register(end, selectors.EVENT_READ, lambda: self._kill(pid))
        _tell(end, _BEGUN)
        return True

    def _import(self, names: Sequence[str]) -> None:
        for name in names:
            with contextlib.suppress(Exception):  # the branch meets it too, and says so
                importlib.import_module(name)

    def _leave(self) -> None:
        """Let go, in a branch, of everything that is the stem's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for each in (self._control, self._woken, self._waking, *self._branches.values()):
            each.close()

    def _kill(self, pid: int) -> None:
        """End a branch and its session; it is reaped when it has ended, so its number is its own."""
        if pid not in self._branches:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):  # it has not come to its own session yet
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._branches[pid])

    def _reap(self) -> None:
        """Tell of each branch that has ended, once what it had started has ended too."""
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(_LARGEST):
                pass
        for pid in list(self._branches):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            self._kill(pid)
            _, status = os.waitpid(pid, 0)
            end = self._branches.pop(pid)
            _tell(end, str(os.waitstatus_to_exitcode(status)).encode())
            end.close()


def _tell(end: socket.socket, word: bytes) -> None:
    with contextlib.suppress(OSError):  # who asked has ended, and its branch will
        end.sendall(word.ljust(_WORD))


def _branched(job: Mapping[str, Any]) -> int:
    """Become what a fresh process would be, do the work, and return the code to end with."""
    try:
        _renew(job)
        return int(importlib.import_module(job["module"]).main(job["folder"]) or 0)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(ended.code + "\n")
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  (as the interpreter does when it ends a process)
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _renew(job: Mapping[str, Any]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(job["environment"] | {PARENT: str(os.getppid())})
    end_with_parent()
    nothing = os.open(os.devnull, os.O_RDWR)
    said = os.open(Path(job["folder"]) / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for opened, at in ((nothing, 0), (nothing, 1), (said, 2)):
        os.dup2(opened, at)
    os.chdir(job["place"])
    sys.path[0], sys.argv = job["place"], [job["module"], job["folder"]]
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # else every branch would draw the same numbers


if __name__ == "__main__":
    _Far(socket.socket(fileno=int(sys.argv[1]))).run()
