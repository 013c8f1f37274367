"""What is watched at a deployment, how closely, and which findings somebody must see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, cast

from jupyter_mlops.errors import Invalid, did_you_mean

Every = Literal["hour", "day", "week"]
Part = Literal["service", "drift", "accuracy", "quality", "humility", "policy"]
Severity = Literal["info", "warning", "critical"]
Pair = tuple[float, float]
"""From where on something is a warning, and from where on it is failing."""

FEATURE: Final = "feature:"
"""What stands before the name of a feature, so that nothing else can have it."""
PARTS: Final[tuple[Part, ...]] = (
    "service",
    "drift",
    "accuracy",
    "quality",
    "humility",
    "policy",
)
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
WINDOWS_PER_30_DAYS: Final[Mapping[Every, float]] = {"hour": 720.0, "day": 30.0, "week": 30 / 7}
TESTED: Final = 3
"""Parts that test for chance and share the false alarms accepted: inputs, accuracy, humility."""

HIGHER_IS_BETTER: Final = frozenset(
    [
        "roc_auc",
        "pr_auc",
        "ks",
        "gini",
        "lift_5",
        "lift_10",
        "accuracy",
        "balanced_accuracy",
        "f1",
        "mcc",
        "tpr",
        "tnr",
        "ppv",
        "npv",
        "macro_f1",
        "weighted_f1",
        "r2",
    ]
)
LOWER_IS_BETTER: Final = frozenset(
    [
        "log_loss",
        "brier",
        "ece",
        "rmse",
        "mae",
        "mape",
        "rmsle",
        "mad",
        "poisson_deviance",
        "gamma_deviance",
        "tweedie_deviance",
    ]
)

_SEEN: Final[Mapping[str, Severity]] = {"warning": "warning", "failing": "critical"}
_NONE: Final = "none"


@dataclass(frozen=True)
class Monitoring:
    """How a deployment is watched; what nobody wrote has the value here.

    ``features`` holds floors of their own: ``{feature: {"psi": pair, "missing": pair}}``.
    ``accuracy`` holds floors of metrics (ceilings where lower is better). ``alerts`` says how severe
    a finding of a part and status is; a part and status that is missing there is no alert. Findings
    that are settled are kept for ``keep_days``.
    """

    every: Every = "hour"
    false_alarms: float = 1.0
    rows: int = 30
    psi: Pair = (0.1, 0.25)
    missing: Pair = (0.05, 0.20)
    features: Mapping[str, Mapping[str, Pair]] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    star: tuple[str, ...] = ()
    accuracy: Mapping[str, Pair] = field(default_factory=dict)
    humility: Pair | None = None
    burn: Pair = (6.0, 14.4)
    resolve_after: int = 2
    keep_days: int = 400
    alerts: Mapping[str, Mapping[str, Severity]] = field(
        default_factory=lambda: {part: dict(_SEEN) for part in PARTS}
    )
    webhook: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return how it is watched as JSON."""
        return asdict(self)

    @property
    def windows(self) -> float:
        """Return how many windows of 30 days are looked at."""
        return WINDOWS_PER_30_DAYS[self.every]

    @property
    def allowed(self) -> float:
        """Return the false alarms in 30 days that each part may have which tests for chance."""
        return self.false_alarms / TESTED

    def severity(self, part: str, status: str) -> Severity | None:
        """Return how severe a finding is; None where it is no alert. Rules may be older than a part."""
        told = self.alerts.get(part)
        return (_SEEN if told is None else told).get(status)


DEFAULT: Final = Monitoring()


