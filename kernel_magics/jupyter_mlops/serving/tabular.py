"""Reading tables strictly: CSV by the types of the signature, Arrow by its own.

An empty field of a CSV and a NaN of an Arrow column are missing values.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.formats.frames import as_stream
from jupyter_mlops.serving.bodies import LARGE, LARGEST, MOST_ROWS, check_values, with_nul
from jupyter_mlops.serving.problems import Problem

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.serving.questions import Told

MOST_COLUMNS: Final = 5_000
LARGEST_DECODED: Final = LARGEST
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}
_RECORD_BATCH: Final = 3
_DICTIONARY_BATCH: Final = 2

Rows = list[dict[str, Any]]


def from_csv(body: bytes, features: Sequence[Mapping[str, Any]]) -> Rows:
    """Read a CSV whose first line names the columns; a field is read as its feature's type.

    Raises:
        Problem: 400 for what is no CSV, 422 for a field that is not of its type.
    """
    if len(body) > LARGE:
        check_values(body.count(b",") + body.count(b"\n"))
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        names = next(lines, [])
        rows = [line for line in lines if line]
    except (csv.Error, UnicodeDecodeError):
        raise Problem(400, "invalid_csv", "The body is not a CSV in UTF-8.") from None
    _check_table(names, len(rows))
    if any(len(row) != len(names) for row in rows):
        raise Problem(400, "invalid_csv", "A line has not as many fields as the first one.")
    kinds = {feature["name"]: feature["type"] for feature in features}
    read = [(_known(name, kinds), _READ[kinds.get(name, "category")]) for name in names]
    return [
        {
            name: _field(told, how, text)
            for name, (told, how), text in zip(names, read, row, strict=True)
        }
        for row in rows
    ]


def from_arrow(body: bytes, features: Sequence[Mapping[str, Any]] = ()) -> Rows:
    """Read one Arrow IPC stream of plain columns.

    Raises:
        Problem: 400 for what is no stream, 422 for columns of another kind than JSON has.
    """
    table = arrow_table(body)
    kinds = {feature["name"]: feature["type"] for feature in features}
    columns = [_values(_known(name, kinds), table[name]) for name in table.column_names]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def arrow_table(body: bytes) -> pa.Table:
    """Return the table of one Arrow IPC stream.

    Raises:
        Problem: 400 for what is no stream, 422 for too many rows or columns of one name.
    """
    import pyarrow as pa

    _check_uncompressed(body)
    try:
        with pa.ipc.open_stream(body) as stream:
            _check_table(stream.schema.names, 1)
            batches = _few(stream)
            for batch in batches:
                batch.validate(full=True)
        table = pa.Table.from_batches(batches, stream.schema)
    except (pa.ArrowException, OSError, ValueError):
        raise _not_arrow() from None
    _check_table(table.column_names, table.num_rows)
    check_values(table.num_rows * table.num_columns)
    return table


def answered_as_arrow(about: Mapping[str, Any], predictions: list[Told]) -> bytes:
    """Tell predictions as an Arrow stream, a column each; what is said of the model is metadata."""
    import pyarrow as pa

    told: dict[str, list[Any]] = {
        "id": [row.id for row in predictions],
        "prediction_id": [row.prediction_id for row in predictions],
        "prediction": [row.prediction for row in predictions],
        "warnings": [row.warnings for row in predictions],
        "version": [row.version for row in predictions],
    }
    kinds = {"warnings": pa.list_(pa.string())}
    arrays = {name: pa.array(values, type=kinds.get(name)) for name, values in told.items()}
    for name in ("probabilities", "interval", "passed"):
        values = [getattr(row, name) or None for row in predictions]
        if any(values):
            arrays[name] = _structs(values)
    return told_as_arrow(arrays, about)


def told_as_arrow(arrays: Mapping[str, pa.Array], about: Mapping[str, Any]) -> bytes:
    """Write columns as an Arrow stream; what is said of the model is metadata."""
    import pyarrow as pa

    metadata = {name: str(value) for name, value in about.items()}
    return as_stream(pa.table(dict(arrays), metadata=metadata))


def _structs(values: list[dict[str, Any] | None]) -> pa.Array:
    """Return a column of structs; of JSON, where one name stands for values of different kinds."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([json.dumps(value) for value in values])


def _few(stream: Any) -> list[Any]:
    """Take the batches of a stream, as long as their rows are not too many."""
    batches, rows = [], 0
    for batch in stream:
        rows += batch.num_rows
        if rows > MOST_ROWS:
            raise _rows_out_of_range()
        batches.append(batch)
    return batches


def _check_table(names: Sequence[str], rows: int) -> None:
    if not 0 < rows <= MOST_ROWS:
        raise _rows_out_of_range()
    if any("\x00" in name for name in names):
        raise with_nul()
    if len(set(names)) != len(names) or not 0 < len(names) <= MOST_COLUMNS:
        raise Problem(422, "invalid_columns", "Two columns have one name, or there are too many.")


