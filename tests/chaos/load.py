"""Load from a process of its own, what it saw, and what there has to be of it afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chaos.clients import Seen, connected, known
from jupyter_mlops.services.workspace import open_local
from stories import tumours


class NotTried(Exception):
    """Something that a trial needs is not here; it says what."""


def rows(count: int) -> list[dict[str, Any]]:
    """Return rows that the model reads."""
    told: list[dict[str, Any]] = json.loads(
        tumours()[2].drop(columns="target").head(count).to_json(orient="records")
    )
    return told


def body(count: int) -> bytes:
    """Return what is sent to ask for so many rows."""
    return json.dumps({"rows": rows(count)}).encode()


@contextmanager
def load(folder: Path, *, fresh: bool = False) -> Iterator[Seen]:
    """Have clients ask while the block runs; what they saw is known after it.

    They follow the server wherever it listens; ``fresh`` ones connect anew for each question.
    """
    seen = Seen()
    script = str(Path(__file__).with_name("clients.py"))
    clients = subprocess.Popen(
        [sys.executable, script, str(folder), *(["fresh"] if fresh else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert clients.stdin is not None
    clients.stdin.write(body(2).decode() + "\n")
    clients.stdin.flush()
    try:
        yield seen
    finally:
        told = json.loads(clients.communicate()[0])
    for name, found in told.items():
        setattr(seen, name, Counter(found) if isinstance(found, dict) else found)


def digest(folder: Path) -> str:
    """Return the digest of the champion, by the server's own word."""
    return str(asked(folder, "/v2/models/clinic")["digest"])


def asked(folder: Path, path: str) -> dict[str, Any]:
    """Return what the server says at an address of its own, whatever the status."""
    told = known(folder)
    client = connected(told)
    client.request("GET", path, headers={"Authorization": f"Bearer {told['token']}"})
    answer = client.getresponse()
    found = dict(json.loads(answer.read()), status=answer.status)
    client.close()
    return found


def check_stored(folder: Path, seen: Seen) -> None:
    """Raise unless everything acknowledged is in the log, and nothing is in it twice."""
    log = open_local(folder).telemetry.read_predictions("clinic")
    found = log["prediction_id"].to_pylist()
    lost = set(seen.acknowledged) - set(found)
    assert not lost, f"{len(lost)} acknowledged predictions were lost"
    assert len(found) == len(set(found)), "a prediction is in the log twice"
