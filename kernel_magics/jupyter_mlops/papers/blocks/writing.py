"""How blocks write numbers, moments, people and digests: exact, the same in whatever zone they are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from jupyter_mlops.charts.theme import SIGNS, status_word
from jupyter_mlops.locale import tell, translate
from jupyter_mlops.papers.figures import measure

NONE: Final = "–"
LONGEST: Final = 300
_LABELS: Final = {
    "recorded": "Self-recorded, not independent",
    "authenticated": "Signed in",
    "signed": "Signed with a key",
    "present": "Signed with a key, present",
}


def moment(text: str | None) -> str:
    """Return a stored time to the minute, in UTC."""
    if not text:
        return NONE
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M} UTC"


def day(text: str) -> str:
    """Return the day of a stored time, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d}"


def number(value: object) -> str:
    """Return a measured number; a dash for what is not known."""
    return measure(float(value)) if isinstance(value, int | float) else NONE


def interval(told: Mapping[str, Any]) -> str:
    """Return a 95 % interval."""
    low, high = told.get("low"), told.get("high")
    if low is None or high is None:
        return NONE
    return tell("{low} to {high}", low=number(low), high=number(high))


def short(text: object) -> str:
    """Return a text that somebody else wrote, cut where it would fill a page."""
    said = str(text)
    return said if len(said) <= LONGEST else said[:LONGEST] + "…"


def person(told: Mapping[str, Any]) -> str:
    """Return who it was and how sure this place is of it."""
    claimed = (told.get("claims") or {}).get("user", "")
    name = f"{told.get('id', '')} ({claimed})" if claimed else str(told.get("id", ""))
    return f"{name} · {worth(told)}"


def worth(told: Mapping[str, Any]) -> str:
    """Return what the word of somebody is worth, as it was given."""
    return translate(_LABELS.get(str(told.get("assurance", "recorded")), ""))


def status(name: str) -> str:
    """Return the sign and the word of a status."""
    return f"{SIGNS.get(name, '○')} {status_word(name)}"  # type: ignore[call-overload]


def outcome(name: str) -> str:
    """Return the sign and the word of what a check came to."""
    if name == "passed":
        return "● " + tell("passed")
    return "■ " + tell("failed") if name == "failed" else "○ " + tell("not applicable")


def plural(items: object) -> str:
    """Return several values with commas between, or a dash for none."""
    values = items if isinstance(items, list | tuple) else [items]
    return ", ".join(short(value) for value in values) or NONE
