"""MLflow's registry in a database, SQLite or PostgreSQL: only read, whatever version wrote it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.redacted import without_login
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services.mlflow import told
from jupyter_mlops.services.mlflow.told import Found

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAGIC: Final = b"SQLite format 3\0"
DELETED: Final = "Deleted_Internal"
"""The stage of a version that somebody deleted; its row stays."""
WAIT_SECONDS: Final = 10
MOST_ROWS: Final = 1_000_000

_OF_RUNS: Final = " WHERE run_uuid IN (SELECT run_id FROM model_versions)"
_READ: Final[Mapping[str, str]] = {
    "registered_models": "",
    "registered_model_tags": "",
    "registered_model_aliases": "",
    "model_versions": "",
    "model_version_tags": "",
    "logged_models": " WHERE source_run_id IN (SELECT run_id FROM model_versions)",
    "experiments": "",
    "runs": _OF_RUNS,
    "params": _OF_RUNS,
    "latest_metrics": _OF_RUNS,
    "tags": _OF_RUNS,
}
"""The tables that are read, and which of their rows."""
_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "registered_models": frozenset({"name"}),
    "model_versions": frozenset({"name", "version", "run_id"}),
}

Row = Mapping[str, Any]
Rows = Mapping[str, list[Row]]
Key = tuple[object, ...]


def read_file(path: Path, *, progress: Callable[[str, float], None]) -> Found:
    """Return what a file of SQLite holds; the files of its models are looked for beside it."""
    return _found(f"sqlite:///{path}", str(path), path.parent.resolve(), _opened(path), progress)


def read_address(address: str, *, progress: Callable[[str, float], None]) -> Found:
    """Return what a database of PostgreSQL holds."""
    return _found(address, without_login(address), None, _reached(address), progress)


def _found(
    address: str,
    shown: str,
    artifacts: Path | None,
    opened: Any,
    progress: Callable[[str, float], None],
) -> Found:
    from sqlalchemy.exc import SQLAlchemyError

    progress("reading", 0.0)
    try:
        with opened as connection:
            rows = _rows(connection, shown)
    except (SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
        raise Invalid(
            "The database {place} cannot be read: {reason}.",
            "name it as MLflow does: sqlite:///mlflow.db or postgresql://HOST/DATABASE.",
            code="mlflow_not_readable",
            place=shown,
            reason=_reason(error, address),
        ) from None
    return _gathered(Found(shown, artifacts), rows)


@contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    """Open a file that may be anything, to read it: what its schema says is trusted with nothing."""
    from sqlalchemy import create_engine

    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)
        made.execute("PRAGMA trusted_schema=OFF")
        made.execute("PRAGMA query_only=ON")
        made.text_factory = lambda data: data.decode("utf-8", "replace")
        return made

    engine = create_engine("sqlite://", creator=connect)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _reached(address: str) -> Iterator[Connection]:
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url

    url = make_url(address).set(drivername="postgresql+psycopg")
    known = {"client_encoding": "utf8", "connect_timeout": WAIT_SECONDS}
    engine = create_engine(url, connect_args=known)
    try:
        with engine.connect().execution_options(
            postgresql_readonly=True, isolation_level="REPEATABLE READ"
        ) as connection:
            yield connection
    finally:
        engine.dispose()


def _reason(error: Exception, address: str) -> str:
    said = str(getattr(error, "orig", None) or error).strip()
    first = said.splitlines()[0] if said else type(error).__name__
    return first.replace(address, without_login(address)).rstrip(".")


def _rows(connection: Connection, shown: str) -> Rows:
    """Return the rows of the tables that are there; other columns than are asked for do no harm."""
    from sqlalchemy import inspect, text

    inspector = inspect(connection)
    there = set(inspector.get_table_names())
    for table, columns in _NEEDED.items():
        known = (
            {column["name"] for column in inspector.get_columns(table)} if table in there else ()
        )
        if not columns.issubset(known):
            raise Invalid(
                "{place} is no database of MLflow's that can be read here: it has no {what}.",
                "bring it up to date where MLflow is: mlflow db upgrade ADDRESS.",
                code="mlflow_schema",
                place=shown,
                what=table if table not in there else f"{table}: {', '.join(sorted(columns))}",
            )
    return {
        table: _all(connection, text(f"SELECT * FROM {table}{which} LIMIT {MOST_ROWS}"))  # noqa: S608  (names of ours)
        for table, which in _READ.items()
        if table in there
    }


def _all(connection: Connection, query: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _gathered(found: Found, rows: Rows) -> Found:
    runs = _runs(rows)
    logged = {
        row.get("model_id"): row.get("artifact_location") for row in rows.get("logged_models", ())
    }
    tags = _pairs(rows.get("model_version_tags", ()), "workspace", "name", "version")
    of_models = _pairs(rows.get("registered_model_tags", ()), "workspace", "name")
    models: dict[Key, dict[str, Any]] = {}
    for row in rows["registered_models"]:
        key = _key(row, "workspace", "name")
        models[key] = told.model(row["name"], row.get("description"), of_models[key])
    for row in rows["model_versions"]:
        model = models.get(_key(row, "workspace", "name"))
        if row.get("current_stage") == DELETED:
            continue
        number = row["version"]
        if model is None or not isinstance(number, int) or number < 1:
            found.skip(f"{row['name']}:{number}", tell("it belongs to no model"))
            continue
        source = str(row.get("source") or "")
        model["versions"].append(
            told.version(
                row,
                number=number,
                aliases=_aliases(rows, row),
                tags=tags[_key(row, "workspace", "name", "version")],
                run=runs.get(row["run_id"]),
                address=row.get("storage_location") or logged.get(source.removeprefix("models:/")),
            )
        )
    for model in models.values():
        model["versions"].sort(key=lambda version: version["number"])
    found.models += models.values()
    return found


def _runs(rows: Rows) -> dict[object, dict[str, Any]]:
    params, tags = (_pairs(rows.get(table, ()), "run_uuid") for table in ("params", "tags"))
    known = [row for row in rows.get("latest_metrics", ()) if not row.get("is_nan")]
    metrics = _pairs(known, "run_uuid")
    names = {row.get("experiment_id"): row.get("name") for row in rows.get("experiments", ())}
    return {
        row["run_uuid"]: told.run(
            row,
            experiment=names.get(row.get("experiment_id")),
            params=params[row["run_uuid"],],
            metrics=metrics[row["run_uuid"],],
            tags=tags[row["run_uuid"],],
        )
        for row in rows.get("runs", ())
    }


def _aliases(rows: Rows, version: Row) -> list[str]:
    wanted = _key(version, "workspace", "name", "version")
    return [
        row["alias"]
        for row in rows.get("registered_model_aliases", ())
        if _key(row, "workspace", "name", "version") == wanted
    ]


def _pairs(rows: Any, *by: str) -> defaultdict[Key, dict[str, Any]]:
    """Return keys with their values, by what they belong to."""
    found: defaultdict[Key, dict[str, Any]] = defaultdict(dict)
    for row in rows:
        found[_key(row, *by)][row.get("key")] = row.get("value")
    return found


def _key(row: Row, *names: str) -> Key:
    return tuple(row.get(name) for name in names)
