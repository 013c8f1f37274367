"""The raw rows of a window: all of them, or only those that no kept profile holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.store.pieces import Open, Pieces

ANSWERS: Final = "answers"
SHADOW: Final = "challenger"
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Kept:
    """What the store knew at one moment: profiles, pieces that wait, and segments counted already."""

    profiles: Sequence[Any]
    waiting: frozenset[str]
    counted: frozenset[str]
    late: Sequence[str] = ()


def rows(
    ws: Workspace,
    deployment: str,
    span: Window,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """Return the raw rows of a window, file by file: for questions that no profile answers.

    Features are read as ``features.NAME``; what challengers said is left out.
    """
    from jupyter_mlops.store.pieces import part_of, within

    log = ws.telemetry.pieces(deployment)
    opened = opened_of(ws, log, deployment)
    seen = {one.segment for one in opened}
    for one in opened:
        yield _told(span, within(one.answers, span.since, span.until))
    for piece, path in log.between(span.since, span.until):
        if piece.rpartition("/")[2] not in seen:
            yield _told(span, part_of(path, span.since, span.until, columns))


def opened_of(ws: Workspace, log: Pieces, deployment: str) -> list[Open]:
    """Read the segments that are still files; what has not changed since is kept in memory."""
    key = ("open", deployment)
    opened = log.open(ws.kept.get(key, {}))
    ws.kept[key] = {one.segment: one for one in opened}
    return opened


def open_rows(opened: Sequence[Open], kept: Kept, part: str, span: Window) -> Iterator[pa.Table]:
    """Return the rows of segments, but for the days of them that are counted already."""
    import pyarrow.compute as pc

    from jupyter_mlops.store.pieces import within

    for one in opened:
        rows = one.answers if part == ANSWERS else one.requests
        table = within(rows, span.since, span.until)
        for piece in kept.counted:
            _, day, segment = piece.split("/")
            if segment == one.segment:
                told = pc.strftime(table["at"], format="%Y-%m-%d")
                table = table.filter(pc.not_equal(told, day))
        yield table


def sealed_rows(
    log: Pieces, opened: Sequence[Open], kept: Kept, part: str, span: Window
) -> Iterator[pa.Table]:
    """Return the rows of pieces that wait, and those of the hours that an end of the window cuts."""
    from jupyter_mlops.store.pieces import ANSWERS as COLUMNS
    from jupyter_mlops.store.pieces import part_of, within

    seen = {one.segment for one in opened}
    is_answers = part == ANSWERS
    read = log.answers_of if is_answers else log.requests_of
    for piece in sorted(kept.waiting):
        _, day, segment = piece.split("/")
        if segment not in seen and span.since.date() <= _day(day) <= span.until.date():
            table = read(piece)
            if table is not None:
                yield within(table, span.since, span.until)
    for since, until in _edges(span):
        for piece, path in log.between(since, until, of_requests=not is_answers):
            is_open = piece.rpartition("/")[2] in seen and piece not in kept.counted
            if piece not in kept.waiting and not is_open:
                yield part_of(path, since, until, COLUMNS if is_answers else None)
    for piece in kept.late if is_answers else ():
        table = log.answers_of(piece)
        if table is not None:
            yield _learnt_late(table, *whole_hours(span), span)


def _edges(span: Window) -> list[tuple[datetime, datetime]]:
    """Return the parts of a window that are not whole hours."""
    first, last = whole_hours(span)
    if first >= last:
        return [(span.since, span.until)]
    ends = [(span.since, first), (last, span.until)]
    return [(since, until) for since, until in ends if since < until]


def _learnt_late(table: pa.Table, first: datetime, last: datetime, span: Window) -> pa.Table:
    """Return what happened in whole hours and was learnt in the hour that *as of* cuts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from jupyter_mlops.store.pieces import within

    inside = within(table, first, last)
    since = pa.scalar(floor(span.as_of or last), inside["known_at"].type)
    return inside.filter(pc.greater_equal(inside["known_at"], since))


def whole_hours(span: Window) -> tuple[datetime, datetime]:
    """Return from when until when the hours lie wholly in a window."""
    first = floor(span.since + HOUR - timedelta(microseconds=1))
    last = floor(span.until) + (HOUR if span.goes_on else timedelta())
    return first, max(first, last)


def _told(span: Window, table: pa.Table) -> pa.Table:
    """Leave out what challengers said, and what was learnt later."""
    import pyarrow.compute as pc

    answered = pc.fill_null(pc.not_equal(table["role"], SHADOW), True)
    return known(span, table.filter(answered))


def known(span: Window, table: pa.Table) -> pa.Table:
    """Leave out what was learnt later than the moment that is asked about."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if span.as_of is None or "known_at" not in table.column_names:
        return table
    return table.filter(
        pc.less_equal(table["known_at"], pa.scalar(span.as_of, table["known_at"].type))
    )


def floor(moment: datetime) -> datetime:
    """Return the hour that a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _day(text: str) -> date:
    return date.fromisoformat(text)
