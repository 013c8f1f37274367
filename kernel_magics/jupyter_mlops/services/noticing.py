"""What is found in one whole window of a deployment, part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from jupyter_mlops.domain import health
from jupyter_mlops.domain.alerts import ANSWERS, Finding, Key, Looked
from jupyter_mlops.domain.monitoring import FEATURE, Monitoring, Watched
from jupyter_mlops.domain.objectives import Objectives
from jupyter_mlops.domain.verdicts import FIRED
from jupyter_mlops.domain.watched import DriftRow, Status
from jupyter_mlops.services import accuracy, drift, hours, judging, upheld
from jupyter_mlops.services.champions import Champion
from jupyter_mlops.services.packing import figure, finite
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

LABELS_REACH: Final = timedelta(days=90)
"""How old a prediction may be whose label still counts when it comes."""
SLOW: Final = timedelta(hours=6)
"""The longest span over which the burn of the error budget is looked at."""


@dataclass(frozen=True)
class Agreed:
    """By what a window is judged: how it is watched, and what the service has to hold."""

    monitoring: Monitoring
    objectives: Objectives


@dataclass(frozen=True)
class Seen:
    """What one part found, and what it could judge."""

    findings: tuple[Finding, ...] = ()
    judged: tuple[Key, ...] = ()


def notice(ws: Workspace, serving: Champion, span: Window, agreed: Agreed) -> Looked:
    """Look at a whole window once; nothing is written."""
    parts = [
        _service(ws, serving, span, agreed),
        _inputs(ws, serving, span, agreed.monitoring),
        _accuracy(ws, serving, span, agreed.monitoring),
        _humility(ws, serving, span, agreed.monitoring),
        _policies(ws, serving, span),
    ]
    start, end = span.told
    return Looked(
        start=start,
        end=end,
        findings=tuple(found for part in parts for found in part.findings),
        judged=frozenset(key for part in parts for key in part.judged),
    )


def _service(ws: Workspace, serving: Champion, span: Window, agreed: Agreed) -> Seen:
    """Judge errors, latency and the error budget from one reading of the requests."""
    hours = Window(min(span.since, span.until - SLOW), span.until)
    log = ws.telemetry.read_requests(serving.deployment, hours.since, hours.until)
    asked = _asked(log, span)
    if not asked.n:
        return Seen()
    found = [_errors(asked, agreed), _latency(asked, agreed), _budget(log, span, agreed)]
    judged = tuple(("service", name) for name in ("errors", "latency", "budget"))
    return Seen(tuple(one for one in found if one), judged)


@dataclass(frozen=True)
class Asked:
    """The requests of a window: how many, which kinds failed, and how long answers took."""

    n: int
    kinds: Mapping[str, int]
    p95: float | None

    @property
    def errors(self) -> int:
        """Return how many failed."""
        return sum(self.kinds.values())


def _asked(log: pa.Table, span: Window) -> Asked:
    import pyarrow.compute as pc

    from jupyter_mlops.stats.service import latency_profile

    at = log["at"]
    part = log.filter(pc.and_(pc.greater_equal(at, span.since), pc.less(at, span.until)))
    kinds = Counter(kind for kind in part["kind"].to_pylist() if kind)
    times = part.filter(pc.equal(part["kind"], ""))["ms"].to_numpy()
    return Asked(part.num_rows, kinds, finite(latency_profile(times).quantile(0.95)))


def _errors(asked: Asked, agreed: Agreed) -> Finding | None:
    from jupyter_mlops.stats.service import error_rate

    rate = figure(error_rate(asked.errors, asked.n))
    status = health.of_service(asked.n, rate, agreed=agreed.objectives).status
    figures = {
        "requests": asked.n,
        "errors": asked.errors,
        "share": rate["value"],
        "kinds": dict(asked.kinds),
    }
    return _finding("errors", status, "errors", figures)


def _latency(asked: Asked, agreed: Agreed) -> Finding | None:
    most = agreed.objectives.latency_p95_ms
    if not health.is_slow(asked.n, asked.p95, most):
        return None
    return _finding("latency", "failing", "slow", {"p95": asked.p95, "agreed": most, "n": asked.n})


def _budget(log: pa.Table, span: Window, agreed: Agreed) -> Finding | None:
    """Say whether the error budget surely burns too fast, and still does when the window ends."""
    from jupyter_mlops.stats import budget

    objective = agreed.objectives.error_rate
    if objective is None:
        return None
    slow, fast = agreed.monitoring.burn
    rules = [
        replace(rule, spent=limit * rule.long_hours / budget.PERIOD_HOURS)
        for rule, limit in zip(budget.RULES[:2], (fast, slow), strict=True)
    ]
    counts = {
        hours: _failed(log, span, hours)
        for rule in rules
        for hours in (rule.long_hours, rule.short_hours)
    }
    burning = budget.burning(counts, 1 - objective, rules=rules)
    statuses: tuple[Status, ...] = ("failing", "warning")
    for found, status in zip(burning, statuses, strict=True):
        if found.alerts:
            hours = found.rule.long_hours
            kinds = _asked(log, Window(span.until - timedelta(hours=hours), span.until)).kinds
            figures = {
                "burn": found.long,
                "hours": hours,
                "agreed": objective,
                "kinds": dict(kinds),
            }
            return _finding("budget", status, "burn", figures)
    return None


def _failed(log: pa.Table, span: Window, hours: float) -> tuple[int, int]:
    """Return failures and requests of the last so many hours of a window's end."""
    asked = _asked(log, Window(span.until - timedelta(hours=hours), span.until))
    return asked.errors, asked.n


