"""The workspace's prediction server: started, found again, stopped.

It is a process of its own that outlives the kernel; ``server.json`` (0600) says where it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.domain.answers import Server
from jupyter_mlops.domain.arguments import deed
from jupyter_mlops.errors import Unavailable
from jupyter_mlops.services.workspace import Workspace

START_SECONDS = 60.0
STOP_SECONDS = 35.0
POLL_SECONDS = 0.02
RULES_SECONDS = 10.0


@deed(here=True)
def serve(ws: Workspace, *, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Start the prediction server of this workspace, or say where it already listens.

    It listens on this machine only unless told otherwise; port 0 takes any free one.
    """
    return ensure(ws, host=host, port=port)


@deed(here=True)
def stop(ws: Workspace) -> Server:
    """Stop the prediction server of this workspace after it has answered what it was asked."""
    running = find(ws)
    if running is None:
        return _told(ws, _known(ws), running=False)
    with ws.act("server:stop", subject="server") as act:
        act.after = {"url": running["url"], "pid": running["pid"]}
        os.kill(running["pid"], signal.SIGTERM)
    _await_end(running["pid"])  # outside the deed: what the server still does is a deed of its own
    return _told(ws, running, running=False)


def ensure(ws: Workspace, *, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Return the running prediction server, started now if there was none.

    Raises:
        Unavailable: it did not come up; the message holds the last line it wrote.
    """
    if running := find(ws):
        return _told(ws, running, running=True)
    with ws.act("server:start", subject="server") as act:
        began = ws.home.log_file.stat().st_size if ws.home.log_file.exists() else 0
        pid = ws.launcher(_command(ws, host, port), ws.home.log_file)
        act.outcome = "begun"
        act.after = {"pid": pid, "host": host}
    return _told(ws, _await(ws, pid, began), running=True)


def find(ws: Workspace) -> dict[str, Any] | None:
    """Return what ``server.json`` says, when the server it speaks of lives and answers."""
    known = _known(ws)
    if not known.get("pid") or not _alive(known["pid"]):
        return None
    return known if _answers(known) else None


def where(ws: Workspace) -> dict[str, Any]:
    """Return address and token of the running prediction server.

    Raises:
        Unavailable: none runs.
    """
    running = find(ws)
    if running is None:
        raise Unavailable(
            "No prediction server runs for this workspace.",
            "`serve` starts it.",
            code="server_not_running",
        )
    return running


@dataclass(frozen=True)
class Serving:
    """A version by its digest, and the share of the traffic it answers."""

    digest: str
    share: float


def serves(ws: Workspace, deployment: str) -> list[Serving]:
    """Return what the running server answers with; nothing when it does not answer."""
    told = _described(ws, deployment)
    if told is None:
        return []
    tried = told["canary"]
    if tried is None:
        return [Serving(told["digest"], 1.0)]
    return [Serving(told["digest"], 0.0), Serving(tried["digest"], tried["share"])]


def await_rules(ws: Workspace, deployment: str, digest: str) -> None:
    """Wait until the running server keeps to these rules; one that does not run will.

    Raises:
        Unavailable: it does not take them up.
    """
    until = time.monotonic() + RULES_SECONDS
    while (told := _described(ws, deployment)) is not None and told["rules"] != digest:
        if time.monotonic() > until:
            raise Unavailable(
                "The rules are written down, but the prediction server has not taken them up.",
                "{log} says why; `stop`, then `serve` starts it anew.",
                code="rules_not_taken_up",
                log=ws.home.log_file,
            )
        time.sleep(POLL_SECONDS)


def _described(ws: Workspace, deployment: str) -> dict[str, Any] | None:
    """Return what the running server says of a deployment; None when it says nothing."""
    import httpx

    running = find(ws)
    if running is None:
        return None
    answer = httpx.get(
        f"{running['url']}/v2/models/{deployment}",
        headers={"Authorization": f"Bearer {running['token']}"},
        timeout=5,
        trust_env=False,
    )
    told: dict[str, Any] | None = answer.json() if answer.status_code == httpx.codes.OK else None
    return told


def shown(ws: Workspace) -> Server | None:
    """Return the running server in the shape that answers carry, or None."""
    running = find(ws)
    return _told(ws, running, running=True) if running else None


def _command(ws: Workspace, host: str, port: int) -> list[str]:
    place = str(ws.home.folder) if ws.home.is_sqlite else ws.home.url
    return [
        sys.executable,
        "-m",
        "jupyter_mlops.serving",
        "--workspace",
        place,
        "--host",
        host,
        "--port",
        str(port),
    ]


def _await(ws: Workspace, pid: int, began: int) -> dict[str, Any]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if running := find(ws):
            return running
        if not _alive(pid):
            break
        ws.progress("starting the prediction server", 0.5)
        time.sleep(POLL_SECONDS)
    raise Unavailable(
        "The prediction server did not start: {why}",
        "{log} holds what it wrote.",
        code="server_not_started",
        why=_last_line(ws, began),
        log=ws.home.log_file,
    )


def _last_line(ws: Workspace, began: int) -> str:
    try:
        with ws.home.log_file.open("rb") as file:
            file.seek(began)
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it wrote nothing."


def _known(ws: Workspace) -> dict[str, Any]:
    try:
        told = json.loads(ws.home.server_file.read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _alive(pid: int) -> bool:
    """Say whether a process lives; one of our own that has ended is laid to rest first."""
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _waits_for_its_parent(pid)


def _waits_for_its_parent(pid: int) -> bool:
    """Say whether a process has ended, and whoever started it has not asked how yet.

    A kernel that started the server does not ask when a terminal stops it.
    """
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return told.rpartition(")")[2].split()[:1] == ["Z"]


def _answers(known: dict[str, Any]) -> bool:
    """Ask with the token, so that another process on the same port is not taken for ours."""
    import httpx

    try:
        answer = httpx.get(
            known["url"] + "/v2",
            headers={"Authorization": f"Bearer {known['token']}"},
            timeout=5,
            trust_env=False,
        )
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def _await_end(pid: int) -> None:
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        if not _alive(pid):
            return
        time.sleep(POLL_SECONDS)
    raise Unavailable(
        "The prediction server (process {pid}) has not stopped within {seconds} s.",
        "it may still be answering; try again.",
        code="server_not_stopped",
        pid=pid,
        seconds=int(STOP_SECONDS),
    )


def _told(ws: Workspace, known: dict[str, Any], *, running: bool) -> Server:
    return Server(
        url=known.get("url", ""),
        pid=known.get("pid", 0),
        started_at=known.get("started_at", ""),
        running=running,
        token_file=str(ws.home.server_file),
    )
