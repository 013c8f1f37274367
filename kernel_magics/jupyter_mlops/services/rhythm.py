"""Which windows of a deployment are whole and have to be looked at: each once, none overlapping."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from jupyter_mlops.domain.monitoring import Every, Monitoring
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace

LONGEST: Final[dict[Every, timedelta]] = {
    "hour": timedelta(days=1),
    "day": timedelta(days=7),
    "week": timedelta(days=28),
}
"""How long a window waits for rows enough before it is looked at with those there are."""


def whole_windows(
    ws: Workspace, deployment: str, watched: Monitoring, since: datetime, until: datetime
) -> list[Window]:
    """Return the whole windows of a past time, one after the other.

    A window is a whole hour, day or week; one with fewer rows than the rules ask for goes on until
    it has them, or is as long as it may be. What it holds decides nothing but its length, so that a
    window is not chosen by what would be found in it.
    """
    found: list[Window] = []
    start, rows = since, 0
    for _, end, count in _counted(ws, deployment, Window(since, until, watched.every)):
        rows += count
        if rows >= watched.rows or end - start >= LONGEST[watched.every]:
            found.append(Window(start, end, watched.every))
            start, rows = end, 0
    return found


def period_of(watched: Monitoring, moment: datetime) -> datetime:
    """Return when the hour, day or week began that a moment lies in."""
    start, _ = next(Window(moment, moment + LONGEST[watched.every], watched.every).periods())
    return start


def _counted(
    ws: Workspace, deployment: str, span: Window
) -> Iterator[tuple[datetime, datetime, int]]:
    """Return whole periods and the rows that were asked in each; a failed request counts as one."""
    import numpy as np

    log = ws.telemetry.read_requests(deployment, span.since, span.until)
    at = log["at"].to_numpy().astype("datetime64[us]").astype(np.int64)
    rows = np.concatenate(([0], np.cumsum(np.maximum(log["rows"].fill_null(0).to_numpy(), 1))))
    for start, end in span.periods():
        if start < span.since or end > span.until:
            continue  # not whole
        first, last = np.searchsorted(at, [_micros(start), _micros(end)])
        yield start, end, int(rows[last] - rows[first])


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
