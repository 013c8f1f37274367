"""How a number and a moment are written for someone who reads only this line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from jupyter_mlops.locale import current_language, tell

MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
UNITS: Final[dict[str, Sequence[tuple[float, str]]]] = {
    "en": ((1e9, " bn"), (1e6, " M"), (1e3, " k")),
    "ja": ((1e8, "億"), (1e4, "万")),
}
PLAIN_BELOW: Final = 10_000
SMALLEST_SHARE: Final = 0.001
NEXT_TO_NOTHING: Final = 1e-4
DIGITS: Final = ((100, 0), (10, 1), (1, 2))


def count(n: float) -> str:
    """Return a count with three significant figures, in the units of the reader's language."""
    if abs(n) >= PLAIN_BELOW:
        for size, sign in UNITS.get(current_language(), UNITS["en"]):
            if abs(n) >= size:
                return f"{_three(n / size)}{sign}"
    return f"{n:,.0f}"


def measure(value: float | None) -> str:
    """Return a measured number with three significant figures, or a dash."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= PLAIN_BELOW else _three(value)


def share(value: float) -> str:
    """Return a share as a percentage with one decimal; what is not nothing never reads as 0."""
    if 0 < value < SMALLEST_SHARE:
        return "< 0.1 %"
    return f"{value * 100:.1f} %"


def change(now: float, before: float) -> str:
    """Return the change as a sign and a percentage, or an empty string when there was nothing."""
    if not before:
        return ""
    percent = round((now / before - 1) * 100)
    if percent == 0:
        return "─"
    return f"{'▲' if percent > 0 else '▼'} {abs(percent):,} %"


def day(moment: datetime) -> str:
    """Return the day as the reader writes it."""
    if current_language() == "ja":
        return f"{moment.month}月{moment.day}日"
    return f"{moment.day} {MONTHS[moment.month - 1]}"


def moment(at: datetime) -> str:
    """Return day, year and time with the name of its zone."""
    clock = f"{at:%H:%M} {at.tzname() or 'UTC'}"
    if current_language() == "ja":
        return f"{at.year}年{day(at)} {clock}"
    return f"{day(at)} {at.year}, {clock}"


def ago(age: timedelta) -> str:
    """Return how long ago something was."""
    if age < timedelta(minutes=1):
        return tell("just now")
    if age < timedelta(hours=1):
        return tell("{n} min ago", n=age // timedelta(minutes=1))
    if age < timedelta(days=2):
        return tell("{n} h ago", n=age // timedelta(hours=1))
    return tell("{n} days ago", n=age.days)


def listed(names: Sequence[str], *, most: int = 3) -> str:
    """Return names in a row, and how many there are beyond those."""
    shown = (", " if current_language() != "ja" else "、").join(names[:most])
    rest = len(names) - most
    return shown if rest <= 0 else tell("{names} and {n} more", names=shown, n=rest)


def _three(value: float) -> str:
    """Return three significant figures, without an exponent unless the number is next to nothing."""
    if value and abs(value) < NEXT_TO_NOTHING:
        return f"{value:.1e}"
    digits = next((d for limit, d in DIGITS if abs(value) >= limit), 3)
    text = f"{value:,.{digits}f}" if abs(value) >= 1 else f"{value:.3g}"
    return text.rstrip("0").rstrip(".") if "." in text else text
