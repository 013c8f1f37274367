"""The workspace's prediction server: started, found again, stopped.

It is a process of its own, or several, that outlives the kernel; ``server.json`` (0600) says where
it is, ``run/`` what each of its processes answers with.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.domain.answers import Server
from jupyter_mlops.domain.arguments import deed
from jupyter_mlops.errors import Invalid, Unavailable
from jupyter_mlops.services.processes import Told, answering, living, ring
from jupyter_mlops.services.workspace import Workspace

START_SECONDS = 60.0
STOP_SECONDS = 35.0
POLL_SECONDS = 0.02
GLANCE_SECONDS = 0.002
RULES_SECONDS = 10.0
MOST_PROCESSES = 64


@deed(here=True)
def serve(
    ws: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    processes: int = 1,
    pinned: str = "",
) -> Server:
    """Start the prediction server of this workspace, or say where it already listens.

    It listens on this machine only unless told otherwise; port 0 takes any free one. Several
    `processes` share the work, one for each processor is a good choice: a replacement is over when
    all of them answer with it, and one that dies is started anew.

    It goes by a copy of its own of the people and policies, pinned at its first start: `pinned` names
    the file, which another user than the one of the notebooks should own.
    """
    return ensure(ws, host=host, port=port, processes=processes, pinned=pinned)


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


def ensure(
    ws: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    processes: int = 1,
    pinned: str = "",
) -> Server:
    """Return the running prediction server, started now if there was none.

    Raises:
        Invalid: nobody runs so many processes.
        Unavailable: it did not come up; the message holds the last line it wrote.
    """
    check_processes(processes)
    if running := find(ws):
        return _told(ws, running, running=True)
    began = ws.home.log_file.stat().st_size if ws.home.log_file.exists() else 0
    if coming := living(ws.home):  # somebody else has just started it
        return _told(ws, _await(ws, coming[0].server, began), running=True)
    with ws.act("server:start", subject="server") as act:
        pid = ws.launcher(_command(ws, host, port, processes, pinned), ws.home.log_file)
        act.outcome = "begun"
        act.after = {"pid": pid, "host": host, "processes": processes}
    return _told(ws, _await(ws, pid, began), running=True)


def check_processes(count: int) -> None:
    """Raise unless a server may have so many processes.

    Raises:
        Invalid: fewer than one, or more than any machine needs.
    """
    if not 1 <= count <= MOST_PROCESSES:
        raise Invalid(
            "A prediction server has 1 to {most} processes, not {count}.",
            "one for each processor is a good choice.",
            code="processes_invalid",
            most=MOST_PROCESSES,
            count=count,
        )


def find(ws: Workspace) -> dict[str, Any] | None:
    """Return what ``server.json`` says, when a process of that server lives and answers."""
    known = _known(ws)
    if any(told.server == known.get("pid") for told in answering(ws.home)):
        return known
    return None


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
    """Return what every process of the running server answers with; nothing when none answers."""
    told = [_serving(found.deployments.get(deployment)) for found in answering(ws.home)]
    return [one for one in told[0] if all(one in other for other in told)] if told else []


def _serving(told: Mapping[str, Any] | None) -> list[Serving]:
    if told is None:
        return []
    tried = told["canary"]
    if tried is None:
        return [Serving(told["digest"], 1.0)]
    return [Serving(told["digest"], 0.0), Serving(tried["digest"], tried["share"])]


def await_rules(ws: Workspace, deployment: str, digest: str) -> None:
    """Wait until every process of the running server keeps to these rules; one to come will.

    Raises:
        Unavailable: one does not take them up.
    """
    ring(ws.home)
    until = time.monotonic() + RULES_SECONDS
    while not all(_keeps(told, deployment, digest) for told in answering(ws.home)):
        if time.monotonic() > until:
            raise Unavailable(
                "The rules are written down, but the prediction server has not taken them up.",
                "{log} says why; `stop`, then `serve` starts it anew.",
                code="rules_not_taken_up",
                log=ws.home.log_file,
            )
        time.sleep(GLANCE_SECONDS)


def _keeps(told: Told, deployment: str, digest: str) -> bool:
    """Say whether a process keeps to these rules, or does not serve the deployment at all."""
    place = told.deployments.get(deployment)
    return place is None or place["rules"] == digest


def shown(ws: Workspace) -> Server | None:
    """Return the running server in the shape that answers carry, or None."""
    running = find(ws)
    return _told(ws, running, running=True) if running else None


def _command(ws: Workspace, host: str, port: int, processes: int, pinned: str) -> list[str]:
    """Name a folder for whoever lists processes; an address stays in the environment."""
    return [
        sys.executable,
        "-m",
        "jupyter_mlops.serving",
        *(["--workspace", str(ws.home.folder)] if ws.home.is_sqlite else []),
        "--host",
        host,
        "--port",
        str(port),
        "--processes",
        str(processes),
        *(["--pinned", str(Path(pinned).expanduser().absolute())] if pinned else []),
    ]


def _await(ws: Workspace, pid: int, began: int) -> dict[str, Any]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if running := find(ws):
            return running
        if not is_alive(pid):
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


def is_alive(pid: int) -> bool:
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


def _await_end(pid: int) -> None:
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        if not is_alive(pid):
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
        processes=len(answering(ws.home)) if running else 0,
        token_file=str(ws.home.server_file),
    )
