"""Frames of the prediction log as Arrow tables, and tables of different versions as one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from jupyter_mlops.store.segments import Frame

MOMENT: Final = pa.timestamp("us", tz="UTC")

PREDICTION: Final = {
    "prediction_id": pa.string(),
    "id": pa.string(),
    "at": MOMENT,
    "known_at": MOMENT,
    "version": pa.string(),
    "digest": pa.string(),
    "role": pa.string(),
    "score": pa.float64(),
    "label": pa.string(),
    "probabilities": pa.list_(pa.float64()),
    "warnings": pa.list_(pa.string()),
    "latency_ms": pa.float64(),
    "salt": pa.string(),
}
REQUESTS: Final = pa.schema(
    {
        "at": MOMENT,
        "rows": pa.int64(),
        "ms": pa.float64(),
        "kind": pa.string(),
        "status": pa.int64(),
        "key": pa.string(),
        "body_digest": pa.string(),
        "answer": pa.string(),
    }
)


def predictions(frames: Iterable[Frame]) -> pa.Table:
    """Return one row per prediction; its features are one struct column."""
    told: dict[str, list[Any]] = {name: [] for name in PREDICTION}
    rows: list[Mapping[str, Any]] = []
    for frame in frames:
        if not frame.head["kind"]:
            _extend(told, frame.head)
            rows.extend(json.loads(frame.body)["rows"])
    arrays = {name: pa.array(told[name], type=kind) for name, kind in PREDICTION.items()}
    return pa.table({**arrays, "features": _struct(_by_name(rows), len(rows))})


def requests(frames: Iterable[Frame]) -> pa.Table:
    """Return one row per request, refused ones included."""
    return pa.Table.from_pylist(
        [
            {name: frame.head.get(name) for name in REQUESTS.names} | {"at": _moment(frame.head)}
            for frame in frames
        ],
        schema=REQUESTS,
    )


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables of predictions below one another; features that one lacks are missing in it."""
    if not tables:
        return predictions([])
    fixed = pa.concat_tables([_complete(table).select(list(PREDICTION)) for table in tables])
    named = [_fields(table) for table in tables]
    names = dict.fromkeys(name for fields in named for name in fields)
    columns = {
        name: _joined([f.get(name) for f in named], [table.num_rows for table in tables])
        for name in names
    }
    return fixed.append_column("features", _struct(columns, fixed.num_rows))


def _complete(table: pa.Table) -> pa.Table:
    """Return a table with every column of today; one that was written before has nothing there."""
    for name, kind in PREDICTION.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    return table


def _extend(told: dict[str, list[Any]], head: Mapping[str, Any]) -> None:
    count = len(head["prediction_ids"])
    told["prediction_id"] += head["prediction_ids"]
    told["id"] += head["ids"]
    told["score"] += head["scores"]
    told["label"] += head["labels"] or [None] * count
    told["probabilities"] += head["probabilities"] or [None] * count
    told["warnings"] += head["warnings"] or [[]] * count
    salt = head.get("salt")
    told["salt"] += [f"{salt}{at:06x}" if salt else None for at in range(count)]
    moment = _moment(head)
    for name, said in (
        ("at", moment),
        ("known_at", moment),
        ("version", head["version"]),
        ("digest", head["digest"]),
        ("role", head["role"]),
        ("latency_ms", head["ms"]),
    ):
        told[name] += said if isinstance(said, list) else [said] * count


def _moment(head: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(head["at"])


def _by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _array([row.get(name) for row in rows]) for name in names}


def _array(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        return pa.array([None if v is None else float(v) for v in values], type=pa.float64())
    if kinds == {bool}:
        return pa.array(values, type=pa.bool_())
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pa.array(texts, type=pa.string())


def _fields(table: pa.Table) -> dict[str, pa.Array]:
    column = table["features"].combine_chunks()
    names = [column.type.field(i).name for i in range(column.type.num_fields)]
    return {name: column.field(i) for i, name in enumerate(names)}


def _joined(parts: Sequence[pa.Array | None], lengths: Sequence[int]) -> pa.Array:
    kinds = {part.type for part in parts if part is not None and part.null_count < len(part)}
    kind = next(iter(kinds)) if len(kinds) == 1 else pa.string() if kinds else pa.float64()
    return pa.concat_arrays(
        [
            pa.nulls(length, kind) if part is None else part.cast(kind)
            for part, length in zip(parts, lengths, strict=True)
        ]
    )


def _struct(columns: Mapping[str, pa.Array], rows: int) -> pa.Array:
    if not columns:
        return pa.array([{}] * rows, type=pa.struct([]))
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
