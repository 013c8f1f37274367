"""Whom is looked for: a value in a column, or what was kept of it where the value itself must not be."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

CASE: Final = ("id", "prediction_id", "beside")
"""Where a case is named in the log: by whoever asked, by us, and beside what a challenger said."""
_LONGEST_NUMBER: Final = 60


@dataclass(frozen=True)
class Sought:
    """A value and the feature it is looked for in; without a feature, the case of that name."""

    value: str
    by: str = ""

    def of(self, column: Any) -> Any:
        """Return which cells hold the value: numbers as numbers, all else by its text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = column.type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            number = as_number(self.value)
            exact = None if number is None else _in_kind(number, kind)
            if exact is None:
                return pa.array([False] * len(column))
            return _flat(pc.fill_null(pc.equal(column, exact), False))
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _flat(pc.fill_null(pc.equal(column, pa.scalar(self.value, kind)), False))
        return pa.array([as_text(cell) == self.value for cell in column.to_pylist()])

    def digests(self, salt: str) -> dict[str, str]:
        """Return what may be kept of the value: of its text, and of the number that it may be."""
        number = as_number(self.value)
        told = {"text": self.value} | ({"number": number} if number is not None else {})
        return {kind: salted(salt, self.by, text) for kind, text in told.items()}


@dataclass(frozen=True)
class Remembered:
    """A value of which nothing but salted digests is known, for rows that come to light later."""

    by: str
    salt: str
    digests: Mapping[str, str]

    def of(self, column: Any) -> Any:
        """Return which cells hold the value."""
        import pyarrow as pa

        is_number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
        wanted = self.digests.get("number" if is_number else "text")
        if wanted is None:
            return pa.array([False] * len(column))
        told = ("" if cell is None else as_text(cell) for cell in column.to_pylist())
        return pa.array(
            [bool(text) and salted(self.salt, self.by, text) == wanted for text in told]
        )


def salted(salt: str, by: str, text: str) -> str:
    """Return the digest of a value that tells nothing to whoever has no salt."""
    said = json.dumps([by, text]).encode()
    return "hmac-sha256:" + hmac.new(bytes.fromhex(salt), said, hashlib.sha256).hexdigest()


def rows(sought: Sought | Remembered, table: pa.Table) -> Any:
    """Return which rows of the log are about whom is sought."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column: Any
    if not sought.by:
        found = pa.array([False] * table.num_rows, pa.bool_())
        for name in CASE:
            if name in table.column_names:
                found = pc.or_(found, _flat(sought.of(table[name])))
        return found
    column = _feature(table, sought.by)
    if column is None:
        return pa.array([False] * table.num_rows, pa.bool_())
    return _flat(sought.of(column))


def _feature(table: pa.Table, name: str) -> Any:
    if "features" not in table.column_names:
        return None
    column = table["features"].combine_chunks()
    names = [column.type.field(at).name for at in range(column.type.num_fields)]
    return column.field(names.index(name)) if name in names else None


def as_text(cell: Any) -> str:
    """Return a cell as people type it: whole numbers without a point, truth as JSON says it."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return cell if isinstance(cell, str) else json.dumps(cell, default=str)


def as_number(text: str) -> str | None:
    """Return the one form of the number that a text means; None where it means none.

    >>> [as_number(text) for text in ("042", "4.20e1", "0.10", "forty-two", "nan", "1e999")]
    ['42', '42', '0.1', None, None, None]
    """
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        number = Decimal(text.strip())
        if not number.is_finite() or abs(number.adjusted()) > _LONGEST_NUMBER:
            return None
    except InvalidOperation:
        return None
    if number == number.to_integral_value():
        return str(int(number))
    return repr(float(number))


def _in_kind(number: str, kind: Any) -> Any:
    """Return a number as a column of this kind holds it; None where it cannot be there."""
    import pyarrow as pa

    if pa.types.is_integer(kind):
        try:
            return pa.scalar(int(number), kind)
        except (ValueError, OverflowError, pa.ArrowInvalid):
            return None
    as_float = float(number)
    return pa.scalar(as_float, kind) if as_text(as_float) == number else None


def _flat(found: Any) -> Any:
    import pyarrow as pa

    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
