"""The audit log: how fast it is verified, in the store and in an export, and what a deed costs with its event."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from report import Report

EVENTS: Final = 200_000
DEEDS: Final = 500
WANTED: Final = 100_000
"""Events a second that are verified at least."""
MOST_MS: Final = 5
PAGE: Final = 10_000


def measure(report: Report, folder: Path) -> None:
    """Measure deeds, then fill the log and verify all of it both ways."""
    from jupyter_mlops.services.audit import audit
    from jupyter_mlops.services.workspace import open_local

    report.title(f"The audit log: {EVENTS:,} events")
    ws = open_local(folder / "audited")
    took = sorted(deed(ws) for _ in range(DEEDS))
    report.say(
        f"a deed with its event p50 {took[DEEDS // 2]:.2f} ms, p99 {took[-DEEDS // 100]:.2f} ms"
    )
    report.bound(
        "a deed with its event, p50", statistics.median(took), MOST_MS, unit="ms", at_least=False
    )
    filled(ws, EVENTS)
    n, seconds = verified(ws)
    speed(report, "audit --verify", n, seconds)
    target, began = folder / "audit-log.zip", time.perf_counter()
    told = audit(ws, export=str(target))["export"]
    report.say(
        f"exported in {time.perf_counter() - began:.1f} s, {told['bytes'] / n:.0f} bytes an event"
    )
    target.write_bytes(b"".join(ws.artifacts.pieces(told["digest"])))
    speed(report, "verify.py over an export", told["events"], alone(target))
    ws.engine.dispose()


def deed(ws: Any) -> float:
    """Do something small, and return how many milliseconds it took."""
    began = time.perf_counter()
    with ws.act(
        "bench:deed", subject="deployment:churn-prod", reason="to see how long it takes"
    ) as act:
        act.before, act.after = {"share": 0.1}, {"share": 0.2}
    return (time.perf_counter() - began) * 1000


def filled(ws: Any, events: int) -> None:
    """Append as many events, a page in one transaction; each is made as any other is."""
    import rfc8785

    from jupyter_mlops.domain import audit as chain
    from jupyter_mlops.store.tables import AuditEvent

    for _ in range(events // PAGE):
        with ws.act("bench:page", subject="audit") as act:
            last = act.session.connection().exec_driver_sql(
                "SELECT seq, digest FROM audit_event ORDER BY seq DESC LIMIT 1"
            ).one()  # fmt: skip
            rows, (seq, prev) = [], last
            for _ in range(PAGE):
                told = chain.event(
                    seq=(seq := seq + 1), at=ws.now(), actor=ws.actor.to_dict(), action="bench:deed:done",
                    subject="deployment:churn-prod", before={"version": "churn:6", "share": 1.0},
                    after={"version": "churn:7", "share": 1.0, "request": seq, "gate": "canary"},
                    reason="the quarterly release", prev=prev,
                )  # fmt: skip
                body = rfc8785.dumps(told).decode()
                prev = chain.digest(body)
                rows.append(
                    {"seq": seq, "at": told["at"], "action": told["action"], "subject": told["subject"],
                     "person": ws.actor.id, "body": body, "digest": prev}
                )  # fmt: skip
            act.session.connection().execute(AuditEvent.__table__.insert(), rows)  # type: ignore[attr-defined]


def verified(ws: Any) -> tuple[int, float]:
    """Verify the store, the best of three, and return how many events in how many seconds."""
    from jupyter_mlops.services.audit import audit

    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        told = audit(ws, verify=True, limit=1)
        best = min(best, time.perf_counter() - began)
        if not told["ok"]:
            raise AssertionError(told["because"])
    return told["events"], best


def alone(export: Path) -> float:
    """Verify an export in a Python of its own, the best of three; its start is part of it."""
    from jupyter_mlops.services.export import writing

    script, best = Path(writing.__file__).with_name("verify.py"), float("inf")
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-I", "-S", script, export], check=True, capture_output=True
        )
        best = min(best, time.perf_counter() - began)
    return best


def speed(report: Report, what: str, events: int, seconds: float) -> None:
    """Say how many events a second that is."""
    report.say(f"{what}: {events:,} events in {seconds:.2f} s")
    report.bound(what, events / seconds, WANTED, unit="events/s")
