"""Load from several threads, and what it saw."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from jupyter_mlops.services.workspace import open_local
from stories import tumours

CLIENTS = 4
PAUSE_SECONDS = 0.004
"""What each client waits between two questions, so that the machine is busy and not drowned."""


@dataclass
class Seen:
    """What the clients saw: acknowledged ids, versions with their times, and what went wrong."""

    acknowledged: list[str] = field(default_factory=list)
    answers: list[tuple[float, float, str]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


def rows(count: int) -> list[dict[str, Any]]:
    """Return rows that the model reads."""
    told: list[dict[str, Any]] = json.loads(
        tumours()[2].drop(columns="target").head(count).to_json(orient="records")
    )
    return told


@contextmanager
def load(folder: Path, *, fresh: bool = False) -> Iterator[Seen]:
    """Ask again and again from several threads, following the server wherever it listens."""
    seen, ended, asked = Seen(), threading.Event(), rows(2)

    def ask() -> None:
        client, url = httpx.Client(timeout=30), ""
        while not ended.is_set():
            told = known(folder)
            if fresh or told.get("url") != url:
                client.close()
                client, url = httpx.Client(timeout=30), told.get("url", "")
            if not url:
                time.sleep(0.01)
                continue
            once(client, told, asked, seen)
            time.sleep(PAUSE_SECONDS)
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def known(folder: Path) -> dict[str, Any]:
    """Return what the server of a workspace says of itself; nothing while there is none."""
    try:
        return dict(json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError):
        return {}


def once(client: httpx.Client, told: dict[str, Any], asked: list[Any], seen: Seen) -> str:
    """Ask once, remember what came of it, and return its status or what went wrong."""
    began = time.time()
    try:
        answer = client.post(
            told["url"] + "/deployments/clinic/predictions",
            json={"rows": asked},
            headers={"Authorization": f"Bearer {told['token']}"},
        )
    except httpx.ConnectError:
        seen.outcomes["not connected"] += 1
        time.sleep(0.01)
        return "not connected"
    except httpx.HTTPError as error:
        seen.outcomes[type(error).__name__] += 1
        return type(error).__name__
    status = str(answer.status_code)
    seen.outcomes[status] += 1
    if answer.status_code == httpx.codes.OK:
        found = answer.json()
        seen.acknowledged += [row["prediction_id"] for row in found["predictions"]]
        seen.answers.append((began, time.time(), found["version"]))
    return status


def check_stored(folder: Path, seen: Seen) -> None:
    """Raise unless everything acknowledged is in the log, and nothing is in it twice."""
    log = open_local(folder).telemetry.read_predictions("clinic")
    found = log["prediction_id"].to_pylist()
    lost = set(seen.acknowledged) - set(found)
    assert not lost, f"{len(lost)} acknowledged predictions were lost"
    assert len(found) == len(set(found)), "a prediction is in the log twice"
