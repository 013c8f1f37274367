"""Rows that nobody has scored yet, of a file or in memory, profiled as if a deployment had read them.

A path is opened where the person is, and nowhere else: what comes over HTTP is rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.arguments import Here, Prepared
from jupyter_mlops.domain.references import TRAINING, is_word
from jupyter_mlops.errors import Invalid, did_you_mean
from jupyter_mlops.locale import tell
from jupyter_mlops.services.counting import FEATURE, batch_of, levels, numbers

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.services.slices import Slice
    from jupyter_mlops.stats.batch import Batch, Layout
    from jupyter_mlops.stats.columns import Kind
    from jupyter_mlops.stats.profile import Profile

MOST_SENT: Final = 100_000
"""How many rows are sent to a workspace behind an address."""
AT_ONCE: Final = 131_072
"""How many rows of a file are in memory at a time."""
_NUMBERS: Final = ("number", "integer")


@dataclass(frozen=True, eq=False)
class Unscored:
    """Rows with named columns: a table in memory, or a Parquet file that is read part by part."""

    name: str
    table: pa.Table | None = None
    path: Path | None = None
    _kept: dict[Any, Batch] = field(default_factory=dict)

    @cached_property
    def schema(self) -> pa.Schema:
        """Return the names and types of the columns."""
        return self.table.schema if self.table is not None else self._file().schema_arrow

    @cached_property
    def rows(self) -> int:
        """Return how many rows there are."""
        return int(
            self.table.num_rows if self.table is not None else self._file().metadata.num_rows
        )

    @property
    def words(self) -> str:
        """Return the words for it: its name, and how many rows it has."""
        return tell("{name}, {n} rows", name=self.name, n=f"{self.rows:,}")

    def fits(self, types: Mapping[str, str]) -> None:
        """Check that there is a column of the right type for each feature; one of type "" takes any.

        Raises:
            Invalid: one is not there, is there twice, or holds something else.
        """
        for name, wanted in types.items():
            places = self.schema.get_all_field_indices(name)
            if len(places) != 1:
                raise _no_column(self, name, twice=bool(places))
            if not self._holds(name, wanted):
                raise Invalid(
                    "The column {column} of {name} holds {found}, where {wanted} is wanted.",
                    "give it the type that the training data had.",
                    code="column_type",
                    column=name,
                    name=self.name,
                    found=str(self.schema.field(name).type)[:60],
                    wanted=wanted or tell("numbers or text"),
                )

    def whole(self) -> pa.Table:
        """Return all rows."""
        if self.table is not None:
            return self.table
        with readable(self.name):
            return self._file().read()

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column."""
        if self.table is not None:
            return _texts_of_moments(self.table[name])
        with readable(self.name):
            return _texts_of_moments(self._file([name]).read(columns=[name])[name])

    def logged(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """Return the columns as the prediction log would hold them, part by part, without answers."""
        import pyarrow as pa

        with readable(self.name):
            for part in self._parts(list(names)):
                columns = [_texts_of_moments(part.column(name)) for name in names]
                features = pa.StructArray.from_arrays(columns, names=list(names))
                score = pa.nulls(part.num_rows, pa.float64())
                yield pa.table({"features": features, "score": score})

    def batch(self, layout: Layout, chosen: Slice | None = None) -> Batch:
        """Profile the rows over frozen bins; memory does not grow with a file."""
        from jupyter_mlops.stats.batch import together

        names = [name.removeprefix(FEATURE) for name in layout.names]
        asked = dict.fromkeys([*names, *(chosen.features if chosen else ())])
        found = [
            batch_of(chosen.of(part) if chosen else part, layout) for part in self.logged([*asked])
        ]
        return together(layout, found)

    def reference(self, types: Mapping[str, str]) -> Batch:
        """Profile the features over bins cut by these very rows, a column at a time, once."""
        from jupyter_mlops.stats.batch import Layout

        key = tuple(types.items())
        if key not in self._kept:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                found = list(pool.map(self.profile, types, types.values()))
            told = {FEATURE + name: one for name, one in zip(types, found, strict=True)}
            layout = Layout({name: one.bins for name, one in told.items()})
            self._kept[key] = layout.batch(self.rows, told)
        return self._kept[key]

    def profile(self, name: str, wanted: str) -> Profile:
        """Profile a column over bins cut by itself; one of type "" is what the column itself is."""
        from jupyter_mlops.stats.bins import of_counts
        from jupyter_mlops.stats.profile import counted, reference

        column = self.column(name)
        kind: Kind = "number" if self._is_number(name, wanted) else "category"
        if kind == "number":
            return reference(numbers(column), kind=kind)
        found, gone = levels(column)
        return counted(found, gone, of_counts(found))

    def _is_number(self, name: str, wanted: str) -> bool:
        return wanted in _NUMBERS or (not wanted and _is_numeric(self.schema.field(name).type))

    def _holds(self, name: str, wanted: str) -> bool:
        import pyarrow.types as kinds

        kind = self.schema.field(name).type
        if kinds.is_null(kind) or (self.table is not None and _is_empty(self.table[name])):
            return True
        is_label = _is_text(kind) or kinds.is_boolean(kind) or kinds.is_temporal(kind)
        is_number = _is_numeric(kind)
        return is_number if wanted in _NUMBERS else is_label or (not wanted and is_number)

    def _parts(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        if self.table is not None:
            yield from self.table.select(names).combine_chunks().to_batches(AT_ONCE)
        else:
            yield from self._file(names).iter_batches(AT_ONCE, columns=names)

    def _file(self, names: Sequence[str] = ()) -> Any:
        """Open the file, text among the columns read as the few different texts it is made of."""
        from pyarrow import parquet

        with readable(self.name):
            labels = [name for name in names if _is_text(self.schema.field(name).type)]
            return parquet.ParquetFile(self.path, read_dictionary=labels, pre_buffer=False)


def prepare_drift(
    here: Here, *, of: Any = None, reference: Any = TRAINING, **_options: Any
) -> Prepared:
    """Open the rows that the person names; a word for what is compared with stays a word."""
    told: dict[str, Any] = {}
    if of is not None:
        told["of"] = _taken(here, of)
    if reference is not None and not _is_said(reference):
        told["reference"] = _taken(here, reference)
    return Prepared(told)


def opened(path: str | Path) -> Unscored:
    """Return the rows of a CSV or Parquet file.

    Raises:
        Invalid: there is no such file, it is a folder, or neither CSV nor Parquet.
    """
    from jupyter_mlops.formats import frames

    file = Path(path).expanduser()
    if file.is_dir():
        raise Invalid(
            "{path} is a folder.",
            "name one CSV or Parquet file.",
            code="frame_is_folder",
            path=path,
        )
    if file.is_file() and frames.is_parquet(file):
        return Unscored(file.name, path=file)
    return Unscored(file.name, frames.read(file))


def given(told: Any) -> Unscored | None:
    """Return the rows that the deed was given; text is never taken for a path here.

    Raises:
        Invalid: they are no rows, or there are none.
    """
    from jupyter_mlops.formats import frames

    if told is None:
        return None
    found = told if isinstance(told, Unscored) else None
    if found is None:
        columns = frames.columns([told] if isinstance(told, str | bytes) else told)
        found = Unscored(tell("the given rows"), frames.table(columns))
    if not found.rows:
        raise Invalid(
            "{name} has no rows.",
            "name rows that are to be scored.",
            code="frame_empty",
            name=found.name,
        )
    return found


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Say of a file that it cannot be read, where reading it fails."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise Invalid(
            "{path} cannot be read as CSV or Parquet: {why}.",
            "write the file again, then read it whole where it was made.",
            code="frame_unreadable",
            path=name,
            why=str(error).splitlines()[0][:200],
        ) from None


def _taken(here: Here, told: Any) -> Any:
    """Return the rows as the deed takes them: as they are here, as JSON behind an address."""
    from jupyter_mlops.formats import frames

    rows = given(opened(told) if isinstance(told, str | Path) else told)
    if rows is None or not here.far:
        return rows
    if rows.rows > MOST_SENT:
        raise Invalid(
            "{name} has {n} rows; at most {most} are sent to an address.",
            "send a sample of them, or ask on the machine of the workspace.",
            code="rows_too_many",
            name=rows.name,
            n=f"{rows.rows:,}",
            most=f"{MOST_SENT:,}",
        )
    return frames.records(rows.whole())


def _is_said(reference: Any) -> bool:
    """Say whether it is a word or a segment, not rows and not a path that is there."""
    if not isinstance(reference, str) or is_word(reference):
        return isinstance(reference, str)
    try:
        return not Path(reference).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long, of nobody, or no path at all
        return True


def _no_column(rows: Unscored, name: str, *, twice: bool) -> Invalid:
    if twice:
        return Invalid(
            "Two columns of {name} are called {column}.",
            "rename one of them.",
            code="frame_invalid",
            name=rows.name,
            column=name,
        )
    names = [str(one)[:60] for one in rows.schema.names]
    meant = did_you_mean(name, names)
    return Invalid(
        "{name} has no column {column}.",
        "did you mean {meant}?" if meant else "its columns are {columns}.",
        code="column_missing",
        name=rows.name,
        column=name,
        meant=meant,
        columns=", ".join(names[:20]),
    )


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    if kinds.is_dictionary(kind):
        kind = kind.value_type
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def _is_numeric(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind))


def _is_empty(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count == len(column))


def _texts_of_moments(column: Any) -> Any:
    """Return moments as the text that frames make of them; everything else as it is."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if not kinds.is_temporal(column.type):
        return column
    texts = [None if value is None else _iso(value) for value in column.to_pylist()]
    return pa.array(texts, pa.string())


def _iso(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
