"""A disk that fails or is full at the N-th call of the log, by strace, for one N after another."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from chaos.clients import Seen, connected, known, once
from chaos.load import NotTried, asked, body, check_stored
from jupyter_mlops import open_workspace
from jupyter_mlops.services.workspace import open_local

WRITE = "pwritev,pwritev2"
"""Which of the two writes a list of buffers is the C library's choice."""
FAULTS = (
    (WRITE, "ENOSPC"),
    (WRITE, "EIO"),
    ("fdatasync", "EIO"),
    ("fdatasync", "ENOSPC"),
)
NEW = (
    ("openat", "ENOSPC"),
    ("pwrite64", "ENOSPC"),
    ("pwrite64", "EIO"),
    ("fsync", "EIO"),
    ("fsync", "ENOSPC"),
)
"""What can fail while a new segment is made; these calls have other uses too, so that all of them fail."""
REFUSAL = "log_unavailable, again after 1"
ATTACH_SECONDS = 10
RECOVERY_SECONDS = 5.0
FAILING_SECONDS = 2.0
NOTICED_SECONDS = 10.0


def tool(name: str) -> None:
    """Raise unless a program is here."""
    if not shutil.which(name):
        raise NotTried(f"{name} is not installed (apt-get install {name})")


def faults(folder: Path, count: int) -> str:
    """Let writes, syncs and new segments fail; nothing acknowledged is lost, and it goes on."""
    tool("strace")
    session = open_workspace(folder)
    session.serve()
    trial = Trial(folder)
    for call, error in FAULTS:
        for number in range(1, count + 1):
            trial.fails_once(f"{call}:error={error}:when={number}")
        trial.fails_for_a_while(f"{call}:error={error}:when=1+")
    for call, error in NEW:
        for _ in range(max(count // 10, 1)):
            trial.fails_for_a_while(f"{call}:error={error}:when=1+", begun=trial.ask_for_a_segment)
    assert known(folder)["pid"] == trial.pid, "the process was another one in the end"
    session.stop()
    return trial.told()


class Trial:
    """One server, one client, and what becomes of them when calls fail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = known(folder)
        self._client: HTTPConnection = connected(self._known)
        self._body = body(2)
        self._seen = Seen()
        self._longest = 0.0
        self.pid = int(self._known["pid"])

    def fails_once(self, fault: str) -> None:
        """Ask until one request was refused, then until one is answered."""
        with injected(self.pid, fault):
            for _ in range(1000):
                if self._ask() == "503":
                    break
            else:
                raise AssertionError(f"{fault} was never met")
            self._answers_again()

    def fails_for_a_while(self, fault: str, *, begun: Callable[[], None] = lambda: None) -> None:
        """Ask while calls fail: from the first refusal on nothing is acknowledged, and it is not ready."""
        with injected(self.pid, fault):
            begun()
            until = time.monotonic() + NOTICED_SECONDS
            while self._ask() == "200":
                assert time.monotonic() < until, f"{fault} was never met"
                time.sleep(0.02)
            until = time.monotonic() + FAILING_SECONDS
            while time.monotonic() < until:
                assert self._ask() == "503", "it acknowledged what is not on disk"
                self._is_not_ready()
                time.sleep(0.05)
            assert asked(self._folder, "/v2/health/live")["live"]
        self._answers_again()
        assert asked(self._folder, "/v2/health/ready")["ready"]

    def ask_for_a_segment(self) -> None:
        """Have the server begin another segment soon."""
        open_local(self._folder).telemetry.ask_for_turn()

    def told(self) -> str:
        """Say what was seen, when all of it is as it should be."""
        seen = self._seen
        assert set(seen.outcomes) == {"200", "503"}, seen.outcomes
        assert set(seen.refusals) == {REFUSAL}, seen.refusals
        check_stored(self._folder, seen)
        return (
            f"{seen.outcomes['503']} refused, not ready meanwhile,"
            f" {len(seen.acknowledged):,} acknowledged, 0 lost;"
            f" answers again within {self._longest:.1f} s, the same process"
        )

    def _is_not_ready(self) -> None:
        """Look whether it says so; once a second it tries the disk, which the next request makes it do."""
        for _ in range(2):
            if asked(self._folder, "/v2/health/ready")["status"] == 503:
                return
            self._ask()
        raise AssertionError("it says that it is ready while it answers nobody")

    def _ask(self) -> str:
        return once(self._client, self._known, self._body, self._seen)

    def _answers_again(self) -> None:
        began = time.monotonic()
        while self._ask() != "200":
            assert time.monotonic() - began < RECOVERY_SECONDS, "it does not answer again"
            time.sleep(0.05)
        self._longest = max(self._longest, time.monotonic() - began)


@contextmanager
def injected(pid: int, fault: str) -> Iterator[None]:
    """Let calls of a process fail for as long as the block runs."""
    tracer = subprocess.Popen(
        [*traced(fault), "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    line = tracer.stderr.readline() if tracer.stderr else ""
    assert "attached" in line, line
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=ATTACH_SECONDS)


def traced(fault: str) -> list[str]:
    """Return how strace is called to let calls fail."""
    call = fault.partition(":")[0]
    return ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={fault}"]
