"""What rules would have done: the same windows and the same judgement, with nothing written."""

from __future__ import annotations

from typing import Any, cast

from jupyter_mlops.domain.alerted import Rehearsal, RehearsedAlert
from jupyter_mlops.domain.alerts import Key, Looked, Standing, follow
from jupyter_mlops.domain.monitoring import Monitoring
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.domain.objectives import Objectives
from jupyter_mlops.locale import tell
from jupyter_mlops.services import noticing, rhythm, wording
from jupyter_mlops.services.champions import Champion
from jupyter_mlops.services.noticing import Agreed
from jupyter_mlops.services.window import window
from jupyter_mlops.services.workspace import Workspace


def rehearse(
    ws: Workspace, serving: Champion, watched: Monitoring, agreed: Objectives, since: str
) -> Rehearsal:
    """Return the alerts that rules would have raised since a time, window by window.

    Windows before the present version went live are left out: it did not answer in them.
    """
    now = ws.clock()
    asked = window(ws, since, None).since
    first = rhythm.period_of(watched, max(asked, parse_time(serving.since, now=now)))
    spans = rhythm.whole_windows(ws, serving.deployment, watched, first, now)
    book = _Book(watched)
    for number, span in enumerate(spans, 1):
        ws.progress(tell("looking at past windows"), number / len(spans))
        book.turn(noticing.notice(ws, serving, span, Agreed(watched, agreed)))
    return Rehearsal(since=iso(first), until=iso(now), windows=len(spans), items=book.told())


class _Book:
    """The alerts of a rehearsal, in memory."""

    def __init__(self, watched: Monitoring) -> None:
        self._watched = watched
        self._standing: dict[Key, Standing] = {}
        self._told: list[RehearsedAlert] = []

    def turn(self, looked: Looked) -> None:
        """Follow one more window."""
        for change in list(follow(self._standing, looked, self._watched)):
            if change.does == "resolve":
                self._told.append(_row(change.standing, looked.end))
                del self._standing[change.standing.key]
            else:
                self._standing[change.standing.key] = change.standing

    def told(self) -> list[RehearsedAlert]:
        """Return every alert in the order they would have been opened."""
        rows = [*self._told, *(_row(standing, "") for standing in self._standing.values())]
        return sorted(rows, key=lambda row: row["since"])


def _row(told: Standing, resolved_at: str) -> RehearsedAlert:
    return RehearsedAlert(
        part=told.part,
        subject=wording.subject(told.subject),
        severity=cast("Any", told.severity),
        because=wording.finding(told.subject, told.why, told.figures),
        since=told.since,
        last_seen=told.last_seen,
        windows=told.windows,
        resolved_at=resolved_at,
    )
