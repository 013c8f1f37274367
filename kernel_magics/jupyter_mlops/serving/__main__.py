"""``python -m jupyter_mlops.serving``: one process, one loop, one workspace."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import ipaddress
import json
import os
import secrets
import signal
import socket
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import uvicorn

from jupyter_mlops.domain.access import Actor
from jupyter_mlops.errors import Invalid, MlopsError, Unavailable
from jupyter_mlops.services import segments
from jupyter_mlops.services.scoring import settle
from jupyter_mlops.services.workspace import Workspace, open_local
from jupyter_mlops.serving.app import App
from jupyter_mlops.serving.fleet import Fleet
from jupyter_mlops.serving.repeats import Repeats

if TYPE_CHECKING:
    from pathlib import Path

DRAIN_SECONDS = 30
FAREWELL_SECONDS = 0.5
"""How long a server that was told to stop still takes requests, while callers learn to go elsewhere."""


class Server(uvicorn.Server):
    """Says where it listens once it can answer, and takes that back when it ends."""

    def __init__(
        self, config: uvicorn.Config, app: App, home_file: Path, told: dict[str, Any]
    ) -> None:
        super().__init__(config)
        self._app = app
        self._home_file = home_file
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start answering, then write ``server.json``."""
        await super().startup(sockets)
        _write_private(self._home_file, json.dumps(self._told))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take ``server.json`` back, take leave of who still comes, then answer what is open."""
        self._home_file.unlink(missing_ok=True)
        self._app.take_leave()
        await asyncio.sleep(FAREWELL_SECONDS)
        await super().shutdown(sockets)


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; return 2 when it cannot begin, with one line that says why."""
    said = _parser().parse_args(argv)
    try:
        _check_host(said.host, allowed=said.allow_network)
        ws = open_local(said.workspace, mouth="server", actor=Actor("server", kind="service"))
        lock = _only_one(ws)
        bound = _bound(said.host, said.port)
        fleet = Fleet(ws, compiled=not said.no_compiled)
        fleet.follow()
        _serve(ws, fleet, bound, said.host)
    except MlopsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    lock.close()
    return 0


def _serve(ws: Workspace, fleet: Fleet, bound: socket.socket, host: str) -> None:
    port = bound.getsockname()[1]
    token = secrets.token_urlsafe(32)
    segments.seal(ws)
    settle(ws)
    repeats = Repeats(ws)
    for model in fleet:
        repeats.remember_log(model.deployment)
    names = {host, "127.0.0.1", "localhost", "[::1]"}
    hosts = frozenset(f"{name}:{port}" for name in names)
    app = App(ws, fleet, repeats, token=token, hosts=hosts)
    told = {
        "url": f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}",  # noqa: S104
        "token": token,
        "pid": os.getpid(),
        "started_at": datetime.now(UTC).isoformat(),
    }
    # uvicorn raises the signal once more when it has drained; what follows still has to run
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _drained)
    server = Server(_config(app), app, ws.home.server_file, told)
    watcher = threading.Thread(target=fleet.watch, args=(_say,), daemon=True)
    watcher.start()
    try:
        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(server.serve(sockets=[bound]))
    finally:
        fleet.stop()
        watcher.join(timeout=5)
        app.close()
        segments.seal(ws)


def _loop() -> Any:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=75,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlops.serving", description=__doc__)
    parser.add_argument("--workspace", default=None, help="folder or database address")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--allow-network", action="store_true", help="listen beyond this machine")
    parser.add_argument("--no-compiled", action="store_true", help="serve the original models")
    return parser


def _check_host(host: str, *, allowed: bool) -> None:
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if local or allowed:
        return
    raise Invalid(
        "{host} is not this machine alone.",
        "the server has no TLS of its own: put a proxy before it, or say --allow-network.",
        code="host_not_local",
        host=host,
    )


def _bound(host: str, port: int) -> socket.socket:
    """Bind here, so that a port in use is one line and nothing was begun."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise Unavailable(
            "Port {port} cannot be used: {why}.",
            "choose another: `serve --port 0` takes any free one.",
            code="port_in_use",
            port=port,
            why=getattr(error, "strerror", None) or str(error),
        ) from None
    bound.set_inheritable(True)
    return bound


def _only_one(ws: Workspace) -> Any:
    """Hold a lock for as long as this process lives: one prediction server per workspace folder."""
    file = (ws.home.folder / "server.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Unavailable(
            "A prediction server of this workspace runs already.",
            "`serve` says where; `stop` ends it.",
            code="server_runs_already",
        ) from None
    return file


def _write_private(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    beside.rename(path)


def _drained(_number: int, _frame: object) -> None:
    """Let the process end by itself."""


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
