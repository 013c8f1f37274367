"""What Prometheus is told of the anchors of the audit log: how many events each lacks, and its age."""

from __future__ import annotations

from datetime import UTC, datetime

from jupyter_mlops.config import Home
from jupyter_mlops.services.anchoring import lag


def exposition(home: Home) -> bytes:
    """Return the lag of each anchor in Prometheus' text format; nothing where there is none."""
    rows = list(lag.read(home))
    if not rows:
        return b""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    names = ["where", "kind"]
    events = Gauge(
        "mlops_anchor_lag_events", "Events that an anchor lacks.", names, registry=registry
    )
    age = Gauge(
        "mlops_anchor_age_seconds", "Age of its newest checkpoint.", names, registry=registry
    )
    now = datetime.now(UTC)
    for where, kind, behind, at in rows:
        events.labels(where, kind).set(behind)
        if at is not None:
            age.labels(where, kind).set((now - at).total_seconds())
    text: bytes = generate_latest(registry)
    return text
