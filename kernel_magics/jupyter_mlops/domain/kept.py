"""For how long rows are kept, how that is said, and the shapes in which it is told."""

from __future__ import annotations

import re
from typing import Final, TypedDict

from jupyter_mlops.domain.registered import Person
from jupyter_mlops.errors import Invalid

FEWEST_DAYS: Final = 183
"""Days that logs of a high or critical risk are kept for at least, or a warning says so."""
FOR_GOOD: Final = "for good"
PARTS: Final = ("predictions", "actuals", "samples")
_AGE: Final = re.compile(r"([1-9]\d{0,4})d")


class RetentionRow(TypedDict):
    """What is kept of one kind: for how long (days, 0 is for good), and what is older than that now."""

    part: str
    days: int
    due: int
    files: int


class Retention(TypedDict):
    """For how long a deployment's rows are kept; ``number`` 0 where nobody said so yet."""

    deployment: str
    number: int
    items: list[RetentionRow]
    by: Person | None
    at: str
    reason: str
    held: str
    warnings: list[str]
    because: str


def read_days(text: str, *, part: str) -> int | None:
    """Return the days that a text means, 0 for good; None where nothing is said.

    >>> [read_days(text, part="actuals") for text in ("400d", "for good", "")]
    [400, 0, None]
    """
    if not text:
        return None
    if text.strip().casefold() in (FOR_GOOD, "forever"):
        return 0
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise Invalid(
            "{text} is no time for which {part} can be kept.",
            "say days, `--{part} 400d`, or `--{part} forever`.",
            code="retention_invalid",
            text=text,
            part=part,
        )
    return int(found[1])


def is_short(days: int, risk: str) -> bool:
    """Say whether rows of a model of this risk are kept for less than is usually asked for."""
    return risk in ("high", "critical") and 0 < days < FEWEST_DAYS
