"""How the store is opened: one way for SQLite, one for PostgreSQL, the same sessions for both."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import Session

from jupyter_mlops.config import Home
from jupyter_mlops.errors import Corrupt, MlopsError, Unavailable
from jupyter_mlops.store.disk import check_local

_SAFE_SQLITE = (3, 51, 3)
_PRAGMAS = (
    "PRAGMA busy_timeout=30000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=FULL",
    "PRAGMA recursive_triggers=ON",
)
_BEGIN = "mlops_begin"


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
def writing(engine: Engine, home: Home) -> Iterator[Session]:
    """Open a transaction that may write, alone: nobody else writes until it ends."""
    from jupyter_mlops.store.listing import follow

    with _turn(home), _session(engine, "BEGIN IMMEDIATE") as session:
        if not home.is_sqlite:
            session.connection().execute(
                text("SELECT pg_advisory_xact_lock(hashtext('jupyter-mlops:' || current_schema()))")
            )
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
def _session(engine: Engine, begin: str) -> Iterator[Session]:
    with (
        answering(),
        engine.connect().execution_options(**{_BEGIN: begin}) as connection,
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
def _turn(home: Home) -> Iterator[None]:
    """Queue at a file lock before SQLite's own: writers are served in turn, not by chance."""
    if not home.is_sqlite:
        yield
        return
    with opened(home.lock_file) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lower(text: str | None) -> str | None:
    """Do for every alphabet what SQLite's own function does for English letters."""
    return text.lower() if isinstance(text, str) else text


def _sqlite(home: Home) -> Engine:
    check_local(home.folder)
    module = sqlite_module()

    def connect() -> Any:
        connection = module.connect(
            str(home.database), isolation_level=None, check_same_thread=False, timeout=30
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
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _postgres(home: Home) -> Engine:
    try:
        return create_engine(home.url, pool_pre_ping=True, connect_args={"client_encoding": "utf8"})
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
