"""What is wrong with this installation, and what it can honestly promise."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from jupyter_mlops.config import Home, find_home
from jupyter_mlops.domain.answers import AnchorRow, Diagnosis, Doctor, Status
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import tell, translate
from jupyter_mlops.services import server, soundness, surety
from jupyter_mlops.services.anchors import anchors
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import Workspace

LITTLE_DISK = 1 << 30
_ORDER: tuple[Status, ...] = ("passing", "unknown", "warning", "failing")
"""From fine to bad."""


def examined(ws: Workspace) -> Doctor:
    """Look at a workspace that is open; what cannot be looked at is said, and the rest goes on."""
    parts: tuple[tuple[str, Callable[[], Iterable[Diagnosis]]], ...] = (
        (tell("store"), partial(_store, ws)),
        (tell("integrity"), partial(soundness.of_store, ws)),
        (tell("disk"), partial(_disk, ws)),
        (tell("permissions"), partial(soundness.of_place, ws.home.folder)),
        (tell("clock"), partial(soundness.of_clock, ws)),
        (tell("backup"), partial(soundness.of_backups, ws)),
        (tell("audit log"), partial(_audit, ws)),
        (tell("prediction server"), partial(_server, ws)),
        (tell("JupyterLab"), _jupyter),
        (tell("assurance"), partial(surety.diagnosed, ws)),
        (tell("retention"), partial(_retention, ws)),
    )
    items = [item for subject, part in parts for item in _looked(subject, part)]
    items.sort(key=lambda item: -_ORDER.index(item["status"]))  # what is wrong is read first
    return Doctor(status=_worst(items), assurance=surety.most(ws), items=items)


def of_closed(place: str, error: MlopsError) -> Doctor:
    """Say what is wrong with a workspace that cannot be opened; nothing of it is changed."""
    items = [_failing(tell("store"), error)]
    home = find_home(place)
    if home.folder.is_dir():
        items += _looked(tell("permissions"), partial(soundness.of_place, home.folder))
        items += _copies(home)
    items += _jupyter()
    return Doctor(status="failing", assurance="recorded", items=items)


def _looked(subject: str, part: Callable[[], Iterable[Diagnosis]]) -> list[Diagnosis]:
    """Return what a part found; where it could not look, that is what it found."""
    try:
        return list(part())
    except MlopsError as error:
        return [_failing(subject, error)]
    except OSError as error:
        because = error.strerror or str(error)
        return [Diagnosis(subject=subject, status="failing", because=because, hint="")]


def _failing(subject: str, error: MlopsError) -> Diagnosis:
    because = translate(error.template).format_map(error.values)
    hint = translate(error.hint_template).format_map(error.values)
    return Diagnosis(subject=subject, status="failing", because=because, hint=hint)


def _worst(items: Sequence[Diagnosis]) -> Status:
    return max((item["status"] for item in items), key=_ORDER.index)


def _copies(home: Home) -> Iterator[Diagnosis]:
    """Name the copy of the store from before the last change of its form, if there is one."""
    from jupyter_mlops.store.schema import copies

    for copy in copies(home)[:1]:
        yield Diagnosis(
            subject=tell("backup"),
            status="unknown",
            because=tell("A copy of the store from before an upgrade is at {path}.", path=copy),
            hint=tell(
                "put it in the place of {store} when no backup is newer.", store=home.database
            ),
        )


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
    yield from _anchors(ws, {one["where"]: one["ok"] for one in found["anchors"]})


def _anchors(ws: Workspace, fits: Mapping[str, bool | None]) -> Iterator[Diagnosis]:
    rows = anchors(ws)["items"]
    for row in rows:
        disagrees = row["state"] == "disagrees" or fits.get(row["where"]) is False
        ill: Status = "warning" if row["state"] == "unreachable" else "passing"
        yield Diagnosis(
            subject=tell("anchor"),
            status="failing" if disagrees else ill,
            because=_lag(row),
            hint="%mlops audit --verify"
            if disagrees
            else "%mlops anchors"
            if ill != "passing"
            else "",
        )
    if not rows:
        yield Diagnosis(
            subject=tell("anchor"),
            status="unknown",
            because=tell(
                "No anchor outside this workspace: a cut tail or a whole rewrite would not be seen."
            ),
            hint="%mlops anchor WHERE",
        )


def _lag(row: AnchorRow) -> str:
    minutes = "–" if row["age"] is None else f"{row['age'] / 60:,.0f}"
    said = tell(
        "{where} holds {events} events, signed {minutes} minutes ago; {behind} are not there yet.",
        where=row["where"],
        events=f"{row['events']:,}",
        minutes=minutes,
        behind=f"{row['behind']:,}",
    )
    return said if row["state"] == "current" else f"{said} {row['because']}"


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
