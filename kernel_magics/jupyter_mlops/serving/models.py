"""A version in memory: rows in, scores out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.formats.signature import Reader
from jupyter_mlops.formats.worker import WORKERS
from jupyter_mlops.serving.problems import Problem, of_error
from jupyter_mlops.serving.snippets import ordinary

if TYPE_CHECKING:
    from jupyter_mlops.services.registry import Loaded


@dataclass(slots=True)
class Scored:
    """What a model says of rows, each a list in their order; ``said`` is what callers are told."""

    said: list[Any]
    labels: list[str] | None
    chances: list[list[float]] | None
    values: list[float]
    warnings: list[list[str]]


class Model:
    """One loaded version of one deployment; it never changes, a swap puts another in its place."""

    def __init__(self, deployment: str, loaded: Loaded) -> None:
        self.deployment = deployment
        self.loaded = loaded
        self._reader = Reader(loaded.features)
        self.classes = [str(name) for name in loaded.classes]
        self._labels = loaded.classes
        self._is_binary = loaded.task == "binary"
        # threads of its own, so that one that hangs does not keep other deployments waiting
        self.executor = ThreadPoolExecutor(max_workers=WORKERS)

    def warm_up(self) -> None:
        """Score one row of nothing unusual, so that the first caller does not wait for it.

        Raises:
            Problem: the model does not answer even that.
        """
        row = {feature["name"]: ordinary(feature) for feature in self.loaded.features}
        columns, _ = self._reader.columns([row])
        self._scores(columns)

    def scored(self, rows: Sequence[Mapping[str, Any]]) -> Scored:
        """Score rows.

        Raises:
            Problem: 422 when a row is not what the model reads, 500 when the model itself failed.
        """
        try:
            columns, warnings = self._reader.columns(rows)
        except MlopsError as error:
            raise of_error(error) from None
        scores = self._scores(columns)
        if scores.ndim == 1:
            values = scores.tolist()
            return Scored(
                said=list(values), labels=None, chances=None, values=values, warnings=warnings
            )
        best = scores.argmax(axis=1).tolist()
        return Scored(
            said=[self._labels[i] for i in best],
            labels=[self.classes[i] for i in best],
            chances=scores.tolist(),
            values=(scores[:, 1] if self._is_binary else scores.max(axis=1)).tolist(),
            warnings=warnings,
        )

    def _is_whole(self, scores: Any, columns: Mapping[str, Any]) -> bool:
        """Say whether there is one finite score, or one for each class, for every row."""
        rows = len(next(iter(columns.values()))) if columns else len(scores)
        shape = (rows, len(self.classes)) if self.classes else (rows,)
        return bool(scores.shape == shape and np.isfinite(scores).all())

    def _scores(self, columns: dict[str, Any]) -> Any:
        try:
            scores = self.loaded.scorer.score(columns)
        except MlopsError as error:
            raise of_error(error) from None
        except Exception:  # noqa: BLE001  (a model raises whatever it likes)
            raise _failed() from None
        if not self._is_whole(scores, columns):
            raise Problem(
                500,
                "model_output_invalid",
                "The model answered with what is no prediction.",
                "`check` tries the version; `rollback` leads to the one before.",
            )
        return scores


def _failed() -> Problem:
    return Problem(
        500,
        "model_failed",
        "The model failed to answer these rows.",
        "`check` tries the version; `audit` shows when it was deployed.",
    )
