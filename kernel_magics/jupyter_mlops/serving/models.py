"""A version in memory: rows in, scores out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.formats.signature import Reader, ordinary
from jupyter_mlops.formats.worker import WORKERS, ModelRaised, WorkerDied
from jupyter_mlops.serving.problems import Problem, of_error
from jupyter_mlops.serving.sheets import Sheet, Sheets
from jupyter_mlops.serving.typed import Found, Typed

if TYPE_CHECKING:
    from jupyter_mlops.services.loading import Loaded

INVALID: Final = "model_output_invalid"
NOT_ANSWERABLE: Final = "not_answerable"
MOST_LOST: Final = 20
"""Rows of a request that may fail alone before all of it fails."""


Quick = Callable[[Sequence[float], Sequence[str]], list[float]]
"""What answers one ordinary row, given its numbers and its texts."""


@dataclass(slots=True)
class Scored:
    """What a model says of rows, each a list in their order; ``said`` is what callers are told.

    Of ``lost`` rows it says nothing: their numbers are NaN, and the code of what went wrong is here.
    """

    said: list[Any]
    labels: list[str | None] | None
    chances: list[list[float]] | None
    values: list[float]
    warnings: list[list[str]]
    lost: dict[int, str] = field(default_factory=dict)

    def forget(self) -> None:
        """Say nothing of lost rows, whatever a threshold made of them."""
        for at in self.lost:
            self.said[at] = None
            if self.labels is not None:
                self.labels[at] = None


class RowsFailed(Problem):
    """A failure that some of the rows may be to blame for, and not the others."""


class NoNumber(RowsFailed):
    """An answer to each row, one of which is infinite or no number: their values may be to blame."""


class Model:
    """One loaded version of one deployment; it never changes, a swap puts another in its place."""

    def __init__(self, deployment: str, loaded: Loaded) -> None:
        self.deployment = deployment
        self.loaded = loaded
        self._reader = Reader(loaded.features)
        reads_types = bool(loaded.compiled and loaded.features)
        self.typed = Typed(loaded.features) if reads_types else None
        self.sheets = Sheets(loaded.features) if reads_types else None
        self._score_one = _quick(loaded.scorer)
        self.classes = [str(name) for name in loaded.classes]
        self._wide = len(self.classes) or 1
        self.labels = loaded.classes
        self.is_binary = loaded.task == "binary"
        # threads of its own, so that one that hangs does not keep other deployments waiting
        self.executor = ThreadPoolExecutor(max_workers=WORKERS)

    @property
    def is_quick(self) -> bool:
        """Say whether one ordinary row may come as its values."""
        return self._score_one is not None

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
            raise self._own(of_error(error)) from None
        return self._whole(columns, warnings)

    def scored_found(self, found: Found) -> Scored:
        """Score rows that were read by their types.

        Raises:
            Problem: 422 when the model refuses a value, 500 when the model itself failed.
        """
        if found.one is None or self._score_one is None:
            return self._whole(found.columns, found.warnings)
        try:
            return self._one(self._score_one, *found.one)
        except Problem as problem:
            raise self._own(problem) from None

    def scores_of(self, sheet: Sheet) -> Any:
        """Return the scores of a sheet; None where the model has no such way, or no good answer."""
        score = getattr(self.loaded.scorer, "score_codes", None)
        if score is None:
            return None
        try:
            scores = np.asarray(score(sheet.numbers, sheet.codes))
        except Exception:  # noqa: BLE001  (the rows are looked at one by one, which says what is wrong)
            return None
        return scores if self._is_whole(scores, sheet.count) else None

    def _whole(self, columns: dict[str, Any], warnings: list[list[str]]) -> Scored:
        """Score rows at once; where that fails, those to blame stand alone and the others do not."""
        try:
            return self._told(self._scores(columns), warnings)
        except RowsFailed as problem:
            failure = problem
        except Problem as other:
            raise self._own(other) from None
        if len(warnings) == 1:
            raise self._own(_whose(failure, warnings))
        return self._spared(columns, warnings, failure)

    def _spared(
        self, columns: dict[str, Any], warnings: list[list[str]], failure: RowsFailed
    ) -> Scored:
        """Score rows by halves, until those that fail are alone.

        Raises:
            Problem: the failure itself, when too many rows fail; the caller's, where all of them are.
        """
        wide = (len(self.classes),) if self.classes else ()
        scores = np.full((len(warnings), *wide), np.nan)
        lost: dict[int, str] = {}
        left = [range(len(warnings))]
        while left:
            rows = left.pop()
            try:
                part = {name: column[rows.start : rows.stop] for name, column in columns.items()}
                scores[rows.start : rows.stop] = self._scores(part)
            except RowsFailed as problem:
                if len(rows) > 1:
                    middle = rows.start + len(rows) // 2
                    left += [range(rows.start, middle), range(middle, rows.stop)]
                    continue
                lost[rows.start] = _whose(problem, warnings[rows.start : rows.stop]).code
            if len(lost) > MOST_LOST or len(lost) == len(warnings):
                is_theirs = {*lost.values()} == {NOT_ANSWERABLE}
                raise self._own(_whose(failure, warnings) if is_theirs else failure)
        return self._without(self._told(np.nan_to_num(scores), warnings), lost)

    def _without(self, scored: Scored, lost: dict[int, str]) -> Scored:
        """Take back what is said of lost rows."""
        scored.lost = lost
        for at, code in lost.items():
            scored.values[at] = math.nan
            scored.warnings[at].append(code)
            if scored.chances is not None:
                scored.chances[at] = [math.nan] * len(self.classes)
        scored.forget()
        return scored

    def _one(self, score: Quick, numbers: Sequence[float], texts: Sequence[str]) -> Scored:
        try:
            scores = score(numbers, texts)
        except Exception:  # noqa: BLE001  (a model raises whatever it likes)
            raise _failed(Problem) from None
        if not self._is_one(scores):
            raise _no_prediction(RowsFailed)
        if not self.classes:
            return Scored(said=scores, labels=None, chances=None, values=scores, warnings=[[]])
        best = scores.index(max(scores))
        return Scored(
            said=[self.labels[best]],
            labels=[self.classes[best]],
            chances=[scores],
            values=[scores[1] if self.is_binary else scores[best]],
            warnings=[[]],
        )

    def _told(self, scores: Any, warnings: list[list[str]]) -> Scored:
        if scores.ndim == 1:
            values = scores.tolist()
            return Scored(
                said=list(values), labels=None, chances=None, values=values, warnings=warnings
            )
        best = scores.argmax(axis=1).tolist()
        return Scored(
            said=[self.labels[i] for i in best],
            labels=[self.classes[i] for i in best],
            chances=scores.tolist(),
            values=(scores[:, 1] if self.is_binary else scores.max(axis=1)).tolist(),
            warnings=warnings,
        )

    def _own(self, problem: Problem) -> Problem:
        """Say whose failure it is: a canary is judged by its own."""
        problem.version = self.loaded.ref
        return problem

    def _is_one(self, scores: Any) -> bool:
        """Say whether there is one finite score, or one for each class, for the one row."""
        if not isinstance(scores, list) or len(scores) != self._wide:
            return False
        return {*map(type, scores)} == {float} and all(map(math.isfinite, scores))

    def _is_whole(self, scores: Any, rows: int) -> bool:
        """Say whether there is one finite score, or one for each class, for every row."""
        return self._fits(scores, rows) and bool(np.isfinite(scores).all())

    def _fits(self, scores: Any, rows: int) -> bool:
        """Say whether there is a number, or one for each class, for every row."""
        shape = (rows, len(self.classes)) if self.classes else (rows,)
        return scores.dtype.kind in "fiu" and scores.shape == shape

    def _scores(self, columns: dict[str, Any]) -> Any:
        try:
            scores = np.asarray(self.loaded.scorer.score(columns))
        except MlopsError as error:
            raise of_error(error) from None
        except ModelRaised:
            raise _failed(RowsFailed) from None
        except WorkerDied:
            raise _failed(Problem) from None
        except Exception:  # noqa: BLE001  (a model raises whatever it likes)
            raise _failed(RowsFailed) from None
        rows = len(next(iter(columns.values()))) if columns else len(np.atleast_1d(scores))
        if not self._fits(scores, rows):
            raise _no_prediction(RowsFailed)
        if not np.isfinite(scores).all():
            raise _no_prediction(NoNumber)
        return scores


def _quick(scorer: Any) -> Quick | None:
    """Return the scorer's way of answering one ordinary row, where it has one."""
    if not getattr(scorer, "is_quick", False):
        return None
    one: Quick = scorer.score_one
    return one


def _whose(problem: Problem, warnings: Sequence[Sequence[str]]) -> Problem:
    """Return whose fault it is that a model has no answer: values far outside are the caller's."""
    outside = [
        at for at, row in enumerate(warnings) if any(w.startswith("outside_range:") for w in row)
    ]
    if not isinstance(problem, NoNumber) or not outside:
        return problem
    return Problem(
        422,
        NOT_ANSWERABLE,
        f"Row {outside[0]}: its values are so far outside the training data that there is no answer.",
        "the other rows can be sent without this one.",
    )


def _failed(kind: type[Problem]) -> Problem:
    return kind(
        500,
        "model_failed",
        "The model failed to answer these rows.",
        "`check` tries the version; `audit` shows when it was deployed.",
    )


def _no_prediction(kind: type[RowsFailed]) -> RowsFailed:
    return kind(
        500,
        INVALID,
        "The model answered with what is no prediction.",
        "`check` tries the version; `rollback` leads to the one before.",
    )