@dataclass(frozen=True)
class Watched:
    """By which rules drift is judged, and how often somebody looks in 30 days."""

    rules: Monitoring
    looks: float = 30.0
    allowed: float | None = None

    @property
    def knobs(self) -> dict[str, Any]:
        """Return the rules as :func:`jupyter_mlops.stats.findings.findings` takes them."""
        own = {FEATURE + name: floors for name, floors in self.rules.features.items()}
        return {
            "windows_per_30_days": self.looks,
            "false_alarms": self.rules.false_alarms if self.allowed is None else self.allowed,
            "floors": self.rules.psi,
            "missing_floors": self.rules.missing,
            "own_floors": {name: told["psi"] for name, told in own.items() if "psi" in told},
            "own_missing_floors": {
                name: told["missing"] for name, told in own.items() if "missing" in told
            },
            "urgent": {FEATURE + name for name in self.rules.star},
            "fewest": self.rules.rows,
        }


def read(
    told: Any, *, features: Collection[str] | None = None, metrics: Collection[str] = ()
) -> Monitoring:
    """Return the monitoring that a person wrote.

    Args:
        told: what stands below ``monitoring`` in the rules.
        features: what the model reads; None where that was checked before.
        metrics: what the champion was measured by; any known metric where nothing is given.

    Raises:
        Invalid: a key is unknown, or a value is not what it has to be.
    """
    known = list(Monitoring.__dataclass_fields__)
    words = _Words(features, metrics or HIGHER_IS_BETTER | LOWER_IS_BETTER)
    _check_keys("monitoring", told, known)
    return Monitoring(**{name: _READ[name](words, name, value) for name, value in told.items()})


@dataclass(frozen=True)
class _Words:
    """The names that may be written."""

    features: Collection[str] | None
    metrics: Collection[str]


def _every(_: _Words, name: str, told: Any) -> Every:
    return cast("Every", _chosen(name, told, list(WINDOWS_PER_30_DAYS)))


def _false_alarms(_: _Words, name: str, told: Any) -> float:
    return _number(name, told, 0.001, 1000)


def _rows(_: _Words, name: str, told: Any) -> int:
    return _whole(name, told, 10, 1_000_000_000)


def _resolve_after(_: _Words, name: str, told: Any) -> int:
    return _whole(name, told, 1, 1000)


def _keep_days(_: _Words, name: str, told: Any) -> int:
    return _whole(name, told, 31, 36_500)


def _psi(_: _Words, name: str, told: Any) -> Pair:
    return _pair(name, told, 0, 100)


def _share(_: _Words, name: str, told: Any) -> Pair:
    return _pair(name, told, 0, 1)


def _burn(_: _Words, name: str, told: Any) -> Pair:
    return _pair(name, told, 1, 10_000)


def _names(words: _Words, name: str, told: Any) -> tuple[str, ...]:
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise _wrong(name, "a list of features")
    for one in told:
        _check_feature(words, one)
    return tuple(dict.fromkeys(told))


def _features(words: _Words, name: str, told: Any) -> dict[str, dict[str, Pair]]:
    if not isinstance(told, Mapping):
        raise _wrong(name, "a mapping")
    limits = {"psi": _psi, "missing": _share}
    found: dict[str, dict[str, Pair]] = {}
    for feature, own in told.items():
        _check_feature(words, feature)
        _check_keys(str(feature), own, list(limits))
        found[feature] = {key: limits[key](words, key, value) for key, value in own.items()}
    return found


def _accuracy(words: _Words, name: str, told: Any) -> dict[str, Pair]:
    known = sorted((HIGHER_IS_BETTER | LOWER_IS_BETTER) & set(words.metrics))
    _check_keys(name, told, known)
    return {
        metric: _pair(metric, value, -1e12, 1e12, falling=metric in HIGHER_IS_BETTER)
        for metric, value in told.items()
    }


def _alerts(_: _Words, name: str, told: Any) -> dict[str, dict[str, Severity]]:
    """Read which findings are alerts; a part that is not named keeps what it had."""
    _check_keys(name, told, PARTS)
    found: dict[str, dict[str, Severity]] = {part: dict(_SEEN) for part in PARTS}
    for part, statuses in told.items():
        if statuses == _NONE:
            found[part] = {}
            continue
        _check_keys(part, statuses, list(_SEEN))
        for status, severity in statuses.items():
            _chosen(status, severity, [*SEVERITIES, _NONE])
            if severity == _NONE:
                found[part].pop(status, None)
            else:
                found[part][status] = cast("Severity", severity)
    return found


