"""Have rows moved, all features taken together? Asked on demand, since it learns from rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.answers import Driver, Together
from jupyter_mlops.locale import tell
from jupyter_mlops.services.packing import figure, finite

if TYPE_CHECKING:
    from jupyter_mlops.services.samples import Sample
    from jupyter_mlops.stats.together import Apart

LEVEL: Final = 0.01
"""The chance of telling rows apart that are of one kind."""
NAMED: Final = 3
_LITTLE: Final = 0.005
"""Of the area, from which a feature is named as one that tells rows apart."""


def together(before: Sample, now: Sample, reference: str, *, without: Collection[str]) -> Together:
    """Return how well rows of now are told from those before, and the features that tell them."""
    from jupyter_mlops.stats.together import FEWEST, apart

    found = apart(_chosen(before.features, without), _chosen(now.features, without))
    drivers = [Driver(feature=name, lost=lost) for name, lost in found.drivers.items()]
    few = min(found.n_reference, found.n_current) < FEWEST
    return Together(
        auc=figure(found.auc),
        p_value=finite(found.p_value),
        differ=None if few or finite(found.p_value) is None else found.p_value < LEVEL,
        because=_because(found, drivers, few=few),
        reference=reference,
        n_reference=found.n_reference,
        n_current=found.n_current,
        of_current=now.of,
        drivers=drivers,
    )


def _chosen(features: Mapping[str, Any], without: Collection[str]) -> dict[str, Any]:
    return {name: values for name, values in features.items() if name not in without}


def _because(found: Apart, drivers: list[Driver], *, few: bool) -> str:
    if few or finite(found.p_value) is None:
        rows = f"{min(found.n_reference, found.n_current):,}"
        return tell("Too few rows to tell: {n}.", n=rows)
    auc = {"auc": f"{found.auc.value:.3f}", "low": f"{found.auc.low:.3f}",
           "high": f"{found.auc.high:.3f}"}  # fmt: skip
    if found.p_value >= LEVEL:
        return tell(
            "All features together are as in the reference: AUC {auc} ({low} to {high}).", **auc
        )
    names = [one["feature"] for one in drivers[:NAMED] if one["lost"] > _LITTLE]
    if not names:
        return tell(
            "Rows can be told from the reference (AUC {auc}, {low} to {high}), by no feature alone.",
            **auc,
        )
    return tell(
        "Rows can be told from the reference (AUC {auc}, {low} to {high}), by {names} first.",
        names=", ".join(names),
        **auc,
    )
