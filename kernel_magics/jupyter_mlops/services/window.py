"""A stretch of time, cut into periods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.workspace import Workspace

By = Literal["hour", "day", "week", "month", "batch"]
TICK = timedelta(microseconds=1)
"""The shortest time that is told apart."""
MOST_PERIODS = 2000
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@dataclass(frozen=True)
class Window:
    """From a moment up to, not including, another; as it was known at ``as_of``, else as it is now.

    One that ``goes_on`` ends now: nothing is later, so its last hour is a whole one. One that is cut
    by batch has the moments of its newest batches, and how many older ones there were.
    """

    since: datetime
    until: datetime
    by: By = "day"
    as_of: datetime | None = None
    goes_on: bool = False
    batches: tuple[datetime, ...] = ()
    left_out: int = 0

    @property
    def told(self) -> tuple[str, str]:
        """Return both ends as they are stored."""
        return iso(self.since), iso(self.until)

    def periods(self) -> Iterator[tuple[datetime, datetime]]:
        """Return the whole periods of the calendar (UTC) that the window touches, or its batches."""
        if self.by == "batch":
            yield from ((at, at + TICK) for at in self.batches)
            return
        start = _floor(self.since, self.by)
        while start < self.until:
            end = _next(start, self.by)
            yield start, end
            start = end


def window(
    ws: Workspace, since: str, until: str | None, by: By = "day", as_of: str | None = None
) -> Window:
    """Read a window as people write it; it ends now unless told otherwise.

    ``as_of`` puts the reader into the past: ages count from there, and nothing is later.

    Raises:
        Invalid: it ends before it begins, or has too many periods to show.
    """
    then = parse_time(as_of, now=ws.clock()) if as_of else None
    now = then or ws.clock()
    last = then or now + timedelta(seconds=1)
    end = parse_time(until, now=now) if until else last
    end = min(end, last) if then else end
    found = Window(parse_time(since, now=now), end, by, then, goes_on=not then and end >= now)
    if found.since >= found.until:
        raise Invalid(
            "The period ends before it begins.",
            "--since has to be earlier than --until.",
            code="period_empty",
        )
    shortest = {"hour": 1, "day": 24, "week": 168, "month": 672}.get(by)
    if shortest and (found.until - found.since) / timedelta(hours=shortest) > MOST_PERIODS:
        raise Invalid(
            "That is more than {most} periods.",
            "choose a longer one: --by day, week or month.",
            code="periods_too_many",
            most=MOST_PERIODS,
        )
    return found


def _floor(moment: datetime, by: By) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if by == "hour":
        return hour
    day = hour.replace(hour=0)
    if by == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by == "month" else day


def _next(start: datetime, by: By) -> datetime:
    if by == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + _LENGTHS[by]
