"""Making a workspace of a backup: whole and proved, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlmodel

from jupyter_mlops.config import Home, find_home
from jupyter_mlops.domain import backups
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.domain.backups import Contents, Restored
from jupyter_mlops.errors import Conflict, Corrupt, Invalid, MlopsError, Unavailable
from jupyter_mlops.locale import tell
from jupyter_mlops.services.backups import proving, reading
from jupyter_mlops.services.workspace import Deed, Workspace, assembled
from jupyter_mlops.store import tables
from jupyter_mlops.store.disk import sync_folder

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlmodel import Session

Progress = Callable[[str, float], None]
_SPARE = 64 << 20
"""Bytes that have to be free besides what is restored."""


def restore(archive: str, *, to: str, digest: str, actor: Actor, progress: Progress) -> Restored:
    """Make a workspace of a backup, in an empty folder or an empty database, and prove it.

    It is put together beside its place and gets its name when it is proved; what goes wrong leaves nothing.

    Raises:
        Conflict: there is something where it should be.
        Invalid, Unsafe, Corrupt: the archive is none, none of ours, or not what it says.
    """
    with reading.opened(archive, digest=digest) as found:
        home = find_home(to)
        _check_empty(home)
        with _beside(home, found) as folder:
            began = time.monotonic()
            made = _Made(found, _with_files_in(home, folder), home, actor, progress)
            return made.told(made.put(), began)


def drilled(ws: Workspace, archive: str, *, digest: str) -> Restored:
    """Hold a drill and remember how it ended, in the workspace that is open.

    Raises:
        Invalid, Unsafe, Corrupt: as for :func:`restore`; that is remembered too.
    """
    try:
        told = drill(archive, digest=digest, actor=ws.actor, progress=ws.progress)
    except MlopsError as error:
        with ws.act("workspace:drill", subject="workspace"):
            raise error from None
    with ws.act("workspace:drill", subject="workspace") as act:
        counted = ("digest", "rows", "files", "events", "segments", "seconds")
        act.after = {name: dict(told)[name] for name in counted}
        told["known"] = _is_known(act.session, told["digest"])
    return told


def _is_known(session: Session, digest: str) -> bool:
    """Say whether this workspace wrote the backup of this digest."""
    event = tables.AuditEvent
    found = session.exec(
        sqlmodel.select(event.seq)
        .where(event.action == backups.WRITTEN)
        .where(sqlmodel.col(event.body).contains(f'"digest":"{digest}"', autoescape=True))
        .limit(1)
    ).first()
    return found is not None


def drill(archive: str, *, digest: str, actor: Actor, progress: Progress) -> Restored:
    """Make a workspace of a backup in a temporary place, prove it and remove it again.

    Raises:
        Invalid, Unsafe, Corrupt: as for :func:`restore`.
    """
    with reading.opened(archive, digest=digest) as found:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="mlops-drill-") as place:
            folder = Path(place) / "workspace"
            folder.mkdir(mode=0o700)
            _check_room(folder, found)
            home = _in_folder(folder)
            made = _Made(found, home, home, actor, progress, drill=True)
            return made.told(made.put(), began)


def _with_files_in(home: Home, folder: Path) -> Home:
    """Return the same workspace with its files in another folder, for as long as it is being made."""
    return _in_folder(folder) if home.is_sqlite else replace(home, folder=folder)


def _in_folder(folder: Path) -> Home:
    return Home(folder, f"sqlite:///{folder / 'store.db'}")


@dataclass(frozen=True)
class _Made:
    """A workspace that is being made at ``home``, and is to be at ``target``."""

    archive: reading.Archive
    home: Home
    target: Home
    actor: Actor
    progress: Progress
    drill: bool = False

    @property
    def contents(self) -> Contents:
        return self.archive.told

    def put(self) -> int:
        """Put files and rows in their places and return how many segments were proved."""
        from jupyter_mlops.store import schema
        from jupyter_mlops.store.engine import open_engine, writing

        proving.check_artifacts(self.contents)
        _check_form(self.contents)
        self._files()
        engine = open_engine(self.home)
        ws = assembled(self.home, engine, actor=self.actor)
        try:
            schema.begin(engine, self.home)
            with writing(engine, self.home) as session:
                self.progress(tell("the store"), 0.7)
                _fill(session.connection(), self.archive)
                self.progress(tell("proving"), 0.9)
                proving.check_chain(session, self.contents)
                segments = proving.check_segments(session, self.home.folder, self.contents)
                ws.remember(self._event(session))
                session.flush()
                if not self.home.is_sqlite:
                    self._arrive()
        finally:
            engine.dispose()
        if self.home.is_sqlite:
            self._arrive()
        self.progress(tell("restored"), 1.0)
        return segments

    def told(self, segments: int, began: float) -> Restored:
        """Return the answer."""
        told = self.contents
        return Restored(
            where="" if self.drill else self.target.shown if not self.target.is_sqlite else self.target.where,
            archive=str(self.archive.path),
            digest=told.digest,
            at=told.at,
            product=told.product,
            tables=len(told.tables),
            rows=told.rows,
            files=len(told.files),
            events=told.events,
            head=told.head,
            ok=told.first_bad is None,
            segments=segments,
            seconds=round(time.monotonic() - began, 2),
            left_out=list(told.left_out),
            differing=list(told.differing),
            drill=self.drill,
        )  # fmt: skip

    def _files(self) -> None:
        whole, done = self.archive.size or 1, 0
        for name in self.contents.files:
            self.progress(tell("the files"), 0.7 * done / whole)
            path = self.home.folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as file:
                for piece in self.archive.pieces(name):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            path.chmod(0o440 if name.startswith("artifacts/") else 0o600)
            done += self.archive.parts[name].size

    def _event(self, session: Session) -> Deed:
        told = self.contents
        deed = Deed(session, "workspace:restore", "workspace", "")
        deed.before = {"events": told.events, "head": told.head}
        deed.after = {"digest": told.digest, "written_at": told.at, "drill": self.drill}
        return deed

    def _arrive(self) -> None:
        """Give the folder its name, durably; a drill has no other place."""
        if self.home.folder == self.target.folder:
            return
        for place, _, _ in os.walk(self.home.folder):
            sync_folder(Path(place))
        try:
            self.home.folder.rename(self.target.folder)
        except OSError as error:
            raise _not_empty(str(self.target.folder), error.strerror or "") from error
        sync_folder(self.target.folder.parent)


def _fill(connection: Connection, archive: reading.Archive) -> None:
    """Insert every row in the form the store had then, read all of them again, and bring it up to date.

    Raises:
        Corrupt: a table is not in that form, or holds other rows than the manifest says.
    """
    from sqlalchemy.exc import DBAPIError, StatementError

    from jupyter_mlops.store import dumping, schema

    told = archive.told
    schema.grow(connection, told.revision)
    dumps = {dump.name: dump for dump in told.tables}
    places = dumping.found(connection)
    if {table.name for table in places} != dumps.keys():
        raise _formless("store/")
    for table in places:
        dump = dumps[table.name]
        if set(dump.columns) != {column.name for column in dumping.columns(table)}:
            raise _formless(dump.member)
        try:
            dumping.fill(connection, table, dump.columns, archive.lines(dump.member))
        except (DBAPIError, StatementError, ValueError, TypeError, KeyError, RecursionError):
            raise _formless(dump.member) from None
        proving.check_rows(connection, table, dump)
        dumping.count_on(connection, table)
    schema.grow(connection)


def _check_form(told: Contents) -> None:
    from jupyter_mlops.store import schema

    if told.revision in schema.revisions():
        return
    raise Invalid(
        "This backup was made by a newer jupyter-mlops (its form is {found}, this one knows {known}).",
        "pip install --upgrade jupyter-mlops",
        code="store_newer",
        found=told.revision,
        known=schema.NEWEST,
    )


def _check_empty(home: Home) -> None:
    """Refuse a place in which there is something.

    Raises:
        Conflict: a file, a folder with something in it, or a database with tables is there.
    """
    try:
        if os.path.lexists(home.folder) and (
            not home.folder.is_dir() or home.folder.is_symlink() or any(home.folder.iterdir())
        ):
            raise _not_empty(str(home.folder), tell("something is there"))
    except (OSError, ValueError) as error:
        raise _not_empty(str(home.folder), getattr(error, "strerror", "") or str(error)) from error
    if home.is_sqlite:
        return
    from sqlalchemy import inspect

    from jupyter_mlops.store.engine import answering, open_engine

    engine = open_engine(home)
    try:
        with answering(), engine.connect() as connection:
            names = inspect(connection).get_table_names()
    finally:
        engine.dispose()
    if names:
        raise _not_empty(home.shown, tell("it has {n} tables", n=len(names)))


def _not_empty(place: str, why: str) -> Conflict:
    return Conflict(
        "Nothing can be restored to {place}: {why}.",
        "name a folder that is not there yet, or an empty database: a restore replaces nothing.",
        code="place_not_empty",
        place=place,
        why=why,
    )


@contextmanager
def _beside(home: Home, found: reading.Archive) -> Iterator[Path]:
    """Make a folder beside the place of a workspace, which goes unless it has become that place."""
    parent = home.folder.parent
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f".{home.folder.name[:100]}.restoring-"))
    except OSError as error:
        raise _no_place(parent, error) from error
    try:
        _check_room(folder, found)
        yield folder
    except MlopsError:
        raise
    except OSError as error:
        raise _no_place(parent, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _no_place(parent: Path, error: OSError) -> Unavailable:
    return Unavailable(
        "A workspace cannot be made in {folder}: {why}.",
        "name a folder that is yours, on a disk with room.",
        code="place_unwritable",
        folder=parent,
        why=error.strerror or error,
    )


def _check_room(folder: Path, found: reading.Archive) -> None:
    free, wanted = shutil.disk_usage(folder).free, 2 * found.size + _SPARE
    if free < wanted:
        raise Unavailable(
            "{free} MB are free in {folder}, and {wanted} MB are needed.",
            "make room, or name a place on another disk (a drill goes where TMPDIR says).",
            code="no_room",
            free=free >> 20,
            wanted=wanted >> 20,
            folder=folder.parent,
        )


def _formless(name: str) -> Corrupt:
    return Corrupt(
        "{name} in this backup does not fit the form that the store had then.",
        "take an older backup; nothing of this one was kept.",
        code="backup_formless",
        name=name,
    )