def _rows_out_of_range() -> Problem:
    return Problem(422, "invalid_rows", f"A request has 1 to {MOST_ROWS} rows.")


def _known(name: str, kinds: Mapping[str, Any]) -> str:
    """Return how a refusal names a column: one that no feature has is not repeated."""
    return f"the column {name}" if name in kinds else "a column that is no feature"


def _field(name: str, how: Callable[[str], Any], text: str) -> Any:
    if not text:
        return None
    found = how(text)
    if found is None:
        raise Problem(422, "invalid_rows", f"A field of {name} is not of its feature's type.")
    return found


def _number(text: str) -> float | None:
    found = float(text) if _NUMBER.fullmatch(text) else math.inf
    return found if math.isfinite(found) else None


def _integer(text: str) -> float | int | None:
    found = _number(text)
    return int(found) if found is not None and found.is_integer() else found


def _text(text: str) -> str | None:
    return None if "\x00" in text else text


_READ: Final[dict[str, Callable[[str], Any]]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _FLAGS.get,
    "category": _text,
}


def _values(name: str, column: pa.ChunkedArray) -> list[Any]:
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_dictionary(kind) and _is_text(kind.value_type):
        return _looked_up(column)
    if kinds.is_floating(kind):
        values = column.cast(pa.float64()).to_pylist()
        return [None if value is None or math.isnan(value) else value for value in values]
    if _is_text(kind):
        _check_text(column)
    if kinds.is_integer(kind) or kinds.is_boolean(kind) or kinds.is_null(kind) or _is_text(kind):
        found: list[Any] = column.to_pylist()
        return found
    raise Problem(422, "invalid_columns", f"What {name} holds is neither numbers, flags nor text.")


def _is_text(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))


def _check_text(column: Any) -> None:
    import pyarrow.compute as pc

    if pc.any(pc.match_substring(column, "\x00")).as_py():
        raise with_nul()


def _looked_up(column: pa.ChunkedArray) -> list[Any]:
    """Decode a dictionary column whose text would not fill the memory."""
    import pyarrow.compute as pc

    told: list[Any] = []
    size = 0
    for chunk in column.chunks:
        lengths = pc.take(pc.binary_length(chunk.dictionary), chunk.indices)
        size += pc.sum(lengths).as_py() or 0
        if size > LARGEST_DECODED:
            raise Problem(413, "too_large", "The text of a column is too large.")
        _check_text(chunk.dictionary)
        words = chunk.dictionary.to_pylist()
        told += [None if at is None else words[at] for at in chunk.indices.to_pylist()]
    return told


def _not_arrow() -> Problem:
    return Problem(
        400,
        "invalid_arrow",
        "The body is not an Arrow IPC stream.",
        "write it with pyarrow.ipc.new_stream, uncompressed.",
    )


def _check_uncompressed(body: bytes) -> None:
    """Refuse compressed buffers before anything is unpacked: they could hold any amount.

    Reads the messages' flatbuffers by hand (Arrow columnar format, "Encapsulated message format"),
    as no public function tells.
    """
    try:
        place = 0
        while place + 8 <= len(body):
            mark, size = struct.unpack_from("<ii", body, place)
            if mark != -1 or size == 0:
                return
            place = _message(body, place + 8, size)
    except (struct.error, IndexError):
        raise _not_arrow() from None


def _message(body: bytes, start: int, size: int) -> int:
    """Check one message and return where the next one begins."""
    meta = body[start : start + size]
    root = struct.unpack_from("<I", meta, 0)[0]
    kind = _slot(meta, root, 1)
    header, length = _slot(meta, root, 2), _slot(meta, root, 3)
    if kind and header and meta[kind] in (_RECORD_BATCH, _DICTIONARY_BATCH):
        batch: int | None = _follow(meta, header)
        if meta[kind] == _DICTIONARY_BATCH:
            data = _slot(meta, batch or 0, 1)
            batch = _follow(meta, data) if data else None
        if batch is not None and _slot(meta, batch, 3):
            raise _not_arrow()
    follows = struct.unpack_from("<q", meta, length)[0] if length else 0
    if follows < 0:
        raise _not_arrow()
    return start + size + int(follows)


def _follow(meta: bytes, place: int) -> int:
    return place + int(struct.unpack_from("<I", meta, place)[0])


def _slot(meta: bytes, table: int, number: int) -> int | None:
    """Return where a field of a flatbuffers table lies, None where it is absent."""
    listed = table - struct.unpack_from("<i", meta, table)[0]
    size = struct.unpack_from("<H", meta, listed)[0]
    entry = 4 + 2 * number
    offset = struct.unpack_from("<H", meta, listed + entry)[0] if entry < size else 0
    return table + offset if offset else None
