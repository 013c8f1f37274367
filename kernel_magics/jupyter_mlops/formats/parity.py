"""Whether two forms of a model answer alike, on rows as a server will see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from jupyter_mlops.formats import Scorer

ROWS: Final = 1000
WITHIN: Final = 1e-5
SHARE: Final = 0.999
_ODD: Final = 0.03
NEW_LEVEL: Final = "a level nobody has seen"

Column = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Parity:
    """How well a compiled form agrees with the original, and whether that is well enough."""

    kept: bool
    reason: str
    rows: int
    agree: float | None
    largest_difference: float | None
    flips: int | None
    form: str = ""

    @classmethod
    def none(cls, reason: str) -> Parity:
        """Return the record of a form that could not be compared."""
        return cls(
            kept=False, reason=reason, rows=0, agree=None, largest_difference=None, flips=None
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record as it is kept on the version."""
        return asdict(self)


def agreement(original: Column, compiled: Column) -> Parity:
    """Compare scores: kept when 99.9 % agree to 1e-5 (relative for values) and no label flips."""
    apart = np.abs(original - compiled) / np.maximum(np.abs(original), 1.0)
    if original.ndim == 1:
        worst, flips = apart, 0
    else:
        worst = apart.max(axis=1)
        flips = int((original.argmax(axis=1) != compiled.argmax(axis=1)).sum())
    if not np.isfinite(compiled).all():
        return Parity.none("The compiled form answers with values that are not numbers.")
    agree = float((worst <= WITHIN).mean())
    kept = agree >= SHARE and flips == 0
    return Parity(
        kept=kept,
        reason="" if kept else "Its answers differ from the original's.",
        rows=len(original),
        agree=agree,
        largest_difference=float(worst.max()),
        flips=flips,
    )


def recombined(
    columns: Mapping[str, Column],
    features: Sequence[Mapping[str, Any]],
    *,
    without: frozenset[str] = frozenset(),
    seed: int = 0,
) -> dict[str, Column]:
    """Return a thousand rows mixed column by column, with what a server meets besides.

    Missing values appear where the training data has any, unseen levels in every category, unless
    ``without`` names them.
    """
    rng = np.random.default_rng(seed)
    return {
        feature["name"]: _mixed(columns[feature["name"]], feature, without, rng)
        for feature in features
    }


def refusals(
    original: Scorer, columns: Mapping[str, Column], features: Sequence[Mapping[str, Any]]
) -> frozenset[str]:
    """Return what the original refuses to answer: ``missing``, ``new_level``, both or neither."""
    few = {feature["name"]: columns[feature["name"]][:5] for feature in features}
    odd = {"missing": _all_missing, "new_level": _all_new}
    return frozenset(
        name for name, spoil in odd.items() if not _answers(original, spoil(few, features))
    )


def _answers(scorer: Scorer, rows: Mapping[str, Column]) -> bool:
    try:
        return bool(np.isfinite(scorer.score(rows)).all())
    except Exception:  # noqa: BLE001  (estimators refuse with whatever they like)
        return False


def _mixed(column: Column, feature: Mapping[str, Any], without: frozenset[str], rng: Any) -> Column:
    known = column
    if "missing" in without and len(kept := _known(column)):
        known = kept
    told: Column = rng.choice(known, ROWS)
    if feature["type"] == "category":
        if "new_level" in without:
            return told
        told[rng.random(ROWS) < _ODD] = NEW_LEVEL
    elif column.dtype.kind == "f" and feature["missing"] and "missing" not in without:
        told[rng.random(ROWS) < _ODD] = np.nan
    return told


def _known(column: Column) -> Column:
    if column.dtype.kind == "O":
        return np.asarray(column[[value is not None for value in column]])
    return np.asarray(column[~np.isnan(column)]) if column.dtype.kind == "f" else column


def _all_missing(
    columns: Mapping[str, Column], features: Sequence[Mapping[str, Any]]
) -> dict[str, Column]:
    rows = len(next(iter(columns.values())))
    return {
        f["name"]: np.array([None] * rows, dtype=object)
        if f["type"] == "category"
        else np.full(rows, np.nan)
        for f in features
    }


def _all_new(
    columns: Mapping[str, Column], features: Sequence[Mapping[str, Any]]
) -> dict[str, Column]:
    return {
        f["name"]: np.array([NEW_LEVEL] * len(columns[f["name"]]), dtype=object)
        if f["type"] == "category"
        else columns[f["name"]]
        for f in features
    }
