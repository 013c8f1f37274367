"""Whether the answers are fair to the groups that were named as protected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jupyter_mlops.services import packing
from jupyter_mlops.services.release.findings import Found, Outcome
from jupyter_mlops.services.release.subject import Subject

Row = Mapping[str, Any]

SHOWN = "proportional_parity"
"""What is told where no floor is agreed."""


def fairness(subject: Subject) -> Found:
    """Hold the measures of fairness that have a floor against it, in each protected group.

    It fails where a ratio is surely below its floor. What has too few rows is told as not known.
    """
    if unfit := _unfit(subject):
        return unfit
    floors: dict[str, float] = subject.asked.release["fairness"]
    rows = _rows(subject)
    held = [row for row in rows if row["measure"] in (floors or (SHOWN,))]
    detail = {
        f"{row['measure']}:{row['attribute']}:{row['group']}": row["ratio"]
        for row in held
        if math.isfinite(row["ratio"])
    }
    shown = _worst(held, floors)
    if shown is None:
        return Found("not applicable", because="The rows have no groups that could be compared.")
    values = {key: shown[key] for key in ("attribute", "group", "measure", "ratio", "reference")}
    values |= {"low": shown["low"], "high": shown["high"], "rows": shown["rows"]}
    values |= {"floor": floors.get(shown["measure"])}
    return _judged(floors, shown["status"], values, detail)


def _judged(
    floors: Mapping[str, float], status: str, values: dict[str, Any], detail: dict[str, float]
) -> Found:
    """Return what the row that is shown comes to."""
    outcome: Outcome = "not applicable"
    because = ""
    if not floors:
        because = (
            "No floor of fairness is agreed: `release` of the rules may hold some; four fifths is"
            " usual."
        )
    elif status == "failing":
        outcome = "failed"
        because = (
            "It is surely below its floor of {floor:g}: set thresholds for each group, train with"
            " weights or under a constraint, or look for what stands in for {attribute}."
        )
    elif status == "unknown":
        because = (
            "The rows are too few to tell whether the floor of {floor:g} holds: register the"
            " version with more rows of this group."
        )
    else:
        outcome = "passed"
    return Found(
        outcome,
        figure="{measure} of {attribute} = {group} is {ratio:.2f} of {reference}'s"
        " ({low:.2f} to {high:.2f}, {rows} rows)",
        because=because,
        values=values,
        detail=detail,
    )


def _unfit(subject: Subject) -> Found | None:
    """Say why there is nothing to be told, if so."""
    if not subject.asked.protected:
        return Found(
            "not applicable",
            because="No attribute was named as protected; `register --protected` does.",
        )
    if not subject.manifest["classes"]:
        return Found("not applicable", because="Fairness is told of classes, not of numbers.")
    if subject.truth is None or any(name not in subject.sample for name in subject.asked.protected):
        return Found(
            "not applicable",
            because="The sample lacks the truth, or an attribute that is protected.",
        )
    return None


def _rows(subject: Subject) -> list[dict[str, Any]]:
    """Return the measures of each group, each judged by its own floor."""
    from jupyter_mlops.stats.fairness import FLOOR, parity

    classes = [str(name) for name in subject.manifest["classes"]]
    favourable = subject.asked.release["favourable"] or classes[-1]
    floors = subject.asked.release["fairness"]
    said = np.array(classes, dtype=object)[subject.scores.argmax(axis=1)]
    told = []
    for floor in sorted({*floors.values()}) or [FLOOR]:
        found = parity(
            packing.as_labels(subject.truth),
            said,
            sensitive={name: subject.sample[name] for name in subject.asked.protected},
            favourable=favourable,
            score=subject.scores[:, classes.index(favourable)],
            floor=floor,
        )
        told += [row for row in found if floors.get(row["measure"], floor) == floor]
    return told


def _worst(rows: Sequence[Row], floors: Mapping[str, float]) -> Row | None:
    """Return the row to show: what fails first, then what is not known, then the least ratio."""
    order = ("failing", "unknown", "passing") if floors else ("failing", "passing", "unknown")
    known = [row for row in rows if math.isfinite(row["ratio"] + row["low"])]
    return min(known, key=lambda row: (order.index(row["status"]), row["ratio"]), default=None)
