"""How right the answers were, as far as the truth is known, and how right they will turn out to be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain import monitoring
from jupyter_mlops.domain.answers import Accuracy, Figure, Point
from jupyter_mlops.domain.arguments import DeploymentName, Names, Text, Time, read
from jupyter_mlops.domain.names import iso
from jupyter_mlops.locale import tell
from jupyter_mlops.services import ahead, batches, champions, hours, judging, misses, unusual
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.champions import Champion
from jupyter_mlops.services.hours import Hour, Known
from jupyter_mlops.services.packing import figure
from jupyter_mlops.services.window import By, Window, window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_mlops.services.judging import Judge, Labelled

NAMES = {"roc_auc": "AUC", "accuracy": "accuracy", "rmse": "RMSE"}
NOTHING = Figure(value=None, low=None, high=None)
MOST_MEASURED: Final = 40
"""Periods up to which every measure of each is told; of more, the first one alone."""


@dataclass(frozen=True)
class _Period:
    """What was answered in a stretch of time: by all, and by the version that is looked at."""

    start: Any
    end: Any
    rows: int
    labels: Labelled
    own: ahead.Part


@read()
def accuracy(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    since: Time = "7d",
    until: Time | None = None,
    by: By = "day",
    segment: Text = "",
    version: Names = (),
    worst: Literal["rows", "segments"] | None = None,
    unlabelled: bool = False,
    as_of: Time | None = None,
) -> Accuracy:
    """Show how right a deployment was, with intervals, and how many labels have arrived.

    Late and corrected labels count from the day they come. A period is mature when four in five of
    its predictions have their label; before that `estimated` tells what to expect, with its band,
    and whether such estimates were right where the labels came. Hours count whole.

    `by` cuts the time into periods: `batch` into the newest 40 requests with more than one row.
    `segment` looks at a part of the traffic, such as `region=EU & age>60`; `version` names versions,
    each shown by itself; `as_of` answers as it would have been answered then, with the labels that
    were known. `worst` lists the rows that were missed by most, or the segments that are proved
    worse than the rest; `unlabelled` lists the answers whose label is still to be fetched.
    """
    span = batches.cut(ws, deployment, window(ws, since, until, by, as_of))
    looked = champions.looked_at(ws, deployment, version, span.as_of)
    first, *others = [
        of_window(ws, one, span, segment=segment, alone=bool(version), deep=True) for one in looked
    ]
    for found in (first, *others):
        unusual.of_accuracy(ws, found, span)
    if worst or unlabelled:
        serving, alone = looked[0], bool(version)
        rows = misses.rows_of(ws, serving, span, segment=segment, alone=alone)
        first["items"] = misses.listed(ws, serving, rows, "unlabelled" if unlabelled else worst)
    if others:
        first["beside"] = others
    return first


def of_window(
    ws: Workspace,
    serving: Champion,
    span: Window,
    *,
    segment: str = "",
    alone: bool = False,
    deep: bool = False,
) -> Accuracy:
    """Return the accuracy of a deployment in a window: of all that answered in it, or one alone.

    Only when one looks ``deep`` is each period measured by everything and estimated ahead: that takes
    seconds the first time.
    """
    from jupyter_mlops.services import drawn

    judge = judging.judge(ws, serving.deployment)
    known = _known(ws, serving, span, judge, segment=segment, alone=alone)
    parts = known.hours
    if span.by == "batch":
        parts = _by_batch(ws, serving, span, judge, segment=segment, alone=alone)
    periods = _periods(judge, parts, span, serving.ref)
    whole = _period(judge, span.since, span.until, known.hours, serving.ref)
    metric = rules.FIRST_METRIC[serving.task]
    figures = _figures(ws, judge, whole.labels)
    now, before = figures.get(metric, NOTHING), serving.metrics.get(metric)
    floors = written.monitoring(ws, serving.deployment, span.until).accuracy
    found = rules.of_accuracy(metric, whole.labels.n, now, before)
    verdict, judged_by = by_floors(found, figures, floors, metric)
    expected, each = _ahead(ws, serving, judge, span, periods, whole, segment=segment, deep=deep)
    since, until = hours.whole(span).told
    told = Accuracy(
        deployment=serving.deployment,
        version=serving.ref,
        status=verdict.status,
        because=_because(verdict.why, judged_by, whole, figures.get(judged_by, now), before),
        metric=metric,
        metrics=figures,
        reference=serving.metrics,
        n=whole.rows,
        labelled=whole.labels.n / whole.rows if whole.rows else 0.0,
        unmatched=known.lost,
        since=since,
        until=until,
        series=_series(ws, judge, periods, each, every=deep and len(periods) <= MOST_MEASURED),
        estimated=expected,
        curves=drawn.points(whole.labels, judge.classes),
    )
    if span.by == "batch":
        told["batches"] = batches.told(span)
    return told


def by_floors(
    verdict: rules.Verdict,
    figures: Mapping[str, Figure],
    floors: Mapping[str, monitoring.Pair],
    metric: str,
) -> tuple[rules.Verdict, str]:
    """Return the worst verdict on a metric, and the metric it is about; floors are what was agreed."""
    judged = [(verdict, metric)]
    if verdict.why != "too_few_labels":
        judged += [(rules.of_floors(figures.get(m, NOTHING), m, floors[m]), m) for m in floors]
    worst = rules.worst(found.status for found, _ in judged)
    return next((found, name) for found, name in judged if found.status == worst)


def _known(
    ws: Workspace, serving: Champion, span: Window, judge: Judge, *, segment: str, alone: bool
) -> Known:
    if not segment:
        versions = (serving.ref,) if alone else ()
        return hours.read(ws, serving.deployment, span, judge, versions)
    rows = misses.rows_of(ws, serving, hours.whole(span), segment=segment, alone=alone)
    return Known(hours.of_rows(judge, rows.answers, rows.truth), 0)


def _by_batch(
    ws: Workspace, serving: Champion, span: Window, judge: Judge, *, segment: str, alone: bool
) -> Sequence[Hour]:
    """Count the rows of each batch, with the labels that have come."""
    if not span.batches:
        return []
    rows = misses.rows_of(ws, serving, batches.within(span), segment=segment, alone=alone)
    return [
        hour
        for hour in hours.of_rows(judge, rows.answers, rows.truth, "microsecond")
        if hour.start in span.batches
    ]


def _ahead(
    ws: Workspace,
    serving: Champion,
    judge: Judge,
    span: Window,
    periods: Sequence[_Period],
    whole: _Period,
    *,
    segment: str,
    deep: bool,
) -> ahead.Expected:
    """Estimate classes from counts, and numbers from the newest rows of the last periods."""
    if not deep:
        why = tell("`accuracy {name}` tells what to expect.", name=serving.deployment)
        return ahead.no(why, len(periods))
    if judging.reference(ws, serving.ref) is None:
        return ahead.nothing(serving, len(periods), without=True)
    if judge.task != "regression":
        parts = [period.own for period in periods]
        return ahead.of_counts(ws, serving, judge, parts, whole.own)
    rows = misses.rows_of(ws, serving, hours.whole(span), segment=segment, alone=True)
    last = periods[-ahead.MOST_ESTIMATED :]
    batches = misses.batches(serving, rows, [(period.start, period.end) for period in last])
    told, each = ahead.of_rows(ws, serving, batches)
    return told, [*[None] * (len(periods) - len(last)), *each]


def _periods(judge: Judge, known: Sequence[Hour], span: Window, ref: str) -> list[_Period]:
    """Add up the hours of each period."""
    cut = list(span.periods())
    starts = [start for start, _ in cut]
    gathered: list[list[Hour]] = [[] for _ in cut]
    for hour in known:
        gathered[max(bisect_right(starts, hour.start) - 1, 0)].append(hour)
    return [_period(judge, *ends, told, ref) for ends, told in zip(cut, gathered, strict=True)]


def _period(judge: Judge, start: Any, end: Any, told: Sequence[Hour], ref: str) -> _Period:
    mine = [hour for hour in told if hour.version == ref]
    own = ahead.Part(
        sum(hour.rows for hour in mine),
        sum(hour.said for hour in mine if hour.said is not None),
        judge.sum(hour.labels for hour in mine if hour.labels is not None),
    )
    others = [hour.labels for hour in told if hour.labels is not None and hour.version != ref]
    rows = sum(hour.rows for hour in told)
    return _Period(start, end, rows, judge.sum([own.labels, *others]), own)


def _figures(ws: Workspace, judge: Judge, kept: Labelled) -> dict[str, Figure]:
    """Return every measure with its interval; none without a label."""
    told = judging.measured(ws, judge, kept) if kept.n else {}
    return {name: figure(found) for name, found in told.items()}


def _series(
    ws: Workspace,
    judge: Judge,
    periods: Sequence[_Period],
    expected: Sequence[Figure | None],
    *,
    every: bool,
) -> list[Point]:
    """Return each period with every measure, or the first one alone."""
    points = []
    for period, told in zip(periods, expected, strict=True):
        if every:
            point = _point(judge, period, _figures(ws, judge, period.labels))
            point["metrics"] = _figures(ws, judge, period.labels)
        else:
            name, n = rules.FIRST_METRIC[judge.task], period.labels.n
            point = _point(judge, period, {name: figure(judge.first(period.labels))} if n else {})
        if told is not None:
            point["estimated"] = told
        points.append(point)
    return points


def _point(judge: Judge, period: _Period, figures: dict[str, Figure]) -> Point:
    found = figures.get(rules.FIRST_METRIC[judge.task], NOTHING)
    return Point(
        start=iso(period.start),
        end=iso(period.end),
        n=period.rows,
        value=found["value"],
        low=found["low"],
        high=found["high"],
        labelled=period.labels.n / period.rows if period.rows else 0.0,
    )


def _because(why: str, metric: str, whole: _Period, now: Figure, before: Figure | None) -> str:
    if not whole.rows:
        return tell("No predictions in this period.")
    if why == "too_few_labels":
        return tell(
            "Too few labels to tell: {labelled} of {n} predictions have one.",
            labelled=f"{whole.labels.n:,}",
            n=f"{whole.rows:,}",
        )
    name = tell(NAMES[metric]) if metric in NAMES else metric
    if why == "floor":
        return tell(
            "{metric} is {now}, beyond the floor of the rules.", metric=name, now=_short(now)
        )
    if why == "no_reference" or before is None:
        return tell(
            "{metric} is {now}; the version was registered without a holdout to compare with.",
            metric=name,
            now=_short(now),
        )
    if why == "worse":
        return tell(
            "{metric} is {now}, it was {before} on the holdout.",
            metric=name,
            now=_short(now),
            before=_short(before),
        )
    return tell(
        "{metric} is {now}, as on the holdout ({before}).",
        metric=name,
        now=_short(now),
        before=_short(before),
    )


def _short(found: Figure) -> str:
    return "–" if found["value"] is None else f"{found['value']:.3g}"
