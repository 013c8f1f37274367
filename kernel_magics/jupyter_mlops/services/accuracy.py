"""How right the answers were, as far as the truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain.answers import Accuracy, Figure, Point
from jupyter_mlops.domain.arguments import DeploymentName, Time, read
from jupyter_mlops.domain.names import iso
from jupyter_mlops.locale import tell
from jupyter_mlops.services.champions import Champion, champion
from jupyter_mlops.services.packing import figure
from jupyter_mlops.services.window import By, Window, window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

NAMES = {"roc_auc": "AUC", "accuracy": "accuracy", "rmse": "RMSE"}
NOTHING = Figure(value=None, low=None, high=None)


@dataclass(frozen=True)
class Judged:
    """Predictions, and the truth about those whose label has arrived (None for the others)."""

    at: np.ndarray[Any, Any]
    score: np.ndarray[Any, Any]
    probabilities: list[Any]
    truth: np.ndarray[Any, Any]
    known: np.ndarray[Any, Any]


@read()
def accuracy(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    since: Time = "7d",
    until: Time | None = None,
    by: By = "day",
) -> Accuracy:
    """Show how right a deployment was, with intervals, and how many labels have arrived.

    Late and corrected labels count from the day they come. A period is mature when four in five of
    its predictions have their label.
    """
    return of_window(ws, champion(ws, deployment), window(ws, since, until, by))


def of_window(ws: Workspace, serving: Champion, span: Window) -> Accuracy:
    """Return the accuracy of a deployment in a window, all versions that answered in it."""
    judged = _judged(ws, serving.deployment, span)
    metric = rules.FIRST_METRIC[serving.task]
    figures = _metrics(serving, judged, judged.known)
    now = figures.get(metric, NOTHING)
    before = serving.metrics.get(metric)
    count, labelled = len(judged.at), int(judged.known.sum())
    verdict = rules.of_accuracy(metric, labelled, now, before)
    return Accuracy(
        deployment=serving.deployment,
        version=serving.ref,
        status=verdict.status,
        because=_because(verdict.why, metric, labelled, count, now, before),
        metric=metric,
        metrics=figures,
        reference=serving.metrics,
        n=count,
        labelled=labelled / count if count else 0.0,
        series=[_point(serving, judged, metric, start, end) for start, end in span.periods()],
    )


def _judged(ws: Workspace, deployment: str, span: Window) -> Judged:
    import numpy as np

    log = ws.telemetry.read_predictions(deployment, span.since, span.until)
    truths = _truths(ws, deployment, log)
    return Judged(
        at=log["at"].to_numpy(),
        score=log["score"].to_numpy(),
        probabilities=log["probabilities"].to_pylist(),
        truth=truths,
        known=np.array([truth is not None for truth in truths], dtype=bool),
    )


def _truths(ws: Workspace, deployment: str, log: pa.Table) -> Any:
    """Give each prediction the newest word about it: by its own id, else by its case.

    An actual about a case belongs to the case's latest prediction before the actual's time; when
    every prediction is later than that, to the first one.
    """
    import numpy as np

    told = ws.telemetry.read_actuals(deployment).sort_by("known_at").to_pylist()
    own = {row["prediction_id"]: row["value"] for row in told if row["prediction_id"]}
    ids, cases = log["prediction_id"].to_pylist(), log["id"].to_pylist()
    moments = log["at"].to_pylist()
    order: dict[str, list[tuple[Any, str]]] = {}
    for case, at, name in zip(cases, moments, ids, strict=True):
        order.setdefault(case, []).append((at, name))
    for row in told:
        if row["prediction_id"] or row["id"] not in order:
            continue
        asked = sorted(order[row["id"]])
        before = [name for at, name in asked if at <= row["at"]]
        own[before[-1] if before else asked[0][1]] = row["value"]
    return np.array([own.get(name) for name in ids], dtype=object)


def _metrics(serving: Champion, judged: Judged, which: Any) -> dict[str, Figure]:
    if not which.any():
        return {}
    from jupyter_mlops.stats import accuracy as stats

    truth, score = judged.truth[which], judged.score[which]
    if serving.task == "regression":
        found = stats.regression(truth.astype(float), score, interval=0.95)
    elif serving.task == "binary":
        found = stats.binary(truth == str(serving.classes[1]), score, interval=0.95)
    else:
        found = _multiclass(serving, judged, which)
    return {name: figure(e) for name, e in found.items()}


def _multiclass(serving: Champion, judged: Judged, which: Any) -> dict[str, Any]:
    import numpy as np

    from jupyter_mlops.stats import accuracy as stats

    raw = np.array([p for p, known in zip(judged.probabilities, which, strict=True) if known])
    labels = [str(name) for name in serving.classes]
    found: dict[str, Any] = stats.multiclass(judged.truth[which], raw, labels=labels, interval=0.95)
    return found


def _point(serving: Champion, judged: Judged, metric: str, start: Any, end: Any) -> Point:
    import numpy as np

    first, last = (np.datetime64(moment.replace(tzinfo=None)) for moment in (start, end))
    inside = (judged.at >= first) & (judged.at < last)
    labelled = inside & judged.known
    found = _metrics(serving, judged, labelled).get(metric, NOTHING)
    count = int(inside.sum())
    return Point(
        start=iso(start),
        end=iso(end),
        n=count,
        value=found["value"],
        low=found["low"],
        high=found["high"],
        labelled=float(labelled.sum() / count) if count else 0.0,
    )


def _because(
    why: str, metric: str, labelled: int, count: int, now: Figure, before: Figure | None
) -> str:
    if not count:
        return tell("No predictions in this period.")
    if why == "too_few_labels":
        return tell(
            "Too few labels to tell: {labelled} of {n} predictions have one.",
            labelled=f"{labelled:,}",
            n=f"{count:,}",
        )
    name = tell(NAMES[metric])
    if why == "no_reference" or before is None:
        return tell(
            "{metric} is {now}; the version was registered without a holdout to compare with.",
            metric=name,
            now=_short(now),
        )
    if why == "worse":
        return tell(
            "{metric} is {now}, it was {before} on the holdout.",
            metric=name,
            now=_short(now),
            before=_short(before),
        )
    return tell(
        "{metric} is {now}, as on the holdout ({before}).",
        metric=name,
        now=_short(now),
        before=_short(before),
    )


def _short(found: Figure) -> str:
    return "–" if found["value"] is None else f"{found['value']:.3g}"
