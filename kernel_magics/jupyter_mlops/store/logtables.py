"""Frames of the prediction log as Arrow tables, and tables of different versions as one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import pyarrow as pa

from jupyter_mlops.store.segments import Frame, parsed

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
    "beside": pa.string(),
}
LEAF: Final = "leaf"
"""The digest of a sealed row, which stays when the row itself is erased."""
SALT: Final = 38
"""Hexadecimal digits of a salt."""
_EXACT: Final = 1 << 53
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
        "version": pa.string(),
        "role": pa.string(),
    }
)


NAMES: Final = ("prediction_id", "id", "role")
Logged: TypeAlias = "Frame | pa.RecordBatch"


def predictions(logged: Iterable[Logged]) -> pa.Table:
    """Return one row per prediction; its features are one struct column."""
    told: dict[str, list[Any]] = {name: [] for name in PREDICTION}
    rows: list[Mapping[str, Any]] = []
    tables = []
    head: Mapping[str, Any] = {}
    for found in logged:
        if isinstance(found, pa.RecordBatch):
            tables.append(_headed(found, head))
            continue
        head = found.head
        if not head["kind"] and head["prediction_ids"]:
            _extend(told, head)
            rows.extend(parsed(found.body)["rows"])
    arrays = {name: pa.array(told[name], type=kind) for name, kind in PREDICTION.items()}
    plain = pa.table({**arrays, "features": _struct(_by_name(rows), len(rows))})
    return together([plain, *tables]) if tables else plain


def names(logged: Iterable[Logged]) -> pa.Table:
    """Return one row per prediction: its id, its case's and its role, without a look at what was asked."""
    told: dict[str, list[Any]] = {name: [] for name in NAMES}
    tables = []
    head: Mapping[str, Any] = {}
    for found in logged:
        if isinstance(found, pa.RecordBatch):
            tables.append(_names_of(found, head["role"] if head else None))
            continue
        head = found.head
        if not head["kind"] and head["prediction_ids"]:
            role = head["role"]
            told["prediction_id"] += head["prediction_ids"]
            told["id"] += head["ids"]
            told["role"] += role if isinstance(role, list) else [role] * len(head["ids"])
    plain = pa.table({name: pa.array(told[name], pa.string()) for name in NAMES})
    return pa.concat_tables([plain, *tables])


def _names_of(batch: pa.RecordBatch, role: str | None) -> pa.Table:
    there = set(batch.schema.names)
    ids = batch["prediction_id"]
    return pa.table(
        {
            "prediction_id": ids,
            "id": batch["id"] if "id" in there else ids,
            "role": batch["role"]
            if "role" in there
            else pa.repeat(pa.scalar(role, pa.string()), len(ids)),
        }
    )


def requests(logged: Iterable[Logged]) -> pa.Table:
    """Return one row per request, refused ones included."""
    heads = [found.head for found in logged if isinstance(found, Frame)]
    told = {name: [_one(head.get(name)) for head in heads] for name in REQUESTS.names}
    return pa.table({**told, "at": [moment(head) for head in heads]}, schema=REQUESTS)


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables of predictions below one another; features that one lacks are missing in it."""
    tables = [table for table in tables if table.num_rows]
    if not tables:
        return predictions([])
    fixed = pa.concat_tables([complete(table).select(list(PREDICTION)) for table in tables])
    named = [_fields(table) for table in tables]
    names = dict.fromkeys(name for fields in named for name in fields)
    columns = {
        name: _joined([f.get(name) for f in named], [table.num_rows for table in tables])
        for name in names
    }
    return fixed.append_column("features", _struct(columns, fixed.num_rows))


def _one(told: Any) -> Any:
    """Return what is true of a whole request; nothing where its rows differ."""
    return None if isinstance(told, list) else told


def _headed(batch: pa.RecordBatch, head: Mapping[str, Any]) -> pa.Table:
    """Return predictions that were logged as a table, with what their request's head says of them all."""
    table = pa.Table.from_batches([batch])
    there = set(table.column_names)
    if there >= {*PREDICTION}:
        return table  # an older segment, whose tables say everything themselves
    rows, when = table.num_rows, moment(head)
    of_all = {
        "at": when,
        "known_at": when,
        "version": head["version"],
        "digest": head["digest"],
        "role": head["role"],
        "latency_ms": head["ms"],
        "warnings": [],
    }
    columns = {
        name: pa.repeat(pa.scalar(of_all.get(name), kind), rows)
        for name, kind in PREDICTION.items()
        if name not in there
    }
    if "id" not in there:
        columns["id"] = table["prediction_id"]
    columns["salt"] = pa.array(salts(head["salt"], rows))
    kept = {name: table[name] for name in table.column_names}
    return pa.table({**kept, **columns})


def salts(of_request: str, rows: int) -> list[str]:
    """Return a salt for each row of a request; from one that stays nobody learns one that went."""
    told = (f"{of_request}{at:06x}".encode() for at in range(rows))
    return [hashlib.sha256(text).hexdigest()[:SALT] for text in told]


def complete(table: pa.Table) -> pa.Table:
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
    told["beside"] += head.get("beside") or [None] * count
    told["salt"] += salts(salt, count) if salt else [None] * count
    when = moment(head)
    for name, said in (
        ("at", when),
        ("known_at", when),
        ("version", head["version"]),
        ("digest", head["digest"]),
        ("role", head["role"]),
        ("latency_ms", head["ms"]),
    ):
        told[name] += said if isinstance(said, list) else [said] * count


def moment(head: Mapping[str, Any]) -> datetime:
    """Return when a request was answered: microseconds since 1970, or text in older segments."""
    at = head["at"]
    if isinstance(at, str):
        return datetime.fromisoformat(at)
    seconds, micros = divmod(at, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


def _by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _array([row.get(name) for row in rows]) for name in names}


def _array(values: list[Any]) -> pa.Array:
    kinds = {*map(type, values)} - {type(None)}
    if kinds <= {float}:
        return pa.array(values, type=pa.float64())
    if kinds <= {int, float} and all(map(_is_exact, values)):
        return pa.array([None if v is None else float(v) for v in values], type=pa.float64())
    if kinds == {bool}:
        return pa.array(values, type=pa.bool_())
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pa.array(texts, type=pa.string())


def _is_exact(value: Any) -> bool:
    """Say whether a number is itself as a float; a feature that no model knows holds anything."""
    return not isinstance(value, int) or abs(value) <= _EXACT


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
