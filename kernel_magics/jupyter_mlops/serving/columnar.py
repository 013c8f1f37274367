"""Answers to sheets: from the columns that came to the columns that go out, and into the log.

It says what :meth:`jupyter_mlops.serving.places.Place.answer` would say row by row, for the plain case
that large requests are: one compiled model, no rule to judge by, every row answered.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from jupyter_mlops.serving import chance
from jupyter_mlops.serving.questions import Told
from jupyter_mlops.serving.records import Record, lists, together
from jupyter_mlops.serving.tabular import told_as_arrow

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.serving.models import Model
    from jupyter_mlops.serving.sheets import Sheet

ID: Final = 32
_STAMP: Final = 12
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Columns:
    """What a model says of a sheet, a column each; ``best`` is the place of each row's class."""

    ids: pa.Array
    values: Any
    best: Any
    chances: Any
    warnings: Mapping[int, list[str]]


def columns_of(model: Model, sheet: Sheet) -> Columns | None:
    """Have a model answer a sheet; None where it has to be asked in the ordinary way."""
    scores = model.scores_of(sheet)
    if scores is None:
        return None
    ids = fresh_ids(sheet.count)
    if scores.ndim == 1:
        return Columns(ids, scores, None, None, sheet.warnings)
    best = scores.argmax(axis=1)
    values = scores[:, 1] if model.is_binary else scores.max(axis=1)
    return Columns(ids, values, best, scores, sheet.warnings)


def logged(
    model: Model, sheet: Sheet, told: Columns, about: Mapping[str, Any], began: float
) -> tuple[bytes, pa.RecordBatch]:
    """Return what the log has to remember: a head, and a table of the predictions."""
    import pyarrow as pa

    head = Record(
        at=time.time_ns() // 1000,
        rows=sheet.count,
        ms=(time.perf_counter() - began) * 1000,
        version=about["version"],
        digest=about["digest"],
        role="champion",
        salt=chance.take(16).hex(),
    )
    table = together(
        {
            "prediction_id": told.ids,
            "score": pa.array(told.values),
            "label": None if told.best is None else pa.array(model.classes).take(told.best),
            "probabilities": None if told.chances is None else lists(told.chances),
            "warnings": _warnings(told, sheet.count) if told.warnings else None,
        },
        sheet.table,
    )
    return _encode(head), table


def as_arrow(model: Model, told: Columns, about: Mapping[str, Any]) -> bytes:
    """Tell predictions as an Arrow stream, a column each; what is said of the model is metadata."""
    import pyarrow as pa

    count = len(told.ids)
    said = told.values if told.best is None else pa.array(model.labels).take(told.best)
    arrays = {
        "id": told.ids,
        "prediction_id": told.ids,
        "prediction": said,
        "warnings": _warnings(told, count),
        "version": pa.repeat(about["version"], count),
    }
    if told.chances is not None:
        each = [pa.array(column) for column in told.chances.T]
        arrays["probabilities"] = pa.StructArray.from_arrays(each, names=model.classes)
    return told_as_arrow(arrays, about)


def as_json(model: Model, told: Columns, about: Mapping[str, Any]) -> bytes:
    """Tell predictions as JSON, an object each."""
    ids, version = told.ids.to_pylist(), about["version"]
    none: list[str] = []
    chances: Iterable[dict[str, float] | None]
    if told.best is None:
        said, chances = told.values.tolist(), repeat(None)
    else:
        said = [model.labels[at] for at in told.best.tolist()]
        names = model.classes
        chances = (dict(zip(names, row, strict=True)) for row in told.chances.tolist())
    rows = [
        Told(name, name, one, chance, none, version)
        for name, one, chance in zip(ids, said, chances, strict=False)
    ]
    for row, warned in told.warnings.items():
        rows[row].warnings = warned
    return _encode({**about, "predictions": rows})


def fresh_ids(count: int) -> pa.Array:
    """Return a column of fresh ids, made as :func:`jupyter_mlops.serving.places.prediction_ids` are."""
    import pyarrow as pa

    stamp = f"{time.time_ns() // 1_000_000:012x}".encode()
    drawn = chance.take((ID - _STAMP) // 2 * count).hex().encode()
    letters = np.empty((count, ID), dtype=np.uint8)
    letters[:, :_STAMP] = np.frombuffer(stamp, np.uint8)
    letters[:, _STAMP:] = np.frombuffer(drawn, np.uint8).reshape(count, ID - _STAMP)
    ends = np.arange(0, ID * count + 1, ID, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(letters))


def _warnings(told: Columns, count: int) -> pa.Array:
    """Return the warnings of each row as a column of lists."""
    import pyarrow as pa

    lengths = np.zeros(count + 1, dtype=np.int32)
    said: list[str] = []
    for row in sorted(told.warnings):
        lengths[row + 1] = len(told.warnings[row])
        said += told.warnings[row]
    return pa.ListArray.from_arrays(np.cumsum(lengths, dtype=np.int32), pa.array(said, pa.string()))
