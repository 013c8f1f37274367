"""The processes of the prediction server: each says in a file of its own what it serves now.

``run/PID.json`` is locked by its writer for as long as that lives, so that nobody believes what a
dead process said, whoever has its number now. Reading all of them takes less than a millisecond.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from jupyter_mlops.config import Home

BELL = "bell"


@dataclass(frozen=True)
class Told:
    """What a living process says of itself.

    ``server`` is the process that was started as the server (its parent, or itself); ``revision``
    the state of the store that it has followed; ``ready`` the rollouts it has in memory.
    """

    pid: int
    server: int
    answers: bool = False
    revision: int = -1
    ready: frozenset[int] = frozenset()
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)


class Announcement:
    """What this process says of itself, kept for as long as it lives."""

    def __init__(self, home: Home, *, server: int) -> None:
        self._folder = home.run
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = self._folder / f"{os.getpid()}.json"
        self._told: dict[str, Any] = {"pid": os.getpid(), "server": server}
        self._held: IO[str] | None = None
        self._lock = threading.Lock()
        self.say()

    def say(self, **told: Any) -> None:
        """Say something new, beside what was said before; a reader sees all of it or nothing."""
        with self._lock:
            if self._held is not None and self._told == self._told | told:
                return
            self._told |= told
            beside = self._folder / f".{self._path.name}"
            file = os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")
            fcntl.flock(file, fcntl.LOCK_EX)
            json.dump(self._told, file)
            file.flush()
            beside.rename(self._path)
            before, self._held = self._held, file
            if before is not None:
                before.close()

    def withdraw(self) -> None:
        """Say nothing any more."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            if self._held is not None:
                self._held.close()
                self._held = None


def living(home: Home) -> list[Told]:
    """Return what the processes say that live."""
    found = (_read(path) for path in home.run.glob("[0-9]*.json"))
    return sorted((told for told in found if told is not None), key=lambda told: told.pid)


def answering(home: Home) -> list[Told]:
    """Return what the processes say that live and answer requests."""
    return [told for told in living(home) if told.answers]


def ring(home: Home) -> None:
    """Have the processes look at the store at once; they would have a little later anyway."""
    with contextlib.suppress(OSError):
        (home.run / BELL).touch(mode=0o600)


def clear(home: Home) -> None:
    """Remove what dead processes have left; only a server that is the only one may."""
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in home.run.glob("*.json"):
        if not path.stem.isdigit() or _read(path) is None:
            path.unlink(missing_ok=True)


def _read(path: Path) -> Told | None:
    while True:
        try:
            with path.open() as file:
                text = file.read()
                held = _is_held(file)
                now = path.stat().st_ino == os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return None
        if held:
            return _understood(text)
        if now:  # not only replaced in the meantime by the next thing that its writer says
            return None


def _is_held(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _understood(text: str) -> Told | None:
    try:
        told = json.loads(text)
        return Told(**{**told, "ready": frozenset(told.get("ready", ()))})
    except (ValueError, TypeError):
        return None
