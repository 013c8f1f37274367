"""How the service behaves: traffic, latency, errors."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain.answers import Figure, Point, Service
from jupyter_mlops.domain.arguments import DeploymentName, Time, read
from jupyter_mlops.domain.names import iso
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.packing import figure, finite
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
) -> Service:
    """Show traffic, latency and errors of a deployment, whole and period by period."""
    with ws.look() as session:
        lookup.deployment(session, deployment)
    return of_window(ws, deployment, window(ws, since, until, by))


def of_window(ws: Workspace, deployment: str, span: Window) -> Service:
    """Return the service of a deployment in a window."""
    from jupyter_mlops.stats.service import error_rate

    log = ws.telemetry.read_requests(deployment, span.since, span.until)
    kinds = Counter(kind for kind in log["kind"].to_pylist() if kind)
    errors = sum(kinds.values())
    rate = figure(error_rate(errors, log.num_rows))
    whole = _latency(log)
    found = written.of_deployment(ws, deployment)
    agreed = found.objectives if found else rules.NONE_AGREED
    p95 = _rounded(whole, 0.95)
    verdict = rules.of_service(log.num_rows, rate, p95=p95, agreed=agreed)
    return Service(
        deployment=deployment,
        status=verdict.status,
        because=_because(verdict.why, log.num_rows, rate, p95 or 0.0, agreed.latency_p95_ms),
        requests=log.num_rows,
        predictions=_answered(log),
        errors=errors,
        error_rate=rate,
        errors_by_kind=dict(kinds),
        latency_ms={name: _rounded(whole, q) for name, q in QUANTILES.items()},
        series=[_point(log, start, end) for start, end in span.periods()],
    )


def _point(log: pa.Table, start: Any, end: Any) -> Point:
    part = _between(log, start, end)
    return Point(
        start=iso(start), end=iso(end), n=_answered(part), value=_rounded(_latency(part), 0.95)
    )


def _between(log: pa.Table, start: Any, end: Any) -> pa.Table:
    import pyarrow.compute as pc

    at = log["at"]
    return log.filter(pc.and_(pc.greater_equal(at, start), pc.less(at, end)))


def _answered(log: pa.Table) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(log.filter(pc.equal(log["kind"], ""))["rows"]).as_py() or 0)


def _latency(log: pa.Table) -> LatencyProfile:
    import pyarrow.compute as pc

    from jupyter_mlops.stats.service import latency_profile

    return latency_profile(log.filter(pc.equal(log["kind"], ""))["ms"].to_numpy())


def _rounded(profile: LatencyProfile, q: float) -> float | None:
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
