"""Numbers, shares, times and statuses as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from jupyter_mlops.locale import current_language, tell

SHAPES: Final = {"passing": "●", "warning": "▲", "failing": "■", "unknown": "○"}
_SHORT: Final = ("ks", "ece", "mcc", "tpr", "tnr", "ppv", "npv", "rmse", "mae", "mape", "rmsle")
_METRICS: Final = {
    **{name: name.upper() for name in _SHORT},
    "roc_auc": "AUC",
    "pr_auc": "PR AUC",
    "f1": "F1",
    "r2": "R²",
}
_STEPS: Final = {
    "en": ((1e9, "bn"), (1e6, "M"), (1e4, "k")),
    "ja": ((1e8, "億"), (1e4, "万")),
}
_SMALLEST_STEP: Final = {"bn": 1e9, "M": 1e6, "k": 1e3, "億": 1e8, "万": 1e4}


def number(value: float | None) -> str:
    """Return a measured number with three significant figures; a dash for what is not known."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return count(value)
    if abs(value) >= 1e4:  # noqa: PLR2004  (where digits are no longer read one by one)
        return count(round(value))
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")  # noqa: PLR2004


def count(value: int) -> str:
    """Return how many, with the language's own steps above ten thousand."""
    for least, unit in _STEPS[current_language()]:
        if abs(value) >= least:
            return f"{value / _SMALLEST_STEP[unit]:.3g} {unit}"
    return f"{value:,}"


def share(value: float | None) -> str:
    """Return a part of one as a percentage; what is not quite all is never shown as all."""
    if value is None:
        return "–"
    if value == 1:
        return "100 %"
    return f"{min(100 * value, 99.9):.1f} %"


def figure(name: str, told: Mapping[str, Any]) -> str:
    """Return a metric with its 95 % interval: ``AUC 0.912 ± 0.011``."""
    label = metric_name(name)
    value, low, high = told.get("value"), told.get("low"), told.get("high")
    if value is None or low is None or high is None:
        return f"{label} {number(value)}"
    return f"{label} {number(value)} ± {(high - low) / 2:.2g}"


def metric_name(name: str) -> str:
    """Return a metric as people write it: ``AUC``, ``log loss``."""
    return _METRICS.get(name) or name.replace("_", " ")


def moment(text: str | None) -> str:
    """Return a stored time in the reader's zone.

    Ages are not written: an output is saved with its notebook, and an age would soon be untrue.
    """
    if not text:
        return "–"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def status_word(status: str) -> str:
    """Return the word of a status in the reader's language."""
    words = {
        "passing": tell("passing"),
        "warning": tell("warning"),
        "failing": tell("failing"),
        "unknown": tell("unknown"),
    }
    return words.get(status, status)


def severity_word(severity: str) -> str:
    """Return the word of an alert's severity in the reader's language."""
    words = {
        "info": tell("info"),
        "warning": tell("warning"),
        "critical": tell("critical"),
    }
    return words.get(severity, severity)


def state_word(state: str) -> str:
    """Return the word of a state in the reader's language, where there is one."""
    words = {
        "open": tell("open"),
        "acknowledged": tell("acknowledged"),
        "resolved": tell("resolved"),
        "delivered": tell("delivered"),
        "given up": tell("given up"),
        "current": tell("current"),
        "behind": tell("behind"),
        "unreachable": tell("unreachable"),
        "disagrees": tell("disagrees"),
        "changes asked": tell("changes asked"),
        "approved": tell("approved"),
        "rejected": tell("rejected"),
        "expired": tell("expired"),
        "carried out": tell("carried out"),
        "superseded": tell("superseded"),
        "withdrawn": tell("withdrawn"),
        "void": tell("void"),
    }
    return words.get(state, state)


def marked(status: str) -> str:
    """Return shape and word of a status: never colour alone."""
    return f"{SHAPES.get(status, '○')} {status_word(status)}"
