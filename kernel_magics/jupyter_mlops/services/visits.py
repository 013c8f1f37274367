"""What the access log tells and the request log cannot: who was refused at the door, and how long."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

AT_THE_DOOR: Final = frozenset(
    {
        "host_not_allowed",
        "unauthorized",
        "too_many_guesses",
        "too_many_requests",
        "too_many_large_requests",
    }
)
"""Codes of requests that reach no deployment's own log."""

_FIELDS: Final = ("at", "deployment", "status", "code", "ms")


def read(ws: Workspace, deployment: str, since: datetime, until: datetime) -> pa.Table:
    """Return the requests for a deployment in a window: ``at``, ``status``, ``code``, ``ms``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    schema = pa.schema(
        [
            ("at", pa.timestamp("ms", tz="UTC")),
            ("deployment", pa.string()),
            ("status", pa.int64()),
            ("code", pa.string()),
            ("ms", pa.float64()),
        ]
    )
    tables = [_table(path, schema) for path in _files(ws.home.access, since, until)]
    whole = pa.concat_tables(tables) if tables else schema.empty_table()
    wanted = pc.and_(
        pc.equal(whole["deployment"], deployment),
        pc.and_(pc.greater_equal(whole["at"], since), pc.less(whole["at"], until)),
    )
    return whole.filter(wanted)


def refused(visits: pa.Table) -> Counter[str]:
    """Return how many were refused at the door, by code."""
    return Counter(code for code in visits["code"].to_pylist() if code in AT_THE_DOOR)


def _files(folder: Path, since: datetime, until: datetime) -> Iterator[Path]:
    day, last = since.astimezone(UTC).date(), until.astimezone(UTC).date()
    while day <= last:
        path = folder / f"{day.isoformat()}.jsonl"
        if path.exists():
            yield path
        day += timedelta(days=1)


def _table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read one day; a line that was cut short costs itself alone."""
    import pyarrow as pa
    import pyarrow.json

    body = path.read_bytes()
    body = body[: body.rfind(b"\n") + 1]
    if not body:
        return schema.empty_table()
    how = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        found = pyarrow.json.read_json(pa.py_buffer(body), parse_options=how)
    except pa.ArrowInvalid:
        found = pa.Table.from_pylist(list(_lines(body)), schema=schema)
    return found.select(_FIELDS)


def _lines(body: bytes) -> Iterator[dict[str, Any]]:
    for line in body.splitlines():
        try:
            told = json.loads(line)
            yield {name: told.get(name) for name in _FIELDS} | {
                "at": datetime.fromisoformat(told["at"])
            }
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
