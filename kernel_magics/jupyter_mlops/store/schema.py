"""Which form the store has, and how it gets there."""

from __future__ import annotations

import fcntl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, inspect, text

from jupyter_mlops.config import Home
from jupyter_mlops.errors import Invalid
from jupyter_mlops.store.engine import writing

NEWEST: Final = "0010"


def prepare(engine: Engine, home: Home) -> bool:
    """Bring the store to its newest form and say whether it was made just now.

    Raises:
        Invalid: the store was made by a newer version of this package.
        Invalid: the folder cannot be made.
    """
    _make_folder(home.folder)
    found = _revision(engine) if _may_exist(home) else None
    if found == NEWEST:
        return False
    _check_known(found)
    with (home.folder / "migrate.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _revision(engine)
        if found == NEWEST:
            return False
        if found is not None:
            _back_up(engine, home, found)
        _migrate(engine, home)
        return found is None


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
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


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


def _migrate(engine: Engine, home: Home) -> None:
    from alembic import command
    from alembic.config import Config

    if home.is_sqlite:
        _switch_wal_on(engine)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with writing(engine, home) as session:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, NEWEST)
    engine.dispose()


def _back_up(engine: Engine, home: Home, found: str) -> None:
    """Copy a SQLite store as it is before its form changes; PostgreSQL has backups of its own."""
    if not home.is_sqlite:
        return
    folder = home.folder / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    raw: Any = engine.raw_connection()
    try:
        raw.driver_connection.execute("VACUUM INTO ?", (str(folder / f"store-{found}-{stamp}.db"),))
    finally:
        raw.close()


def _switch_wal_on(engine: Engine) -> None:
    """Write-ahead logging is a property of the file: switched on once, under the caller's lock."""
    raw: Any = engine.raw_connection()
    try:
        raw.driver_connection.execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()
