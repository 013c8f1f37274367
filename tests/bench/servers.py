"""Our prediction server with both pipelines, and the least a server can do."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import mixed
import processes
from wrk import JSON, Target

from jupyter_mlops import open_workspace

HERE = Path(__file__).parent
START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A prediction server that runs: its process, its address, its token, how long it took."""

    pid: int
    url: str
    token: str
    started: float

    def target(self, deployment: str, body: bytes, kind: str = JSON) -> Target:
        """Return what asks one of its deployments."""
        url = f"{self.url}/deployments/{deployment}/predictions"
        return Target(self.pid, url, body, kind, self.token)


def approved(session: Any, model: Any, deployment: str) -> Any:
    """Register a pipeline and have it approved for a deployment."""
    version = session.register(
        model, name=deployment, train=mixed.frame(), target="left", holdout=mixed.frame(1_000, 21)
    )
    session.approve(session.request(version, for_deployment=deployment).id)
    return version


def deployed(folder: Path) -> dict[str, Any]:
    """Carry both pipelines out in a new workspace; return their versions."""
    session = open_workspace(folder)
    versions = {}
    for name, made in mixed.MODELS.items():
        versions[name] = approved(session, made(mixed.frame()), name)
        session.deploy(versions[name], to=name)
    session.stop()
    return versions


@contextlib.contextmanager
def ours(folder: Path, *more: str) -> Iterator[Server]:
    """Run the prediction server of a workspace that has something deployed."""
    words = [sys.executable, "-m", "jupyter_mlops.serving", "--workspace", folder, *more]
    began = time.perf_counter()
    with processes.running(words, written=folder / "server.log") as process:
        known = _known(folder, process.pid)
        found = Server(process.pid, known["url"], known["token"], 0.0)
        _ask(found.target("linear", json.dumps({"rows": mixed.asked(1)}).encode()))
        yield Server(found.pid, found.url, found.token, time.perf_counter() - began)


@contextlib.contextmanager
def noop(folder: Path) -> Iterator[tuple[int, str]]:
    """Run the server that answers `{}` to anything; give its process and address."""
    port = processes.free_port()
    words = [sys.executable, HERE / "noop.py", str(port)]
    with processes.running(words, written=folder / "noop.log") as process:
        url = f"http://127.0.0.1:{port}/"
        processes.until_it_answers(url, process)
        yield process.pid, url


def _known(folder: Path, pid: int) -> dict[str, Any]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError):
            known: dict[str, Any] = json.loads((folder / "server.json").read_text())
            if known["pid"] == pid:
                return known
        time.sleep(0.01)
    raise processes.NeverAnsweredError(folder)


def _ask(target: Target) -> None:
    httpx.post(
        target.url, content=target.body, timeout=30, trust_env=False,
        headers={"Content-Type": target.kind, "Authorization": f"Bearer {target.token}"},
    ).raise_for_status()  # fmt: skip
