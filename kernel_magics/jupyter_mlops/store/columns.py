"""The kinds of columns that tables share, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Column, Integer, LargeBinary, Text
from sqlmodel import Field

NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
"""A whole number of 64 bits, which SQLite counts up by itself."""


def as_json() -> Any:
    """Return a column of JSON."""
    return Field(sa_column=Column(JSON(none_as_null=True), nullable=False))


def as_text() -> Any:
    """Return a column of text of any length."""
    return Field(sa_column=Column(Text, nullable=False))


def as_bytes() -> Any:
    """Return a column of bytes."""
    return Field(sa_column=Column(LargeBinary, nullable=False))
