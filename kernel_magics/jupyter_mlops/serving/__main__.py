"""``python -m jupyter_mlops.serving``: one workspace, one address, one process or several."""

from __future__ import annotations

import argparse
import fcntl
import ipaddress
import json
import os
import secrets
import socket
import sys
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from jupyter_mlops.config import WORKSPACE, find_home
from jupyter_mlops.errors import Invalid, MlopsError, Unavailable
from jupyter_mlops.services import processes
from jupyter_mlops.services.server import check_processes
from jupyter_mlops.serving.orders import Orders

if TYPE_CHECKING:
    from jupyter_mlops.config import Home


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; return 2 when it cannot begin, with one line that says why."""
    said = _parser().parse_args(argv)
    try:
        if said.inherit:
            return _child(said)
        return _server(said)
    except MlopsError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _server(said: argparse.Namespace) -> int:
    """Hold the lock and the address of this workspace's server for as long as it runs."""
    _check_host(said.host, allowed=said.allow_network)
    check_processes(said.processes)
    home = find_home(said.workspace)
    os.environ.pop(WORKSPACE, None)  # the processes of models have no business with the store
    if said.processes == 1:
        from jupyter_mlops.serving import process

        ws = process.opened(home, said.pinned)
        with _only_one(home):
            processes.clear(home)
            bound = _bound(said.host, said.port)
            orders = _orders(said, home, bound)
            return process.serve(ws, orders, bound, home_file=home.server_file)
    from jupyter_mlops.serving.parent import Parent

    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(home):
        processes.clear(home)
        bound = _bound(said.host, said.port)
        return Parent(home, _orders(said, home, bound), bound, said.processes).run()


def _child(said: argparse.Namespace) -> int:
    """Be one of several: the address is inherited, the orders come through standard input."""
    from jupyter_mlops.serving import process

    orders = Orders(**json.loads(sys.stdin.readline()))
    process.end_with(orders.server)
    bound = socket.socket(fileno=said.inherit)
    return process.serve(process.opened(find_home(orders.place), orders.pinned), orders, bound)


def _orders(said: argparse.Namespace, home: Home, bound: socket.socket) -> Orders:
    shown = "127.0.0.1" if said.host == "0.0.0.0" else said.host  # noqa: S104
    port = bound.getsockname()[1]
    names = {said.host, "127.0.0.1", "localhost", "[::1]"}
    return Orders(
        place=str(home.folder) if home.is_sqlite else home.url,
        url=f"http://{shown}:{port}",
        hosts=sorted(f"{name}:{port}" for name in names),
        token=secrets.token_urlsafe(32),
        server=os.getpid(),
        slot=0,
        compiled=not said.no_compiled,
        started_at=datetime.now(UTC).isoformat(),
        pinned=said.pinned,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlops.serving", description=__doc__)
    parser.add_argument(
        "--workspace", default=None, help=f"folder or database address; {WORKSPACE} says it unseen"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--processes", type=int, default=1, help="how many share the work")
    parser.add_argument("--allow-network", action="store_true", help="listen beyond this machine")
    parser.add_argument("--no-compiled", action="store_true", help="serve the original models")
    parser.add_argument("--pinned", default="", help="where its own copy of people and policies is")
    parser.add_argument("--inherit", type=int, default=0, help=argparse.SUPPRESS)
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
    return bound


def _only_one(home: Home) -> IO[str]:
    """Hold a lock for as long as this process lives: one prediction server per workspace folder."""
    file = (home.folder / "server.lock").open("a")
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


if __name__ == "__main__":
    sys.exit(main())
