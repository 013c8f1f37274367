"""People's tables as columns, rows and bytes, whichever library they come from.

A column is a numpy array: ``float64`` (missing is NaN), ``int64`` or ``bool`` where nothing is
missing, and ``object`` of ``str`` for everything that is text (missing is ``None``). Moments become
ISO 8601 text.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.errors import Invalid, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

Column = np.ndarray[Any, Any]
Columns = dict[str, Column]
_LARGEST_INTEGER = 2**63


def columns(frame: Any) -> Columns:
    """Return the columns of a table: pandas, polars, pyarrow, rows, or a dictionary of columns.

    Raises:
        Invalid: it is not a table, has two columns of one name, or columns of unequal length.
    """
    if isinstance(frame, Mapping):
        return _checked({str(name): _plain(np.asarray(v)) for name, v in frame.items()})
    if isinstance(frame, Sequence) and not isinstance(frame, str | bytes):
        return _from_records(frame)
    return _checked(_from_narwhals(frame))


def records(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON: missing values are None, numbers are Python's."""
    told = columns(frame)
    lists = [_json_values(column) for column in told.values()]
    return [dict(zip(told, row, strict=True)) for row in zip(*lists, strict=True)]


def to_pandas(told: Columns) -> Any:
    """Return the columns as a pandas frame, as scikit-learn's pipelines expect them."""
    import pandas as pd

    return pd.DataFrame({name: _for_pandas(column) for name, column in told.items()})


def to_arrow(told: Columns) -> bytes:
    """Write the columns as one Arrow IPC stream."""
    return as_stream(table(told))


def table(told: Columns) -> pa.Table:
    """Return the columns as a table of Arrow."""
    import pyarrow as pa

    return pa.table({name: _to_array(column) for name, column in told.items()})


def as_stream(table: pa.Table) -> bytes:
    """Return a table as one Arrow IPC stream."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def from_arrow(data: bytes) -> Columns:
    """Read the columns that :func:`to_arrow` wrote.

    Raises:
        Invalid: the bytes are not an Arrow stream.
    """
    import pyarrow as pa

    try:
        table = pa.ipc.open_stream(data).read_all()
    except pa.ArrowException:
        raise Invalid("These bytes are not an Arrow stream.", code="arrow_invalid") from None
    return {name: _from_array(table[name]) for name in table.column_names}


def read(path: str | Path) -> pa.Table:
    """Read a CSV or Parquet file.

    Raises:
        Invalid: there is no such file, or it is neither.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    file = Path(path).expanduser()
    if not file.is_file():
        raise _no_file(file)
    try:
        return parquet.read_table(file) if is_parquet(file) else csv.read_csv(file)
    except (pa.ArrowException, OSError) as error:
        raise Invalid(
            "{path} cannot be read as CSV or Parquet: {why}.",
            "a frame on the command line is a path to a .csv or .parquet file.",
            code="frame_unreadable",
            path=file,
            why=str(error).splitlines()[0],
        ) from None


def is_parquet(file: Path) -> bool:
    """Say whether a file begins as Parquet does."""
    with file.open("rb") as opened:
        return opened.read(4) == b"PAR1"


def digest(frame: Any) -> str:
    """Return the digest of a table's content: the same values, the same digest, whatever library.

    Names, order, kinds and values count; how a library stores them does not.
    """
    told = frame if _is_columns(frame) else columns(frame)
    found = hashlib.sha256()
    for name, column in told.items():
        found.update(f"{len(name)}:{name}:{column.dtype.kind}:{len(column)}:".encode())
        if column.dtype.kind == "O":
            texts = ["\x00" if v is None else f"{len(v)}:{v}" for v in column.tolist()]
            found.update("".join(texts).encode("utf-8", "surrogatepass"))
        else:
            found.update(np.ascontiguousarray(column).tobytes())
    return "sha256:" + found.hexdigest()


def _from_narwhals(frame: Any) -> Columns:
    import narwhals as nw
    from narwhals.exceptions import DuplicateError

    try:
        table = nw.from_native(frame, eager_only=True, pass_through=False)
        names = [str(name) for name in table.columns]
    except DuplicateError:
        raise _same_name() from None
    except TypeError:
        raise Invalid(
            "{kind} is not a table.",
            "use a pandas, polars or pyarrow frame, rows as dictionaries, or a path to a file.",
            code="frame_invalid",
            kind=type(frame).__name__,
        ) from None
    if len(set(names)) != len(names):
        raise _same_name()
    return {str(name): _from_series(table[name], nw) for name in table.columns}


