"""How the store is opened: one way for SQLite, one for PostgreSQL, the same sessions for both."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlmodel import Session

from jupyter_mlops.config import Home
from jupyter_mlops.errors import Corrupt, MlopsError, Unavailable
from jupyter_mlops.store.disk import check_local

_SAFE_SQLITE = (3, 51, 3)
_BUSY_SECONDS: Final = 30.0
_PRAGMAS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=FULL",
    "PRAGMA recursive_triggers=ON",
)
_BEGIN = "mlops_begin"
_PATIENCE = "mlops_patience"
_GLANCE_SECONDS: Final = 0.002
_LOST: Final = {
    "connect_timeout": 5,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""How soon a PostgreSQL that is lost is given up: in seconds, the second in milliseconds."""


def open_engine(home: Home) -> Engine:
    """Return an engine for the store of a workspace; nothing is created yet.

    Raises:
        Invalid: a SQLite store would be on a network disk.
        Unavailable: PostgreSQL is asked for and its driver is not installed.
    """
    return _sqlite(home) if home.is_sqlite else _postgres(home)


def sqlite_module() -> ModuleType:
    """Return the newest SQLite at hand: Python's own, or the bundled one where that is too old.

    Libraries before 3.51.3 can corrupt a database when several connections checkpoint at once
    (https://sqlite.org/wal.html#walresetbug).
    """
    import sqlite3

    if sqlite3.sqlite_version_info >= _SAFE_SQLITE:
        return sqlite3
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    module: ModuleType = dbapi2
    return module


def sqlite_is_safe() -> bool:
    """Say whether the library at hand is free of the write-ahead-log reset bug."""
    return tuple(sqlite_module().sqlite_version_info) >= _SAFE_SQLITE


@contextmanager
def writing(engine: Engine, home: Home, *, patience: float | None = None) -> Iterator[Session]:
    """Open a transaction that may write, alone: nobody else writes until it ends.

    ``patience`` says how many seconds to wait for others who write; None, as long as they take.

    Raises:
        Unavailable: the store does not answer, or not in that time.
    """
    from jupyter_mlops.store.listing import follow

    with _turn(home, patience), _session(engine, "BEGIN IMMEDIATE", patience) as session:
        connection = session.connection()  # here it begins, and waits
        if not home.is_sqlite:
            _advised(connection, patience)
        follow(session)
        yield session
        session.commit()


@contextmanager
def reading(engine: Engine, home: Home) -> Iterator[Session]:
    """Open a transaction that sees one moment of the store, waits for nobody and cannot write."""
    with _session(engine, "BEGIN") as session:
        connection = session.connection()
        if home.is_sqlite:
            connection.exec_driver_sql("PRAGMA query_only=ON")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield session
        finally:
            if home.is_sqlite:
                connection.exec_driver_sql("PRAGMA query_only=OFF")
            session.expunge_all()  # records stay readable after the look is over
            session.rollback()


def overwrite(session: Session, home: Home) -> None:
    """Have zeros stand where a transaction takes something away, not what was there."""
    if home.is_sqlite:
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def empty_log(engine: Engine, home: Home) -> None:
    """Leave nothing of earlier moments in SQLite's write-ahead log, as far as nobody reads them now."""
    if home.is_sqlite:
        with engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")  # a checkpoint is no part of a transaction
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.exec_driver_sql("BEGIN")


@contextmanager
def _session(engine: Engine, begin: str, patience: float | None = None) -> Iterator[Session]:
    options = {_BEGIN: begin, _PATIENCE: _BUSY_SECONDS if patience is None else patience}
    with (
        answering(),
        engine.connect().execution_options(**options) as connection,
        Session(connection, expire_on_commit=False) as session,
    ):
        yield session


