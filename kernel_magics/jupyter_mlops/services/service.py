"""How the service behaves: traffic, latency, errors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain.answers import Figure, Point, Service
from jupyter_mlops.domain.arguments import DeploymentName, Names, Text, Time, read
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.objectives import Objectives
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    batches,
    budgets,
    champions,
    lookup,
    profiles,
    rawrows,
    unusual,
    visits,
)
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.packing import figure, finite
from jupyter_mlops.services.slices import Slice
from jupyter_mlops.services.traffic import Traffic, answers_by_hour
from jupyter_mlops.services.window import By, Window, window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.stats.service import LatencyProfile

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@read()
def service(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    since: Time = "7d",
    until: Time | None = None,
    by: By = "day",
    segment: Text = "",
    version: Names = (),
    as_of: Time | None = None,
) -> Service:
    """Show traffic, latency and errors of a deployment, whole and period by period.

    Where the rules have `objectives`, `budgets` says of each what was agreed and what was measured
    over thirty days, how much of the failure it allows is left, how fast that burns at present, and
    how many hours it lasts so.

    `by` cuts the time into periods: `batch` into the newest 40 requests with more than one row.
    `segment` looks at the answers to a part of the traffic, such as `region=EU & age>60`: what was
    refused has no features. `version` names versions, each shown by itself. `as_of` answers as it
    would have been answered then.
    """
    with ws.look() as session:
        lookup.deployment(session, deployment)
    span = batches.cut(ws, deployment, window(ws, since, until, by, as_of))
    chosen: list[tuple[str, ...]] = [(one,) for one in version] or [()]
    first, *others = [
        of_window(ws, deployment, span, versions=refs, segment=segment) for refs in chosen
    ]
    for found, refs in zip([first, *others], chosen, strict=True):
        mark(ws, found, span, versions=refs, segment=segment)
        if refs:
            found["version"] = refs[0]
        if not segment:
            budgets.put(ws, found, span, versions=refs)
    if others:
        first["beside"] = others
    return first


def mark(
    ws: Workspace, found: Service, span: Window, *, versions: Sequence[str] = (), segment: str = ""
) -> None:
    """Mark what is unusual against its own history, which is that of the same question."""

    def hours(past: Window) -> list[tuple[datetime, Traffic]]:
        return _hours(ws, found["deployment"], past, versions, segment)

    unusual.of_service(ws, found, span, hours, raw=bool(segment))


def of_window(
    ws: Workspace,
    deployment: str,
    span: Window,
    agreed: Objectives | None = None,
    *,
    versions: Sequence[str] = (),
    segment: str = "",
) -> Service:
    """Return the service of a deployment in a window, of some versions or of all.

    It is judged by the objectives that were in force when the window ended, unless told otherwise.
    """
    from jupyter_mlops.stats.service import error_rate

    hours = _hours(ws, deployment, span, versions, segment)
    parts = _by_batch(ws, deployment, span, versions, segment) if span.by == "batch" else hours
    whole = sum((found for _, found in hours), Traffic())
    rate = figure(error_rate(whole.errors, whole.requests))
    if agreed is None:
        found = written.of_deployment(ws, deployment, span.until)
        agreed = found.objectives if found else rules.NONE_AGREED
    p95 = _rounded(whole, 0.95)
    seen = visits.read(ws, deployment, span.since, span.until)
    verdict = rules.of_service(whole.requests, rate, p95=p95, agreed=agreed)
    told = Service(
        deployment=deployment,
        status=verdict.status,
        because=_because(verdict.why, whole.requests, rate, p95 or 0.0, agreed.latency_p95_ms),
        requests=whole.requests,
        predictions=whole.answered,
        errors=whole.errors,
        error_rate=rate,
        errors_by_kind=dict(whole.kinds),
        latency_ms={name: _rounded(whole, q) for name, q in QUANTILES.items()},
        refused_at_the_door=dict(visits.refused(seen)),
        end_to_end_ms={name: _rounded(_end_to_end(seen), q) for name, q in QUANTILES.items()},
        series=[_point(parts, seen, start, end) for start, end in span.periods()],
    )
    if span.by == "batch":
        told["batches"] = batches.told(span)
    return told


def _hours(
    ws: Workspace, deployment: str, span: Window, versions: Sequence[str], segment: str
) -> list[tuple[datetime, Traffic]]:
    if segment:
        return _of_segment(ws, deployment, span, versions, segment)
    return profiles.requests(ws, deployment, span, versions=versions)


def _by_batch(
    ws: Workspace, deployment: str, span: Window, versions: Sequence[str], segment: str
) -> list[tuple[datetime, Traffic]]:
    """Count each batch as one request, or each of its answers where a segment is asked for."""
    if not segment:
        return batches.requests(ws, deployment, span, versions)
    if not span.batches:
        return []
    return _of_segment(ws, deployment, batches.within(span), versions, segment, "microsecond")


def _of_segment(
    ws: Workspace,
    deployment: str,
    span: Window,
    versions: Sequence[str],
    segment: str,
    unit: Literal["hour", "microsecond"] = "hour",
) -> list[tuple[datetime, Traffic]]:
    """Count the answers to a part of the traffic, each as a request of its own."""
    import pyarrow.compute as pc

    chosen = Slice(segment, champions.champion(ws, deployment, span.as_of).features)
    columns = ["at", "known_at", "version", "role", "latency_ms", "score", "label", *chosen.paths]
    found: list[tuple[datetime, Traffic]] = []
    for table in rawrows.rows(ws, deployment, span, columns):
        rows = chosen.of(table)
        if versions:
            rows = rows.filter(pc.is_in(rows["version"], value_set=_texts(versions)))
        found += answers_by_hour(rows, unit)
    return found


def _texts(words: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.array(words, pa.string())


def _point(
    hours: Sequence[tuple[datetime, Traffic]], seen: pa.Table, start: Any, end: Any
) -> Point:
    part = sum((found for at, found in hours if start <= at < end), Traffic())
    return Point(
        start=iso(start),
        end=iso(end),
        n=part.answered,
        value=_rounded(part, 0.95),
        refused=visits.refused(_between(seen, start, end)).total(),
        requests=part.requests,
        errors=part.errors,
    )


def _between(log: pa.Table, start: Any, end: Any) -> pa.Table:
    import pyarrow.compute as pc

    at = log["at"]
    return log.filter(pc.and_(pc.greater_equal(at, start), pc.less(at, end)))


def _end_to_end(seen: pa.Table) -> LatencyProfile:
    """Profile the time from a request's head to its answer, the arrival of its body included."""
    import pyarrow.compute as pc

    from jupyter_mlops.stats.service import latency_profile

    return latency_profile(seen.filter(pc.equal(seen["status"], 200))["ms"].to_numpy())


def _rounded(profile: LatencyProfile | Traffic, q: float) -> float | None:
    value = finite(profile.quantile(q))
    return None if value is None else round(value, 3)


def _because(why: str, requests: int, rate: Figure, p95: float, agreed: float | None) -> str:
    if why == "no_traffic":
        return tell("No requests in this period.")
    share = f"{(rate['value'] or 0):.1%}"
    if why == "errors":
        return tell("{share} of {n} requests failed.", share=share, n=f"{requests:,}")
    if why == "slow":
        return tell(
            "95 % of {n} requests were answered within {p95} ms; {agreed} ms were agreed.",
            n=f"{requests:,}",
            p95=f"{p95:.3g}",
            agreed=f"{agreed or 0:g}",
        )
    return tell(
        "{n} requests, {share} failed; 95 % were answered within {p95} ms.",
        n=f"{requests:,}",
        share=share,
        p95=f"{p95:.3g}",
    )
