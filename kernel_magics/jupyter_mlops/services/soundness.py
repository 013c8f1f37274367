"""What keeps a workspace safe: the store itself, who may write beside it, the clock, backups and drills."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlmodel

from jupyter_mlops.domain import backups
from jupyter_mlops.domain.answers import Diagnosis, Status
from jupyter_mlops.domain.names import iso
from jupyter_mlops.locale import tell
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

LATE: Final = timedelta(minutes=1)
"""How far the clock may be behind the newest event."""
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_RESTORE: Final = "jupyter mlops restore ARCHIVE --to FOLDER"


def of_store(ws: Workspace) -> Iterator[Diagnosis]:
    """Look at pages, references and triggers."""
    from jupyter_mlops.store import soundness

    found = soundness.faults(ws.engine)
    yield _diagnosis(
        tell("integrity"),
        tell("The store is damaged: {why}", why="; ".join(found))
        if found
        else tell("Pages and references of the store are whole.")
        if ws.home.is_sqlite
        else tell("PostgreSQL looks after its own pages."),
        "failing" if found else "passing",
        hint=_RESTORE if found else "",
    )
    missing = soundness.missing_triggers(ws.engine)
    yield _diagnosis(
        tell("audit triggers"),
        tell("Missing or changed: {names}.", names=", ".join(missing))
        if missing
        else tell("The store refuses to change what was written."),
        "failing" if missing else "passing",
        hint="%mlops audit --verify" if missing else "",
    )


def of_place(folder: Path) -> Iterator[Diagnosis]:
    """Look at who owns the folder and what is in it, and who else may write there."""
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        yield _diagnosis(
            tell("permissions"),
            tell("{folder} is on a disk that is read-only.", folder=folder),
            "failing",
            hint=tell("have it mounted so that it can be written, or restore a backup elsewhere."),
        )
        return
    wrong, whose = [], []
    for path in [folder, *sorted(folder.glob("*"))]:
        if path.is_symlink():
            continue
        found = path.stat()
        if found.st_mode & _OTHERS_WRITE:
            wrong.append(path.name)
        if found.st_uid != os.getuid():
            whose.append(path.name)
    if wrong:
        yield _diagnosis(
            tell("permissions"),
            tell("Others may write to {names}.", names=", ".join(wrong[:5])),
            "failing",
            hint=f"chmod -R go-w {folder}",
        )
    elif whose:
        yield _diagnosis(
            tell("permissions"),
            tell("Somebody else owns {names}.", names=", ".join(whose[:5])),
            "warning",
            hint=tell("let one user own the workspace, and run its servers as that user."),
        )
    else:
        yield _diagnosis(tell("permissions"), tell("Only its owner writes here."))


def of_clock(ws: Workspace) -> Iterator[Diagnosis]:
    """Compare the clock with the newest event: expiry dates depend on it."""
    event = tables.AuditEvent
    with ws.look() as session:
        newest = session.exec(
            sqlmodel.select(event.at).order_by(sqlmodel.col(event.seq).desc()).limit(1)
        ).first()
    now = ws.now()
    if newest and newest > iso(ws.clock() + LATE):
        yield _diagnosis(
            tell("clock"),
            tell("It is {now} here, and the newest event is of {newest}.", now=now, newest=newest),
            "failing",
            hint=tell("set the clock: until then nothing expires when it should."),
        )
        return
    yield _diagnosis(tell("clock"), tell("It is later than the newest event."))


def of_backups(ws: Workspace) -> Iterator[Diagnosis]:
    """Tell how old the last backup is, and the last time that one was tried."""
    with ws.look() as session:
        written = _last(session, backups.WRITTEN)
        drilled = _last(session, backups.DRILLED)
    yield _aged(
        ws,
        tell("backup"),
        written,
        backups.OLD_BACKUP,
        never=tell("No backup was ever written."),
        hint="jupyter mlops backup --to FOLDER/",
    )
    if written:
        yield _aged(
            ws,
            tell("restore drill"),
            drilled,
            backups.OLD_DRILL,
            never=tell("No backup was ever tried."),
            hint="jupyter mlops restore ARCHIVE --drill",
        )


def _aged(ws: Workspace, subject: str, at: str, days: int, *, never: str, hint: str) -> Diagnosis:
    if not at:
        return _diagnosis(subject, never, "warning", hint=hint)
    age = ws.clock() - datetime.fromisoformat(at)
    said = (
        tell("The last is from today.")
        if age < timedelta(days=1)
        else tell("The last is {days} days old.", days=age.days)
    )
    old = age > timedelta(days=days)
    return _diagnosis(subject, said, "warning" if old else "passing", hint=hint if old else "")


def _last(session: Session, action: str) -> str:
    event = tables.AuditEvent
    found = session.exec(
        sqlmodel.select(event.at)
        .where(event.action == action)
        .order_by(sqlmodel.col(event.seq).desc())
        .limit(1)
    ).first()
    return found or ""


def _diagnosis(
    subject: str, because: str, status: Status = "passing", *, hint: str = ""
) -> Diagnosis:
    return Diagnosis(subject=subject, status=status, because=because, hint=hint)