@contextmanager
def answering() -> Iterator[None]:
    """Say what it means when a database does not answer, or answers that it is damaged.

    Raises:
        Unavailable: it does not answer now.
        Corrupt: what it holds is none of a database any more.
    """
    try:
        yield
    except OperationalError as error:
        raise _unavailable(_first_line(error.orig or error)) from error
    except NoConnection as error:
        raise _unavailable("all of its connections are in use") from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise
        raise damaged(_first_line(error.orig or error)) from error
    except sqlite_module().OperationalError as error:  # said to the driver itself
        raise _unavailable(_first_line(error)) from error
    except sqlite_module().DatabaseError as error:
        if type(error) is not sqlite_module().DatabaseError:
            raise
        raise damaged(_first_line(error)) from error


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """Open a file of locks.

    Raises:
        Unavailable: this process may not write in the folder.
    """
    try:
        file = path.open("a")
    except OSError as error:
        raise Unavailable(
            "{path} cannot be written: {why}.",
            "the folder of a workspace has to belong to who opens it, on a disk that is not read-only;"
            " `jupyter mlops doctor` looks at it.",
            code="workspace_unwritable",
            path=path,
            why=error.strerror or error,
        ) from error
    with file:
        yield file


@contextmanager
def _turn(home: Home, patience: float | None) -> Iterator[None]:
    """Queue at a file lock before SQLite's own: writers are served in turn, not by chance."""
    if not home.is_sqlite:
        yield
        return
    with opened(home.lock_file) as file:
        if patience is None:
            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            _lock_within(file, patience)
        yield


def _lock_within(file: IO[str], seconds: float) -> None:
    """Try for the lock again and again: no system call waits for one and gives up."""
    until = time.monotonic() + seconds
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise _unavailable("others are writing for too long") from None
        time.sleep(_GLANCE_SECONDS)


def _advised(connection: Connection, patience: float | None) -> None:
    """Queue at a lock of PostgreSQL's that says who may write."""
    if patience is not None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, int(1000 * patience))}")
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('jupyter-mlops:' || current_schema()))")
    )


def _lower(text: str | None) -> str | None:
    """Do for every alphabet what SQLite's own function does for English letters."""
    return text.lower() if isinstance(text, str) else text


def _sqlite(home: Home) -> Engine:
    check_local(home.folder)
    module = sqlite_module()

    def connect() -> Any:
        connection = module.connect(
            str(home.database), isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
        )
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        connection.create_function("lower", 1, _lower, deterministic=True)
        if not sqlite_is_safe():
            connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection

    engine = create_engine("sqlite://", creator=connect, module=module, poolclass=_pool())
    event.listen(engine, "begin", _begin)
    return engine


def _pool() -> Any:
    from sqlalchemy.pool import QueuePool

    return QueuePool


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    busy = int(1000 * options.get(_PATIENCE, _BUSY_SECONDS))
    connection.exec_driver_sql(f"PRAGMA busy_timeout={busy}").close()
    connection.exec_driver_sql(options.get(_BEGIN, "BEGIN"))


def _postgres(home: Home) -> Engine:
    asked = make_url(home.url).query
    limits = {name: limit for name, limit in _LOST.items() if name not in asked}
    try:
        return create_engine(
            home.url, pool_pre_ping=True, connect_args={"client_encoding": "utf8", **limits}
        )
    except ImportError:
        raise Unavailable(
            "{where} needs the PostgreSQL driver, which is not installed.",
            "pip install 'jupyter-mlops[postgres]'",
            code="driver_missing",
            where=home.shown,
        ) from None


def damaged(why: str) -> Corrupt:
    """Return the error of a database that is damaged, with the way out."""
    return Corrupt(
        "The store is damaged: {why}. Nothing was changed.",
        "`restore ARCHIVE --to FOLDER` makes a workspace of a backup; `jupyter mlops doctor` looks at"
        " this one.",
        code="store_damaged",
        why=why,
    )


def _unavailable(why: str) -> MlopsError:
    if "disk image is malformed" in why:
        return damaged(why)
    return Unavailable(
        "The store does not answer: {why}.",
        "`jupyter mlops doctor` looks at it.",
        code="store_unavailable",
        why=why,
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
