"""A disk that fails or is full at the N-th write of the log, by strace, for one N after another."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from load import Seen, check_stored, known, once, rows

from jupyter_mlops import open_workspace

FAULTS = (("pwritev,pwritev2", "ENOSPC"), ("fdatasync", "EIO"))
"""Which of the two writes a list of buffers is the C library's choice."""
ATTACH_SECONDS = 10
RECOVERY_SECONDS = 5.0


def faults(folder: Path, count: int) -> str:
    """Let the N-th write and the N-th sync fail; nothing acknowledged is lost, and it goes on."""
    if not shutil.which("strace"):
        return "not tried: strace is not installed (apt-get install strace)"
    session = open_workspace(folder)
    session.serve()
    told, seen, longest = known(folder), Seen(), 0.0
    with httpx.Client(timeout=30) as client:
        for call, error in FAULTS:
            for number in range(1, count + 1):
                with _injected(told["pid"], f"{call}:error={error}:when={number}"):
                    longest = max(longest, _until_it_failed(client, told, seen))
            with _injected(told["pid"], f"{call}:error={error}:when=1+"):
                _while_it_fails(client, told, seen)
            longest = max(longest, _until_it_answers(client, told, seen))
    session.stop()
    assert set(seen.outcomes) == {"200", "503"}, seen.outcomes
    check_stored(folder, seen)
    return (
        f"{seen.outcomes['503']} refused, {len(seen.acknowledged):,} acknowledged, 0 lost;"
        f" answers again within {longest:.1f} s, the same process"
    )


@contextmanager
def _injected(pid: int, fault: str) -> Iterator[None]:
    """Let calls of a process fail for as long as the block runs."""
    call = fault.partition(":")[0]
    tracer = subprocess.Popen(
        [
            "strace",
            "-f",
            "-o",
            "/dev/null",
            "-e",
            f"trace={call}",
            "-e",
            f"inject={fault}",
            "-p",
            str(pid),
        ],
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


def _until_it_failed(client: httpx.Client, told: dict, seen: Seen) -> float:
    """Ask until one request was refused, then until one is answered; return how long that took."""
    for _ in range(1000):
        if once(client, told, rows(2), seen) == "503":
            return _until_it_answers(client, told, seen)
    message = "the fault was never met"
    raise AssertionError(message)


def _until_it_answers(client: httpx.Client, told: dict, seen: Seen) -> float:
    began = time.monotonic()
    while once(client, told, rows(2), seen) != "200":
        assert time.monotonic() - began < RECOVERY_SECONDS, "it does not answer again"
        time.sleep(0.05)
    return time.monotonic() - began


def _while_it_fails(client: httpx.Client, told: dict, seen: Seen) -> None:
    """Ask for two seconds while the disk takes nothing: nothing may be acknowledged, health answers."""
    began, before = time.monotonic(), len(seen.acknowledged)
    while time.monotonic() - began < 2:
        assert once(client, told, rows(2), seen) == "503"
        time.sleep(0.05)
    assert len(seen.acknowledged) == before
    assert client.get(told["url"] + "/v2/health/live").status_code == httpx.codes.OK
