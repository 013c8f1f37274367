"""A stretch of time, cut into periods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.workspace import Workspace

By = Literal["hour", "day", "week", "month"]
MOST_PERIODS = 2000


@dataclass(frozen=True)
class Window:
    """From a moment up to, not including, another."""

    since: datetime
    until: datetime
    by: By = "day"

    @property
    def told(self) -> tuple[str, str]:
        """Return both ends as they are stored."""
        return iso(self.since), iso(self.until)

    def periods(self) -> Iterator[tuple[datetime, datetime]]:
        """Return the whole periods of the calendar (UTC) that the window touches."""
        start = _floor(self.since, self.by)
        while start < self.until:
            end = _next(start, self.by)
            yield start, end
            start = end


def window(ws: Workspace, since: str, until: str | None, by: By = "day") -> Window:
    """Read a window as people write it; it ends now unless told otherwise.

    Raises:
        Invalid: it ends before it begins, or has too many periods to show.
    """
    now = ws.clock()
    found = Window(
        parse_time(since, now=now),
        parse_time(until, now=now) if until else now + timedelta(seconds=1),
        by,
    )
    if found.since >= found.until:
        raise Invalid(
            "The period ends before it begins.",
            "--since has to be earlier than --until.",
            code="period_empty",
        )
    shortest = {"hour": 1, "day": 24, "week": 168, "month": 672}[by]
    if (found.until - found.since) / timedelta(hours=shortest) > MOST_PERIODS:
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
    return start + timedelta(hours={"hour": 1, "day": 24, "week": 168}[by])
