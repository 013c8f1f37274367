"""``python clients.py FOLDER [fresh]``: four who ask the server again and again, until nobody listens.

They are a process of their own, as clients are: what they do must not slow the one who replaces the
model. The first line of stdin is the body they send, its end the word to stop; then they print what
they saw. They find out what the server can answer, and ask for 70 % of that.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CLIENTS = 4
SHARE = 0.7
CALIBRATION = 500
"""How many answers are taken as fast as they come, to find out what the server can."""
PATIENCE_SECONDS = 10.0
PATH = "/deployments/clinic/predictions"


@dataclass
class Seen:
    """What the clients saw: acknowledged ids, versions with their times, and what went wrong."""

    acknowledged: list[str] = field(default_factory=list)
    answers: list[tuple[float, float, list[str]]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    possible: float = 0.0
    """Answers a second, when nobody waits between two questions."""


def known(folder: Path) -> dict[str, Any]:
    """Return what the server of a workspace says of itself; nothing while there is none."""
    try:
        return dict(json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError):
        return {}


def connected(told: dict[str, Any]) -> http.client.HTTPConnection:
    """Return a connection to a server, which is made with the first question."""
    return http.client.HTTPConnection(urlsplit(told["url"]).netloc, timeout=PATIENCE_SECONDS)


def once(client: http.client.HTTPConnection, told: dict[str, Any], asked: bytes, seen: Seen) -> str:
    """Ask once, remember what came of it, and return its status or what went wrong."""
    began = time.time()
    headers = {"Authorization": f"Bearer {told['token']}", "Content-Type": "application/json"}
    try:
        client.request("POST", PATH, asked, headers)
        answer = client.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        client.close()
        outcome = "not connected" if isinstance(error, ConnectionRefusedError) else _name(error)
        seen.outcomes[outcome] += 1
        return outcome
    seen.outcomes[str(answer.status)] += 1
    if answer.status == http.client.OK:
        found = json.loads(content)
        seen.acknowledged += [row["prediction_id"] for row in found["predictions"]]
        versions = {found["version"], *(row["version"] for row in found["predictions"])}
        seen.answers.append((began, time.time(), sorted(versions)))
    else:
        retry = answer.headers.get("Retry-After", "at any time")
        seen.refusals[f"{json.loads(content)['code']}, again after {retry}"] += 1
    return str(answer.status)


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


class Clients:
    """Some threads that ask, each on a connection of its own, or on a new one each time."""

    def __init__(self, folder: Path, asked: bytes, *, fresh: bool) -> None:
        self.seen = Seen()
        self._folder = folder
        self._asked = asked
        self._fresh = fresh
        self._ended = threading.Event()
        self._began = time.monotonic()
        self._pause = 0.0
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def begin(self) -> None:
        """Ask from now on."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        client, url, due = None, "", time.monotonic()
        while not self._ended.is_set():
            told = known(self._folder)
            if not told:
                time.sleep(0.01)
                continue
            if client is None or self._fresh or told["url"] != url:
                if client is not None:
                    client.close()
                client, url = connected(told), told["url"]
            if once(client, told, self._asked, self.seen) != "200":
                time.sleep(0.01)
            due = max(due + self._interval(), time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def _interval(self) -> float:
        """Return how far apart the questions of one client are."""
        count = len(self.seen.answers)
        if not self._pause and count >= CALIBRATION:
            self.seen.possible = count / (time.monotonic() - self._began)
            self._pause = CLIENTS / (SHARE * self.seen.possible)
        return self._pause


def main() -> None:
    """Ask until stdin ends, then say what was seen."""
    clients = Clients(Path(sys.argv[1]), sys.stdin.readline().encode(), fresh="fresh" in sys.argv)
    clients.begin()
    with suppress(KeyboardInterrupt):
        sys.stdin.read()
    clients.end()
    json.dump(vars(clients.seen), sys.stdout)


if __name__ == "__main__":
    main()
