"""The parent of several processes: it holds the address they share, and starts anew those that die.

It answers nothing itself and loads next to nothing, so that there is little that could end it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyter_mlops.services import processes
from jupyter_mlops.serving import chores
from jupyter_mlops.serving.leaving import FAREWELL_SECONDS, let_nobody_in
from jupyter_mlops.serving.orders import Orders, tell_where
from jupyter_mlops.serving.saying import say

if TYPE_CHECKING:
    import socket

    from jupyter_mlops.config import Home

GLANCE_SECONDS: Final = 0.02
WATCH_SECONDS: Final = 1.0
STOP_SECONDS: Final = 34.0
SHORTEST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 10.0
LONG_ENOUGH: Final = 30.0
"""How long a process has to have lived for its end not to be held against it."""


@dataclass
class Slot:
    """The place of one process, whoever fills it now."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    wait: float = SHORTEST_WAIT
    due: float = 0.0


class Parent:
    """Starts the processes of a server, watches them, and ends them in peace."""

    def __init__(self, home: Home, orders: Orders, bound: socket.socket, count: int) -> None:
        self._home = home
        self._orders = orders
        self._bound = bound
        self._slots = [Slot(number) for number in range(count)]
        self._announcement = processes.Announcement(home, server=os.getpid())
        self._told_to_stop = False
        self._signals = _signals()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def run(self) -> int:
        """Serve until told to stop; return 2 when the processes do not come up."""
        for slot in self._slots:
            self._start(slot)
        if not self._came_up():
            self._end()
            return 0 if self._told_to_stop else 2
        tell_where(self._orders, self._home.server_file)
        while not self._told_to_stop:
            self._pause(WATCH_SECONDS)
            self._replace_the_dead()
        self._home.server_file.unlink(missing_ok=True)
        self._announcement.withdraw()
        self._end()
        return 0

    def _came_up(self) -> bool:
        """Wait until all answer; say whether they do, and none has ended instead."""
        while not self._told_to_stop:
            if any(slot.process and slot.process.poll() is not None for slot in self._slots):
                return False
            if len(processes.answering(self._home)) == len(self._slots):
                return True
            self._pause(GLANCE_SECONDS)
        return False

    def _replace_the_dead(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.process is not None and slot.process.poll() is not None:
                lived = now - slot.began
                slot.wait = (
                    SHORTEST_WAIT if lived > LONG_ENOUGH else min(slot.wait * 2, LONGEST_WAIT)
                )
                slot.due = now + slot.wait
                say(f"process {slot.process.pid} ended with {slot.process.returncode}")
                slot.process = None
            if slot.process is None and now >= slot.due and not self._told_to_stop:
                self._start(slot)

    def _start(self, slot: Slot) -> None:
        argv = [
            sys.executable,
            "-m",
            "jupyter_mlops.serving",
            "--inherit",
            str(self._bound.fileno()),
        ]
        slot.began = time.monotonic()
        slot.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            pass_fds=[self._bound.fileno()],
            process_group=0,  # what is typed at a terminal reaches them through their parent alone
        )
        assert slot.process.stdin is not None  # noqa: S101  (a pipe was asked for)
        slot.process.stdin.write(self._orders.for_slot(slot.number))
        slot.process.stdin.close()

    def _end(self) -> None:
        """Have every process answer what it was asked, and lay them to rest."""
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.terminate()
        time.sleep(FAREWELL_SECONDS)  # who still connects is answered by them
        let_nobody_in(self._bound)
        self._bound.close()
        until = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(until - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        chores.seal_apart(self._orders.place).wait()

    def _pause(self, seconds: float) -> None:
        """Wait until a signal comes, or for so long."""
        waits = [slot.due - time.monotonic() for slot in self._slots if slot.process is None]
        ready, _, _ = select.select([self._signals], [], [], max(0.0, min([seconds, *waits])))
        if ready:
            os.read(self._signals, 4096)

    def _stop(self, _number: int, _frame: object) -> None:
        self._told_to_stop = True


def _signals() -> int:
    """Return what becomes readable when a signal comes."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading
