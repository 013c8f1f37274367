"""Looking at a store from below: are its pages whole, its references right, its triggers there?"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine, create_engine, text

from jupyter_mlops.store.engine import answering, sqlite_module

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MOST: Final = 3
"""Faults that are told; one is enough to act."""
_TYPES: Final = {"UPDATE": 16, "DELETE": 8, "TRUNCATE": 32}
"""What a trigger of PostgreSQL refuses, as bits of ``pg_trigger.tgtype``."""
_SQLITE_TRIGGERS: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"


def faults(engine: Engine) -> list[str]:
    """Return what SQLite finds wrong with its own file, a few lines of it; PostgreSQL looks after itself.

    Raises:
        Corrupt: it cannot even be looked at.
    """
    if engine.dialect.name != "sqlite":
        return []
    with answering(), engine.connect() as connection:
        told = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})").scalars().all()
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    found = [line for line in told if line != "ok"]
    found += [f"{row[0]} {row[1]} -> {row[2]}" for row in dangling[:_MOST]]
    return found[:_MOST]


def missing_triggers(engine: Engine) -> list[str]:
    """Return the triggers that a store should have and has not, or has in another form.

    They keep the audit log, decisions, policies and rules as they were written.
    """
    with answering(), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            there = _triggers(connection)
            return sorted(name for name, sql in _wanted().items() if there.get(name) != sql)
        return _missing_in_postgres(connection)


def append_only() -> list[str]:
    """Return the tables to which rows are only added."""
    return sorted({name.removesuffix("_no_update") for name in _wanted() if "_no_update" in name})


def _missing_in_postgres(connection: Connection) -> list[str]:
    rows = connection.execute(
        text(
            "SELECT c.relname, t.tgname, t.tgtype FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal"
            " AND t.tgenabled <> 'D'"
        )
    ).all()
    refused: dict[str, int] = {}
    for table, _, bits in rows:
        refused[table] = refused.get(table, 0) | bits
    missing = [
        f"{table} ({deed})"
        for table in append_only()
        for deed, bit in _TYPES.items()
        if not refused.get(table, 0) & bit
    ]
    names = {name for _, name, _ in rows}
    return missing + [name for name in ("audit_event_in_order",) if name not in names]


@cache
def _wanted() -> dict[str, str]:
    """Return the triggers of a store that was made just now, with their text."""
    from jupyter_mlops.store import schema

    engine = create_engine("sqlite://", module=sqlite_module())
    with engine.begin() as connection:
        schema.grow(connection)
        found = _triggers(connection)
    engine.dispose()
    return found


def _triggers(connection: Connection) -> dict[str, str]:
    return {name: sql for name, sql in connection.execute(text(_SQLITE_TRIGGERS))}  # noqa: C416
