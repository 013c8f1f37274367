"""When a deployment is well, told from figures alone.

Thresholds are rates over a window with enough events: one error in a thousand is not red.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from jupyter_mlops.domain.answers import Figure, Status
from jupyter_mlops.domain.monitoring import LOWER_IS_BETTER, Pair
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
    if is_slow(requests, p95, agreed.latency_p95_ms):
        return Verdict("failing", "slow")
    is_much = agreed.error_rate is None and surely > ERRORS_WARNING
    return Verdict("warning", "errors") if is_much else Verdict("passing", "well")


def of_budget(n: int, left: float, burn: float, *, surely: bool, slow: float) -> Verdict:
    """Judge what is left of an error budget, and how fast it burns at present (NaN if unknown).

    ``surely`` says that chance alone does not explain what was spent; ``slow`` is the burn that the
    rules take as a warning.
    """
    if n < FEWEST_REQUESTS:
        return Verdict("unknown", "too_few")
    if left <= 0:
        return Verdict("failing" if surely else "warning", "spent")
    return Verdict("warning", "burns") if burn >= slow else Verdict("passing", "left")


def is_slow(requests: int, p95: float | None, agreed: float | None) -> bool:
    """Say whether answers took longer than agreed, by requests enough to tell."""
    return agreed is not None and requests >= FEWEST_REQUESTS and (p95 or 0.0) > agreed


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


def of_floors(now: Figure, metric: str, floors: Pair) -> Verdict:
    """Judge a metric against the floors that were agreed (ceilings, where lower is better).

    Under a floor is only what is so with its whole interval: chance alone breaks no floor.
    """
    if now["value"] is None:
        return Verdict("unknown", "too_few_labels")
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    best = sign * _end(now, "low" if sign < 0 else "high")
    warning, failing = (sign * floor for floor in floors)
    if best >= warning:
        return Verdict("passing", "well")
    return Verdict("failing" if best < failing else "warning", "floor")


def widened(found: Figure, level: float) -> Figure:
    """Return a figure with its 95 % interval stretched to the confidence ``1 - level``.

    As a normal approximation has it: both halves grow by the same factor.

    >>> widened({"value": 0.5, "low": 0.4, "high": 0.7}, 0.05)["low"]
    0.4
    """
    value, low, high = found["value"], found["low"], found["high"]
    if value is None or low is None or high is None:
        return found
    factor = NormalDist().inv_cdf(1 - level / 2) / NormalDist().inv_cdf(0.975)
    return {
        "value": value,
        "low": value - factor * (value - low),
        "high": value + factor * (high - value),
    }


def of_coverage(level: float, n: int, share: Figure) -> Status:
    """Judge how often an interval held the truth: too seldom only when chance does not explain it.

    ``failing`` when the upper end of the share's interval is more than 0.05 below the level.
    """
    if n < FEWEST_LABELS or share["high"] is None:
        return "unknown"
    lacking = level - share["high"]
    if lacking <= 0:
        return "passing"
    return "failing" if lacking > LOSS_FAILING else "warning"


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
