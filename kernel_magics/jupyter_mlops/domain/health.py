"""When a deployment is well, told from figures alone.

Thresholds are rates over a window with enough events: one error in a thousand is not red.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from jupyter_mlops.domain.answers import Figure, Status
from jupyter_mlops.domain.objectives import Objectives

NONE_AGREED: Final = Objectives()

ERRORS_WARNING: Final = 0.01
ERRORS_FAILING: Final = 0.05
FEWEST_REQUESTS: Final = 20
FEWEST_LABELS: Final = 30
MATURE: Final = 0.8
LOSS_FAILING: Final = 0.05

FIRST_METRIC: Final = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse"}
"""The metric a task is judged by first."""
LOWER_IS_BETTER: Final = frozenset({"rmse", "log_loss", "mae"})

_ORDER: Final[tuple[Status, ...]] = ("failing", "warning", "passing", "unknown")


@dataclass(frozen=True)
class Verdict:
    """A status, and a code for the sentence that explains it."""

    status: Status
    why: str


def worst(statuses: Iterable[Status]) -> Status:
    """Return the status of a whole from those of its parts; unknown only when all are."""
    return min(statuses, key=_ORDER.index, default="unknown")


def of_service(
    requests: int, error_rate: Figure, *, p95: float | None = None, agreed: Objectives = NONE_AGREED
) -> Verdict:
    """Judge a window of requests by the lower end of their error rate's interval, and by objectives.

    ``p95`` is the latency in milliseconds that 95 % stayed below. What was agreed takes the place
    of the thresholds that hold otherwise: above it is failing.
    """
    if not requests:
        return Verdict("unknown", "no_traffic")
    surely = error_rate["low"] or 0.0
    failing = ERRORS_FAILING if agreed.error_rate is None else agreed.error_rate
    if surely > failing:
        return Verdict("failing", "errors")
    too_slow = agreed.latency_p95_ms is not None and (p95 or 0.0) > agreed.latency_p95_ms
    if too_slow and requests >= FEWEST_REQUESTS:
        return Verdict("failing", "slow")
    is_much = agreed.error_rate is None and surely > ERRORS_WARNING
    return Verdict("warning", "errors") if is_much else Verdict("passing", "well")


def of_accuracy(metric: str, labelled: int, now: Figure, before: Figure | None) -> Verdict:
    """Judge a metric against the holdout's: worse only when the intervals lie apart.

    ``failing`` when the loss is more than 0.05 (or, for errors such as RMSE, more than a twentieth)
    beyond what chance explains; ``warning`` when it is real but smaller.
    """
    if labelled < FEWEST_LABELS or now["value"] is None:
        return Verdict("unknown", "too_few_labels")
    if before is None or before["value"] is None:
        return Verdict("unknown", "no_reference")
    loss = _sure_loss(metric, now, before)
    if loss <= 0:
        return Verdict("passing", "well")
    return Verdict("failing" if loss > LOSS_FAILING else "warning", "worse")


def _sure_loss(metric: str, now: Figure, before: Figure) -> float:
    """Return how far the two intervals lie apart on the worse side; relative for error sizes."""
    if metric in LOWER_IS_BETTER:
        best_now, worst_before = _end(now, "low"), _end(before, "high")
        return (best_now - worst_before) / max(abs(worst_before), 1e-12)
    return _end(before, "low") - _end(now, "high")


def _end(figure: Figure, end: str) -> float:
    found = figure["low"] if end == "low" else figure["high"]
    value = found if found is not None else figure["value"]
    return value if value is not None else 0.0