def _finding(
    subject: str, status: Status, why: str, figures: Mapping[str, object]
) -> Finding | None:
    if status not in ("warning", "failing"):
        return None
    return Finding("service", subject, status, why, figures)


def _inputs(ws: Workspace, serving: Champion, span: Window, rules: Monitoring) -> Seen:
    """Look at inputs and answers: what moved is drift, what is missing or new is quality."""
    watched = Watched(rules, looks=rules.windows, allowed=rules.allowed)
    rows = drift.of_window(ws, serving, span, watched=watched)["items"]
    judged = [row for row in rows if row["finding"] != "unknown"]
    return Seen(
        tuple(_of_row(row) for row in judged if row["finding"] == "drifted"),
        tuple(key for row in judged for key in _keys(row)),
    )


def _keys(row: DriftRow) -> Iterator[Key]:
    yield "drift", _subject(row)
    yield "quality", _subject(row)


def _subject(row: DriftRow) -> str:
    return ANSWERS if row["of"] == "answers" else FEATURE + row["feature"]


def _of_row(row: DriftRow) -> Finding:
    is_quality = row["why"] in ("missing", "new_levels")
    return Finding(
        part="quality" if is_quality else "drift",
        subject=_subject(row),
        status=row["status"],
        why=row["why"],
        figures=_figures(row),
    )


def _figures(row: DriftRow) -> dict[str, object]:
    before, now = row["reference"], row["current"]
    figures: dict[str, object] = {
        "psi": row["psi"],
        "p_value": row["p_value"],
        "n": row["n_current"],
        "missing": now[-1],
        "before": before[-1],
    }
    if row["kind"] == "category":
        present = 1 - now[-1]
        figures["new"] = now[-2] / present if present else 0.0
    elif len(now) > 2:  # noqa: PLR2004  (below, above, missing)
        figures["outside"] = now[0] + now[-2] - before[0] - before[-2]
    return figures


def _accuracy(ws: Workspace, serving: Champion, span: Window, rules: Monitoring) -> Seen:
    """Judge the predictions whose labels came in this window: each label is looked at once."""
    if not _labels_came(ws, serving, span):
        return Seen()
    reach = Window(span.until - LABELS_REACH, span.until, span.by)
    kept = hours.came(ws, serving.deployment, reach, span)
    labelled = kept.n
    level = min(0.05, rules.allowed / rules.windows)
    told = kept.measures(level=judging.LEVEL) if labelled else {}
    figures = {name: health.widened(figure(found), level) for name, found in told.items()}
    metric = health.FIRST_METRIC[serving.task]
    before = serving.metrics.get(metric)
    now = figures.get(metric, accuracy.NOTHING)
    first = health.of_accuracy(metric, labelled, now, before and health.widened(before, level))
    verdict, name = accuracy.by_floors(first, figures, rules.accuracy, metric)
    if verdict.status not in ("warning", "failing"):
        judged_keys = () if verdict.why == "too_few_labels" else _metrics(metric, rules)
        return Seen((), judged_keys)
    about = {
        **figures.get(name, accuracy.NOTHING),
        "metric": name,
        "before": before["value"] if before and name == metric else None,
        "floor": rules.accuracy[name][0] if verdict.why == "floor" else None,
        "n": labelled,
    }
    return Seen(
        (Finding("accuracy", name, verdict.status, verdict.why, about),), _metrics(metric, rules)
    )


def _metrics(metric: str, rules: Monitoring) -> tuple[Key, ...]:
    return tuple(("accuracy", name) for name in {metric, *rules.accuracy})


def _labels_came(ws: Workspace, serving: Champion, span: Window) -> bool:
    import pyarrow.compute as pc

    told = ws.telemetry.read_actuals(serving.deployment, known_until=span.until)
    return bool(told.num_rows) and bool(
        pc.any(pc.greater_equal(told["known_at"], span.since)).as_py()
    )


def _humility(ws: Workspace, serving: Champion, span: Window, rules: Monitoring) -> Seen:
    """Look whether surely more answers were in doubt than the rules accept, where they say so."""
    from jupyter_mlops.stats.intervals import wilson

    if rules.humility is None:
        return Seen()
    log = ws.telemetry.read_predictions(serving.deployment, span.since, span.until)
    if log.num_rows < rules.rows:
        return Seen()
    signs = log["warnings"].to_pylist()
    fired = sum(any(sign.startswith(FIRED) for sign in told or ()) for told in signs)
    level = min(0.05, rules.allowed / rules.windows)
    surely = wilson(fired, log.num_rows, level=1 - level).low
    key = (("humility", "fired"),)
    warning, failing = rules.humility
    if surely < warning:
        return Seen((), key)
    figures = {"share": fired / log.num_rows, "n": log.num_rows, "floor": warning}
    status: Status = "failing" if surely >= failing else "warning"
    return Seen((Finding("humility", "fired", status, "in_doubt", figures),), key)


def _policies(ws: Workspace, serving: Champion, span: Window) -> Seen:
    """Look whether what is live still shows what policies ask of it."""
    found = upheld.broken(ws, serving.deployment, now=span.until)
    return Seen(
        tuple(Finding("policy", one.subject, "warning", one.why, one.figures) for one in found),
        tuple(("policy", subject) for subject in upheld.SUBJECTS),
    )