def _webhook(_: _Words, name: str, told: Any) -> str:
    if not isinstance(told, str):
        raise _wrong(name, "the name of a webhook")
    return told


_READ: Final[Mapping[str, Callable[[_Words, str, Any], Any]]] = {
    "every": _every,
    "false_alarms": _false_alarms,
    "rows": _rows,
    "psi": _psi,
    "missing": _share,
    "features": _features,
    "exclude": _names,
    "star": _names,
    "accuracy": _accuracy,
    "humility": _share,
    "burn": _burn,
    "resolve_after": _resolve_after,
    "keep_days": _keep_days,
    "alerts": _alerts,
    "webhook": _webhook,
}


def kept(told: Mapping[str, Any]) -> Monitoring:
    """Return the monitoring that :meth:`Monitoring.to_dict` wrote and JSON kept."""
    pairs = ("psi", "missing", "humility", "burn")
    given = {
        **told,
        **{name: _tuple(told[name]) for name in pairs if told.get(name) is not None},
        **{name: tuple(told[name]) for name in ("exclude", "star") if name in told},
        "accuracy": {name: _tuple(pair) for name, pair in told.get("accuracy", {}).items()},
        "features": {
            name: {key: _tuple(pair) for key, pair in own.items()}
            for name, own in told.get("features", {}).items()
        },
    }
    return Monitoring(**given)


def _tuple(told: Sequence[float]) -> Pair:
    return (told[0], told[1])


def _check_keys(name: str, told: Any, known: Sequence[str]) -> None:
    if not isinstance(told, Mapping):
        raise _wrong(name, "a mapping")
    for key in told:
        if key not in known:
            raise _unknown(str(key), name, known)


def _check_feature(words: _Words, name: Any) -> None:
    if not isinstance(name, str):
        raise _wrong(str(name), "the name of a feature")
    if words.features is not None and name not in words.features:
        raise _unknown(name, "features", list(words.features))


def _chosen(name: str, told: Any, known: Sequence[str]) -> str:
    if told not in known:
        raise _unknown(str(told), name, known)
    return str(told)


def _number(name: str, told: Any, least: float, most: float) -> float:
    if not isinstance(told, int | float) or isinstance(told, bool) or not least <= told <= most:
        raise _wrong(name, f"a number from {least:g} to {most:g}")
    return float(told)


def _whole(name: str, told: Any, least: int, most: int) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or not least <= told <= most:
        raise _wrong(name, f"a whole number from {least} to {most}")
    return told


def _pair(name: str, told: Any, least: float, most: float, *, falling: bool = False) -> Pair:
    if not isinstance(told, list) or len(told) != 2:  # noqa: PLR2004  (warning and failing)
        raise _wrong(name, "two numbers, the one for a warning before the one for failing")
    first, second = (_number(name, value, least, most) for value in told)
    if (first < second) if falling else (first > second):
        raise _wrong(name, "two numbers, the one for a warning before the one for failing")
    return first, second


def _unknown(name: str, place: str, known: Sequence[str]) -> Invalid:
    meant = did_you_mean(name, known)
    return Invalid(
        "{name} is nothing that {place} knows.",
        "did you mean {meant}?" if meant else "there are: {known}.",
        code="rules_invalid",
        name=name,
        place=place,
        meant=meant,
        known=", ".join(known),
    )


def _wrong(name: str, wanted: str) -> Invalid:
    return Invalid(
        "{name} has to be {wanted}, in the monitoring of rules.",
        "`rules --help` shows what rules look like.",
        code="rules_invalid",
        name=name,
        wanted=wanted,
    )
