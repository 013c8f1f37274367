"""A model that answers at an address: asked row for row, and believed only where it makes sense.

Two ways of asking are known: rows and predictions as our own server has them, and the tensors of the
Open Inference Protocol v2.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from jupyter_mlops.domain import elsewhere
from jupyter_mlops.domain.elsewhere import Elsewhere
from jupyter_mlops.domain.kinds import word
from jupyter_mlops.errors import Invalid
from jupyter_mlops.formats.asking import Reply, ask

if TYPE_CHECKING:
    from jupyter_mlops.domain.answers import Task

SECONDS: Final = 8.0
"""For one question; less than a worker has, so that it can say why there is no answer."""
AT_ONCE: Final = 500
"""Rows of one question."""
_FINE: Final = range(200, 300)
_ROWS_TO_BLAME: Final = (400, 413, 422)

Array = np.ndarray[Any, Any]

_WORDS: Final = {
    "timeout": "it does not answer in time",
    "blocked": elsewhere.INSIDE,
    "not found": "its host cannot be found",
    "unreachable": "nothing listens there",
    "certificate": "its certificate is not trusted",
    "tls": "it cannot speak TLS",
    "no http": "what comes back is not HTTP",
    "too large": "its answer does not end",
}


@dataclass(frozen=True)
class Said:
    """What was answered to some rows: a prediction each, and probabilities by class where given."""

    predictions: list[Any]
    chances: list[list[float]] | None
    classes: list[str] | None


class Refusing(ValueError):
    """The model elsewhere refuses the rows themselves."""


class Asker:
    """Asks a model at its address; ``until`` bounds everything it is asked, on the monotonic clock."""

    def __init__(
        self, model: Elsewhere, *, allowed: Collection[str] = (), until: float = math.inf
    ) -> None:
        self.model = model
        self.task = cast("Task", model.task)
        self.classes: list[Any] | None = model.classes or None
        self._target = elsewhere.read_url(model.url)
        self._allowed = allowed
        self._until = until

    def score(self, columns: Mapping[str, Array]) -> Array:
        """Return values, or class probabilities in the order of ``classes``.

        Raises:
            Unavailable: it does not answer, or its answer makes no sense.
            Refusing: it refuses rows like these.
        """
        count = len(next(iter(columns.values()), ()))
        parts = []
        for start in range(0, count, AT_ONCE):
            part = {name: values[start : start + AT_ONCE] for name, values in columns.items()}
            try:
                said, _ = self.asked(part)
            except Invalid:
                raise elsewhere.silent("its token is not in the environment here") from None
            parts.append(scores(self.model, said))
        if not parts:
            return np.empty((0, len(self.model.classes)) if self.classes else 0)
        return np.concatenate(parts)

    def asked(self, columns: Mapping[str, Array]) -> tuple[Said, Reply]:
        """Return what it says of rows, and the reply that said it.

        Raises:
            Unavailable: it does not answer, or not in the way it is asked.
            Refusing: it refuses rows like these.
        """
        model = self.model
        write, read = _PROTOCOLS[model.protocol]
        body = json.dumps(write(model.features, columns), allow_nan=False).encode()
        seconds = min(SECONDS, self._until - time.monotonic())
        if seconds <= 0:
            raise elsewhere.silent(_WORDS["timeout"])
        reply = ask(self._target, body, self._headers(), allowed=self._allowed, seconds=seconds)
        told = _json(reply)
        try:
            found = read(told)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise elsewhere.senseless("its answer is not of a form that is known here") from None
        count = len(next(iter(columns.values()), ()))
        if len(found.predictions) != count:
            raise elsewhere.senseless("it does not answer each row once")
        return found, reply

    def _headers(self) -> dict[str, str]:
        if not self.model.token_from:
            return {}
        secret = elsewhere.token(self.model.url, self.model.token_from, os.environ)
        return {"Authorization": f"Bearer {secret}"}


def scores(model: Elsewhere, said: Said) -> Array:
    """Return what was said as scores, in the order of the model's classes.

    Raises:
        Unavailable: it is no prediction of this task.
    """
    if model.task == "regression":
        values = said.predictions
        if not all(_is_number(one) for one in values):
            raise elsewhere.senseless("it answers with what is no number")
        return np.array(values, dtype=np.float64)
    names = [str(one) for one in model.classes]
    if said.chances is None:
        at = {name: place for place, name in enumerate(names)}
        if not all(word(one) in at for one in said.predictions):
            raise elsewhere.senseless("it answers with a class that it should not know")
        return np.eye(len(names))[[at[word(one)] for one in said.predictions]]
    if said.classes is not None and sorted(said.classes) != sorted(names):
        raise elsewhere.senseless("it answers with a class that it should not know")
    if any(len(row) != len(names) for row in said.chances) or not elsewhere.is_chances(
        said.chances
    ):
        raise elsewhere.senseless("its probabilities are none")
    order = [said.classes.index(name) for name in names] if said.classes else range(len(names))
    return np.array(said.chances, dtype=np.float64)[:, list(order)]


def _json(reply: Reply) -> Any:
    """Return what came back as JSON says it.

    Raises:
        Unavailable: nothing did, or something else.
        Refusing: the rows are refused.
    """
    if reply.failed:
        raise elsewhere.silent(_WORDS.get(reply.failed, reply.failed))
    if reply.status in _ROWS_TO_BLAME:
        raise Refusing(str(reply.status))
    if reply.status not in _FINE:
        raise elsewhere.unfit(reply.status)
    try:
        return json.loads(reply.body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise elsewhere.senseless("its answer is not JSON") from None


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(cast("float", value))


def _plain(column: Array, type_: str) -> list[Any]:
    """Return a column as JSON has it: nothing where a value is missing."""
    return [_value(value, type_) for value in column.tolist()]


def _value(value: Any, type_: str) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if type_ == "boolean":
        return bool(value)
    if type_ == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _rows(features: Sequence[Mapping[str, str]], columns: Mapping[str, Array]) -> dict[str, Any]:
    names = [feature["name"] for feature in features]
    values = [_plain(columns[feature["name"]], feature["type"]) for feature in features]
    return {"rows": [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]}


def _predictions(told: Any) -> Said:
    rows = told["predictions"]
    said = [row["prediction"] for row in rows]
    if any(one is None or isinstance(one, list | dict) for one in said):
        raise ValueError
    if not rows or rows[0].get("probabilities") is None:
        return Said(said, None, None)
    classes = list(rows[0]["probabilities"])
    chances = [[float(row["probabilities"][name]) for name in classes] for row in rows]
    if any(len(row["probabilities"]) != len(classes) for row in rows):
        raise ValueError
    return Said(said, chances, classes)


def _tensors(features: Sequence[Mapping[str, str]], columns: Mapping[str, Array]) -> dict[str, Any]:
    kinds = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}
    inputs = []
    for feature in features:
        data = _plain(columns[feature["name"]], feature["type"])
        kind = kinds[feature["type"]]
        if kind == "INT64" and not all(isinstance(one, int) for one in data):
            kind = "FP64"
        inputs.append(
            {"name": feature["name"], "shape": [len(data), 1], "datatype": kind, "data": data}
        )
    return {"inputs": inputs}


def _outputs(told: Any) -> Said:
    outputs = {one["name"]: one for one in told["outputs"]}
    chances = outputs.get("probabilities") or outputs.get("predict_proba")
    said = outputs.get("prediction") or outputs.get("predict") or next(iter(outputs.values()))
    if chances is None:
        return Said(_flat(said["data"]), None, None)
    rows, wide = chances["shape"]
    flat = [float(one) for one in _flat(chances["data"])]
    if len(flat) != rows * wide:
        raise ValueError
    table = [flat[at : at + wide] for at in range(0, len(flat), wide)]
    classes = (chances.get("parameters") or {}).get("classes")
    names = [word(one) for one in classes] if classes else None
    predictions = table if said is chances else _flat(said["data"])
    return Said(predictions, table, names)


def _flat(data: list[Any]) -> list[Any]:
    flat = [one for part in data for one in part] if data and isinstance(data[0], list) else data
    if any(one is None or isinstance(one, list | dict) for one in flat):
        raise ValueError
    return flat


_PROTOCOLS: Final = {"rows": (_rows, _predictions), "tensors": (_tensors, _outputs)}
