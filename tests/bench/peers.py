"""Other servers of the same pipeline: each in its own environment, asked in its own protocol."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments
import httpx
import mixed
import processes
from wrk import Target

HERE = Path(__file__).parent
START_SECONDS = 60

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Peer:
    """How another server is installed and asked."""

    name: str
    packages: tuple[str, ...]
    ready: str
    ask: str
    body: Callable[[Rows], Any]


@dataclass(frozen=True)
class Running:
    """A peer that answers, and how to ask it for any number of rows."""

    peer: Peer
    pid: int
    url: str
    versions: str

    def target(self, rows: Rows) -> Target:
        """Return what asks it for these rows."""
        return Target(self.pid, self.url, json.dumps(self.peer.body(rows)).encode())


def _split(rows: Rows) -> Any:
    data = [[row[name] for name in mixed.FEATURES] for row in rows]
    return {"dataframe_split": {"columns": mixed.FEATURES, "data": data}}


def _inference(rows: Rows) -> Any:
    inputs = [_tensor(name, [row[name] for row in rows]) for name in mixed.FEATURES]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "shape": [len(values), 1], "data": values}
    if name in mixed.LEVELS:
        return {**told, "datatype": "BYTES", "parameters": {"content_type": "str"}}
    return {**told, "datatype": "INT64" if name in mixed.INTEGERS else "FP64"}


PEERS = (
    Peer("MLflow", ("mlflow",), "/ping", "/invocations", _split),
    Peer(
        "MLServer",
        ("mlserver", "mlserver-sklearn"),
        "/v2/health/ready",
        "/v2/models/linear/infer",
        _inference,
    ),
    Peer("vetiver", ("vetiver",), "/ping", "/predict", list),
)


@contextlib.contextmanager
def running(peer: Peer, interpreter: Path, folder: Path) -> Iterator[Running]:
    """Train in a peer's environment and serve on loopback.

    Raises:
        NeverAnsweredError: it does not start here, or does not answer a row.
    """
    kind = peer.name.lower()
    place = folder / kind
    place.mkdir()
    port = processes.free_port()
    words = [interpreter, HERE / "serve_as.py", kind, place, str(port)]
    with processes.running(words, written=folder / f"{kind}.log", env=_clean()) as process:
        base = f"http://127.0.0.1:{port}"
        processes.until_it_answers(base + peer.ready, process, seconds=START_SECONDS)
        told = environments.versions(interpreter, [*peer.packages, "scikit-learn"])
        found = Running(peer, process.pid, base + peer.ask, told)
        _check(found)
        yield found


def _check(found: Running) -> None:
    """Ask for two rows once, so that only answers are measured."""
    body = found.target(mixed.asked(2)).body
    answer = httpx.post(
        found.url, content=body, timeout=30, trust_env=False,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    if not answer.is_success:
        raise processes.NeverAnsweredError(f"{found.url}: {answer.status_code} {answer.text[:200]}")


def _clean() -> dict[str, str]:
    """Return this environment without what names our own packages."""
    return {name: told for name, told in os.environ.items() if not name.startswith("PYTHON")}
