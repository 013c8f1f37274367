"""What a version has to hold before anyone decides, as the rules of a deployment say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from jupyter_mlops.errors import Invalid, did_you_mean

MEASURES: Final = (
    "proportional_parity",
    "equal_parity",
    "favourable_balance",
    "unfavourable_balance",
    "true_favourable_rate",
    "true_unfavourable_rate",
    "favourable_predictive_value",
    "unfavourable_predictive_value",
    "demographic_parity",
    "equalised_odds",
)
"""The measures of fairness that may have a floor."""


@dataclass(frozen=True)
class Release:
    """What release checks hold a version against; what nobody wrote has the value here.

    ``margin`` is by how much the metric that the task is judged by first (of numbers: which share of
    it) may be worse than the champion's and still be called no worse. ``fairness``
    holds the least ratio of a group to the best one, by measure; ``favourable`` names the class that
    is good to get, the last one where nothing is said.
    """

    margin: float = 0.05
    fairness: Mapping[str, float] = field(default_factory=dict)
    favourable: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return what is asked of a version as JSON."""
        return asdict(self)


DEFAULT: Final = Release()


def read(told: Any, *, classes: Sequence[Any] = ()) -> Release:
    """Return what a person asks of versions.

    Raises:
        Invalid: a part is unknown, or not what it has to be; it is named.
    """
    known = list(Release.__dataclass_fields__)
    if not isinstance(told, dict):
        raise _wrong("release", "a mapping")
    for name in told:
        if name not in known:
            raise _unknown(str(name), known)
    floors = told.get("fairness", {})
    if not isinstance(floors, dict):
        raise _wrong("fairness", "a mapping of measures to the least ratio")
    for measure in floors:
        if measure not in MEASURES:
            raise _unknown(str(measure), MEASURES)
    favourable = str(told.get("favourable", ""))
    if favourable and classes and favourable not in [str(name) for name in classes]:
        raise _unknown(favourable, [str(name) for name in classes])
    return Release(
        margin=_share("margin", told.get("margin", DEFAULT.margin)),
        fairness={str(name): _share(str(name), floor) for name, floor in floors.items()},
        favourable=favourable,
    )


def _share(name: str, told: Any) -> float:
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told <= 1:
        return float(told)
    raise _wrong(name, "a number from 0 to 1")


def _unknown(name: str, known: Sequence[str]) -> Invalid:
    meant = did_you_mean(name, known)
    return Invalid(
        "{name} is nothing that `release` of the rules knows.",
        "did you mean {meant}?" if meant else "there are: {known}.",
        code="rules_invalid",
        name=name,
        meant=meant,
        known=", ".join(known),
    )


def _wrong(name: str, wanted: str) -> Invalid:
    return Invalid(
        "{name} has to be {wanted}, in `release` of the rules.",
        "`rules --help` shows what rules look like.",
        code="rules_invalid",
        name=name,
        wanted=wanted,
    )
