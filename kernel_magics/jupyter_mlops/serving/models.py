"""A deployment in memory: rows in, answers out, and the frame that remembers them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.formats.signature import Reader
from jupyter_mlops.serving.problems import Problem, of_error

if TYPE_CHECKING:
    from jupyter_mlops.services.registry import Loaded
    from jupyter_mlops.serving.questions import Question

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Answered:
    """What goes back to the caller, and what goes into the log."""

    body: bytes
    head: bytes


class Model:
    """One loaded version of one deployment; it never changes, a swap puts another in its place."""

    def __init__(self, deployment: str, loaded: Loaded) -> None:
        self.deployment = deployment
        self.loaded = loaded
        self._reader = Reader(loaded.features)
        self._classes = [str(name) for name in loaded.classes]
        self._labels = loaded.classes
        self._is_binary = loaded.task == "binary"
        self._open = {
            "deployment": deployment,
            "version": loaded.ref,
            "digest": loaded.digest,
        }

    def warm_up(self) -> None:
        """Score one row of nothing unusual, so that the first caller does not wait for it.

        Raises:
            Problem: the model does not answer even that.
        """
        row = {feature["name"]: _ordinary(feature) for feature in self.loaded.features}
        columns, _ = self._reader.columns([row])
        self._scores(columns)

    def answer(self, asked: Question, began: float, extra: dict[str, Any]) -> Answered:
        """Answer a request, and say in the same breath what the log has to remember.

        Raises:
            Problem: 422 when a row is not what the model reads, 500 when the model itself failed.
        """
        try:
            columns, warnings = self._reader.columns(asked.rows)
        except MlopsError as error:
            raise of_error(error) from None
        scores = self._scores(columns)
        names = prediction_ids(len(asked.rows))
        ids = asked.ids or names
        if scores.ndim == 1:
            said, labels, chances, values = scores.tolist(), None, None, scores.tolist()
        else:
            best = scores.argmax(axis=1).tolist()
            chances = scores.tolist()
            labels = [self._classes[i] for i in best]
            said = [self._labels[i] for i in best]
            values = scores[:, 1].tolist() if self._is_binary else scores.max(axis=1).tolist()
        predictions = [
            {
                "id": ids[i],
                "prediction_id": names[i],
                "prediction": said[i],
                "probabilities": dict(zip(self._classes, chances[i], strict=True))
                if chances
                else None,
                "warnings": warnings[i],
                "version": self.loaded.ref,
            }
            for i in range(len(names))
        ]
        body = asked.tell(self._open, predictions)
        head = {
            "at": now(),
            "kind": "",
            "status": 200,
            "rows": len(names),
            "ms": (time.perf_counter() - began) * 1000,
            "version": self.loaded.ref,
            "digest": self.loaded.digest,
            "role": "champion",
            "prediction_ids": names,
            "ids": ids,
            "scores": values,
            "labels": labels,
            "probabilities": chances,
            "warnings": warnings if any(warnings) else None,
        }
        if extra:
            head |= {**extra, "answer": body.decode()}
        return Answered(body, _encode(head))

    def _scores(self, columns: dict[str, Any]) -> Any:
        try:
            scores = self.loaded.scorer.score(columns)
        except MlopsError as error:
            raise of_error(error) from None
        except Exception:  # noqa: BLE001  (a model raises whatever it likes)
            raise _failed() from None
        if not np.isfinite(scores).all():
            raise _failed()
        return scores


def refused(problem: Problem, rows: int, began: float) -> bytes:
    """Return what the log remembers of a request that was not answered."""
    return _encode(
        {
            "at": now(),
            "kind": problem.code,
            "status": problem.status,
            "rows": rows,
            "ms": (time.perf_counter() - began) * 1000,
        }
    )


def prediction_ids(count: int) -> list[str]:
    """Return fresh ids that sort by time: 48 bits of milliseconds, 80 of chance (as UUIDv7)."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    chance = os.urandom(10 * count).hex()
    return [stamp + chance[20 * i : 20 * i + 20] for i in range(count)]


def now() -> str:
    """Return the present moment, UTC, in the form that the log sorts by."""
    micros = time.time_ns() // 1000
    seconds, rest = divmod(micros, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:06d}Z"


def _ordinary(feature: dict[str, Any]) -> Any:
    if feature["type"] == "category":
        return next(iter(feature.get("levels") or ()), None)
    return False if feature["type"] == "boolean" else feature.get("low", 0.0)


def _failed() -> Problem:
    return Problem(
        500,
        "model_failed",
        "The model failed to answer these rows.",
        "`check` tries the version; `audit` shows when it was deployed.",
    )
