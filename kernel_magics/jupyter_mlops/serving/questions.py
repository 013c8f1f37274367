"""What is asked, whatever it came as: rows as the model reads them, and how the answer is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from jupyter_mlops.serving import bodies, tabular
from jupyter_mlops.serving.problems import Problem

JSON: Final = "application/json"
CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"
KINDS: Final = (JSON, CSV, ARROW)

_encode: Final = msgspec.json.Encoder().encode

Features = Sequence[Mapping[str, Any]]
Tell = Callable[[Mapping[str, Any], list[dict[str, Any]]], bytes]


def plainly(about: Mapping[str, Any], predictions: list[dict[str, Any]]) -> bytes:
    """Tell the predictions as they are, below what is said of the model."""
    return _encode({**about, "predictions": predictions})


@dataclass(frozen=True, slots=True)
class Question:
    """Rows to be scored; ``record`` is what the log keeps of them, ``tell`` writes the answer."""

    rows: Sequence[Mapping[str, Any]]
    ids: Sequence[str] | None
    record: bytes
    tell: Tell = plainly


def read(kind: str, body: bytes, features: Features, *, id: str | None = None) -> Question:
    """Read a body of one of the kinds; ``id`` names the column of a table that holds the ids.

    Raises:
        Problem: it is not what its kind says, or not a request.
    """
    if kind == JSON:
        asked = bodies.asked(body)
        return Question(
            asked.rows or (), asked.ids, body if asked.columns is None else asked.record
        )
    rows = tabular.from_csv(body, features) if kind == CSV else tabular.from_arrow(body)
    ids = _taken(rows, id) if id else None
    return Question(rows, ids, _encode({"rows": rows}))


def _taken(rows: Sequence[dict[str, Any]], name: str) -> list[str]:
    """Take the ids out of their column."""
    if any(name not in row for row in rows):
        raise Problem(422, "invalid_ids", "The column that should hold the ids is not there.")
    ids = [row.pop(name) for row in rows]
    told = [str(found) if isinstance(found, int) else found for found in ids]
    bodies.check_ids(told, len(rows))
    return told
