"""Is the newest complete point of a series unusual, against the series' own history?

The history is longer than what is shown, so that a week's page knows its month. The share of false
alarms that the rules accept is divided among the looks of 30 days and the series of a part.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyter_mlops.domain.answers import Accuracy, Drift, Period, Point, Service, Unusual
from jupyter_mlops.domain.health import MATURE
from jupyter_mlops.domain.monitoring import WINDOWS_PER_30_DAYS, Monitoring
from jupyter_mlops.domain.names import iso
from jupyter_mlops.locale import tell
from jupyter_mlops.services import heat, profiles
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.packing import finite
from jupyter_mlops.services.traffic import Traffic
from jupyter_mlops.services.window import By, Window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_mlops.services.profiles import Hour
    from jupyter_mlops.stats.anomalies import Anomaly
    from jupyter_mlops.stats.batch import Batch

REACH: Final[Mapping[By, timedelta]] = {
    "hour": timedelta(weeks=5),
    "day": timedelta(weeks=5),
    "week": timedelta(weeks=26),
    "month": timedelta(days=730),
}
MOST_READ: Final = 2_000_000
"""Answers up to which the history of a question to raw rows is read."""
REQUESTS, ERRORS, LATENCY = "requests", "error_rate", "latency_p95"


def of_service(
    ws: Workspace,
    found: Service,
    span: Window,
    hours_of: Callable[[Window], Iterable[tuple[datetime, Traffic]]],
    *,
    raw: bool = False,
) -> None:
    """Mark the newest complete point of requests, error rate and latency where it is unusual.

    ``hours_of`` returns the traffic of a longer time; ``raw`` says that rows are read for that.
    """
    from jupyter_mlops.stats.anomalies import newest, newest_count

    past = _past(span)
    if past is None or (raw and not _can_be_read(ws, found["deployment"], past)):
        return
    starts, periods = _periods(past, hours_of(past))
    if not periods:
        return
    seasons, level = _seasons(starts, span.by), _level(_rules(ws, found, span), span.by, 3)
    asked = [one.requests for one in periods]
    lengths = [(end - start) / timedelta(hours=1) for start, end in past.periods()][-len(asked) :]
    told = {
        REQUESTS: newest_count(asked, lengths, seasons=seasons, level=level, share=False),
        ERRORS: newest_count([one.errors for one in periods], asked, seasons=seasons, level=level),
        LATENCY: newest([one.quantile(0.95) for one in periods], seasons=seasons, level=level),
    }
    told[REQUESTS] = _times(told[REQUESTS], lengths[-1])
    marks = [_mark(name, starts[-1], one) for name, one in told.items() if _is_told(name, one)]
    _put(found["series"], iso(starts[-1]), marks)


def of_drift(
    ws: Workspace,
    found: Drift,
    span: Window,
    shown: Callable[[str], str],
    before: Batch | None,
    hours_of: Callable[[Window], Sequence[Hour]],
    *,
    apart: Window | None = None,
    raw: bool = False,
) -> None:
    """Mark the features whose PSI in the newest complete period is unusually large.

    ``hours_of`` returns what was answered in a longer time, which is held against ``before``. What
    ``before`` is made of itself (``apart``) is no history of how far rows are from it.
    """
    past = _past(span)
    if past is None or before is None or not found["heat"]:
        return
    if raw and not _can_be_read(ws, found["deployment"], past):
        return
    rules = _rules(ws, found, span)
    periods, warmth = heat.heat(before, hours_of(past), past)
    level = _level(rules, span.by, len(found["heat"]))
    seasons = _seasons([start for start, _ in past.periods()], span.by)
    enough = [period["n"] >= rules.rows and not _lies_in(apart, period) for period in periods]
    waiting = iter(found["heat"])
    row = next(waiting, None)
    for one in warmth:
        if row is None or shown(one["feature"]) != row["feature"]:
            continue
        series = [value if ok else None for value, ok in zip(one["psi"], enough, strict=True)]
        judged = _moved(before, one["feature"], series, seasons, level, periods[-1]["n"])
        if judged is not None:
            row["unusual"] = _mark(row["feature"], _moment(periods[-1]["start"]), judged)
        row = next(waiting, None)


def of_accuracy(ws: Workspace, found: Accuracy, span: Window) -> None:
    """Mark the newest complete point of the metric whose truth is known, where it is unusual."""
    from jupyter_mlops.stats.anomalies import newest

    known = [
        point
        for point in found["series"]
        if point["end"] <= iso(span.until) and point.get("labelled", 0.0) >= MATURE
    ]
    if not known or span.by == "batch":
        return
    level = _level(_rules(ws, found, span), span.by, 1)
    judged = newest([point["value"] for point in known], level=level)
    if judged.unusual:
        known[-1]["unusual"] = [_mark(found["metric"], _moment(known[-1]["start"]), judged)]


def sentence(service: Service, drift: Drift, accuracy: Accuracy) -> str:
    """Say in one sentence what is unusual; nothing where nothing is."""
    marks = [
        *(mark for point in service["series"] for mark in point.get("unusual", [])),
        *(row["unusual"] for row in drift["heat"] if "unusual" in row),
        *(mark for point in accuracy["series"] for mark in point.get("unusual", [])),
    ]
    if not marks:
        return ""
    moved = {row["feature"] for row in drift["heat"]}
    told = ", ".join(_told(mark, is_psi=mark["measure"] in moved) for mark in marks[:_MOST])
    rest = "…" if len(marks) > _MOST else ""
    return tell("Unusual against its own history: {told}.", told=told + rest)


_MOST: Final = 4


def _told(mark: Unusual, *, is_psi: bool) -> str:
    names = {
        REQUESTS: tell("requests"),
        ERRORS: tell("error rate"),
        LATENCY: tell("latency (p95)"),
    }
    name = names.get(mark["measure"], mark["measure"])
    return tell(
        "{name} {value} (about {expected} expected)",
        name=f"{name} PSI" if is_psi else name,
        value=_short(mark["value"]),
        expected=_short(mark["expected"]),
    )


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def _can_be_read(ws: Workspace, deployment: str, past: Window) -> bool:
    """Say whether a history that nobody has counted is short enough to be read for a mark."""
    return profiles.answered(ws, deployment, past) <= MOST_READ


def _lies_in(apart: Window | None, period: Period) -> bool:
    if apart is None:
        return False
    since, until = apart.told
    return period["start"] < until and since < period["end"]


def _past(span: Window) -> Window | None:
    """Return the whole periods by which the newest complete one of a window is judged, it included."""
    if span.by == "batch":
        return None  # batches come as it pleases them: how many, and how large, is no rhythm
    whole = [(start, end) for start, end in span.periods() if end <= span.until]
    if not whole:
        return None
    told = replace(span, since=whole[-1][1] - REACH[span.by], until=whole[-1][1], goes_on=False)
    first, _ = next(told.periods())
    return replace(told, since=first)


def _periods(
    past: Window, hours: Iterable[tuple[datetime, Traffic]]
) -> tuple[list[datetime], list[Traffic]]:
    """Add hours up to periods, from the first one that had any request."""
    starts = [start for start, _ in past.periods()]
    found = [Traffic()] * len(starts)
    for at, traffic in hours:
        place = bisect_right(starts, at) - 1
        found[place] = found[place] + traffic
    began = next((i for i, one in enumerate(found) if one.requests), len(found))
    return starts[began:], found[began:]


def _seasons(starts: Sequence[datetime], by: By) -> list[str] | None:
    """Name the hour or the day of the week; longer periods have no season here."""
    forms = {"hour": "%w-%H", "day": "%w"}
    return [start.strftime(forms[by]) for start in starts] if by in forms else None


def _rules(ws: Workspace, found: Service | Drift | Accuracy, span: Window) -> Monitoring:
    return written.monitoring(ws, found["deployment"], span.until)


def _level(rules: Monitoring, by: By, series: int) -> float:
    """Return the level of one look at one series that keeps the false alarms accepted."""
    from jupyter_mlops.stats.anomalies import LEVEL

    looks = WINDOWS_PER_30_DAYS[by] if by in ("hour", "day", "week") else 1.0
    return min(LEVEL, rules.allowed / looks / max(series, 1))


def _moved(
    before: Batch,
    name: str,
    series: Sequence[float | None],
    seasons: Sequence[str] | None,
    level: float,
    rows: int,
) -> Anomaly | None:
    """Return what is unusual about the last PSI: beyond its history, and beyond what few rows do."""
    from jupyter_mlops.stats.anomalies import newest
    from jupyter_mlops.stats.size import by_chance

    if series[-1] is None:
        return None
    roots = [math.nan if psi is None else psi ** (1 / 3) for psi in series]  # nearly normal
    found = newest(roots, seasons=seasons, level=level)
    place = before.layout.shown_place(name)
    cells = before.shown[place.start : place.stop - 1]
    chance = by_chance(series[-1], int(cells.sum()), rows, cells=int((cells > 0).sum()))
    if not found.unusual or found.value < found.expected or chance >= level:
        return None
    low, high = max(found.low, 0.0) ** 3, found.high**3
    return replace(
        found, value=series[-1], expected=max(found.expected, 0.0) ** 3, low=low, high=high
    )


def _times(found: Anomaly, hours: float) -> Anomaly:
    """Return a rate by the hour as that of a period."""
    told = {name: getattr(found, name) * hours for name in ("value", "expected", "low", "high")}
    return replace(found, **told)


def _is_told(name: str, found: Anomaly) -> bool:
    """Leave out what is unusually well."""
    return bool(found.unusual) and (name == REQUESTS or found.value > found.expected)


def _mark(measure: str, start: datetime, found: Anomaly) -> Unusual:
    return Unusual(
        measure=measure,
        start=iso(start),
        value=finite(found.value),
        expected=finite(found.expected),
        low=finite(found.low),
        high=finite(found.high),
        p_value=finite(found.p_value),
        seasonal=found.seasonal,
    )


def _put(series: Sequence[Point], start: str, marks: list[Unusual]) -> None:
    for point in series:
        if marks and point["start"] == start:
            point["unusual"] = marks


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
