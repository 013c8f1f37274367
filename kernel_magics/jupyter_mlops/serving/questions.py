"""What is asked, whatever it came as: rows as the model reads them, and how the answer is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from jupyter_mlops.serving import bodies, tabular
from jupyter_mlops.serving.problems import Problem

if TYPE_CHECKING:
    from jupyter_mlops.serving.models import Model
    from jupyter_mlops.serving.sheets import Sheet
    from jupyter_mlops.serving.typed import Found

JSON: Final = "application/json"
CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"
KINDS: Final = (JSON, CSV, ARROW)

_encode: Final = msgspec.json.Encoder().encode


class Told(msgspec.Struct):
    """What is told of one row."""

    id: str
    prediction_id: str
    prediction: Any
    probabilities: dict[str, float] | None
    warnings: list[str]
    version: str
    passed: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    interval: dict[str, list[float]] | msgspec.UnsetType | None = msgspec.UNSET


Features = Sequence[Mapping[str, Any]]
Tell = Callable[[Mapping[str, Any], list[Told]], bytes]


def plainly(about: Mapping[str, Any], predictions: list[Told]) -> bytes:
    """Tell the predictions as they are, below what is said of the model."""
    return _encode({**about, "predictions": predictions})


@dataclass(frozen=True, slots=True)
class Wish:
    """What an address asks for besides: the column of ids, columns to hand back, a threshold."""

    id: str | None = None
    passed: tuple[str, ...] = ()
    threshold: float | None = None


NO_WISH: Final = Wish()


@dataclass(frozen=True, slots=True)
class Question:
    """Rows to be scored; ``record`` is what the log keeps of them, ``tell`` writes the answer.

    ``passed`` holds what is handed back beside each answer; ``threshold`` is the probability from
    which on the second class of two is answered. Where rows were read by their types, ``found``
    or, of Arrow, ``sheet`` holds them and ``rows`` is empty.
    """

    rows: Sequence[Mapping[str, Any]]
    ids: Sequence[str] | None
    record: bytes
    tell: Tell = plainly
    passed: Sequence[dict[str, Any]] | None = None
    threshold: float | None = None
    found: Found | None = None
    sheet: Sheet | None = None

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        typed = self.found or self.sheet
        return typed.count if typed is not None else len(self.rows)


def wish(query: bytes) -> Wish:
    """Read the query of an address.

    Raises:
        Problem: 422, it asks for what is not offered here, or for one thing twice.
    """
    try:
        told = parse_qs(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError:
        raise _bad_query("It cannot be read.") from None
    for name, values in told.items():
        if name not in ("id", "pass", "threshold"):
            raise _bad_query("It asks for what is not offered here.")
        if name != "pass" and len(values) > 1:
            raise _bad_query(f"{name} is said twice.")
    passed = tuple(dict.fromkeys(told.get("pass", ())))
    threshold = _threshold(told["threshold"][0]) if "threshold" in told else None
    return Wish(told.get("id", [None])[0], passed, threshold)


def _threshold(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise _bad_query("A threshold is a probability, from 0 to 1.")
    return found


def _bad_query(what: str) -> Problem:
    return Problem(
        422, "invalid_query", what, "the words are: ?id=COLUMN, &pass=COLUMN, &threshold=0.5."
    )


def read(kind: str, body: bytes, features: Features, asked_for: Wish = NO_WISH) -> Question:
    """Read a body of one of the kinds.

    Raises:
        Problem: it is not what its kind says, or not a request.
    """
    ids: Sequence[str] | None = None
    if kind == JSON:
        asked = bodies.asked(body)
        rows: Sequence[dict[str, Any]] = asked.rows or ()
        ids = asked.ids
        if asked_for is NO_WISH:
            return Question(rows, ids, body if asked.columns is None else asked.record)
    else:
        from_table = tabular.from_csv if kind == CSV else tabular.from_arrow
        rows = from_table(body, features)
    if asked_for.id:
        ids = _taken(rows, asked_for.id)
    passed = _handed(rows, asked_for.passed, features) if asked_for.passed else None
    record = _encode({"rows": rows})
    return Question(rows, ids, record, passed=passed, threshold=asked_for.threshold)


def by_types(model: Model, kind: str, body: bytes) -> Question | None:
    """Read a body by the types of a model; None where the strict way has to have a look.

    Raises:
        Problem: the ids are not ids, or an Arrow stream is none.
    """
    if kind == JSON and model.typed is not None:
        found = model.typed.json(body, one=model.is_quick)
        return Question((), found.ids, body, found=found) if found is not None else None
    if kind == ARROW and model.sheets is not None:
        sheet = model.sheets.read(tabular.arrow_table(body))
        return Question((), None, body, sheet=sheet) if sheet is not None else None
    return None


def _handed(
    rows: Sequence[dict[str, Any]], names: Sequence[str], features: Features
) -> list[dict[str, Any]]:
    """Take the columns that are handed back; one that is a feature stays in its row as well."""
    if any(name not in row for row in rows for name in names):
        raise Problem(422, "invalid_rows", "A column that should be handed back is not there.")
    passed = [{name: row[name] for name in names} for row in rows]
    for name in set(names) - {feature["name"] for feature in features}:
        for row in rows:
            del row[name]
    return passed


def _taken(rows: Sequence[dict[str, Any]], name: str) -> list[str]:
    """Take the ids out of their column."""
    if any(name not in row for row in rows):
        raise Problem(422, "invalid_ids", "The column that should hold the ids is not there.")
    ids = [row.pop(name) for row in rows]
    told = [str(found) if isinstance(found, int) else found for found in ids]
    bodies.check_ids(told, len(rows))
    return told
