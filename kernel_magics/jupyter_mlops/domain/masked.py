"""Columns that are shown to some roles alone, and the shapes in which that is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypedDict

from jupyter_mlops.domain.registered import Person
from jupyter_mlops.errors import Conflict, Invalid, Refused, UsageError, did_you_mean

MARK: Final = "▒▒▒"
"""What stands where a value is that somebody may not see."""
OWN: Final = ("id", "prediction", "actual")
"""Columns of every deployment, besides the features of its versions."""


class MaskRow(TypedDict):
    """A column that is hidden: of which deployment, from whom not, since when, by whom and why."""

    deployment: str
    column: str
    unless: str
    by: Person
    reason: str
    at: str
    lifted_at: str


class Masks(TypedDict):
    """The masks that match; those that stand before those that were lifted."""

    items: list[MaskRow]


def check_columns(columns: Sequence[str], known: Collection[str], *, deployment: str) -> None:
    """Raise unless columns are named, and each is one of this deployment's rows.

    Raises:
        UsageError: none is named.
        Invalid: there is no such column.
    """
    if not columns:
        raise UsageError(
            "No column is named.",
            "mask {deployment} COLUMN … --unless ROLE",
            code="no_columns",
            deployment=deployment,
        )
    for name in columns:
        if name not in known:
            meant = did_you_mean(name, known)
            raise Invalid(
                "The rows of {deployment} have no column {name}.",
                "did you mean {meant}?" if meant else "they have {columns}.",
                code="column_unknown",
                deployment=deployment,
                name=name,
                meant=meant,
                columns=", ".join(known),
            )


def check_masked_once(column: str, deployment: str, *, unless: str | None) -> None:
    """Raise when a column is hidden already.

    Raises:
        Conflict: it is.
    """
    if unless is not None:
        raise Conflict(
            "{column} of {deployment} is masked already, unless for {unless}.",
            "`mask {deployment} {column} --lift` ends that first.",
            code="masked_already",
            column=column,
            deployment=deployment,
            unless=unless,
        )


def not_masked(column: str, deployment: str) -> Conflict:
    """Return the refusal to lift a mask that is not there."""
    return Conflict(
        "{column} of {deployment} is not masked.",
        "`masks` lists what is.",
        code="not_masked",
        column=column,
        deployment=deployment,
    )


def check_may_take_along(ref: str, columns: Collection[str]) -> None:
    """Raise when rows that would leave the workspace have columns that are hidden from who asks.

    Raises:
        Refused: they do.
    """
    if columns:
        raise Refused(
            "{ref} cannot leave with its sample: {columns} are masked for you.",
            "somebody in the role that may see them can; `masks` says which.",
            code="masked",
            ref=ref,
            columns=", ".join(sorted(columns)),
        )


def masked(row: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    """Return a row in which what is hidden is a mark; what is missing stays missing.

    >>> masked({"age": 42, "plan": "pro", "id": None}, {"age", "id"})
    {'age': '▒▒▒', 'plan': 'pro', 'id': None}
    """
    if {"prediction", "actual"} & {*hidden}:
        hidden = {*hidden, "loss"}  # it tells the one by the other
    return {
        name: MARK if name in hidden and value is not None else value for name, value in row.items()
    }
