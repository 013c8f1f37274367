"""Data subjects: how they are named, what may be erased, and the shapes in which that is told."""

from __future__ import annotations

import re
from typing import Final, Literal, NotRequired, TypedDict

from jupyter_mlops.errors import Invalid, NotFound, Refused

LONGEST: Final = 10_000
"""Characters of a value that somebody may look for."""
MOST: Final = 10_000
"""Rows from which on a value is hardly one person's."""
_NAME: Final = 200

Place = Literal["predictions", "unsealed", "actuals", "reviews", "repeats", "sample"]


class StandingRow(TypedDict):
    """How many rows of a data subject a place has: a deployment's day, or a version's sample."""

    place: Place
    deployment: str
    where: str
    rows: int


class SubjectFile(TypedDict):
    """What was exported of a data subject: digest, size and rows; where it was written."""

    digest: str
    bytes: int
    rows: int
    written: NotRequired[str]
    data: NotRequired[str]


class Subject(TypedDict):
    """Where a data subject stands: rows in all, place by place, and what no erasure reaches."""

    by: str
    rows: int
    items: list[StandingRow]
    because: str
    beyond: list[str]
    masked: list[str]
    export: NotRequired[SubjectFile]


class Erased(TypedDict):
    """What was erased of a data subject, and what still waits.

    ``digest`` stands for the subject in the audit log; with ``salt``, which is kept nowhere once all is
    done, whoever knows the value can prove whose rows these were.
    """

    id: int
    digest: str
    salt: str
    by: str
    rows: int
    items: list[StandingRow]
    state: Literal["done", "waiting"]
    waits: list[str]
    because: str
    beyond: list[str]


def check_value(value: str) -> str:
    """Return a value that can be looked for.

    Raises:
        Invalid: it is empty, too long, or no text.
    """
    if value.strip() and len(value) <= LONGEST and _is_text(value):
        return value
    raise Invalid(
        "A data subject is named by 1 to {most} characters.",
        "name a case, `subject 4711`, or a feature's value, `subject 4711 --by customer_id`.",
        code="subject_invalid",
        most=LONGEST,
    )


def check_by(name: str) -> str:
    """Return the name of a feature, or nothing.

    Raises:
        Invalid: no feature can be called so.
    """
    if len(name) <= _NAME and _is_text(name) and name.isprintable():
        return name
    raise Invalid(
        "No feature can be called that.",
        "--by names the feature that holds the value: --by customer_id",
        code="by_invalid",
    )


def check_says_nothing(reason: str, value: str) -> None:
    """Raise when a reason, which stays for good, names whom it is about.

    Raises:
        Refused: it does.
    """
    if re.search(rf"(?<!\w){re.escape(value.strip())}(?!\w)", reason, re.IGNORECASE):
        raise Refused(
            "The reason names the data subject, and it would stay in the audit log for good.",
            'say it without: --reason "request of 2026-11-27"',
            code="reason_names_subject",
        )


def check_found(rows: int, *, anyway: bool) -> None:
    """Raise unless these are rows of one person, as far as their number tells.

    Raises:
        NotFound: there are none.
        Refused: there are too many.
    """
    if not rows:
        raise NotFound(
            "No row here is about that data subject.",
            "cases are looked for by the `id` of predictions; --by FEATURE looks in a feature.",
            code="subject_not_found",
        )
    if rows > MOST and not anyway:
        raise Refused(
            "{rows} rows hold that value: hardly one person's.",
            "`subject … ` shows where they are; --anyway erases them all the same.",
            code="subject_too_many",
            rows=f"{rows:,}",
        )


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value
