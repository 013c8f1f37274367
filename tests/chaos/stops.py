"""Killed and stopped under load: it comes back as it was, and whoever asks politely is answered."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from chaos.clients import Seen, known
from chaos.load import check_stored, digest, load
from jupyter_mlops import open_workspace
from jupyter_mlops.services import processes
from jupyter_mlops.services.workspace import open_local

BACK_SECONDS = 3.0
REPLACED_SECONDS = 30.0
BETWEEN_SECONDS = 0.5


def kills(folder: Path, count: int) -> str:
    """Kill -9 under load again and again; every acknowledged prediction is found, once."""
    session = open_workspace(folder)
    session.serve()
    champion, back = digest(folder), []
    with load(folder) as seen:
        for _ in range(count):
            time.sleep(BETWEEN_SECONDS)
            _killed(folder)
            back.append(_started(session, folder, champion))
    session.stop()
    check_stored(folder, seen)
    assert max(back) <= BACK_SECONDS, f"it was back after {max(back):.1f} s"
    assert not any(code.startswith("5") for code in seen.outcomes), seen.outcomes
    assert len(seen.answers) > count, seen.outcomes
    return (
        f"{len(seen.acknowledged):,} acknowledged, 0 lost, 0 doubled;"
        f" back with the same champion within {max(back):.1f} s"
    )


def terms(folder: Path, count: int, *, parts: int = 1) -> str:
    """Stop the server politely under load; whoever was told of it is answered."""
    session = open_workspace(folder)
    session.stop()
    session.serve(processes=parts)
    champion, back = digest(folder), []
    with load(folder, fresh=True) as seen:
        for _ in range(count):
            time.sleep(BETWEEN_SECONDS)
            session.stop()
            back.append(_started(session, folder, champion, processes=parts))
    session.stop()
    _check_all_answered(folder, seen)
    return (
        f"{seen.outcomes['200']:,} answered, 0 failed;"
        f" back with the same champion within {max(back):.1f} s"
    )


def pairs(folder: Path, count: int) -> str:
    """Stop a server of two processes politely under load."""
    return terms(folder, count, parts=2)


def halves(folder: Path, count: int) -> str:
    """Stop one of two processes politely under load; the other one answers, and it is replaced."""
    session = open_workspace(folder)
    session.stop()
    session.serve(processes=2)
    replaced = []
    with load(folder, fresh=True) as seen:
        for number in range(count):
            time.sleep(BETWEEN_SECONDS)
            replaced.append(_replaced(folder, number % 2))
    session.stop()
    _check_all_answered(folder, seen)
    return f"{seen.outcomes['200']:,} answered, 0 failed; replaced within {max(replaced):.1f} s"


def _killed(folder: Path) -> None:
    """Kill the server, and wait until it is dead."""
    os.kill(known(folder)["pid"], signal.SIGKILL)
    while processes.living(open_local(folder).home):
        time.sleep(0.01)


def _started(session, folder: Path, champion: str, **more: int) -> float:
    """Start the server; return how long it took until the same champion answered."""
    began = time.monotonic()
    session.serve(**more)
    assert digest(folder) == champion, "another champion came back"
    return time.monotonic() - began


def _replaced(folder: Path, which: int) -> float:
    """Stop one of two processes; return how long it took until there were two again."""
    home = open_local(folder).home
    victim = processes.answering(home)[which].pid
    began = time.monotonic()
    os.kill(victim, signal.SIGTERM)
    while len({told.pid for told in processes.answering(home)} - {victim}) < 2:
        assert time.monotonic() - began < REPLACED_SECONDS, "the process was not replaced"
        time.sleep(0.05)
    return time.monotonic() - began


def _check_all_answered(folder: Path, seen: Seen) -> None:
    """Raise if anybody who asked was refused, turned away or cut off."""
    failed = {outcome: n for outcome, n in seen.outcomes.items() if outcome != "200"}
    assert not failed, f"{failed} of {seen.outcomes.total():,}"
    check_stored(folder, seen)
