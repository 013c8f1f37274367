"""Processes that are measured: begun on loopback, waited for, counted with their children, ended."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import psutil

POLITE_SECONDS = 5
"""How long a server may take to end; what it would still put in order goes away with its folder."""

QUIET = {"OMP_NUM_THREADS": "1"}
"""One thread for everybody: on one row more of them only wait for each other."""


class NeverAnsweredError(Exception):
    """A server did not answer within its time, or ended before it did."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def running(
    words: Sequence[str | Path], *, written: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program and end it, its children included; what it writes goes to a file."""
    with written.open("wb") as file:
        process = subprocess.Popen(
            words, stdout=file, stderr=subprocess.STDOUT, env={**(env or os.environ), **QUIET}
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    family = _family(process.pid)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=POLITE_SECONDS)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def until_it_answers(url: str, process: subprocess.Popen[bytes], *, seconds: float = 60) -> None:
    """Return once a server answers that it is ready.

    Raises:
        NeverAnsweredError: it has ended, or took longer than it may.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.02)
    raise NeverAnsweredError(url)


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process and all its descendants have taken."""
    times = []
    for member in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            told = member.cpu_times()
            times += [told.user, told.system, told.children_user, told.children_system]
    return sum(times)


def memory(pid: int) -> tuple[int, int]:
    """Return the bytes that a process holds in memory, and those that its descendants hold."""
    held = []
    for member in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            held.append(member.memory_info().rss)
    return held[0], sum(held[1:])


def _family(pid: int) -> list[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
