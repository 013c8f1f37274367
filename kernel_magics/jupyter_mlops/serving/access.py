"""One line for each request, of any route, without personal data: no id, no value, no address.

A request appends to memory; a thread writes. What does not fit into memory is counted, not waited for.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from jupyter_mlops.serving import door, wire

FLUSH_SECONDS: Final = 0.5
MOST_WAITING: Final = 50_000
KEPT_DAYS: Final = 30
LARGEST_DAY: Final = 128 << 20
LONGEST_PATH: Final = 200
PLACEHOLDER: Final = "{deployment}"
UNKNOWN: Final = door.CODES | wire.CODES
"""Codes of requests whose caller has not shown a token."""

Record = tuple[float, float, str, str, int, str, int, int, int, str]


class AccessLog:
    """The access log of one server: ``access/DAY.jsonl`` in its workspace, for thirty days."""

    def __init__(
        self,
        folder: Path,
        routes: Iterable[str],
        public: Iterable[str],
        is_deployment: Callable[[str], bool],
    ) -> None:
        self._folder = folder
        self._public = frozenset(public)
        self._routes = [route.split("/") for route in dict.fromkeys(routes)]
        self._is_deployment = is_deployment
        self._waiting: list[Record] = []
        self._dropped = 0
        self._day: date | None = None
        self._numbers = itertools.count()
        self._start = os.urandom(4).hex()
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def note(
        self,
        method: str,
        path: str,
        status: int,
        code: str,
        began: float,
        *,
        rows: int = 0,
        came: int = 0,
        went: int = 0,
        request: str = "",
    ) -> None:
        """Remember a request; the path is kept as its route alone."""
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        took = time.perf_counter() - began
        told = path if len(path) <= LONGEST_PATH else ""
        self._waiting.append(
            (time.time(), took, method, told, status, code, rows, came, went, request)
        )

    def number(self) -> str:
        """Return a name for a request, by which its line is found."""
        return f"{self._start}-{next(self._numbers):x}"

    def flush(self) -> None:
        """Write what is waiting; a disk that fails costs lines of this log and nothing else."""
        with self._writing:
            waiting, self._waiting = self._waiting, []
            dropped, self._dropped = self._dropped, 0
            if not waiting and not dropped:
                return
            lines = self._lines(waiting)
            if dropped:
                lines.append(f'{{"at":"{_second(int(time.time()))}Z","dropped":{dropped}}}\n')
            try:
                written = self._write("".join(lines).encode())
            except OSError:
                written = False
            if not written:
                self._dropped += dropped + len(waiting)

    def close(self) -> None:
        """Write what is waiting and stop."""
        self._stopped.set()
        self._thread.join(timeout=5)
        self.flush()

    def _run(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            self.flush()

    def _write(self, text: bytes) -> bool:
        """Append to the file of the day, unless that is full."""
        today = datetime.now(UTC).date()
        if today != self._day:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            _forget(self._folder, today)
            self._day = today
        name = self._folder / f"{today.isoformat()}.jsonl"
        handle = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "ab", buffering=0) as file:
            if file.tell() + len(text) > LARGEST_DAY:
                return False
            file.write(text)
        return True

    def _lines(self, records: Iterable[Record]) -> list[str]:
        """Write records as JSON; what is between quotation marks is ours and needs no escapes."""
        heads: dict[tuple[str, str], tuple[str, bool]] = {}
        lines, second, stamp = [], -1, ""
        for at, took, method, path, status, code, rows, came, went, request in records:
            asked = (method, path)
            if asked not in heads:
                heads[asked] = self._head(method, path)
            head, is_public = heads[asked]
            if int(at) != second:
                second = int(at)
                stamp = _second(second)
            caller = "unknown" if is_public or code in UNKNOWN else "token"
            named = f',"request":"{request}"' if request else ""
            lines.append(
                f'{{"at":"{stamp}.{int(at % 1 * 1000):03d}Z",{head},"status":{status},'
                f'"code":"{code}","rows":{rows},"ms":{took * 1000:.3f},"bytes_in":{came},'
                f'"bytes_out":{went},"caller":"{caller}"{named}}}\n'
            )
        return lines

    def _head(self, method: str, path: str) -> tuple[str, bool]:
        route, named = self._route(path)
        known = named if named and self._is_deployment(named) else None
        told = json.dumps(method), json.dumps(route), json.dumps(known)
        return '"method":{},"route":{},"deployment":{}'.format(*told), route in self._public

    def _route(self, path: str) -> tuple[str | None, str | None]:
        """Return the route that a path belongs to, and the deployment that it names."""
        parts = path.split("/")
        for route in self._routes:
            if _fits(route, parts):
                at = route.index(PLACEHOLDER) if PLACEHOLDER in route else None
                return "/".join(route), parts[at] if at is not None else None
        return None, None


def _fits(route: Sequence[str], parts: Sequence[str]) -> bool:
    return len(route) == len(parts) and all(
        wanted in (PLACEHOLDER, found) for wanted, found in zip(route, parts, strict=True)
    )


def _forget(folder: Path, today: date) -> None:
    """Remove the files of days that are over for long."""
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(ValueError, OSError):
            if today - date.fromisoformat(path.stem) > timedelta(days=KEPT_DAYS):
                path.unlink()


def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
