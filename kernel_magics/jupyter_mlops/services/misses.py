"""Rows behind the figures: what was missed by most, in which segments, and what has no label yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.watched import Miss, Unlabelled, WorstSegment
from jupyter_mlops.services import hours, judging, labels, masks, rawrows
from jupyter_mlops.services.champions import Champion
from jupyter_mlops.services.slices import Slice
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

MOST_LISTED: Final = 50
MOST_FETCHED: Final = 10_000
MOST_SEARCHED: Final = 200_000
"""The newest labelled rows among which segments are searched for."""
MOST_ESTIMATED: Final = 5_000
"""The newest rows of a period whose losses are estimated."""
COLUMNS: Final = (*labels.ROWS, "label")


@dataclass(frozen=True, eq=False)
class Rows:
    """Answers of a window with their features, and the truth about each; None where none has come."""

    answers: pa.Table
    truth: Array


def rows_of(
    ws: Workspace, serving: Champion, span: Window, *, segment: str = "", alone: bool = False
) -> Rows:
    """Read the rows of a window: those of a segment, those of one version alone."""
    import pyarrow.compute as pc

    from jupyter_mlops.store import logtables

    chosen = Slice(segment, serving.features) if segment else None
    found = [logtables.predictions([])]
    for table in rawrows.rows(ws, serving.deployment, span, [*COLUMNS, "features"]):
        told = chosen.of(table) if chosen else table
        if alone:
            told = told.filter(pc.equal(told["version"], serving.ref))
        found.append(logtables.complete(told))
    answers = logtables.together([table for table in found if table.num_rows])
    truth = hours.truths(ws, serving.deployment, answers, span.as_of)
    return Rows(answers, truth)


def batches(
    serving: Champion, rows: Rows, periods: Sequence[tuple[datetime, datetime]]
) -> list[tuple[Any, Any, Array]]:
    """Return features, predictions and truths of the newest rows of each period, then of all."""
    import numpy as np

    at = rows.answers["at"].to_numpy()
    inside = [np.flatnonzero((at >= _utc(start)) & (at < _utc(end))) for start, end in periods]
    attributes = _attributes(serving, rows.answers)
    score = rows.answers["score"].to_numpy()
    truth = np.array([np.nan if word is None else float(word) for word in rows.truth])
    newest = [
        found[np.argsort(at[found])][-MOST_ESTIMATED:] for found in (*inside, np.arange(len(at)))
    ]
    return [
        ({name: column[found] for name, column in attributes.items()}, score[found], truth[found])
        for found in newest
    ]


def _utc(moment: datetime) -> Any:
    import numpy as np

    return np.datetime64(moment.replace(tzinfo=None))


def listed(
    ws: Workspace, serving: Champion, rows: Rows, what: str | None
) -> list[Miss] | list[WorstSegment] | list[Unlabelled]:
    """Return the list that somebody asks for."""
    import numpy as np

    if what == "unlabelled":
        return masks.rows(ws, serving.deployment, _unlabelled(rows))
    judge = judging.judge(ws, serving.deployment)
    known = np.flatnonzero(rows.truth != None)[-MOST_SEARCHED:]  # noqa: E711  (each row)
    found = Rows(rows.answers.take(known), rows.truth[known])
    loss = _losses(judge, found)
    if what == "segments":
        return _segments(serving, found, loss)
    return masks.rows(ws, serving.deployment, _worst(judge, found, loss))


def _unlabelled(rows: Rows) -> list[Unlabelled]:
    """Return the newest answers without a label."""
    import numpy as np

    waits = np.flatnonzero(rows.truth == None)  # noqa: E711  (each row)
    table = rows.answers.select(["id", "prediction_id", "at", "version"]).take(waits)
    told = table.sort_by([("at", "descending")]).slice(0, MOST_FETCHED).to_pylist()
    return [cast("Unlabelled", {**row, "at": iso(row["at"])}) for row in told]


def _losses(judge: judging.Judge, rows: Rows) -> Array:
    """Return log-losses of classes, or distances of numbers; NaN where there is no score."""
    import numpy as np

    score, probabilities = judge.rows_of(rows.answers)
    if judge.task == "regression":
        return np.asarray(np.abs(score - rows.truth.astype(float)))
    if judge.task == "binary":
        chance = np.where(rows.truth == judge.classes[1], score, 1 - score)
    else:
        places = {name: place for place, name in enumerate(judge.classes)}
        at = np.array([places.get(name, 0) for name in rows.truth], dtype=np.intp)
        chance = probabilities[np.arange(len(at)), at]
    return np.asarray(-np.log(np.clip(chance, 1e-15, 1)))


def _worst(judge: judging.Judge, rows: Rows, loss: Array) -> list[Miss]:
    import numpy as np

    order = np.argsort(-np.nan_to_num(loss, nan=-1.0), kind="stable")[:MOST_LISTED]
    is_number = judge.task == "regression"
    columns = ["id", "prediction_id", "at", "version", "score", "label"]
    return [
        Miss(
            id=row["id"],
            prediction_id=row["prediction_id"],
            at=iso(row["at"]),
            version=row["version"],
            prediction=row["score"] if is_number else row["label"],
            actual=float(rows.truth[at]) if is_number else rows.truth[at],
            loss=float(loss[at]),
        )
        for at, row in zip(order, rows.answers.select(columns).take(order).to_pylist(), strict=True)
        if np.isfinite(loss[at])
    ]


def _segments(serving: Champion, rows: Rows, loss: Array) -> list[WorstSegment]:
    from jupyter_mlops.stats.slices import worst

    return [
        WorstSegment(
            segment=" & ".join(f"{name} {said}" for name, said in found.conditions),
            rows=found.rows,
            loss=found.loss.value,
            difference=found.difference.value,
            low=found.difference.low,
            high=found.difference.high,
            p_value=found.p_value,
        )
        for found in worst(_attributes(serving, rows.answers), loss)
    ]


def _attributes(serving: Champion, answers: pa.Table) -> dict[str, Array]:
    """Return the features of rows by their names, as far as any row has them."""
    from jupyter_mlops.services.counting import FEATURE, column_of

    found = {}
    for feature in serving.features:
        column = column_of(answers, FEATURE + feature["name"])
        if column is not None:
            found[feature["name"]] = column.to_numpy(zero_copy_only=False)
    return found
