"""The rows of a store as lines of JSON, the same from both databases, and back into either.

A line is a list of values in the order of the columns. What a column holds decides how it is written:
bytes as base64, everything else as JSON has it. Rows come in the order of their primary key, texts by
their letters' numbers, so that the same rows are the same bytes wherever they come from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    collate,
    inspect,
    select,
    text,
)
from sqlmodel import SQLModel

from jupyter_mlops.store import tables as _tables  # noqa: F401  (fills the metadata)

SECRET: Final = frozenset({"webhook"})
"""Tables whose rows no dump holds: they would speak in the workspace's name from wherever they are."""
_OWN: Final = ("listing_grams", "alembic_version")
"""What a database keeps of its own, made again where the rows arrive."""
_AT_ONCE: Final = 500


def known() -> Sequence[Table]:
    """Return the tables of the present form, each after those that it refers to."""
    return SQLModel.metadata.sorted_tables


def found(connection: Connection) -> Sequence[Table]:
    """Return the tables that a store has, whatever its form, each after those that it refers to."""
    names = [name for name in inspect(connection).get_table_names() if not name.startswith(_OWN)]
    metadata = MetaData()
    metadata.reflect(connection, only=names)
    return metadata.sorted_tables


def columns(table: Table) -> list[Column[Any]]:
    """Return the columns that are written; a database fills in the computed ones itself."""
    return [column for column in table.columns if column.computed is None]


def lines(connection: Connection, table: Table, names: Sequence[str]) -> Iterator[bytes]:
    """Return the rows of a table, a line each."""
    wanted = [table.columns[name] for name in names]
    if table.name in SECRET:
        return
    writers = [_writer(column) for column in wanted]
    keys = [_by_letters(connection, column) for column in table.primary_key.columns]
    rows = connection.execute(
        select(*wanted).order_by(*keys), execution_options={"yield_per": _AT_ONCE}
    )
    for row in rows:
        told = [write(value) for write, value in zip(writers, row, strict=True)]
        yield json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def fill(connection: Connection, table: Table, names: Sequence[str], told: Iterable[bytes]) -> None:
    """Insert the rows that lines tell of.

    Raises:
        ValueError: a line is none of a row of this table.
    """
    wanted = [table.columns[name] for name in names]
    left = iter(told)
    while some := list(islice(left, _AT_ONCE)):
        rows = [
            {
                column.name: _read(column, value)
                for column, value in zip(wanted, json.loads(line), strict=True)
            }
            for line in some
        ]
        connection.execute(table.insert(), rows)


def count_on(connection: Connection, table: Table) -> None:
    """Have PostgreSQL count on from the rows that are there; SQLite does so by itself."""
    key = list(table.primary_key.columns)
    if connection.dialect.name != "postgresql" or len(key) != 1:
        return
    quoted = connection.dialect.identifier_preparer.quote_identifier
    place, column = quoted(table.name), key[0].name
    sequence = connection.execute(
        text("SELECT pg_get_serial_sequence(:place, :column)"), {"place": place, "column": column}
    ).scalar()
    if sequence:
        connection.execute(
            text(
                f"SELECT setval(:sequence, coalesce(max({quoted(column)}), 1),"  # noqa: S608 - quoted
                f" max({quoted(column)}) IS NOT NULL) FROM {place}"
            ),
            {"sequence": sequence},
        )


def _by_letters(connection: Connection, column: Column[Any]) -> Any:
    if connection.dialect.name == "postgresql" and isinstance(column.type, String):
        return collate(column, "C")
    return column


def _read(column: Column[Any], value: Any) -> Any:
    if isinstance(column.type, LargeBinary) and value is not None:
        return base64.b64decode(value, validate=True)
    return value


def _writer(column: Column[Any]) -> Any:
    return _base64 if isinstance(column.type, LargeBinary) else _as_it_is


def _base64(value: Any) -> Any:
    return None if value is None else base64.b64encode(value).decode()


def _as_it_is(value: Any) -> Any:
    return value
