"""What the log remembers of an answered request: a head beside its raw rows, or a table of its own."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa


class Record(msgspec.Struct, kw_only=True):
    """The head of an answered request; times are microseconds since 1970, UTC."""

    at: int
    rows: int
    ms: float
    version: str | list[str]
    digest: str | list[str]
    role: str | list[str]
    prediction_ids: Any = []
    ids: Any = []
    scores: list[float] = []
    labels: list[str | None] | None = None
    probabilities: list[list[float]] | None = None
    warnings: list[list[str]] | None = None
    salt: str
    kind: str = ""
    status: int = 200
    key: str | None = None
    body_digest: str | None = None
    answer: str | None = None


_BASE64: Final = "base64:"
_encode: Final = msgspec.json.Encoder().encode


def tabled(record: Record, features: dict[str, pa.Array]) -> tuple[bytes, pa.RecordBatch]:
    """Return the head of a request without its predictions, and these as a table.

    Rows that came as Arrow are kept as Arrow; ``features`` are their columns. What is the same for
    all rows stays in the head alone.
    """
    import pyarrow as pa

    told: dict[str, Any] = {
        "prediction_id": pa.array(record.prediction_ids, pa.string()),
        "id": None if record.ids is record.prediction_ids else record.ids,
        "score": record.scores,
        "label": record.labels,
        "probabilities": _lists(record.probabilities),
        "warnings": record.warnings,
    }
    told |= {
        name: found
        for name in ("version", "digest", "role")
        if isinstance(found := getattr(record, name), list)
    }
    return _headed(record), together(told, features)


def together(told: Mapping[str, Any], features: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Return predictions as a table: what is there of them, and what they were made of."""
    import pyarrow as pa

    from jupyter_mlops.store.logtables import PREDICTION

    arrays = {
        name: found if isinstance(found, pa.Array) else pa.array(found, PREDICTION[name])
        for name, found in told.items()
        if found is not None
    }
    columns = pa.StructArray.from_arrays(list(features.values()), names=list(features))
    return pa.RecordBatch.from_pydict({**arrays, "features": columns})


def _headed(record: Record) -> bytes:
    return _encode(
        msgspec.structs.replace(
            record,
            prediction_ids=[],
            ids=[],
            scores=[],
            labels=None,
            probabilities=None,
            warnings=None,
        )
    )


def _lists(probabilities: list[list[float]] | None) -> pa.Array | None:
    """Return probabilities as a column of lists, all of one length."""
    import numpy as np

    return None if probabilities is None else lists(np.array(probabilities))


def lists(rows: Any) -> pa.Array:
    """Return an array of two dimensions as a column of lists; NaN is nothing."""
    import numpy as np
    import pyarrow as pa

    offsets = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(rows.ravel(), from_pandas=True))


def as_text(answer: bytes) -> str:
    """Return an answer as the log can keep it: JSON as it is, anything else in base 64."""
    if answer.startswith(b"{"):
        return answer.decode()
    return _BASE64 + base64.b64encode(answer).decode()


def as_answer(text: str) -> bytes:
    """Return the answer that :func:`as_text` made text of."""
    if text.startswith(_BASE64):
        return base64.b64decode(text.removeprefix(_BASE64))
    return text.encode()


def as_rows(table: pa.RecordBatch) -> tuple[bytes, bytes]:
    """Return predictions that are kept as a table in the form of all others: a head, and raw rows."""
    names = table["prediction_id"].to_pylist()
    ids = table["id"].to_pylist() if "id" in table.schema.names else names
    head = {"prediction_ids": names, "ids": ids}
    return _encode(head), _encode({"rows": table["features"].to_pylist()})
