"""Which form the store has, and how it gets there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, inspect, text

from jupyter_mlops.config import Home
from jupyter_mlops.errors import Corrupt, Invalid
from jupyter_mlops.store.disk import sync_folder
from jupyter_mlops.store.engine import answering, opened, writing

NEWEST: Final = "0013"
COPIES: Final = 5
"""How many copies from before a change of form are kept; the oldest go."""
_LEFT: Final = ("artifacts/sha256", "predictions", "requests", "actuals")
"""Folders that hold nothing before a store has said so."""


def prepare(engine: Engine, home: Home) -> bool:
    """Bring the store to its newest form and say whether it has still to be furnished.

    Whoever is killed on the way leaves the old form or the new one, and the next to come goes on.

    Raises:
        Invalid: the store was made by a newer version of this package.
        Invalid: the folder cannot be made.
        Corrupt: the store is damaged, or gone while what it spoke of is there.
    """
    _make_folder(home.folder)
    found = _revision(engine) if _may_exist(home) else None
    if found == NEWEST:
        return _is_bare(engine)
    _check_known(found)
    with opened(home.folder / "migrate.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _may_exist(home):
            _check_not_lost(home)  # before looking makes an empty file
        found = _revision(engine)
        if found == NEWEST:
            return _is_bare(engine)
        _check_known(found)
        if found is None:
            _check_not_lost(home)
        else:
            _back_up(engine, home, found)
        _migrate(engine, home)
        return found is None or _is_bare(engine)


def revisions() -> list[str]:
    """Return every form that a store ever had, oldest first."""
    from alembic.script import ScriptDirectory

    found = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in found][::-1]


def grow(connection: Connection, revision: str = NEWEST) -> None:
    """Bring the store on a connection to a form, inside the transaction of the caller."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def begin(engine: Engine, home: Home) -> None:
    """Make an empty store ready to be filled."""
    if home.is_sqlite:
        _switch_wal_on(engine)


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _may_exist(home: Home) -> bool:
    return not home.is_sqlite or home.database.exists()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(
            "The workspace folder {folder} cannot be made: {why}.",
            "name another folder: `use FOLDER`, or set JUPYTER_MLOPS_WORKSPACE.",
            code="workspace_unwritable",
            folder=folder,
            why=error.strerror or error,
        ) from None


def _revision(engine: Engine) -> str | None:
    with answering(), engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _is_bare(engine: Engine) -> bool:
    """Say whether a store has its form and nothing in it: whoever made it was stopped."""
    with answering(), engine.connect() as connection:
        found = connection.execute(text("SELECT 1 FROM setting WHERE name = 'id'")).scalar()
    return found is None


def _check_known(found: str | None) -> None:
    if found is None or found <= NEWEST:
        return
    raise Invalid(
        "This store was made by a newer jupyter-mlops (its form is {found}, this one knows {known}).",
        "pip install --upgrade jupyter-mlops",
        code="store_newer",
        found=found,
        known=NEWEST,
    )


def _check_not_lost(home: Home) -> None:
    """Make no new store where an old one is gone: an empty file beside models is no beginning."""
    if not home.is_sqlite:
        return
    left = next((name for name in _LEFT if any((home.folder / name).glob("*"))), "")
    if left:
        raise Corrupt(
            "The store {store} is empty or gone, and {left} beside it is not: nothing was changed.",
            "`restore ARCHIVE --to FOLDER` makes a workspace of a backup; backups/ may hold a copy"
            " of the store from before an upgrade.",
            code="store_lost",
            store=home.database,
            left=left,
        )


def _migrate(engine: Engine, home: Home) -> None:
    """Change the form in one transaction: who comes second finds it changed, and does nothing."""
    with answering():
        begin(engine, home)
    with writing(engine, home) as session:
        grow(session.connection())
    engine.dispose()


def _back_up(engine: Engine, home: Home, found: str) -> None:
    """Copy a SQLite store as it is before its form changes; PostgreSQL has backups of its own.

    The copy has its name only once it is whole and on disk; the newest few are kept.
    """
    if not home.is_sqlite:
        return
    folder = home.folder / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    beside = folder / f".store-{found}-{stamp}.db"
    try:
        with answering(), _raw(engine) as raw:
            raw.execute("VACUUM INTO ?", (str(beside),))
        _check_whole(beside)
        beside.rename(folder / beside.name[1:])
        sync_folder(folder)
    finally:
        beside.unlink(missing_ok=True)
    for old in copies(home)[COPIES:]:
        old.unlink(missing_ok=True)


def copies(home: Home) -> list[Path]:
    """Return the copies from before a change of form, newest first."""
    found = (home.folder / "backups").glob("store-*.db")
    return sorted(found, key=lambda path: path.stem.rpartition("-")[2], reverse=True)


def _check_whole(copy: Path) -> None:
    from jupyter_mlops.store.engine import sqlite_module

    connection = sqlite_module().connect(f"file:{copy}?mode=ro", uri=True)
    try:
        told = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    finally:
        connection.close()
    if told != "ok":
        raise Corrupt(
            "The store is damaged ({why}), and is not changed: its form stays the old one.",
            "`jupyter mlops doctor` looks at it; `restore ARCHIVE --to FOLDER` makes a workspace of a"
            " backup.",
            code="store_damaged",
            why=told,
        )
    with copy.open("rb") as file:
        os.fsync(file.fileno())


def _switch_wal_on(engine: Engine) -> None:
    """Write-ahead logging is a property of the file: switched on once, under the caller's lock."""
    with _raw(engine) as raw:
        raw.execute("PRAGMA journal_mode=WAL")


@contextmanager
def _raw(engine: Engine) -> Iterator[Any]:
    """Open a connection of the database's own, outside any transaction."""
    raw: Any = engine.raw_connection()
    try:
        yield raw.driver_connection
    finally:
        raw.close()
