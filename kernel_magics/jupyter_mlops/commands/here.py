"""The words about this very place: which workspace is open, and where it can be looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from jupyter_mlops.commands.local import Local
from jupyter_mlops.commands.session import Session
from jupyter_mlops.domain.answers import Page, Person, WorkspaceRow
from jupyter_mlops.domain.arguments import DeploymentName, read
from jupyter_mlops.errors import NotFound, Unavailable, did_you_mean

DASHBOARDS: Final = ("executive", "deployment")


@read(here=True)
def use(session: Session, where: str | None = None) -> WorkspaceRow:
    """Open a workspace, or show the one that is open.

    ``where`` is a folder, ``sqlite:///…``, ``postgresql+psycopg://…`` or the address of a Jupyter
    or team server. When nothing was ever said, it is what ``JUPYTER_MLOPS_WORKSPACE`` names, or
    the user data folder.
    """
    if where is not None:
        session.move(where)
    if isinstance(session.door, Local):
        return _near(session.door)
    return _far(session)


@read(here=True)
def dashboard(session: Session, name: str = "executive", deployment: DeploymentName = "") -> Page:
    """Say where a dashboard can be looked at: on the Jupyter server that runs here.

    ``executive`` is about the fleet; ``deployment`` about one deployment, unless named the one most in
    need.

    Raises:
        NotFound: there is no dashboard of that name.
        Unavailable: no Jupyter server runs here.
    """
    check_dashboard(name)
    page = f"{name} {deployment}".strip()
    base = session.where if session.door.is_remote else _server_address(os.environ, page)
    about = f"?{urlencode({'deployment': deployment})}" if deployment else ""
    return Page(name=name, url=f"{base.rstrip('/')}/jupyter-mlops/dashboards/{name}{about}")


def check_dashboard(name: str) -> str:
    """Return the name unchanged when a dashboard has it."""
    if name in DASHBOARDS:
        return name
    meant = did_you_mean(name, DASHBOARDS)
    raise NotFound(
        "There is no dashboard {name}.",
        "Did you mean {meant}?" if meant else "there are: {known}.",
        code="dashboard_not_found",
        name=name,
        meant=meant,
        known=", ".join(DASHBOARDS),
    )


def _near(door: Local) -> WorkspaceRow:
    from jupyter_mlops.domain.access import as_person
    from jupyter_mlops.services import server

    home = door.ws.home
    return WorkspaceRow(
        where=door.where,
        folder=str(home.folder),
        database=home.shown,
        person=as_person(door.ws.actor.to_dict()),
        server=server.shown(door.ws),
    )


def _far(session: Session) -> WorkspaceRow:
    """Describe a workspace behind an address, once it has answered."""
    session.say("overview", {})
    nobody = Person(id="owner", kind="person", assurance="recorded", claims={}, label="")
    return WorkspaceRow(
        where=session.where, folder="", database=session.where, person=nobody, server=None
    )


def _server_address(environ: Mapping[str, str], page: str) -> str:
    """Return the address of the Jupyter server that started this kernel, else of any here."""
    if prefix := environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        return prefix
    from jupyter_server.serverapp import list_running_servers

    servers = _with_us(list_running_servers())
    parent = environ.get("JPY_PARENT_PID")
    for server in servers:
        if str(server["pid"]) == parent:
            return str(server["url"])
    if servers:
        return str(servers[0]["url"])
    raise Unavailable(
        "No Jupyter server runs here, and dashboards need one.",
        "start `jupyter lab`, or write the page as a file: publish {page} --to FILE.html.",
        code="jupyter_server_missing",
        page=page,
    )


def _with_us(servers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    from jupyter_mlops.services.server import is_alive

    return [server for server in servers if is_alive(int(server["pid"]))]