def _same_name() -> Invalid:
    return Invalid(
        "Two columns of the table have the same name.",
        "rename one of them.",
        code="frame_invalid",
    )


def _from_series(series: Any, nw: Any) -> Column:
    kind = series.dtype
    if kind.is_numeric():
        if kind.is_integer() and not series.is_null().any():
            return np.asarray(series.to_numpy()).astype(np.int64)
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if kind == nw.Boolean and not series.is_null().any():
        return np.asarray(series.to_numpy()).astype(bool)
    return _texts(series.to_list())


def _from_records(rows: Sequence[Any]) -> Columns:
    if not all(isinstance(row, Mapping) for row in rows):
        raise Invalid(
            "The rows are not dictionaries.",
            "write [{{feature: value, …}}, …], or use a frame.",
            code="frame_invalid",
        )
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: _plain(_objects([row.get(name) for row in rows])) for name in names}


def _plain(values: Column) -> Column:
    """Return an array of whatever kind in one of the four kinds a column has."""
    if values.ndim != 1:
        raise Invalid("A column of the table is not one-dimensional.", code="frame_invalid")
    if values.dtype.kind in "fiub":
        kind = {"f": np.float64, "b": np.bool_}.get(values.dtype.kind, np.int64)
        return values.astype(kind)
    found = values.tolist()
    known = [value for value in found if not _is_missing(value)]
    if known and all(isinstance(value, bool) for value in known):
        return np.array(found, dtype=bool) if len(known) == len(found) else _texts(found)
    if all(_is_number(value) for value in known):
        return _numbers(found, whole=len(known) == len(found))
    return _texts(found)


def _numbers(found: list[Any], *, whole: bool) -> Column:
    integers = whole and found and all(isinstance(value, int | np.integer) for value in found)
    if integers and all(abs(value) < _LARGEST_INTEGER for value in found):
        return np.array(found, dtype=np.int64)
    return np.array([np.nan if _is_missing(v) else float(v) for v in found], dtype=np.float64)


def _texts(found: list[Any]) -> Column:
    return _objects([None if _is_missing(value) else _text(value) for value in found])


def _objects(found: list[Any]) -> Column:
    column = np.empty(len(found), dtype=object)
    column[:] = found
    return column


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in ("NaTType", "NAType")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _checked(told: Columns) -> Columns:
    if len({len(column) for column in told.values()}) > 1:
        raise Invalid("The columns of the table are not of one length.", code="frame_invalid")
    return told


def _is_columns(frame: Any) -> bool:
    return isinstance(frame, dict) and all(
        isinstance(c, np.ndarray) and c.dtype.kind in "fibO" for c in frame.values()
    )


def _json_values(column: Column) -> list[Any]:
    if column.dtype.kind == "f":
        return [value if math.isfinite(value) else None for value in column.tolist()]
    found: list[Any] = column.tolist()
    return found


def _for_pandas(column: Column) -> Any:
    """Give pandas text as objects, missing as NaN: what encoders were fitted on."""
    if column.dtype.kind != "O":
        return column
    return _objects([np.nan if value is None else value for value in column.tolist()])


def _to_array(column: Column) -> Any:
    import pyarrow as pa

    if column.dtype.kind == "O":
        return pa.array(column.tolist(), type=pa.string())
    return pa.array(column)


def _from_array(chunked: Any) -> Column:
    import pyarrow.types as kinds

    if kinds.is_floating(chunked.type):
        return np.asarray(chunked.to_numpy(), dtype=np.float64)
    if kinds.is_boolean(chunked.type) or kinds.is_integer(chunked.type):
        return np.asarray(chunked.to_numpy())
    return _texts(chunked.to_pylist())


def _no_file(file: Path) -> Invalid:
    beside = [other.name for other in file.parent.iterdir()] if file.parent.is_dir() else []
    meant = did_you_mean(file.name, beside)
    return Invalid(
        "There is no file {path}.",
        "did you mean {meant}?" if meant else "a frame on the command line is a path.",
        code="file_not_found",
        path=file,
        meant=meant,
    )
