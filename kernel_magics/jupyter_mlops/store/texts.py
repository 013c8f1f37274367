"""Texts compared whatever the case of their letters, in every alphabet and on each database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class folded(GenericFunction[str]):  # noqa: N801 - it reads as the SQL function that it is
    """A text in small letters.

    Python's own rule on SQLite (see `store.engine`); on PostgreSQL that of Unicode, which every
    server brings, because its `lower` alone knows only the alphabet of the database's locale.
    """

    type = String()
    inherit_cache = True


@compiles(folded)
def _by_python(element: folded, compiler: Any, **how: Any) -> str:
    return f"lower({compiler.process(element.clauses, **how)})"


@compiles(folded, "postgresql")
def _by_unicode(element: folded, compiler: Any, **how: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **how)}) COLLATE "und-x-icu")'
