"""What is wrong with this installation, and what it can honestly promise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from jupyter_mlops.domain.answers import Diagnosis, Doctor, Status
from jupyter_mlops.domain.arguments import read
from jupyter_mlops.locale import tell
from jupyter_mlops.services import server
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import Workspace

LITTLE_DISK = 1 << 30
_ORDER: tuple[Status, ...] = ("passing", "unknown", "warning", "failing")


@read(here=True)
def doctor(ws: Workspace) -> Doctor:
    """Look at store, disk, audit log, prediction server and Jupyter, and say what is wrong."""
    items = [
        *_store(ws),
        *_disk(ws),
        *_audit(ws),
        *_server(ws),
        *_jupyter(),
        *_identity(ws),
        *_retention(ws),
    ]
    worst = max((item["status"] for item in items), key=_ORDER.index)
    return Doctor(status=worst, assurance=ws.actor.assurance, items=items)


def _store(ws: Workspace) -> Iterator[Diagnosis]:
    from jupyter_mlops.store.engine import sqlite_is_safe, sqlite_module

    if not ws.home.is_sqlite:
        yield _fine(tell("store"), tell("PostgreSQL answers at {where}.", where=ws.home.shown))
        return
    version = sqlite_module().sqlite_version
    if sqlite_is_safe():
        yield _fine(
            tell("store"),
            tell("SQLite {version} at {where}.", version=version, where=ws.home.database),
        )
        return
    yield Diagnosis(
        subject=tell("store"),
        status="warning",
        because=tell("SQLite {version} has a bug that can damage a busy store.", version=version),
        hint="pip install pysqlite3",
    )


def _disk(ws: Workspace) -> Iterator[Diagnosis]:
    free = shutil.disk_usage(ws.home.folder).free
    said = tell("{free} GB are free.", free=f"{free / 1e9:.1f}")
    if free >= LITTLE_DISK:
        yield _fine(tell("disk"), said)
        return
    yield Diagnosis(
        subject=tell("disk"),
        status="failing",
        because=said,
        hint=tell("a prediction that cannot be logged is not answered; make room."),
    )


def _audit(ws: Workspace) -> Iterator[Diagnosis]:
    found = audit(ws, verify=True, limit=1)
    whole = found["ok"]
    yield Diagnosis(
        subject=tell("audit log"),
        status="passing" if whole else "failing",
        because=found["because"],
        hint="" if whole else "%mlops audit --verify",
    )
    yield Diagnosis(
        subject=tell("anchor"),
        status="unknown",
        because=tell(
            "No anchor outside this workspace: a cut tail or a whole rewrite would not be seen."
        ),
        hint="",
    )


def _server(ws: Workspace) -> Iterator[Diagnosis]:
    running = server.shown(ws)
    if running:
        said = tell("It answers at {url}.", url=running["url"])
        if running["processes"] > 1:
            more = tell("{n} processes share the work.", n=running["processes"])
            said = f"{said} {more}"
        yield _fine(tell("prediction server"), said)
        return
    stale = ws.home.server_file.exists()
    yield Diagnosis(
        subject=tell("prediction server"),
        status="warning" if stale else "unknown",
        because=tell("The server that was started here has died.")
        if stale
        else tell("None runs for this workspace."),
        hint="%mlops serve",
    )


def _jupyter() -> Iterator[Diagnosis]:
    from importlib.util import find_spec

    here = find_spec("jupyter_mlops_lab") is not None and find_spec("jupyterlab") is not None
    if here:
        yield _fine(tell("JupyterLab"), tell("The panel is installed in this environment."))
        return
    yield Diagnosis(
        subject=tell("JupyterLab"),
        status="unknown",
        because=tell("No JupyterLab in this environment; words work without it."),
        hint="pip install jupyterlab",
    )


def _identity(ws: Workspace) -> Iterator[Diagnosis]:
    yield Diagnosis(
        subject=tell("assurance"),
        status="passing",
        because=tell(
            "This workspace knows one person; the most it can honestly say of a decision is"
            " '{assurance}'.",
            assurance=ws.actor.assurance,
        ),
        hint="",
    )


def _retention(ws: Workspace) -> Iterator[Diagnosis]:
    from jupyter_mlops.services import lifetimes

    for name, said in lifetimes.doubts(ws):
        yield Diagnosis(
            subject=tell("retention"),
            status="warning",
            because=said,
            hint=f"%mlops retention {name}",
        )


def _fine(subject: str, because: str) -> Diagnosis:
    return Diagnosis(subject=subject, status="passing", because=because, hint="")
