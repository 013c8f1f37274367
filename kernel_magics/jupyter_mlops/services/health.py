"""The health of a fleet in one read, cheap enough to ask every few seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jupyter_mlops.domain.answers import DeploymentRow, Status
from jupyter_mlops.locale import current_language, tell
from jupyter_mlops.services import monitoring, rules, server
from jupyter_mlops.services.rawrows import floor
from jupyter_mlops.services.window import Window, window
from jupyter_mlops.services.workspace import Workspace

PERIOD = "7d"


def filled_in(ws: Workspace, rows: Sequence[DeploymentRow]) -> list[DeploymentRow]:
    """Return deployments with status, sentence, traffic and address, as of now.

    What was added up for a log and rules that have not changed since is not added up again.
    """
    running = server.shown(ws) if any(row["state"] == "live" for row in rows) else None
    agreed = rules.numbers(ws)
    return [_filled(ws, row, running, agreed.get(row["name"], 0)) for row in rows]


def then(ws: Workspace, rows: Sequence[DeploymentRow], at: str) -> list[DeploymentRow]:
    """Return deployments with status, sentence and traffic as they would have been told at a moment."""
    span = window(ws, PERIOD, None, as_of=at)
    return [_then(ws, row, span) for row in rows]


def _then(ws: Workspace, row: DeploymentRow, span: Window) -> DeploymentRow:
    if row["version"] is None:
        return row
    found = monitoring.of_window(ws, row["name"], span)
    predictions = found["service"]["predictions"]
    return {
        **row,
        "status": found["status"],
        "because": found["because"],
        "predictions": predictions,
    }


def _filled(ws: Workspace, row: DeploymentRow, running: Any, agreed: int) -> DeploymentRow:
    if row["state"] == "retired":
        return {**row, "because": tell("Retired; its history is kept.")}
    if row["version"] is None:
        return {**row, "because": tell("Nothing is live here yet.")}
    status, because, predictions = _summary(ws, row["name"], row["digest"], agreed)
    told: DeploymentRow = {
        **row,
        "status": status,
        "because": because,
        "predictions": predictions,
    }
    if running is None:
        down = tell("The prediction server does not run; `serve` starts it.")
        return {**told, "state": "down", "status": "failing", "because": down}
    return {**told, "url": f"{running['url']}/deployments/{row['name']}/predictions"}


def _summary(ws: Workspace, name: str, digest: str | None, agreed: int) -> tuple[Status, str, int]:
    log = ws.telemetry.fingerprint(name)
    key = ("health", name, current_language(), digest, log, agreed)
    if key not in ws.kept:
        for old in [known for known in ws.kept if known[:3] == key[:3]]:
            del ws.kept[old]
        span = window(ws, PERIOD, None)
        whole = replace(span, since=floor(span.since))  # so that no raw row has to be read
        found = monitoring.of_window(ws, name, whole)
        ws.kept[key] = (found["status"], found["because"], found["service"]["predictions"])
    kept: tuple[Status, str, int] = ws.kept[key]
    return kept
